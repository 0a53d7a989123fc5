// A decoded message as a tree that folds. Each line has one height and holds its
// place, so that a new message every second changes figures and moves nothing.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { formatExact, type Value } from "../api/exact";
import { type Branch, branch, line, rows, wide } from "./value";

/** Levels that are open at first. */
const openLevels = 2;
/** How much of a text a line shows, and how much it shows when it is opened. */
const lineLength = 72;
const textLength = 20_000;

function Leaf({ name, value }: { name: string; value: Exclude<Value, object> }): JSX.Element {
  return (
    <div class="leaf">
      <span class="key">{`${name}: `}</span>
      <span class={`value ${typeof value}`}>{line(value)}</span>
    </div>
  );
}

function LongText({ name, value }: { name: string; value: string }): JSX.Element {
  const [open, setOpen] = useState(false);
  const cut = value.length > textLength;
  return (
    <details open={open} onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>
        <span class="key">{`${name}: `}</span>
        <span class="value string">{`${formatExact(value.slice(0, lineLength))} …`}</span>
        <span class="muted">{` ${value.length} characters`}</span>
      </summary>
      {open && <pre class="text">{value.slice(0, textLength)}</pre>}
      {open && cut && <p class="muted">{`… and ${value.length - textLength} characters more, which are not shown`}</p>}
    </details>
  );
}

function Fold({ name, b, depth }: { name: string; b: Branch; depth: number }): JSX.Element {
  const [open, setOpen] = useState(depth < openLevels && !wide(b));
  return (
    <details open={open} onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>
        <span class="key">{`${name}: `}</span>
        <span class="value muted">{b.summary}</span>
      </summary>
      {open && <Rows b={b} depth={depth + 1} />}
    </details>
  );
}

function Rows({ b, depth }: { b: Branch; depth: number }): JSX.Element {
  const { shown, more } = rows(b);
  return (
    <ul>
      {shown.map(([name, value]) => (
        <li key={name}>
          <Item name={name} value={value} depth={depth} />
        </li>
      ))}
      {more > 0 && <li class="muted">{`… and ${more} more, which are not shown`}</li>}
    </ul>
  );
}

function Item({ name, value, depth }: { name: string; value: Value; depth: number }): JSX.Element {
  const b = branch(value);
  if (b !== undefined) return <Fold name={name} b={b} depth={depth} />;
  if (typeof value === "string" && value.length > lineLength) return <LongText name={name} value={value} />;
  return <Leaf name={name} value={value as Exclude<Value, object>} />;
}

/** The fields of a message. */
export function ValueTree({ value, label }: { value: Value; label: string }): JSX.Element {
  const b = branch(value);
  return (
    <div class="tree mono" role="group" aria-label={label}>
      {b === undefined ? <Item name="value" value={value} depth={0} /> : <Rows b={b} depth={0} />}
    </div>
  );
}
