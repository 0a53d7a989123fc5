// The lists of a robot's details: diagnostics, topics, nodes.
import type { JSX } from "preact";
import type { Diagnostic, Level, Node, Robot, Topic } from "../api/types";
import { count, hertz } from "../ui/format";
import { hrefTo, route } from "../ui/route";
import { Ago, Section } from "../ui/widgets";
import { NodeDetail } from "./nodedetail";
import { TopicEcho } from "./topicecho";

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

export function TopicTable({ robot, topics }: { robot: string; topics: readonly Topic[] }): JSX.Element {
  const open = route.value.topic;
  if (topics.length === 0) {
    return (
      <Section title="Topics">
        <p class="muted">No topic is published in the robot's namespace.</p>
      </Section>
    );
  }
  return (
    <Section title={`Topics, ${topics.length}`}>
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
          {topics.map((t) => (
            <tr key={t.name}>
              <td>
                <a
                  href={hrefTo({ topic: open === t.name ? undefined : t.name })}
                  aria-expanded={open === t.name ? "true" : "false"}
                >
                  <code>{t.name}</code>
                </a>
                <div class="muted mono">{t.type}</div>
                {t.problem !== undefined && <div class="warn">{t.problem}</div>}
              </td>
              <td class={`number ${slow(t) ? "warn" : ""}`}>{t.last === undefined ? "–" : hertz(t.hz)}</td>
              <td class="number muted">{t.usual_hz > 0 ? hertz(t.usual_hz) : "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {open !== undefined && <TopicEcho key={open} robot={robot} topic={open} />}
    </Section>
  );
}

function fullName(n: Node): string {
  return `${n.namespace === "/" ? "" : n.namespace}/${n.name}`;
}

export function NodeList({ robot, nodes }: { robot: string; nodes: readonly Node[] }): JSX.Element {
  const open = route.value.node;
  return (
    <Section title={`Nodes, ${nodes.length}`}>
      {nodes.length === 0 ? (
        <p class="muted">No node runs in the robot's namespace.</p>
      ) : (
        <ul aria-label="Nodes">
          {nodes.map((n) => (
            <li key={fullName(n)}>
              <a
                href={hrefTo({ node: open === fullName(n) ? undefined : fullName(n) })}
                aria-expanded={open === fullName(n) ? "true" : "false"}
              >
                <code>{fullName(n)}</code>
              </a>
              {n.host !== undefined && <span class="muted">{` on ${n.host}`}</span>}
              {open === fullName(n) && <NodeDetail robot={robot} node={fullName(n)} />}
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}
