// The one interface behind which all live data comes. The worker's socket
// implements it, and so does the replay that the tests use.

import type { ServerMessage } from "./message";
import type { PoseFrame } from "./pose";

/** Whether this browser has a link to the service. */
export type Link =
  | { readonly state: "connecting" }
  | { readonly state: "up" }
  /** retryAt is in ms since 1970; undefined when the server asked not to come back. */
  | { readonly state: "lost"; readonly reason: string; readonly retryAt: number | undefined };

export type Telemetry =
  | { readonly kind: "link"; readonly link: Link }
  | { readonly kind: "message"; readonly message: ServerMessage }
  /** What is known of robots does not hold any more; a full state follows. */
  | { readonly kind: "reset" }
  | { readonly kind: "pose"; readonly frame: PoseFrame };

export interface TelemetrySource {
  /** Begins to deliver. Called once. */
  start(sink: (t: Telemetry) => void): void;
  /** The frame of this version was drawn. */
  ack(version: bigint): void;
  /** The page is hidden, or shown again. */
  setHidden(hidden: boolean): void;
  /** Connects at once instead of waiting. */
  retry(): void;
  close(): void;
}
