// One node: its parameters, and the state of a managed one.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, reasonOf } from "../api/client";
import type { Transition } from "../api/types";
import { ActionButton, usePolled } from "../ui/widgets";
import { app } from "./app";

const everyMs = 5000;

/** What a managed node can be asked for where it stands. */
const transitions: Readonly<Record<string, readonly Transition[]>> = {
  unconfigured: ["configure", "shutdown"],
  inactive: ["activate", "cleanup", "shutdown"],
  active: ["deactivate", "shutdown"],
};

interface Props {
  robot: string;
  node: string;
}

function Lifecycle({ robot, node }: Props): JSX.Element | null {
  const { data } = usePolled(`lifecycle ${robot} ${node}`, () => api.lifecycle(robot, node), everyMs);
  const [error, setError] = useState<string | undefined>(undefined);
  if (data === undefined) return null; // not a managed node
  const change = (t: Transition) => {
    setError(undefined);
    api.transition(robot, node, t).catch((cause: unknown) => setError(reasonOf(cause)));
  };
  return (
    <div class="line" role="group" aria-label={`Lifecycle of ${node}`}>
      <span class="tag">{data.state}</span>
      {(transitions[data.state] ?? []).map((t) => (
        <ActionButton key={t} because={app.denies("engineer")} onClick={() => change(t)}>
          {t}
        </ActionButton>
      ))}
      {error !== undefined && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
    </div>
  );
}

/** What was typed, as JSON where it is JSON: a number, true, a list; else a text. */
export function typed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function Parameter({ robot, node, name, value }: Props & { name: string; value: unknown }): JSX.Element {
  const [draft, setDraft] = useState<string | undefined>(undefined);
  const [error, setError] = useState<string | undefined>(undefined);
  const shown = typeof value === "string" ? value : JSON.stringify(value);
  const save = async () => {
    try {
      await api.setParameter(robot, node, name, typeof value === "string" ? draft : typed(draft ?? ""));
      setDraft(undefined);
      setError(undefined);
    } catch (cause) {
      setError(reasonOf(cause));
    }
  };
  return (
    <>
      <dt>{name}</dt>
      <dd>
        {draft === undefined ? (
          <span class="line">
            <code>{shown}</code>
            <ActionButton because={app.denies("engineer")} label={`Change ${name}`} onClick={() => setDraft(shown)}>
              Change
            </ActionButton>
          </span>
        ) : (
          <form
            class="line"
            onSubmit={(e) => {
              e.preventDefault();
              void save();
            }}
          >
            <input aria-label={name} value={draft} onInput={(e) => setDraft(e.currentTarget.value)} />
            <button type="submit" class="primary">
              Set
            </button>
            <button type="button" onClick={() => setDraft(undefined)}>
              Cancel
            </button>
          </form>
        )}
        {error !== undefined && (
          <p class="error" role="alert">
            {error}
          </p>
        )}
      </dd>
    </>
  );
}

export function NodeDetail({ robot, node }: Props): JSX.Element {
  const { data, error } = usePolled(`parameters ${robot} ${node}`, () => api.parameters(robot, node), everyMs);
  const all = Object.entries(data?.parameters ?? {});
  return (
    <section class="card" aria-label={`Node ${node}`}>
      <Lifecycle robot={robot} node={node} />
      {error !== undefined && (
        <p class="warn" role="status">
          {error}
        </p>
      )}
      {data === undefined && error === undefined && <p class="muted">Asking for its parameters…</p>}
      {data !== undefined && all.length === 0 && <p class="muted">The node has no parameters.</p>}
      {all.length > 0 && (
        <dl class="facts">
          {all.map(([name, value]) => (
            <Parameter key={name} robot={robot} node={node} name={name} value={value} />
          ))}
        </dl>
      )}
    </section>
  );
}
