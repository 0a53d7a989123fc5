// A robot's ROS graph, put together for its pages from what the service says of
// its topics and of its nodes. Pure.
import type { Endpoint, NodeInfo, Robot, Topic, Transition } from "../api/types";
import { duration } from "../ui/format";

export interface TopicRow {
  readonly name: string;
  readonly type: string;
  readonly publishers: number;
  /** How many of the robot's own nodes' subscriptions there are; undefined while the nodes are not known. */
  readonly subscriptions: number | undefined;
  /** Rates, where the service follows the topic. */
  readonly topic: Topic | undefined;
}

/** Whether a topic or node lies in the robot's namespace; others cannot be opened from here. */
export function within(namespace: string, name: string): boolean {
  return namespace === "/" || name.startsWith(`${namespace}/`);
}

/** The topics in the robot's namespace by name, those without a publisher, too. */
export function topicRows(robot: Robot, nodes: readonly NodeInfo[] | undefined): TopicRow[] {
  const subscriptions = new Map<string, Endpoint[]>();
  for (const e of (nodes ?? []).flatMap((n) => n.subscriptions)) {
    if (within(robot.namespace, e.name)) subscriptions.set(e.name, [...(subscriptions.get(e.name) ?? []), e]);
  }
  const known = new Map((robot.topics ?? []).map((t) => [t.name, t]));
  return [...new Set([...known.keys(), ...subscriptions.keys()])].sort().map((name) => {
    const topic = known.get(name);
    const readers = subscriptions.get(name) ?? [];
    return {
      name,
      type: topic?.type ?? readers[0]?.type ?? "",
      publishers: topic?.publishers ?? 0,
      subscriptions: nodes === undefined ? undefined : readers.length,
      topic,
    };
  });
}

export interface NodeEnd {
  readonly node: string;
  readonly end: Endpoint;
}

/** The robot's own nodes that publish or subscribe to a topic. */
export function endsOf(nodes: readonly NodeInfo[], topic: string, side: "publishers" | "subscriptions"): NodeEnd[] {
  return nodes.flatMap((n) => n[side].filter((e) => e.name === topic).map((end) => ({ node: n.name, end })));
}

/** A QoS in a few words, as "reliable, volatile, last 10"; durations come in ns. */
export function qosText({ qos }: Endpoint): string {
  const { reliability, durability, history, depth, deadline } = qos;
  const words = [reliability, durability].filter((w) => typeof w === "string").map((w) => w.replaceAll("_", " "));
  if (history === "keep_all") words.push("keeps all");
  else if (typeof depth === "number" && depth > 0) words.push(`keeps last ${depth}`);
  if (typeof deadline === "number" && deadline > 0) words.push(`deadline ${duration(deadline / 1e6)}`);
  return words.join(", ");
}

/** Whether a node offers a service of its own, as managed nodes do `get_state`. */
export function offers(node: NodeInfo, service: string): boolean {
  return node.services.some((s) => s.name === `${node.name}/${service}`);
}

export const transitions: readonly Transition[] = ["configure", "activate", "deactivate", "cleanup", "shutdown"];

const from: Record<Transition, readonly string[]> = {
  configure: ["unconfigured"],
  activate: ["inactive"],
  deactivate: ["active"],
  cleanup: ["inactive"],
  shutdown: ["unconfigured", "inactive", "active"],
};

/** Why a managed node cannot make a transition now; undefined when it can. */
export function hinders(state: string | undefined, transition: Transition): string | undefined {
  if (state === undefined) return "Its state is not known.";
  return from[transition].includes(state) ? undefined : `The node is ${state}.`;
}

interface Echo {
  /** Something was read before. */
  readonly any: boolean;
  readonly error: string | undefined;
  readonly code: string | undefined;
  readonly paused: boolean;
}

/** How the reading of a topic goes, in words. */
export function echoState({ any, error, code, paused }: Echo): { tone: "" | "warn"; title: string; text: string } {
  if (paused) return { tone: "", title: "Paused.", text: any ? "This message stays." : "Nothing is read." };
  if (error === undefined) {
    if (!any) return { tone: "", title: "Waiting for a message …", text: "" };
    return { tone: "", title: "Live.", text: "Renewed each second." };
  }
  return { tone: "warn", title: echoTitle(code, any), text: error };
}

function echoTitle(code: string | undefined, any: boolean): string {
  switch (code) {
    case "not_found":
      return "Nothing to read.";
    case "invalid":
      return "It cannot be shown.";
    case "unavailable":
      return any ? "No new message." : "No message yet.";
    case "forbidden":
    case "unauthorized":
      return "Not allowed.";
    case "unreachable":
      return "No link to the service.";
    default:
      return "It was not read.";
  }
}
