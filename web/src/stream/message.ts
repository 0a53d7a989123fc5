// The text messages of the stream.
import type {
  DictMessage,
  EnginesMessage,
  ErrorMessage,
  EventMessage,
  GoneMessage,
  GoodbyeMessage,
  HelloMessage,
  RateMessage,
  RolloutMessage,
  StateMessage,
  SubscribedMessage,
  SystemMessage,
} from "../api/types";

export const subprotocol = "muster.stream.v1";

/** A text message from the server. */
export type ServerMessage =
  | ({ op: "hello" } & HelloMessage)
  | ({ op: "subscribed" } & SubscribedMessage)
  | ({ op: "dict" } & DictMessage)
  | ({ op: "state" } & StateMessage)
  | ({ op: "gone" } & GoneMessage)
  | ({ op: "event" } & EventMessage)
  | ({ op: "engines" } & EnginesMessage)
  | ({ op: "rollout" } & RolloutMessage)
  | ({ op: "system" } & SystemMessage)
  | ({ op: "rate" } & RateMessage)
  | ({ op: "error" } & ErrorMessage)
  | ({ op: "goodbye" } & GoodbyeMessage);

/** A text message to the server. */
export type ClientMessage =
  | {
      op: "subscribe";
      sid: number;
      view: "fleet";
      max_hz: number;
      since?: { epoch: string; version: string };
      events_since?: number;
    }
  | { op: "visibility"; hidden: boolean }
  | { op: "ack"; version: string };

const known: ReadonlySet<string> = new Set<ServerMessage["op"]>([
  "hello",
  "subscribed",
  "dict",
  "state",
  "gone",
  "event",
  "engines",
  "rollout",
  "system",
  "rate",
  "error",
  "goodbye",
]);

/** Reads a text frame; undefined for an op that this client does not know. */
export function parseMessage(text: string): ServerMessage | undefined {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || !("op" in value)) return undefined;
  return typeof value.op === "string" && known.has(value.op) ? (value as ServerMessage) : undefined;
}
