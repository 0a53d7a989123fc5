// The form of a new rollout and what it becomes. Pure: no rule of a rollout is
// checked here, the server says what is wrong and in which field.
import type { RolloutSpec } from "../api/types";
import { checkOf } from "./checktext";

/** All as it was typed; empty means the server's default. */
export interface Form {
  readonly image: string;
  readonly robots: string;
  readonly container: string;
  readonly canary: string;
  /** How far each wave reaches, separated by commas; instead of a canary. */
  readonly waves: string;
  readonly soak: string;
  readonly maxUnavailable: string;
  readonly pullAhead: string;
  readonly maxFailures: string;
  /** Like "station=1", separated by commas. */
  readonly maxPer: string;
  readonly onFailure: string;
  readonly offline: string;
  readonly conflict: string;
  readonly approval: string;
  readonly otherPerson: boolean;
  /** Times, separated by semicolons. */
  readonly windows: string;
  readonly timeZone: string;
  readonly idle: string;
  readonly wavePulled: boolean;
  readonly keepImages: boolean;
  /** Also while it drives. */
  readonly moving: boolean;
  readonly charging: boolean;
  /** Percent. */
  readonly minBattery: string;
  readonly window: string;
  /** Percent. */
  readonly minRate: string;
  readonly note: string;
  readonly approvalRole: string;
  /** Separated by commas. */
  readonly nodes: string;
  /** Like "scan=10", separated by commas. */
  readonly topics: string;
  /** A line for each, as the command line has them. */
  readonly checks: string;
  readonly skipNodes: boolean;
  readonly skipTopics: boolean;
  readonly skipDiagnostics: boolean;
  readonly maxRestarts: string;
  /** GB. */
  readonly minFree: string;
  /** The deadlines of the steps. */
  readonly pull: string;
  readonly wait: string;
  readonly replace: string;
  readonly verify: string;
  readonly rollback: string;
}

export const emptyForm: Form = {
  image: "",
  robots: "all",
  container: "",
  canary: "",
  waves: "",
  soak: "",
  maxUnavailable: "",
  pullAhead: "",
  maxFailures: "",
  maxPer: "",
  onFailure: "",
  offline: "",
  conflict: "",
  approval: "",
  otherPerson: false,
  windows: "",
  timeZone: "",
  idle: "",
  wavePulled: false,
  keepImages: false,
  moving: false,
  charging: false,
  minBattery: "",
  window: "",
  minRate: "",
  note: "",
  approvalRole: "",
  nodes: "",
  topics: "",
  checks: "",
  skipNodes: false,
  skipTopics: false,
  skipDiagnostics: false,
  maxRestarts: "",
  minFree: "",
  pull: "",
  wait: "",
  replace: "",
  verify: "",
  rollback: "",
};

/** What the server refused; the field is named as in the spec. */
export interface Refusal {
  readonly field: string | undefined;
  readonly message: string;
}

function given(text: string): number | undefined {
  return text.trim() === "" ? undefined : Number(text);
}

/** JSON has no way to send what is not a number to the server, so it is refused here. */
export function notANumber(f: Form): Refusal | undefined {
  const inputs = [
    ["canary", f.canary],
    ["pull_ahead", f.pullAhead],
    ["before.min_battery", f.minBattery],
    ["after.min_rate", f.minRate],
    ["after.max_restarts", f.maxRestarts],
    ["before.min_free", f.minFree],
    ...(parts(f.topics, ",") ?? []).map((t) => ["after.topics", t.slice(t.lastIndexOf("=") + 1)] as const),
  ] as const;
  const bad = inputs.find(([, text]) => Number.isNaN(given(text) ?? 0));
  return bad === undefined ? undefined : { field: bad[0], message: `“${bad[1]}” is not a number` };
}

/** The server's words; the form has them in its options. */
type Choice<K extends keyof RolloutSpec> = Exclude<RolloutSpec[K], undefined>;

type Said<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the members that say nothing; undefined when none is left. */
function only<T extends object>(members: T): Said<T> | undefined {
  const said = Object.entries(members).filter(([, v]) => v !== undefined && v !== "" && v !== false);
  return said.length === 0 ? undefined : (Object.fromEntries(said) as Said<T>);
}

function parts(text: string, separator: string): string[] | undefined {
  const all = text
    .split(separator)
    .map((p) => p.trim())
    .filter((p) => p !== "");
  return all.length === 0 ? undefined : all;
}

/** A percentage as a share of 1. */
function share(text: string): number | undefined {
  const n = given(text);
  return n === undefined ? undefined : n / 100;
}

function limits(text: string): { label: string; max: number }[] | undefined {
  return parts(text, ",")?.map((p) => {
    const at = p.lastIndexOf("=");
    return { label: p.slice(0, Math.max(0, at)), max: Number(p.slice(at + 1)) || 0 };
  });
}

function topics(text: string): { name: string; hz: number }[] | undefined {
  return parts(text, ",")?.map((t) => {
    const at = t.lastIndexOf("=");
    return { name: t.slice(0, Math.max(0, at)), hz: Number(t.slice(at + 1)) };
  });
}

/** GB as bytes. */
function gigabytes(text: string): number | undefined {
  const n = given(text);
  return n === undefined ? undefined : Math.round(n * 1e9);
}

/** Without waves that wait for it, nothing is said of an approval. */
function approvalOf(f: Form): RolloutSpec["approval"] {
  if (f.approval === "") return undefined;
  return only({ before: f.approval as "each", role: f.approvalRole as "operator", other_person: f.otherPerson });
}

export function specOf(f: Form): RolloutSpec {
  return {
    image: f.image.trim(),
    robots: f.robots.trim(),
    ...only({
      container: f.container.trim(),
      canary: given(f.canary),
      waves: parts(f.waves, ","),
      soak: f.soak.trim(),
      max_unavailable: f.maxUnavailable.trim(),
      max_per: limits(f.maxPer),
      pull_ahead: given(f.pullAhead),
      max_failures: f.maxFailures.trim(),
      on_failure: f.onFailure as Choice<"on_failure">,
      offline: f.offline as Choice<"offline">,
      conflict: f.conflict as Choice<"conflict">,
      before: only({
        moving: f.moving,
        idle: f.idle.trim(),
        charging: f.charging,
        min_battery: share(f.minBattery),
        windows: parts(f.windows, ";"),
        time_zone: f.timeZone.trim(),
        wave_pulled: f.wavePulled,
        min_free: gigabytes(f.minFree),
      }),
      after: only({
        window: f.window.trim(),
        min_rate: share(f.minRate),
        max_restarts: given(f.maxRestarts),
        nodes: parts(f.nodes, ","),
        topics: topics(f.topics),
        checks: parts(f.checks, "\n")?.map(checkOf),
        skip_nodes: f.skipNodes,
        skip_topics: f.skipTopics,
        skip_diagnostics: f.skipDiagnostics,
      }),
      approval: approvalOf(f),
      keep_images: f.keepImages,
      deadlines: only({
        pull: f.pull.trim(),
        wait: f.wait.trim(),
        replace: f.replace.trim(),
        verify: f.verify.trim(),
        rollback: f.rollback.trim(),
      }),
      note: f.note.trim(),
    }),
  };
}
