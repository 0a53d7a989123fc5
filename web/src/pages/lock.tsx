// What keeps rollouts from touching a robot: an operator's lock, which can be set
// and taken away here, and what the robot itself asks for.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, reasonOf } from "../api/client";
import type { Lock, Robot } from "../api/types";
import { serverNow } from "../store/clock";
import { ActionButton, Ago, Section, usePolled } from "../ui/widgets";
import { app } from "./app";
import { Ask } from "./ask";

const againMs = 3000;

/** Locks that are the robot's own: nobody can take them away here. */
function ownLocks(robot: Robot | undefined): string[] {
  const labels = (robot?.containers ?? []).flatMap((c) =>
    c.lock === undefined || c.lock === "" ? [] : [`The label of container ${c.name} locks it: ${c.lock}`],
  );
  return robot?.update_lock?.locked === true ? ["The robot asks not to be updated.", ...labels] : labels;
}

function Held({ lock }: { lock: Lock }): JSX.Element {
  return (
    <p class="warn">
      {`Locked by ${lock.by}: ${lock.reason === "" ? "no reason is given" : lock.reason}, `}
      <Ago at={lock.at} />
    </p>
  );
}

export function LockSection({ id, robot }: { id: string; robot: Robot | undefined }): JSX.Element {
  const [asks, setAsks] = useState(false);
  const [refusal, setRefusal] = useState<string | undefined>(undefined);
  const [told, setTold] = useState<{ locks: readonly Lock[]; at: number }>({ locks: [], at: 0 }); // by an answer
  const { data, error, code, at } = usePolled(`locks ${id}`, () => api.locks(), againMs);
  const lock = (told.at > at ? told.locks : data?.locks)?.find((l) => l.robot === id);
  const own = ownLocks(robot);
  const take = ({ locks }: { locks: Lock[] }) => {
    setRefusal(undefined);
    setTold({ locks, at: serverNow() });
  };
  const unread = code === "unavailable" ? "Rollouts are not configured on this service." : error;
  const because =
    app.denies("operator") ?? (data === undefined ? (unread ?? "The locks are not read yet.") : undefined);
  return (
    <Section title="Rollouts' lock">
      {lock !== undefined && <Held lock={lock} />}
      {own.map((text) => (
        <p key={text} class="warn">
          {text}
        </p>
      ))}
      {lock === undefined && own.length === 0 && data !== undefined && <p class="muted">Nobody has locked it.</p>}
      {unread !== undefined && <p class="muted" role="status">{`The locks are not renewed: ${unread}`}</p>}
      {refusal !== undefined && (
        <p class="alarm" role="alert">
          {refusal}
        </p>
      )}
      <div class="line">
        {lock === undefined ? (
          <ActionButton because={because} onClick={() => setAsks(true)}>
            Lock…
          </ActionButton>
        ) : (
          <ActionButton
            because={because}
            onClick={() => {
              api.unlock(id).then(take, (cause: unknown) => setRefusal(reasonOf(cause)));
            }}
          >
            Unlock
          </ActionButton>
        )}
      </div>
      {asks && (
        <Ask
          title={`Lock ${id}?`}
          verb={`Lock ${id}`}
          reason="Reason, for those who wait for it"
          act={async (reason) => take(await api.lock(id, reason))}
          onClose={() => setAsks(false)}
        >
          <p>{`No rollout touches ${id} until it is unlocked. One that has replaced its container already goes on.`}</p>
        </Ask>
      )}
    </Section>
  );
}
