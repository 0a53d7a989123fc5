import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, reasonOf } from "../api/client";
import type { Rollout, RolloutAction } from "../api/types";
import { count } from "../ui/format";
import { Dialog } from "../ui/widgets";
import { app } from "./app";
import { stepKind } from "./rolloutsteps";

function names(r: Rollout, kind: "busy" | "queued"): string[] {
  return r.robots.filter((x) => stepKind(x.step) === kind).map((x) => x.robot);
}

function listed(robots: string[]): string {
  const some = robots.slice(0, 12).join(", ");
  return robots.length > 12 ? `${some} and ${robots.length - 12} more` : some;
}

/** What will happen, with names and counts. */
function consequence(r: Rollout, action: RolloutAction): string {
  const busy = names(r, "busy");
  const queued = names(r, "queued");
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
    default:
      return action satisfies never;
  }
}

const titles: Record<RolloutAction, string> = {
  pause: "Pause the rollout?",
  resume: "Resume the rollout?",
  abort: "Abort the rollout?",
};
const verbs: Record<RolloutAction, string> = {
  pause: "Pause rollout",
  resume: "Resume rollout",
  abort: "Abort rollout",
};

interface Props {
  rollout: Rollout;
  action: RolloutAction;
  onClose: () => void;
}

export function ConfirmAction({ rollout, action, onClose }: Props): JSX.Element {
  const [reason, setReason] = useState("");
  const [error, setError] = useState<string | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const act = async () => {
    setBusy(true);
    try {
      app.store.putRollout(await api.act(rollout.id, action, reason));
      onClose();
    } catch (cause) {
      setError(reasonOf(cause));
      setBusy(false);
    }
  };
  return (
    <Dialog title={titles[action]} onClose={onClose}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          if (!busy) void act();
        }}
      >
        <div class="body">
          <p>{consequence(rollout, action)}</p>
          <div class="field">
            <label for="reason">Reason, for the log</label>
            <input id="reason" type="text" value={reason} onInput={(e) => setReason(e.currentTarget.value)} />
            {error !== undefined && (
              <p class="error" role="alert">
                {error}
              </p>
            )}
          </div>
        </div>
        <div class="foot">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            class={action === "abort" ? "danger" : "primary"}
            aria-disabled={busy ? "true" : undefined}
          >
            {verbs[action]}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
