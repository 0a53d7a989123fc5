// The steps and states of a rollout, in what they mean for the eye. Pure.
import type { Outcome, Rollout, RolloutState, RolloutStep } from "../api/types";

/** Steps by how far they are: done well, in hand, bad, left out, not begun. */
export type StepKind = "done" | "busy" | "bad" | "skipped" | "queued";

export function stepKind(s: RolloutStep): StepKind {
  switch (s) {
    case "done":
      return "done";
    case "pulling":
    case "waiting":
    case "replacing":
    case "verifying":
    case "rolling-back":
      return "busy";
    case "rolled-back":
    case "failed":
    case "needs-operator":
      return "bad";
    case "skipped":
      return "skipped";
    case "queued":
      return "queued";
    default:
      return s satisfies never;
  }
}

export function stepTone(s: RolloutStep): string {
  switch (stepKind(s)) {
    case "bad":
      return "alarm";
    case "busy":
      return s === "rolling-back" ? "warn" : "chosen";
    case "done":
      return "ok";
    case "skipped":
    case "queued":
      return "";
  }
}

export function stateTone(s: RolloutState): string {
  switch (s) {
    case "failed":
      return "alarm";
    case "paused":
    case "stopping":
    case "aborted":
    case "rolled-back":
      return "warn";
    case "running":
      return "chosen";
    case "completed":
      return "ok";
    default:
      return s satisfies never;
  }
}

export function ended(s: RolloutState): boolean {
  return s === "completed" || s === "failed" || s === "aborted" || s === "rolled-back";
}

export function outcomeTone(o: Outcome): string {
  switch (o) {
    case "pass":
      return "muted";
    case "fail":
    case "error":
      return "alarm";
    case "inconclusive":
      return "warn";
    default:
      return o satisfies never;
  }
}

/** Robots by kind of step, in the order of the bar. */
export function kindCounts(counts: Readonly<Record<string, number | undefined>>): [StepKind, number][] {
  const kinds: StepKind[] = ["done", "bad", "busy", "skipped", "queued"];
  const n = new Map<StepKind, number>();
  for (const [step, count] of Object.entries(counts)) {
    const kind = stepKind(step as RolloutStep);
    n.set(kind, (n.get(kind) ?? 0) + (count ?? 0));
  }
  return kinds.flatMap((k): [StepKind, number][] => {
    const count = n.get(k) ?? 0;
    return count > 0 ? [[k, count]] : [];
  });
}

/** How many robots may be down, of the rollout's own and of all. */
export function atATime(r: Pick<Rollout, "spec" | "fleet_limit">): string {
  const own = `${r.spec.max_unavailable ?? 1} at a time`;
  return r.fleet_limit === undefined ? own : `${own}, and ${r.fleet_limit} of the whole fleet`;
}
