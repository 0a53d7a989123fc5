// The worker: owns the socket, decodes, and hands the pose columns over
// without a copy.
import { type SocketEnvironment, StreamSocket } from "./socket";
import type { Telemetry } from "./source";

export type ToWorker =
  | { readonly op: "start"; readonly base: string; readonly token: string; readonly maxHz: number }
  | { readonly op: "ack"; readonly version: bigint }
  | { readonly op: "hidden"; readonly hidden: boolean }
  | { readonly op: "retry" };

let socket: StreamSocket | undefined;

function post(t: Telemetry): void {
  postMessage(t, { transfer: t.kind === "pose" ? [t.frame.x.buffer] : [] });
}

function environment(base: string, token: string): SocketEnvironment {
  const url = new URL("/api/v1/stream", base);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return {
    random: Math.random,
    open: (address, protocol) => new WebSocket(address, protocol),
    async url() {
      if (token === "") return url.href;
      const res = await fetch(new URL("/api/v1/stream/ticket", base), {
        method: "POST",
        headers: { Authorization: `Bearer ${token}` },
      });
      if (!res.ok) throw new Error(`the service gave no ticket for the stream (${res.status})`);
      const { ticket } = (await res.json()) as { ticket: string };
      const withTicket = new URL(url);
      withTicket.searchParams.set("ticket", ticket);
      return withTicket.href;
    },
  };
}

addEventListener("message", (e: MessageEvent<ToWorker>) => {
  const m = e.data;
  switch (m.op) {
    case "start":
      socket = new StreamSocket(environment(m.base, m.token), m.maxHz);
      socket.start(post);
      break;
    case "ack":
      socket?.ack(m.version);
      break;
    case "hidden":
      socket?.setHidden(m.hidden);
      break;
    case "retry":
      socket?.retry();
      break;
    default:
      m satisfies never;
  }
});
