// The robots of a rollout: step, reason, times and gates.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Gate, Rollout, RolloutAction, RolloutRobot } from "../api/types";
import { count, shortDigest } from "../ui/format";
import { hrefTo } from "../ui/route";
import { ActionButton, Ago, Until } from "../ui/widgets";
import { app } from "./app";
import { ConfirmAction } from "./confirm";
import { nameOf, roleFor } from "./rolloutactions";
import { ended, outcomeTone, stepKind, stepTone } from "./rolloutsteps";

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

/** What can be done with one robot now. */
function RobotActions({ rollout, r }: { rollout: Rollout; r: RolloutRobot }): JSX.Element | null {
  const [asked, ask] = useState<RolloutAction | undefined>(undefined);
  if (r.actions === undefined || r.actions.length === 0) return null;
  const unlinked = app.linked.value ? undefined : "There is no link to the service.";
  return (
    <div class="chips" role="group" aria-label={`Actions for ${r.robot}`}>
      {r.actions.map((a) => (
        <ActionButton key={a} class="small" because={unlinked ?? app.denies(roleFor(a))} onClick={() => ask(a)}>
          {nameOf(a, r.step)}
        </ActionButton>
      ))}
      {asked !== undefined && (
        <ConfirmAction rollout={rollout} action={asked} robot={r.robot} onClose={() => ask(undefined)} />
      )}
    </div>
  );
}

function Row({ rollout, r }: { rollout: Rollout; r: RolloutRobot }): JSX.Element {
  const busy = stepKind(r.step) === "busy";
  const waits = ended(rollout.state) ? undefined : r.why;
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
        {waits !== undefined && <p>{`Now: ${waits}`}</p>}
        {r.reason !== undefined && <p class={waits === undefined ? "" : "muted"}>{r.reason}</p>}
        {r.gates !== undefined && r.gates.length > 0 && <Gates gates={r.gates} />}
        <RobotActions rollout={rollout} r={r} />
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

export function RobotTable({ rollout }: { rollout: Rollout }): JSX.Element {
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
        {rollout.robots.map((r) => (
          <Row key={`${r.robot} ${r.container}`} rollout={rollout} r={r} />
        ))}
      </tbody>
    </table>
  );
}
