import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, reasonOf } from "../api/client";
import type { Rollout, RolloutAction } from "../api/types";
import { go } from "../ui/route";
import { Dialog } from "../ui/widgets";
import { app } from "./app";
import { consequence, dangerous, names } from "./rolloutactions";

interface Props {
  rollout: Rollout;
  action: RolloutAction;
  /** The robot that it is about; undefined for the whole. */
  robot?: string | undefined;
  onClose: () => void;
}

export function ConfirmAction({ rollout, action, robot, onClose }: Props): JSX.Element {
  const [reason, setReason] = useState("");
  const [error, setError] = useState<string | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const what = robot ?? "rollout";
  const act = async () => {
    setBusy(true);
    try {
      const answer = await api.act(
        rollout.id,
        action,
        reason,
        robot,
        action === "approve" ? rollout.approval : undefined,
      );
      app.store.putRollout(answer);
      onClose();
      // An ended rollout is rolled back by a rollout of its own.
      if (answer.id !== rollout.id) go({ section: "rollouts", id: answer.id });
    } catch (cause) {
      setError(reasonOf(cause));
      setBusy(false);
    }
  };
  return (
    <Dialog title={`${names[action]} the ${robot === undefined ? what : `robot ${what}`}?`} onClose={onClose}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          if (!busy) void act();
        }}
      >
        <div class="body">
          <p>{consequence(rollout, action, robot)}</p>
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
            class={dangerous(action) ? "danger" : "primary"}
            aria-disabled={busy ? "true" : undefined}
          >
            {`${names[action]} ${what}`}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
