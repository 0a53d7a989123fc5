// How a decoded value is laid out for people. Pure.
import { formatExact, type Value } from "../api/exact";

/** A value that has others in it. */
export interface Branch {
  readonly kind: "fields" | "list";
  /** What the service sent of it, by name or by place. */
  readonly parts: readonly (readonly [string, Value])[];
  /** How many it has in all. */
  readonly length: number;
  /** In one line. */
  readonly summary: string;
}

/** At most so many parts of one value are laid out. */
const mostRows = 100;
/** Parts of a list that its line names, and the length of that line. */
const named = 8;
const lineLength = 60;

/** One value in one line, as JSON writes it. */
export function line(value: Exclude<Value, object>): string {
  return formatExact(value);
}

/** A list of which the service sent the start: {"length": 360, "first": […]}. */
function cutList(value: { readonly [name: string]: Value }): { length: number; first: readonly Value[] } | undefined {
  const { length, first, ...others } = value;
  const cut = typeof length === "number" && Array.isArray(first) && first.length < length;
  return cut && Object.keys(others).length === 0 ? { length, first } : undefined;
}

function list(first: readonly Value[], length: number): Branch {
  return {
    kind: "list",
    parts: first.map((v, i) => [`${i}`, v]),
    length,
    summary: `[${length}]${inLine(first, length)}`,
  };
}

/** The first of a list's numbers, texts or truth values. */
function inLine(first: readonly Value[], length: number): string {
  let text = "";
  let n = 0;
  for (const v of first) {
    if (n === named || (typeof v === "object" && v !== null)) break;
    const next = `${n === 0 ? " " : ", "}${formatExact(v)}`;
    if (text.length + next.length > lineLength) break;
    text += next;
    n++;
  }
  return n > 0 && n < length ? `${text}, …` : text;
}

/** Undefined for a value without parts. */
export function branch(value: Value): Branch | undefined {
  if (Array.isArray(value)) return list(value, value.length);
  if (typeof value !== "object" || value === null) return undefined;
  const fields = value as { readonly [name: string]: Value };
  const cut = cutList(fields);
  if (cut !== undefined) return list(cut.first, cut.length);
  const parts = Object.entries(fields);
  return { kind: "fields", parts, length: parts.length, summary: `{${parts.length}}` };
}

/** A list that is folded at first, lest it pushes the other fields away. */
export function wide(b: Branch): boolean {
  return b.kind === "list" && b.length > 3;
}

/** The parts that are laid out, and how many are not. */
export function rows(b: Branch): { shown: Branch["parts"]; more: number } {
  const shown = b.parts.slice(0, mostRows);
  return { shown, more: b.length - shown.length };
}
