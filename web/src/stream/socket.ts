// One session after the other with the service: connects, subscribes, resumes,
// and comes back after a loss. Owns the WebSocket and its timers; lives in the
// worker. It decodes, and leaves the meaning to the store.
import type { EventMessage } from "../api/types";
import { backoff } from "./backoff";
import { type ClientMessage, parseMessage, type ServerMessage, subprotocol } from "./message";
import { decodePose } from "./pose";
import { Sequence } from "./sequence";
import type { Telemetry, TelemetrySource } from "./source";

const sid = 1;
const connectTimeoutMs = 8_000;
/**
 * After this much silence the client subscribes again, which the server has to
 * answer; without an answer in as much time again the link is lost. A page does
 * not see pings, and must not show as live what nobody confirms.
 */
const silenceMs = 5_000;

/** What the socket needs of its surroundings; tests give their own. */
export interface SocketEnvironment {
  /** The stream's address, with a ticket when the service asks for one. */
  url(): Promise<string>;
  open(url: string, protocol: string): WebSocket;
  random(): number;
}

export class StreamSocket implements TelemetrySource {
  private ws: WebSocket | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private silence: ReturnType<typeof setTimeout> | undefined;
  /** A subscribe has not been answered yet. */
  private asking = false;
  private attempt = 0;
  private hidden = false;
  private closed = false;
  private goodbye: { reason: string; reconnectMs: number } | undefined;
  private readonly sequence = new Sequence();
  private sink: (t: Telemetry) => void = () => {};

  constructor(
    private readonly env: SocketEnvironment,
    private readonly maxHz: number,
  ) {}

  start(sink: (t: Telemetry) => void): void {
    this.sink = sink;
    void this.connect();
  }

  ack(version: bigint): void {
    this.send({ op: "ack", version: version.toString() });
  }

  setHidden(hidden: boolean): void {
    this.hidden = hidden;
    this.send({ op: "visibility", hidden });
  }

  retry(): void {
    if (this.ws !== undefined || this.closed) return;
    clearTimeout(this.timer);
    void this.connect();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    clearTimeout(this.silence);
    this.ws?.close(1000);
  }

  private async connect(): Promise<void> {
    this.timer = undefined;
    this.goodbye = undefined;
    this.sink({ kind: "link", link: { state: "connecting" } });
    let url: string;
    try {
      url = await this.env.url();
    } catch (cause) {
      this.lost(cause instanceof Error ? cause.message : "no ticket for the stream");
      return;
    }
    if (this.closed || this.ws !== undefined) return;
    const ws = this.env.open(url, subprotocol);
    this.ws = ws;
    ws.binaryType = "arraybuffer";
    const slow = setTimeout(() => ws.close(), connectTimeoutMs);
    ws.onmessage = (e: MessageEvent<string | ArrayBuffer>) => this.receive(ws, e.data);
    ws.onopen = () => {
      clearTimeout(slow);
      this.watchSilence(ws);
    };
    ws.onclose = (e) => {
      clearTimeout(slow);
      this.ended(ws, this.goodbye?.reason ?? (e.reason || "the connection was lost"));
    };
  }

  private ended(ws: WebSocket, reason: string): void {
    if (this.ws !== ws) return;
    this.ws = undefined;
    this.asking = false;
    clearTimeout(this.silence);
    this.lost(reason);
  }

  private watchSilence(ws: WebSocket): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => {
      this.asking = false;
      this.subscribe();
      this.silence = setTimeout(() => {
        this.ended(ws, "the service is silent");
        ws.close();
      }, silenceMs);
    }, silenceMs);
  }

  private lost(reason: string): void {
    if (this.closed) return;
    clearTimeout(this.timer);
    const asked = this.goodbye?.reconnectMs;
    const wait = Math.max(asked ?? 0, backoff(this.attempt++, this.env.random));
    const stay = asked === 0;
    if (!stay) this.timer = setTimeout(() => void this.connect(), wait);
    this.sink({ kind: "link", link: { state: "lost", reason, retryAt: stay ? undefined : Date.now() + wait } });
  }

  private receive(ws: WebSocket, data: string | ArrayBuffer): void {
    if (this.ws !== ws) return;
    this.watchSilence(ws);
    try {
      if (typeof data === "string") {
        const message = parseMessage(data);
        if (message !== undefined) this.take(message);
      } else {
        this.takePose(data);
      }
    } catch {
      // Bytes that break the protocol: begin a new session rather than guess.
      ws.close(4000, "the server's message could not be read");
    }
  }

  private take(m: ServerMessage): void {
    switch (m.op) {
      case "hello":
        if (this.sequence.hello(m.epoch)) this.sink({ kind: "reset" });
        this.subscribe();
        break;
      case "subscribed":
        this.attempt = 0;
        this.asking = false;
        if (this.sequence.subscribed(m.version)) this.sink({ kind: "reset" });
        this.sink({ kind: "link", link: { state: "up" } });
        break;
      case "state":
        if (!this.sequence.frame("state", BigInt(m.from), BigInt(m.version))) {
          this.subscribe();
          return;
        }
        break;
      case "event":
        this.sink({ kind: "message", message: this.fresh(m) });
        return;
      case "goodbye":
        this.goodbye = { reason: m.reason, reconnectMs: m.reconnect_ms };
        break;
      case "dict":
      case "gone":
      case "engines":
      case "rollout":
      case "system":
      case "rate":
      case "error":
        break;
      default:
        m satisfies never;
    }
    this.sink({ kind: "message", message: m });
  }

  private fresh(m: { op: "event" } & EventMessage): { op: "event" } & EventMessage {
    return { ...m, events: m.events.filter((e, i) => this.sequence.sawEvent(e.seq, m.gap && i === 0)) };
  }

  private takePose(data: ArrayBuffer): void {
    const frame = decodePose(data);
    if (frame === undefined) return;
    if (!this.sequence.frame("pose", frame.from, frame.version)) {
      this.subscribe();
      return;
    }
    // A hidden page draws nothing: it returns the credit on receipt.
    if (this.hidden) this.ack(frame.version);
    this.sink({ kind: "pose", frame });
  }

  private subscribe(): void {
    if (this.asking) return; // the frames still under way are of before
    this.asking = true;
    this.send({ op: "subscribe", sid, view: "fleet", max_hz: this.maxHz, ...this.sequence.resume() });
    if (this.hidden) this.send({ op: "visibility", hidden: true });
  }

  private send(m: ClientMessage): void {
    if (this.ws?.readyState === 1) this.ws.send(JSON.stringify(m));
  }
}
