// The keys that work everywhere but in a field that is written into.
import { go, route } from "../ui/route";
import { app } from "./app";
import { filteredRobots } from "./filter";

function typing(e: KeyboardEvent): boolean {
  const el = e.target;
  return el instanceof HTMLElement && (el.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName));
}

/** Ids of the list that is shown, in its order. */
function listed(): string[] {
  return route.peek().section === "rollouts"
    ? [...app.store.rollouts.peek().values()]
        .sort((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at))
        .map((r) => r.id)
    : filteredRobots.peek().map((r) => r.id);
}

function step(by: 1 | -1): void {
  const ids = listed();
  const { section, id } = route.peek();
  const at = id === undefined ? -1 : ids.indexOf(id);
  const next = ids[at < 0 ? (by > 0 ? 0 : ids.length - 1) : Math.min(ids.length - 1, Math.max(0, at + by))];
  if (next === undefined) return;
  go({ section: section === "rollouts" ? "rollouts" : "robots", id: next }, id === undefined ? "push" : "replace");
}

function leave(e: KeyboardEvent): void {
  const { id, topic, node } = route.peek();
  if (typing(e) && e.target instanceof HTMLElement) e.target.blur();
  else if (topic !== undefined || node !== undefined) go({ topic: undefined, node: undefined });
  else if (id !== undefined) go({ id: undefined });
}

/** Listens until the returned function is called. */
export function listenForKeys(help: () => void): () => void {
  const onKey = (e: KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector("dialog[open]") !== null) return;
    if (e.key === "Escape") {
      leave(e);
      return;
    }
    if (typing(e)) return;
    switch (e.key) {
      case "/":
        document.querySelector<HTMLElement>(".list input[type=search]")?.focus();
        break;
      case "j":
        step(1);
        break;
      case "k":
        step(-1);
        break;
      case "Enter":
        if (e.target instanceof Element && e.target.closest("a, button, summary") !== null) return;
        document.querySelector<HTMLElement>(".detail")?.focus();
        break;
      case "?":
        help();
        break;
      default:
        return;
    }
    e.preventDefault();
  };
  document.addEventListener("keydown", onKey);
  return () => document.removeEventListener("keydown", onKey);
}
