// A node's parameters: read when the node is opened, set one at a time.
import type { JSX } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { ApiError, api, reasonOf } from "../api/client";
import type { Value } from "../api/exact";
import { useRead } from "../ui/read";
import { ActionButton, Section } from "../ui/widgets";
import { app } from "./app";
import { editText, hints, kindOf, parseValue } from "./parametervalue";
import { branch, line } from "./value";

/** From so many on, there is a field to search them. */
const searchFrom = 12;
const shownLength = 200;

function shown(value: Value): string {
  const b = branch(value);
  if (b !== undefined) return b.summary;
  const text = value === null ? "not set, or no number" : line(value as Exclude<Value, object>);
  return text.length > shownLength ? `${text.slice(0, shownLength)} …` : text;
}

interface EditProps {
  name: string;
  value: Value;
  set: (value: Value) => Promise<void>;
  onClose: () => void;
}

function Edit({ name, value, set, onClose }: EditProps): JSX.Element {
  const kind = kindOf(value);
  const [text, setText] = useState(editText(value));
  const [error, setError] = useState<string | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const field = useId();
  const form = useRef<HTMLFormElement>(null);
  useLayoutEffect(() => form.current?.querySelector<HTMLElement>("input, select")?.focus(), []);
  const submit = async () => {
    const read = parseValue(kind, text);
    if ("wrong" in read) {
      setError(read.wrong);
      return;
    }
    setBusy(true);
    try {
      await set(read.value);
      onClose();
    } catch (cause) {
      setError(reasonOf(cause));
      setBusy(false);
    }
  };
  const shared = {
    id: field,
    "aria-invalid": error !== undefined,
    "aria-describedby": `${field}-hint`,
    value: text,
  };
  return (
    <form
      ref={form}
      class="field"
      aria-label={`Set ${name}`}
      onKeyDown={(e) => {
        if (e.key !== "Escape") return;
        e.stopPropagation(); // it closes the field, not the page
        onClose();
      }}
      onSubmit={(e) => {
        e.preventDefault();
        if (!busy) void submit();
      }}
    >
      <label for={field}>{`New value of ${name}`}</label>
      {kind === "truth" ? (
        <select {...shared} onChange={(e) => setText(e.currentTarget.value)}>
          <option>true</option>
          <option>false</option>
        </select>
      ) : (
        <input {...shared} type="text" class="mono" onInput={(e) => setText(e.currentTarget.value)} />
      )}
      <p
        id={`${field}-hint`}
        class={error === undefined ? "hint" : "error"}
        role={error === undefined ? undefined : "alert"}
      >
        {error ?? `${hints[kind].charAt(0).toUpperCase()}${hints[kind].slice(1)}`}
      </p>
      <div class="line">
        <button type="submit" class="primary" aria-disabled={busy ? "true" : undefined}>
          {busy ? "Setting …" : "Set"}
        </button>
        <button type="button" onClick={onClose}>
          Cancel
        </button>
      </div>
    </form>
  );
}

interface RowProps {
  name: string;
  value: Value;
  set: (value: Value) => Promise<void>;
}

function Row({ name, value, set }: RowProps): JSX.Element {
  const [editing, setEditing] = useState(false);
  const row = useRef<HTMLLIElement>(null);
  const edited = useRef(false);
  useLayoutEffect(() => {
    if (edited.current && !editing) row.current?.querySelector<HTMLElement>("button")?.focus();
    edited.current = editing;
  }, [editing]);
  return (
    <li ref={row} aria-label={name}>
      <div class="parameter">
        <code>{name}</code>
        <code class="shown">{shown(value)}</code>
        <ActionButton because={app.denies("engineer")} label={`Change ${name}`} onClick={() => setEditing(true)}>
          Change…
        </ActionButton>
      </div>
      {editing && <Edit name={name} value={value} set={set} onClose={() => setEditing(false)} />}
    </li>
  );
}

export function Parameters({ id, node }: { id: string; node: string }): JSX.Element {
  const { data, error, busy, again } = useRead(() => api.parameters(id, node));
  const [q, setQ] = useState("");
  const all = Object.entries(data?.parameters ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const found = all.filter(([name]) => name.toLowerCase().includes(q.toLowerCase()));
  const set = async (name: string, value: Value) => {
    await api.setParameter(id, node, name, value).catch((cause: unknown) => {
      // A reply that was lost may have been carried out: show what the node has now.
      if (!(cause instanceof ApiError) || cause.status === 0 || cause.status >= 500) void again();
      throw cause;
    });
    await again();
  };
  return (
    <Section title={data === undefined ? "Parameters" : `Parameters, ${all.length}`}>
      <div class="line">
        <ActionButton onClick={() => void again()} because={busy ? "They are being read." : undefined}>
          Read again
        </ActionButton>
        <span class="muted" role="status" aria-label="Reading of the parameters">
          {busy ? "Reading …" : ""}
        </span>
      </div>
      {error !== undefined && <p class="warn" role="alert">{`The parameters were not read: ${error}`}</p>}
      {all.length >= searchFrom && (
        <input
          type="search"
          aria-label="Search parameters"
          placeholder="Search parameters"
          value={q}
          onInput={(e) => setQ(e.currentTarget.value)}
        />
      )}
      {data !== undefined && all.length === 0 && <p class="muted">The node has no parameters.</p>}
      {all.length > 0 && found.length === 0 && <p class="muted">No parameter matches.</p>}
      {found.length > 0 && (
        <ul class="rows" aria-label="Parameters">
          {found.map(([name, value]) => (
            <Row key={name} name={name} value={value} set={(v) => set(name, v)} />
          ))}
        </ul>
      )}
    </Section>
  );
}
