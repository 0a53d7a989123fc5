// The question before an operator's action on a rollout or on one of its robots.
import type { JSX } from "preact";
import { api } from "../api/client";
import type { Rollout, RolloutAction } from "../api/types";
import { go } from "../ui/route";
import { app } from "./app";
import { Ask } from "./ask";
import { consequence, dangerous, nameOf } from "./rolloutactions";

interface Props {
  rollout: Rollout;
  action: RolloutAction;
  /** The robot that it is about; undefined for the whole. */
  robot?: string | undefined;
  onClose: () => void;
}

export function ConfirmAction({ rollout, action, robot, onClose }: Props): JSX.Element {
  const name = nameOf(action, rollout.robots.find((r) => r.robot === robot)?.step);
  return (
    <Ask
      title={robot === undefined ? `${name} the rollout?` : `${name}: ${robot}?`}
      verb={`${name} ${robot ?? "rollout"}`}
      danger={dangerous(action)}
      reason={action === "override" ? "Reason, for the log; it is needed" : "Reason, for the log"}
      act={async (reason) => {
        const wave = action === "approve" ? rollout.approval : undefined;
        const answer = await api.act(rollout.id, action, reason, robot, wave);
        app.store.putRollout(answer);
        // An ended rollout is rolled back by a rollout of its own.
        if (answer.id !== rollout.id) go({ section: "rollouts", id: answer.id });
      }}
      onClose={onClose}
    >
      <p>{consequence(rollout, action, robot)}</p>
    </Ask>
  );
}
