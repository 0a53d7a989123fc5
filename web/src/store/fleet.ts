// What this page knows of the fleet: signals for what changes slowly, typed
// arrays for poses. It takes in what a TelemetrySource delivers and decides
// nothing; the server's word stands.
import { batch, computed, type Signal, signal } from "@preact/signals";
import type {
  DictMessage,
  Engine,
  EventMessage,
  FleetEvent,
  HelloMessage,
  Quality,
  RateMessage,
  RobotState,
  Rollout,
  RolloutMessage,
  StateMessage,
  SystemMessage,
} from "../api/types";
import type { ServerMessage } from "../stream/message";
import type { Link, Telemetry, TelemetrySource } from "../stream/source";
import { heardServerTime } from "./clock";
import { Poses } from "./poses";
import { Trails } from "./trails";

/** A robot as the stream describes it. A row is replaced, never changed. */
export interface RobotRow {
  readonly h: number;
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly map: string;
  /** Undefined until its first state arrives. */
  readonly state: RobotState | undefined;
}
/** Events kept in the page; older ones are read from the API. */
export const eventsKept = 500;

export class FleetStore {
  readonly poses = new Poses();
  readonly trails = new Trails();

  readonly link: Signal<Link> = signal({ state: "connecting" });
  readonly hello: Signal<HelloMessage | undefined> = signal(undefined);
  /** Ordered by id. */
  readonly robots: Signal<readonly RobotRow[]> = signal([]);
  /** Newest last. */
  readonly events: Signal<readonly FleetEvent[]> = signal([]);
  /** Events were lost between two sessions; the API has them. */
  readonly eventGap = signal(false);
  readonly engines: Signal<readonly Engine[]> = signal([]);
  readonly rollouts: Signal<ReadonlyMap<string, Rollout>> = signal(new Map());
  readonly system: Signal<SystemMessage | undefined> = signal(undefined);
  readonly rate: Signal<RateMessage | undefined> = signal(undefined);
  readonly problem: Signal<string | undefined> = signal(undefined);
  /** Whether the first whole state has arrived. */
  readonly filled = signal(false);
  /** Counts the pose frames; the map looks whether it has drawn the newest. */
  frames = 0;

  readonly byId = computed(() => new Map(this.robots.value.map((r) => [r.id, r])));
  /** Robots by quality. */
  readonly counts = computed(() => {
    const n: Record<Quality, number> = { live: 0, late: 0, stale: 0, offline: 0, unseen: 0 };
    for (const r of this.robots.value) n[r.state?.quality ?? "unseen"]++;
    return n;
  });

  private readonly rows = new Map<number, RobotRow>();
  private undrawn: bigint | undefined;

  constructor(private readonly now: () => number = () => performance.now()) {}

  row(h: number): RobotRow | undefined {
    return this.rows.get(h);
  }

  /** Server time in ms at which the robot was heard of last; undefined when never. */
  heard(row: RobotRow): number | undefined {
    const slot = this.poses.slot(row.h);
    const pose = slot === undefined ? 0 : (this.poses.heard[slot] as number);
    const seen = row.state?.last_seen === undefined ? 0 : Date.parse(row.state.last_seen);
    const newest = Math.max(pose, seen);
    return newest > 0 ? newest : undefined;
  }

  take(t: Telemetry): void {
    switch (t.kind) {
      case "link":
        this.link.value = t.link;
        break;
      case "reset":
        this.reset();
        break;
      case "pose":
        heardServerTime(t.frame.serverTime);
        this.poses.apply(t.frame, this.now());
        this.trails.follow(this.poses);
        this.undrawn = t.frame.version;
        this.frames++;
        break;
      case "message":
        batch(() => this.message(t.message));
        break;
      default:
        t satisfies never;
    }
  }

  /** What was delivered is on the screen: gives its credits back. */
  drawn(source: TelemetrySource): void {
    if (this.undrawn === undefined) return;
    source.ack(this.undrawn);
    this.undrawn = undefined;
  }

