import { describe, expect, it } from "vitest";
import { branch, line, rows, wide } from "./value";

describe("branch", () => {
  it("says the first numbers of a list in its line", () => {
    expect(branch([0.5, 1, 1.5])?.summary).toBe("[3] 0.5, 1, 1.5");
    expect(branch([1, 2, 3, 4, 5, 6, 7, 8, 9])?.summary).toBe("[9] 1, 2, 3, 4, 5, 6, 7, 8, …");
    expect(branch([])?.summary).toBe("[0]");
    expect(branch([{ x: 1 }])?.summary).toBe("[1]");
    expect(branch(["a".repeat(100)])?.summary).toBe("[1]");
  });

  it("knows a list that the service cut by its whole length", () => {
    const b = branch({ length: 360, first: [0.5, 0.25] });
    expect(b).toMatchObject({ kind: "list", length: 360, summary: "[360] 0.5, 0.25, …" });
    expect(b && rows(b).more).toBe(358);
  });

  it("takes a message that looks like one for what it is", () => {
    expect(branch({ length: 2, first: [1, 2] })?.kind).toBe("fields");
    expect(branch({ length: 9, first: [1], last: 1 })?.kind).toBe("fields");
    expect(branch({ length: "9", first: [1] })?.kind).toBe("fields");
  });

  it("has no parts for a single value", () => {
    for (const v of [null, true, 1, 1n, ""]) expect(branch(v)).toBeUndefined();
  });
});

describe("rows", () => {
  it("are bounded, and say how many are left out", () => {
    const b = branch(Array.from({ length: 5000 }, (_, i) => i));
    if (b === undefined) throw new Error("no branch");
    expect(rows(b).shown).toHaveLength(100);
    expect(rows(b).more).toBe(4900);
  });

  it("are folded at first when a list is long", () => {
    const folded = [[1, 2, 3], [1, 2, 3, 4], { a: 1, b: 2, c: 3, d: 4 }].map((v) => {
      const b = branch(v);
      return b !== undefined && wide(b);
    });
    expect(folded).toEqual([false, true, false]);
  });
});

describe("line", () => {
  it("writes a value as JSON does", () => {
    expect([null, false, 0.1, 1764000000123456789n, "a\n"].map(line)).toEqual([
      "null",
      "false",
      "0.1",
      "1764000000123456789",
      '"a\\n"',
    ]);
  });
});
