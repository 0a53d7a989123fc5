// One robot, whole: what the stream says at once, the rest read every 2 s.
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { api } from "../api/client";
import type { Battery, NodeInfo, Robot } from "../api/types";
import { attention } from "../store/attention";
import { everySecond } from "../store/clock";
import type { RobotRow } from "../store/fleet";
import { age, degrees, fixed, percent } from "../ui/format";
import { CloseMark, RobotMark } from "../ui/marks";
import { go, hrefTo, route } from "../ui/route";
import { Ago, type Polled, Section, usePolled } from "../ui/widgets";
import { app } from "./app";
import { Containers } from "./containers";
import { EventItems } from "./events";
import { topicRows } from "./graph";
import { LockSection } from "./lock";
import { NodeView } from "./node";
import { DiagnosticList, NodeList, TopicTable } from "./robotparts";
import { TopicView } from "./topic";

const againMs = 2000;
const nodesAgainMs = 5000;
const poseAgainMs = 200;

/** The pose as the stream last gave it. */
function PoseFacts({ row, robot }: { row: RobotRow | undefined; robot: Robot | undefined }): JSX.Element {
  const [, renew] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => renew((n) => n + 1), poseAgainMs);
    return () => clearInterval(timer);
  }, []);
  const p = app.store.poses;
  const s = row === undefined ? undefined : p.slot(row.h);
  if (s === undefined) return <p class="muted">No pose has been received from this robot.</p>;
  const at = (column: ArrayLike<number>) => column[s] as number;
  return (
    <dl class="facts">
      <dt>Position</dt>
      <dd>{`${fixed(at(p.x), 2)}, ${fixed(at(p.y), 2)} m`}</dd>
      <dt>Heading</dt>
      <dd>{degrees(at(p.yaw))}</dd>
      <dt>Speed</dt>
      <dd>{`${fixed(at(p.speed), 2)} m/s, turns ${fixed(at(p.turn), 2)} rad/s`}</dd>
      <dt>Frame</dt>
      <dd>
        {robot?.pose?.frame ?? "…"}
        {p.localised[s] === 0 && <span class="warn"> odometry only, not localised</span>}
      </dd>
    </dl>
  );
}

function BatteryFacts({ battery }: { battery: Battery }): JSX.Element {
  const { charge, voltage, current, charging, status, receive_time } = battery;
  return (
    <>
      {charge !== null && (
        <div
          class={charge < 0.15 && !charging ? "meter low" : "meter"}
          role="meter"
          aria-label="Battery charge"
          aria-valuenow={Math.round(charge * 100)}
          aria-valuemin={0}
          aria-valuemax={100}
        >
          <span style={{ width: `${Math.min(1, Math.max(0, charge)) * 100}%` }} />
        </div>
      )}
      <dl class="facts">
        <dt>Charge</dt>
        <dd>{`${charge === null ? "unknown" : percent(charge)}, ${status}`}</dd>
        <dt>Voltage</dt>
        <dd>{voltage === null ? "unknown" : `${fixed(voltage, 1)} V`}</dd>
        <dt>Current</dt>
        <dd>{current === null ? "unknown" : `${fixed(current, 1)} A`}</dd>
        <dt>Heard</dt>
        <dd>
          <Ago at={receive_time} />
        </dd>
      </dl>
    </>
  );
}

function Quality({ row }: { row: RobotRow }): JSX.Element {
  const quality = row.state?.quality ?? "unseen";
  const heard = app.store.heard(row);
  const linked = app.linked.value;
  const tone = linked ? attention(row).tone : "none";
  const said = linked ? quality : `no link, was ${quality}`;
  return (
    <div class="line">
      <RobotMark quality={quality} tone={tone} />
      <span class={quality === "live" || quality === "late" ? "" : "warn"} role="status" aria-label="Data quality">
        {heard === undefined ? said : `${said}, heard ${age(everySecond.value - heard)} ago`}
      </span>
      <button
        type="button"
        class="end"
        onClick={() => go({ rollOut: row.id })}
        aria-label={`New rollout on ${row.name}`}
      >
        New rollout…
      </button>
    </div>
  );
}

