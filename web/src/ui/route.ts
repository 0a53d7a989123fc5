// The address holds the state of the view: what is shown, selected and
// filtered. Everything here can be sent to a colleague as a link.
import { computed, signal } from "@preact/signals";
import { type Quality, qualities } from "../api/types";

export type Section = "robots" | "rollouts" | "events" | "engines";
export type Show = Quality | "attention" | "all";

export interface Route {
  readonly section: Section;
  /** The selected robot or rollout. */
  readonly id: string | undefined;
  /** The topic or else the node of the selected robot that is looked into, by its full name. */
  readonly topic: string | undefined;
  readonly node: string | undefined;
  /** Text that is searched for. */
  readonly q: string;
  readonly show: Show;
  /** Robots for which the dialog of a new rollout is open. */
  readonly rollOut: string | undefined;
}

const sections: readonly Section[] = ["robots", "rollouts", "events", "engines"];
const shows: readonly Show[] = ["all", "attention", ...qualities];

export function parseRoute(pathname: string, search: string): Route {
  const [first, second] = pathname.split("/").filter((p) => p !== "");
  const query = new URLSearchParams(search);
  const section = sections.find((s) => s === first) ?? "robots";
  const selects = section === "robots" || section === "rollouts";
  const id = selects && second !== undefined ? decoded(second) : undefined;
  const of =
    section === "robots" && id !== undefined ? (name: string) => query.get(name) ?? undefined : () => undefined;
  const topic = of("topic");
  return {
    section,
    id,
    topic,
    node: topic === undefined ? of("node") : undefined,
    q: query.get("q") ?? "",
    show: shows.find((s) => s === query.get("show")) ?? "all",
    rollOut: query.get("roll-out") ?? undefined,
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a lone % in an address that was typed by hand
  }
}

export function formatRoute(r: Route): string {
  const query = new URLSearchParams();
  if (r.q !== "") query.set("q", r.q);
  if (r.show !== "all") query.set("show", r.show);
  if (r.topic !== undefined) query.set("topic", r.topic);
  else if (r.node !== undefined) query.set("node", r.node);
  if (r.rollOut !== undefined) query.set("roll-out", r.rollOut);
  const path =
    r.id !== undefined ? `/${r.section}/${encodeURIComponent(r.id)}` : r.section === "robots" ? "/" : `/${r.section}`;
  const text = query.toString();
  return text === "" ? path : `${path}?${text}`;
}

const address = signal({ pathname: "/", search: "" });

export const route = computed(() => parseRoute(address.value.pathname, address.value.search));

/** A view with some of it changed. Who goes to another robot or page leaves the topic or node behind. */
export function changed(r: Route, change: Partial<Route>): Route {
  const stays = !("id" in change) && !("section" in change);
  return { ...r, ...(stays ? {} : { topic: undefined, node: undefined }), ...change };
}

/** The address of the present view with some of it changed. */
export function hrefTo(change: Partial<Route>): string {
  return formatRoute(changed(route.value, change));
}

export function go(change: Partial<Route>, how: "push" | "replace" = "push"): void {
  const href = formatRoute(changed(route.peek(), change));
  if (how === "push") history.pushState(null, "", href);
  else history.replaceState(null, "", href);
  read();
}

function read(): void {
  address.value = { pathname: location.pathname, search: location.search };
}

/** Reads the address now and whenever it changes; turns plain clicks on own links into steps. */
export function startRouting(): void {
  read();
  addEventListener("popstate", read);
  document.addEventListener("click", (e) => {
    const link = e.target instanceof Element ? e.target.closest("a") : null;
    if (link === null || e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey) return;
    if (link.origin !== location.origin || link.target !== "" || link.pathname.startsWith("/api/")) return;
    e.preventDefault();
    history.pushState(null, "", link.href);
    read();
  });
}
