// What a person writes as a parameter's value, and what the service gets. Pure.
import { formatExact, parseExact, type Value } from "../api/exact";

export type Kind = "truth" | "number" | "text" | "list" | "none";

export function kindOf(value: Value): Kind {
  if (Array.isArray(value)) return "list";
  switch (typeof value) {
    case "boolean":
      return "truth";
    case "number":
    case "bigint":
      return "number";
    case "string":
      return "text";
    default:
      return "none"; // not set, or a number that JSON cannot hold
  }
}

/** The value as it is edited: a text without quotes, the rest as JSON. */
export function editText(value: Value): string {
  if (typeof value === "string") return value;
  return value === null ? "" : formatExact(value);
}

/** What a field of this kind is to be filled with. */
export const hints: Record<Kind, string> = {
  truth: "true or false",
  number: "a number",
  text: "any text",
  list: "a list of one kind in brackets, like [1.5, 2]",
  none: 'true, 1.5, "text" or a list like [1, 2]',
};

/** The value that a text stands for, or what is wrong with it. */
export function parseValue(kind: Kind, text: string): { value: Value } | { wrong: string } {
  if (kind === "text") return { value: text };
  let value: Value;
  try {
    value = parseExact(text);
  } catch {
    return { wrong: `Write ${hints[kind]}.` };
  }
  if (kind !== "none" && kindOf(value) !== kind) return { wrong: `Write ${hints[kind]}.` };
  if (value === null || kindOf(value) === "none") return { wrong: `Write ${hints[kind]}.` };
  const parts: readonly Value[] = Array.isArray(value) ? value : [value];
  if (parts.some((p) => typeof p === "bigint")) {
    return { wrong: "A whole number beyond 9007199254740991 would lose digits on its way." };
  }
  if (new Set(parts.map(kindOf)).size > 1) return { wrong: "All elements of a list are of one kind." };
  return { value };
}