  /** Takes in events read from the API, which are older than those of the stream. */
  addEarlierEvents(earlier: readonly FleetEvent[]): void {
    const first = this.events.value[0]?.seq ?? Number.POSITIVE_INFINITY;
    this.eventGap.value = false;
    this.events.value = [...earlier.filter((e) => e.seq < first), ...this.events.value].slice(-eventsKept);
  }

  putRollout(r: Rollout): void {
    const known = this.rollouts.value.get(r.id);
    if (known !== undefined && known.revision > r.revision) return;
    this.rollouts.value = new Map(this.rollouts.value).set(r.id, r);
  }

  private message(m: ServerMessage): void {
    switch (m.op) {
      case "hello":
        this.welcome(m);
        break;
      case "dict":
        this.dict(m);
        break;
      case "state":
        this.state(m);
        break;
      case "gone":
        for (const h of m.h) this.forget(h);
        this.publishOrder();
        break;
      case "event":
        this.event(m);
        break;
      case "engines":
        this.engines.value = m.engines;
        break;
      case "rollout":
        this.rollout(m);
        break;
      case "system":
        this.system.value = m;
        break;
      case "rate":
        this.rate.value = m;
        break;
      case "error":
        this.problem.value = `${m.req ?? "stream"}: ${m.text}`;
        break;
      case "subscribed":
      case "goodbye": // the socket acts on them
        break;
      default:
        m satisfies never;
    }
  }

  private welcome(m: HelloMessage): void {
    // Events are numbered anew by a server that was started anew.
    if (this.hello.value !== undefined && this.hello.value.epoch !== m.epoch) this.events.value = [];
    this.hello.value = m;
    this.problem.value = undefined;
    heardServerTime(Date.parse(m.server_time));
  }

  private dict(m: DictMessage): void {
    for (const { h, id, name, namespace, labels, map } of m.robots) {
      const state = this.rows.get(h)?.state;
      this.rows.set(h, { h, id, name: name ?? id, namespace, labels: labels ?? {}, map: map ?? "", state });
    }
    this.publishOrder();
  }

  private state(m: StateMessage): void {
    for (const s of m.robots) {
      const row = this.rows.get(s.h);
      if (row === undefined) continue;
      this.rows.set(s.h, { ...row, state: s });
      this.poses.setQuality(s.h, s.quality);
    }
    this.filled.value = true;
    this.publish();
  }

  private event(m: EventMessage): void {
    if (m.gap) {
      this.events.value = [];
      this.eventGap.value = true;
    }
    const last = this.events.value.at(-1)?.seq ?? 0;
    const fresh = m.events.filter((e) => e.seq > last);
    if (fresh.length > 0) this.events.value = [...this.events.value, ...fresh].slice(-eventsKept);
  }

  private rollout(m: RolloutMessage): void {
    const known = this.rollouts.value.get(m.rollout.id);
    if (m.full || known === undefined) {
      this.rollouts.value = new Map(this.rollouts.value).set(m.rollout.id, m.rollout);
      return;
    }
    const changed = new Map(m.rollout.robots.map((r) => [r.robot, r]));
    const robots = known.robots.map((r) => changed.get(r.robot) ?? r);
    this.rollouts.value = new Map(this.rollouts.value).set(m.rollout.id, { ...m.rollout, robots });
  }

  private reset(): void {
    this.rows.clear();
    this.poses.clear();
    this.trails.clear();
    this.frames++;
    this.filled.value = false;
    this.publishOrder();
  }

  private forget(h: number): void {
    this.rows.delete(h);
    this.poses.remove(h);
    this.trails.remove(h);
    this.frames++;
  }

  /** Robots came, went or were renamed. */
  private publishOrder(): void {
    this.robots.value = [...this.rows.values()].sort(byId);
  }

  /** The same robots in another state. */
  private publish(): void {
    this.robots.value = this.robots.value.map((r) => this.rows.get(r.h) ?? r);
  }
}

const order = new Intl.Collator("en", { numeric: true });

function byId(a: RobotRow, b: RobotRow): number {
  return order.compare(a.id, b.id);
}
