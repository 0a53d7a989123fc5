// A message as a tree of fields that open and close.
import type { JSX } from "preact";

/** Lists show so many elements; the server cuts longer ones after 100. */
const maxElements = 100;
const openDepth = 2;

function isBranch(v: unknown): v is Record<string, unknown> | readonly unknown[] {
  return typeof v === "object" && v !== null;
}

function Leaf({ name, value }: { name: string; value: unknown }): JSX.Element {
  return (
    <li>
      <span class="muted">{`${name}: `}</span>
      <code>{typeof value === "string" ? value : JSON.stringify(value)}</code>
    </li>
  );
}

function Branch({ name, value, depth }: { name: string; value: object; depth: number }): JSX.Element {
  const entries = Object.entries(value);
  const plain = Array.isArray(value) && value.every((v) => !isBranch(v));
  if (plain) return <Leaf name={`${name} [${entries.length}]`} value={value.slice(0, maxElements)} />;
  return (
    <li>
      <details open={depth < openDepth}>
        <summary>{Array.isArray(value) ? `${name} [${entries.length}]` : name}</summary>
        <Fields entries={entries} depth={depth + 1} />
      </details>
    </li>
  );
}

function Fields({ entries, depth }: { entries: readonly [string, unknown][]; depth: number }): JSX.Element {
  return (
    <ul class="tree">
      {entries
        .slice(0, maxElements)
        .map(([k, v]) =>
          isBranch(v) ? <Branch key={k} name={k} value={v} depth={depth} /> : <Leaf key={k} name={k} value={v} />,
        )}
      {entries.length > maxElements && <li class="muted">{`… and ${entries.length - maxElements} more`}</li>}
    </ul>
  );
}

export function Tree({ value }: { value: object }): JSX.Element {
  return <Fields entries={Object.entries(value)} depth={0} />;
}
