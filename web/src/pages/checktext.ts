// A check of a rollout's spec as a line of text, in the syntax of the command line's
// --check. Pure: what is wrong with it is the server's to say.
import type { RolloutSpec } from "../api/types";

type Check = NonNullable<NonNullable<RolloutSpec["after"]>["checks"]>[number];

/** Splits a command as a shell does, at spaces outside of quotes. */
export function words(text: string): string[] {
  const all: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    if (c === "\\" && quote !== "'" && i + 1 < text.length) word = (word ?? "") + text[++i];
    else if (quote !== "" && c === quote) quote = "";
    else if (quote === "" && (c === "'" || c === '"')) {
      quote = c;
      word ??= "";
    } else if (quote === "" && c === " ") {
      if (word !== undefined) all.push(word);
      word = undefined;
    } else word = (word ?? "") + c;
  }
  return word === undefined ? all : [...all, word];
}

/** NAME[:TIMEOUT]=exec:COMMAND or NAME[:TIMEOUT]=http://… */
export function checkOf(line: string): Check {
  const at = line.indexOf("=");
  const head = at < 0 ? line : line.slice(0, at);
  const what = at < 0 ? "" : line.slice(at + 1).trim();
  const colon = head.indexOf(":");
  const name = (colon < 0 ? head : head.slice(0, colon)).trim();
  const timeout = colon < 0 ? undefined : head.slice(colon + 1).trim();
  const does = what.startsWith("exec:") ? { command: words(what.slice("exec:".length)) } : { http: what };
  return { name, ...does, ...(timeout === undefined ? {} : { timeout }) };
}