function About({ robot }: { robot: Robot }): JSX.Element {
  const labels = Object.entries(robot.labels ?? {});
  return (
    <Section title="Identity">
      <dl class="facts">
        <dt>Namespace</dt>
        <dd class="mono">{robot.namespace}</dd>
        <dt>ROS domain</dt>
        <dd>{robot.domain}</dd>
        <dt>Engine</dt>
        <dd>{robot.engine ?? "none"}</dd>
        <dt>Known from</dt>
        <dd>{robot.sources.join(", ")}</dd>
        {labels.length > 0 && (
          <>
            <dt>Labels</dt>
            <dd class="line">
              {labels.map(([k, v]) => (
                <span key={k} class="tag">{`${k}=${v}`}</span>
              ))}
            </dd>
          </>
        )}
      </dl>
    </Section>
  );
}

function Reasons({ row }: { row: RobotRow }): JSX.Element | null {
  const { tone, reasons } = attention(row);
  if (tone === "none" || !app.linked.value) return null;
  return (
    <ul class={tone} aria-label="Needs attention">
      {reasons.map((r) => (
        <li key={r}>{r}</li>
      ))}
    </ul>
  );
}

function Parts({ robot, nodes }: { robot: Robot; nodes: readonly NodeInfo[] | undefined }): JSX.Element {
  return (
    <>
      {robot.battery !== undefined && (
        <Section title="Battery">
          <BatteryFacts battery={robot.battery} />
        </Section>
      )}
      <Containers containers={robot.containers ?? []} />
      <DiagnosticList diagnostics={robot.diagnostics} />
      <TopicTable rows={topicRows(robot, nodes)} />
      <NodeList nodes={robot.nodes ?? []} />
      <About robot={robot} />
    </>
  );
}

interface OverviewProps {
  id: string;
  polled: Polled<Robot>;
  nodes: readonly NodeInfo[] | undefined;
  /** The topic or node that was looked into before. */
  before: string | undefined;
}

function Overview({ id, polled, nodes, before }: OverviewProps): JSX.Element {
  const ref = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    // Who comes back goes on where they left.
    const links = [...(ref.current?.querySelectorAll<HTMLElement>("a.mono") ?? [])];
    if (before !== undefined) (links.find((a) => a.textContent === before) ?? ref.current)?.focus();
  }, []);
  const row = app.store.byId.value.get(id);
  const { data: robot, error } = polled;
  const name = row?.name ?? robot?.name ?? id;
  const events = app.store.events.value.filter((e) => e.robot === id).slice(-12);
  return (
    <aside ref={ref} class="detail" aria-label={`Robot ${name}`} tabIndex={-1}>
      <div class="detail-head">
        <div class="line">
          <h1>{name}</h1>
          {name !== id && <span class="muted">{id}</span>}
          <a class="button end" href={hrefTo({ id: undefined })} aria-label="Close details">
            <CloseMark />
          </a>
        </div>
        {row !== undefined && <Quality row={row} />}
        {row !== undefined && <Reasons row={row} />}
        {error !== undefined && <p class="warn" role="status">{`The details are not renewed: ${error}`}</p>}
      </div>
      <Section title="Pose">
        <PoseFacts row={row} robot={robot} />
      </Section>
      <LockSection id={id} robot={robot} />
      {robot !== undefined && <Parts robot={robot} nodes={nodes} />}
      <Section title="Latest events">
        <EventItems events={events} />
      </Section>
    </aside>
  );
}

/** The robot, or the topic or node of it that the address names. */
export function RobotDetail({ id }: { id: string }): JSX.Element {
  const { topic, node } = route.value;
  const robot = usePolled(`robot ${id}`, () => api.robot(id), againMs);
  const nodes = usePolled(`nodes ${id}`, () => api.nodes(id), nodesAgainMs);
  const before = useRef<string | undefined>(undefined);
  if (topic !== undefined || node !== undefined) before.current = topic ?? node;
  const known = nodes.data?.nodes;
  if (topic !== undefined) return <TopicView key={topic} id={id} topic={topic} robot={robot.data} nodes={known} />;
  if (node !== undefined) return <NodeView key={node} id={id} node={node} robot={robot.data} nodes={nodes} />;
  return <Overview id={id} polled={robot} nodes={known} before={before.current} />;
}
