// The form of a new rollout and what it becomes. Pure: no rule of a rollout is
// checked here, the server says what is wrong and in which field.
import type { RolloutSpec } from "../api/types";

/** All as it was typed; empty means the server's default. */
export interface Form {
  readonly image: string;
  readonly robots: string;
  readonly container: string;
  readonly canary: string;
  readonly maxUnavailable: string;
  readonly pullAhead: string;
  readonly maxFailures: string;
  readonly stationary: boolean;
  readonly charging: boolean;
  /** Percent. */
  readonly minBattery: string;
  readonly window: string;
  /** Percent. */
  readonly minRate: string;
  readonly note: string;
}

export const emptyForm: Form = {
  image: "",
  robots: "all",
  container: "",
  canary: "",
  maxUnavailable: "",
  pullAhead: "",
  maxFailures: "",
  stationary: false,
  charging: false,
  minBattery: "",
  window: "",
  minRate: "",
  note: "",
};

/** What the server refused; the field is named as in the spec. */
export interface Refusal {
  readonly field: string | undefined;
  readonly message: string;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function given(text: string): number | undefined {
  return text.trim() === "" ? undefined : Number(text);
}

/** JSON has no way to send what is not a number to the server, so it is refused here. */
export function notANumber(f: Form): Refusal | undefined {
  const inputs = [
    ["canary", f.canary],
    ["max_unavailable", f.maxUnavailable],
    ["pull_ahead", f.pullAhead],
    ["max_failures", f.maxFailures],
    ["before.min_battery", f.minBattery],
    ["after.min_rate", f.minRate],
  ] as const;
  const bad = inputs.find(([, text]) => Number.isNaN(given(text) ?? 0));
  return bad === undefined ? undefined : { field: bad[0], message: `“${bad[1]}” is not a number` };
}

export function specOf(f: Form): RolloutSpec {
  const spec: Writable<RolloutSpec> = { image: f.image.trim(), robots: f.robots.trim() };
  const numbers = [
    ["canary", given(f.canary)],
    ["max_unavailable", given(f.maxUnavailable)],
    ["pull_ahead", given(f.pullAhead)],
    ["max_failures", given(f.maxFailures)],
  ] as const;
  for (const [name, value] of numbers) if (value !== undefined) spec[name] = value;
  if (f.container.trim() !== "") spec.container = f.container.trim();
  if (f.note.trim() !== "") spec.note = f.note.trim();
  const before: NonNullable<RolloutSpec["before"]> = {};
  if (f.stationary) before.stationary = true;
  if (f.charging) before.charging = true;
  const minBattery = given(f.minBattery);
  if (minBattery !== undefined) before.min_battery = minBattery / 100;
  if (Object.keys(before).length > 0) spec.before = before;
  const after: NonNullable<RolloutSpec["after"]> = {};
  if (f.window.trim() !== "") after.window = f.window.trim();
  const minRate = given(f.minRate);
  if (minRate !== undefined) after.min_rate = minRate / 100;
  if (Object.keys(after).length > 0) spec.after = after;
  return spec;
}
