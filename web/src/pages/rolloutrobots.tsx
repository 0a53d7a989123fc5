// The robots of a rollout: step, reason, times and gates.
import type { JSX } from "preact";
import type { Gate, RolloutRobot } from "../api/types";
import { count, shortDigest } from "../ui/format";
import { hrefTo } from "../ui/route";
import { Ago, Until } from "../ui/widgets";
import { app } from "./app";
import { outcomeTone, stepKind, stepTone } from "./rolloutsteps";

function Gates({ gates }: { gates: readonly Gate[] }): JSX.Element {
  const passed = gates.filter((g) => g.outcome === "pass").length;
  return (
    <details open={passed < gates.length}>
      <summary>{`${passed} of ${count(gates.length, "gate")} pass`}</summary>
      <ul aria-label="Gates">
        {gates.map((g) => (
          <li key={g.name}>
            <span class={outcomeTone(g.outcome)}>{g.outcome}</span>
            {` ${g.name}: `}
            <span class="muted">{g.reason}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}

function Row({ r }: { r: RolloutRobot }): JSX.Element {
  const busy = stepKind(r.step) === "busy";
  const name = app.store.byId.value.get(r.robot)?.name ?? r.robot;
  const digest = r.from.digest === undefined ? "" : ` ${shortDigest(r.from.digest)}`;
  return (
    <tr data-step={r.step}>
      <td class="narrow">{r.wave}</td>
      <td class="narrow">
        <a href={hrefTo({ section: "robots", id: r.robot })}>{r.robot}</a>
        {name !== r.robot && <span class="muted">{` ${name}`}</span>}
        <div class="muted clip" style={{ maxWidth: "22ch" }} title={`${r.container}, from ${r.from.ref}${digest}`}>
          {r.container}
        </div>
      </td>
      <td class="narrow">
        <span class={`tag ${stepTone(r.step)}`}>{r.step}</span>
        {r.attempt !== undefined && r.attempt > 0 && (
          <div class="warn">{`${count(r.attempt, "failed try", "failed tries")}`}</div>
        )}
      </td>
      <td>
        {r.reason !== undefined && <p>{r.reason}</p>}
        {busy && r.why !== undefined && <p class="muted">{r.why}</p>}
        {r.gates !== undefined && r.gates.length > 0 && <Gates gates={r.gates} />}
      </td>
      <td class="narrow muted">
        {r.since !== undefined && <Ago at={r.since} />}
        {busy && r.deadline !== undefined && (
          <div>
            <Until at={r.deadline} />
          </div>
        )}
      </td>
    </tr>
  );
}

export function RobotTable({ robots }: { robots: readonly RolloutRobot[] }): JSX.Element {
  return (
    <table class="table" aria-label="Robots of the rollout">
      <thead>
        <tr>
          <th scope="col">Wave</th>
          <th scope="col">Robot</th>
          <th scope="col">Step</th>
          <th scope="col">Why</th>
          <th scope="col">Since</th>
        </tr>
      </thead>
      <tbody>
        {robots.map((r) => (
          <Row key={`${r.robot} ${r.container}`} r={r} />
        ))}
      </tbody>
    </table>
  );
}
