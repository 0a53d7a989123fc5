// The lists of a robot's details: diagnostics, topics, nodes.
import type { JSX } from "preact";
import type { Diagnostic, Level, Robot, Topic } from "../api/types";
import { count, hertz } from "../ui/format";
import { hrefTo } from "../ui/route";
import { Ago, Section } from "../ui/widgets";
import type { TopicRow } from "./graph";

const levelOrder: Record<Level, number> = { error: 0, stale: 1, warn: 2, ok: 3 };

function levelTone(level: Level): string {
  switch (level) {
    case "error":
      return "alarm";
    case "warn":
    case "stale":
      return "warn";
    case "ok":
      return "muted";
    default:
      return level satisfies never;
  }
}

function Item({ d }: { d: Diagnostic }): JSX.Element {
  const values = Object.entries(d.values ?? {});
  return (
    <li>
      <div class="line">
        <span class={`tag ${levelTone(d.level)}`}>{d.level}</span>
        <strong>{d.name}</strong>
        {d.hardware !== undefined && <span class="muted">{d.hardware}</span>}
      </div>
      <p>{d.message}</p>
      {values.length > 0 && (
        <details>
          <summary>{count(values.length, "value")}</summary>
          <dl class="facts">
            {values.map(([k, v]) => (
              <>
                <dt>{k}</dt>
                <dd>{v}</dd>
              </>
            ))}
          </dl>
        </details>
      )}
    </li>
  );
}

export function DiagnosticList({ diagnostics }: { diagnostics: Robot["diagnostics"] }): JSX.Element {
  if (diagnostics === undefined || diagnostics.items.length === 0) {
    return (
      <Section title="Diagnostics">
        <p class="muted">The robot publishes no diagnostics.</p>
      </Section>
    );
  }
  const items = [...diagnostics.items].sort((a, b) => levelOrder[a.level] - levelOrder[b.level]);
  const bad = items.filter((d) => d.level !== "ok");
  const well = items.filter((d) => d.level === "ok");
  return (
    <Section title="Diagnostics">
      {bad.length > 0 && (
        <ul class="stack" aria-label="Diagnostics that are not ok">
          {bad.map((d) => (
            <Item key={d.name} d={d} />
          ))}
        </ul>
      )}
      {well.length > 0 && (
        <details>
          <summary>{`${count(well.length, "component")} ok`}</summary>
          <ul class="stack">
            {well.map((d) => (
              <Item key={d.name} d={d} />
            ))}
          </ul>
        </details>
      )}
      <p class="muted">
        Heard <Ago at={diagnostics.receive_time} />
      </p>
    </Section>
  );
}

/** A topic is slow when it is well below the rate it settled at. */
function slow(t: Topic): boolean {
  return t.usual_hz > 0 && t.hz < t.usual_hz * 0.8;
}

/** Who publishes and, of the robot's own nodes, subscribes. */
function ends(t: TopicRow): string {
  const publishers = count(t.publishers, "publisher");
  return t.subscriptions === undefined ? publishers : `${publishers}, ${count(t.subscriptions, "subscription")}`;
}

function TopicLine({ row }: { row: TopicRow }): JSX.Element {
  const { name, type, topic: t } = row;
  return (
    <tr>
      <td>
        <a class="mono" href={hrefTo({ topic: name, node: undefined })}>
          {name}
        </a>
        <div class="muted mono">{type}</div>
        <div class="muted">{ends(row)}</div>
        {t?.problem !== undefined && <div class="warn">{t.problem}</div>}
      </td>
      <td class={`number ${t !== undefined && slow(t) ? "warn" : ""}`}>{t?.last === undefined ? "–" : hertz(t.hz)}</td>
      <td class="number muted">{t !== undefined && t.usual_hz > 0 ? hertz(t.usual_hz) : "–"}</td>
    </tr>
  );
}

export function TopicTable({ rows }: { rows: readonly TopicRow[] }): JSX.Element {
  if (rows.length === 0) {
    return (
      <Section title="Topics">
        <p class="muted">No topic is published in the robot's namespace.</p>
      </Section>
    );
  }
  return (
    <Section title={`Topics, ${rows.length}`}>
      <table class="table" aria-label="Topics">
        <thead>
          <tr>
            <th scope="col">Topic</th>
            <th scope="col" class="number">
              Now
            </th>
            <th scope="col" class="number">
              Usual
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((r) => (
            <TopicLine key={r.name} row={r} />
          ))}
        </tbody>
      </table>
    </Section>
  );
}

export function NodeList({ nodes }: { nodes: NonNullable<Robot["nodes"]> }): JSX.Element {
  return (
    <Section title={`Nodes, ${nodes.length}`}>
      {nodes.length === 0 ? (
        <p class="muted">No node runs in the robot's namespace.</p>
      ) : (
        <ul class="rows" aria-label="Nodes">
          {nodes.map((n) => {
            const name = `${n.namespace === "/" ? "" : n.namespace}/${n.name}`;
            return (
              <li key={name}>
                <a class="mono" href={hrefTo({ node: name, topic: undefined })}>
                  {name}
                </a>
                {n.host !== undefined && <span class="muted">{` on ${n.host}`}</span>}
              </li>
            );
          })}
        </ul>
      )}
    </Section>
  );
}
