// JSON with whole numbers of 64 bits: a browser's own reader rounds what lies
// beyond 2^53, as stamps in nanoseconds do. Such a number becomes a bigint.

export type Value = null | boolean | number | bigint | string | readonly Value[] | { readonly [name: string]: Value };

/** Marks a whole number among texts; a private code point, which no message has. */
const mark = "\u{e000}int:";
const token = /"(?:[^"\\]+|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const whole = /^-?\d{16,}$/;
const marked = /"\u{e000}int:(-?\d+)"/gu;

/** Reads JSON. Throws a SyntaxError. */
export function parseExact(text: string): Value {
  const safe = text.replace(token, (t) => (whole.test(t) && !Number.isSafeInteger(Number(t)) ? `"${mark}${t}"` : t));
  return JSON.parse(safe, (_, v: unknown) =>
    typeof v === "string" && v.startsWith(mark) ? BigInt(v.slice(mark.length)) : v,
  ) as Value;
}

/** Writes JSON, with an indent for people when it is not 0. */
export function formatExact(value: Value, indent = 0): string {
  const text = JSON.stringify(value, (_, v: unknown) => (typeof v === "bigint" ? `${mark}${v}` : v), indent);
  return text.replace(marked, "$1");
}
