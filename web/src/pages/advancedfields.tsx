// The part of a new rollout's form that few of them need.
import type { JSX } from "preact";
import { Check, type FieldProps, has, Input } from "./formparts";

/** The spec's fields that have an input here. */
export const advancedFields = [
  "before.min_free",
  "after.max_restarts",
  "after.nodes",
  "after.topics",
  "after.checks",
  "deadlines.pull",
  "deadlines.wait",
  "deadlines.replace",
  "deadlines.verify",
  "deadlines.rollback",
] as const;

const checksHint =
  "a line each: NAME=exec:COMMAND in the container, or NAME=http://… with {host} and {robot}; NAME:10s=… has a timeout";

export function AdvancedFields(p: FieldProps): JSX.Element {
  return (
    <details open={has(p.refusal, advancedFields)}>
      <summary>Checks, deadlines and more</summary>
      <div class="fields">
        <Input
          {...p}
          name="nodes"
          field="after.nodes"
          label="Nodes that must be there"
          placeholder="planner, /shared/map"
        />
        <Input {...p} name="topics" field="after.topics" label="Topics and their Hz" placeholder="scan=10, odom=20" />
        <Input {...p} name="maxRestarts" field="after.max_restarts" label="Restarts allowed" placeholder="0" numeric />
        <Input {...p} name="minFree" field="before.min_free" label="Free disk at least, GB" placeholder="any" numeric />
        <Check {...p} name="skipNodes" label="Skip the nodes that were there" />
        <Check {...p} name="skipTopics" label="Skip the usual topic rates" />
        <Check {...p} name="skipDiagnostics" label="Skip the diagnostics" />
      </div>
      <Input {...p} name="checks" field="after.checks" label="Checks" hint={checksHint} lines />
      <div class="fields">
        <Input {...p} name="pull" field="deadlines.pull" label="Pull within" placeholder="15m" />
        <Input {...p} name="wait" field="deadlines.wait" label="Wait for gates" placeholder="30m" />
        <Input {...p} name="replace" field="deadlines.replace" label="Replace within" placeholder="1m" />
        <Input {...p} name="verify" field="deadlines.verify" label="Verify within" placeholder="1m" />
        <Input {...p} name="rollback" field="deadlines.rollback" label="Roll back within" placeholder="2m" />
      </div>
    </details>
  );
}
