// Which robots the list shows, by the search text and the chip of the address.
import { computed } from "@preact/signals";
import { attention } from "../store/attention";
import type { RobotRow } from "../store/fleet";
import { route, type Show } from "../ui/route";
import { app } from "./app";

function shown(row: RobotRow, show: Show): boolean {
  switch (show) {
    case "all":
      return true;
    case "attention":
      return attention(row).tone !== "none";
    case "live":
    case "late":
    case "stale":
    case "offline":
    case "unseen":
      return (row.state?.quality ?? "unseen") === show;
    default:
      return show satisfies never;
  }
}

/** All words must be found in what names or describes the robot. */
export function matches(row: RobotRow, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  const s = row.state;
  const text = [
    row.id,
    row.name,
    row.namespace,
    s?.engine ?? "",
    s?.quality ?? "",
    ...Object.entries(row.labels).map(([k, v]) => `${k}=${v}`),
    ...(s?.containers ?? []).flatMap((c) => [c.name, c.image, c.state]),
  ]
    .join("\n")
    .toLowerCase();
  return words.every((w) => text.includes(w));
}

export function wordsOf(q: string): string[] {
  return q
    .toLowerCase()
    .split(/\s+/)
    .filter((w) => w !== "");
}

export const filteredRobots = computed(() => {
  const { q, show } = route.value;
  const words = wordsOf(q);
  return app.store.robots.value.filter((r) => shown(r, show) && matches(r, words));
});
