// The state of a managed node and the transitions that a person may ask for.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api } from "../api/client";
import type { Transition } from "../api/types";
import { serverNow } from "../store/clock";
import { ActionButton, Section, usePolled } from "../ui/widgets";
import { app } from "./app";
import { Ask } from "./ask";
import { hinders, transitions } from "./graph";

const againMs = 3000;

const verbs: Record<Transition, string> = {
  configure: "Configure",
  activate: "Activate",
  deactivate: "Deactivate",
  cleanup: "Clean up",
  shutdown: "Shut down",
};

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
        <Ask
          title={`${verbs[asked]} the node?`}
          verb={`${verbs[asked]} node`}
          danger={asked === "shutdown"}
          act={async () => {
            const { state } = await api.changeLifecycle(id, node, asked);
            setTold({ state, at: serverNow() });
          }}
          onClose={() => setAsked(undefined)}
        >
          <p>
            <code>{node}</code>
            {` is ${state}.`}
            {asked === "shutdown" && " Once it is shut down, only a restart brings it back."}
          </p>
        </Ask>
      )}
    </Section>
  );
}
