// The state of a managed node and the transitions that a person may ask for.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, reasonOf } from "../api/client";
import type { Transition } from "../api/types";
import { serverNow } from "../store/clock";
import { ActionButton, Dialog, Section, usePolled } from "../ui/widgets";
import { app } from "./app";
import { hinders, transitions } from "./graph";

const againMs = 3000;

const verbs: Record<Transition, string> = {
  configure: "Configure",
  activate: "Activate",
  deactivate: "Deactivate",
  cleanup: "Clean up",
  shutdown: "Shut down",
};

interface ConfirmProps {
  node: string;
  state: string;
  transition: Transition;
  act: () => Promise<void>;
  onClose: () => void;
}

function Confirm({ node, state, transition, act, onClose }: ConfirmProps): JSX.Element {
  const [error, setError] = useState<string | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    try {
      await act();
      onClose();
    } catch (cause) {
      setError(reasonOf(cause));
      setBusy(false);
    }
  };
  return (
    <Dialog title={`${verbs[transition]} the node?`} onClose={onClose}>
      <div class="body">
        <p>
          <code>{node}</code>
          {` is ${state}.`}
          {transition === "shutdown" && " Once it is shut down, only a restart brings it back."}
        </p>
        {error !== undefined && (
          <p class="warn" role="alert">
            {error}
          </p>
        )}
      </div>
      <div class="foot">
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <button
          type="button"
          class={transition === "shutdown" ? "danger" : "primary"}
          aria-disabled={busy ? "true" : undefined}
          onClick={() => {
            if (!busy) void run();
          }}
        >
          {busy ? "Asking …" : `${verbs[transition]} node`}
        </button>
      </div>
    </Dialog>
  );
}

export function Lifecycle({ id, node }: { id: string; node: string }): JSX.Element {
  const [asked, setAsked] = useState<Transition | undefined>(undefined);
  const [told, setTold] = useState({ state: "", at: 0 }); // by the answer to a transition
  const { data, error, at } = usePolled(`lifecycle ${id} ${node}`, () => api.lifecycle(id, node), againMs);
  const state = told.at > at ? told.state : data?.state;
  return (
    <Section title="Lifecycle">
      <p class="line">
        <span class="tag" role="status" aria-label="Lifecycle state">
          {state ?? "not read yet"}
        </span>
      </p>
      {error !== undefined && <p class="warn" role="alert">{`The state is not renewed: ${error}`}</p>}
      <div class="line">
        {transitions.map((t) => (
          <ActionButton key={t} because={app.denies("engineer") ?? hinders(state, t)} onClick={() => setAsked(t)}>
            {`${verbs[t]}…`}
          </ActionButton>
        ))}
      </div>
      {asked !== undefined && state !== undefined && (
        <Confirm
          node={node}
          state={state}
          transition={asked}
          act={async () => {
            const { state } = await api.changeLifecycle(id, node, asked);
            setTold({ state, at: serverNow() });
          }}
          onClose={() => setAsked(undefined)}
        />
      )}
    </Section>
  );
}
