import { describe, expect, it } from "vitest";
import { formatExact, parseExact } from "./exact";

describe("exact JSON", () => {
  it("keeps every digit of whole numbers of 64 bits", () => {
    const text = '{"stamp":1764000000123456789,"low":-9223372036854775808,"list":[18446744073709551615,1]}';
    expect(parseExact(text)).toEqual({
      stamp: 1764000000123456789n,
      low: -9223372036854775808n,
      list: [18446744073709551615n, 1],
    });
    expect(formatExact(parseExact(text))).toBe(text);
  });

  it("leaves other numbers and texts alone", () => {
    const text = '{"x":0.12345678901234567,"y":1e+300,"t":"a \\"1764000000123456789\\" b","\\\\":"\\\\","n":null}';
    expect(parseExact(text)).toEqual(JSON.parse(text));
    expect(parseExact("9007199254740991")).toBe(9007199254740991);
  });

  it("indents for people", () => {
    expect(formatExact({ a: [1764000000123456789n] }, 2)).toBe('{\n  "a": [\n    1764000000123456789\n  ]\n}');
  });

  it("refuses what is no JSON", () => {
    expect(() => parseExact("{1764000000123456789}")).toThrow(SyntaxError);
  });
});
