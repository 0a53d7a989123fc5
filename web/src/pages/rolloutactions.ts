// What an operator can do with a rollout or one of its robots, in words. Pure.
import type { Rollout, RolloutAction, RolloutStep, UserRole } from "../api/types";
import { count } from "../ui/format";
import { ended, stepKind } from "./rolloutsteps";

/** The actions on a whole rollout, in the order of their buttons. */
export const wholeActions = ["approve", "pause", "resume", "abort", "rollback"] as const;

export const names: Record<RolloutAction, string> = {
  pause: "Pause",
  resume: "Resume",
  abort: "Abort",
  approve: "Approve",
  rollback: "Roll back",
  skip: "Skip",
  retry: "Retry",
  override: "Override lock",
};

/** What an action is called for a robot at a step, or for the whole. */
export function nameOf(action: RolloutAction, step: RolloutStep | undefined): string {
  if (action !== "skip") return names[action];
  switch (step) {
    case "replacing":
    case "verifying":
    case "rolling-back":
      return "Give up"; // offered when its engine is lost in the middle of the step
    case "needs-operator":
      return "Take as it is";
    default:
      return names.skip;
  }
}

/** The least role that may; the plan may ask for more where a wave is approved. */
export function roleFor(action: RolloutAction): UserRole {
  return action === "pause" || action === "abort" || action === "approve" ? "operator" : "engineer";
}

export function dangerous(action: RolloutAction): boolean {
  return action === "abort" || action === "rollback" || action === "override";
}

/** Why an action on the whole does not fit where the rollout stands. */
export function unfit(r: Rollout, action: RolloutAction): string | undefined {
  if (r.actions.includes(action)) return undefined;
  if (action === "approve") return "No wave waits for an approval.";
  if (action === "rollback" && ended(r.state)) return "No robot was changed.";
  if (ended(r.state)) return `The rollout has ended: it is ${r.state}.`;
  if (r.state === "stopping") return "The rollout is stopping: it finishes the robots in hand.";
  return action === "resume" ? "It is not paused." : `It is ${r.state}.`;
}

function listed(robots: readonly string[]): string {
  const some = robots.slice(0, 12).join(", ");
  return robots.length > 12 ? `${some} and ${robots.length - 12} more` : some;
}

function those(r: Rollout, kind: ReturnType<typeof stepKind>): string[] {
  return r.robots.filter((x) => stepKind(x.step) === kind).map((x) => x.robot);
}

/** What will happen to the whole, with names and counts. */
function wholeConsequence(r: Rollout, action: RolloutAction): string {
  const busy = those(r, "busy");
  const queued = those(r, "queued");
  const done = those(r, "done");
  const finish =
    busy.length === 0
      ? "No robot is in hand."
      : `${count(busy.length, "robot")} in hand will be finished: ${listed(busy)}.`;
  const rest = queued.length === 0 ? "No robot waits." : `${count(queued.length, "robot")}: ${listed(queued)}.`;
  switch (action) {
    case "pause":
      return `${finish} Nobody else starts until it is resumed. Waiting: ${rest}`;
    case "resume":
      return `The rollout goes on. Waiting: ${rest}`;
    case "abort":
      return `${finish} The others keep what they run, and the rollout ends. Left out: ${rest}`;
    case "approve":
      return `Wave ${r.approval ?? 0} may begin, as its gates allow: ${listed(
        r.robots.filter((x) => x.wave === r.approval && x.step !== "skipped").map((x) => x.robot),
      )}.`;
    case "rollback":
      return ended(r.state)
        ? `A new rollout gives ${count(done.length, "robot")} back what they ran before, through the same gates: ${listed(done)}.`
        : `Each robot gets back what it ran before: ${listed([...done, ...busy])}. The others are left as they are.`;
    default:
      return "";
  }
}

function skipConsequence(robot: string, step: RolloutStep | undefined): string {
  switch (nameOf("skip", step)) {
    case "Give up":
      return `The engine of ${robot} does not answer. The rollout leaves ${robot} to an operator and goes on, or ends as its plan says of a failure.`;
    case "Take as it is":
      return `A person has put ${robot} right: the rollout takes it as it is.`;
    default:
      return `${robot} is left out and keeps what it runs.`;
  }
}

/** What will happen to one robot. */
function robotConsequence(robot: string, action: RolloutAction, step: RolloutStep | undefined): string {
  switch (action) {
    case "skip":
      return skipConsequence(robot, step);
    case "retry":
      return `${robot} is tried again at once.`;
    case "override":
      return `The rollout goes on with ${robot} although it is locked. Say why.`;
    case "rollback":
      return `${robot} gets back what it ran before.`;
    default:
      return "";
  }
}

export function consequence(r: Rollout, action: RolloutAction, robot: string | undefined): string {
  if (robot === undefined) return wholeConsequence(r, action);
  return robotConsequence(robot, action, r.robots.find((x) => x.robot === robot)?.step);
}
