import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { backoff } from "./backoff";
import { Sequence } from "./sequence";
import { StreamSocket } from "./socket";
import type { Telemetry } from "./source";

/** The other end of the socket, by hand. */
class FakeWebSocket {
  readyState = 0;
  binaryType = "";
  readonly sent: Record<string, unknown>[] = [];
  onopen: (() => void) | undefined;
  onmessage: ((e: { data: unknown }) => void) | undefined;
  onclose: ((e: { reason: string }) => void) | undefined;

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.onclose?.({ reason: "" });
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  text(message: Record<string, unknown>): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  welcome(epoch = "e1", version = "0"): void {
    this.open();
    this.text({ op: "hello", epoch, server_time: "2026-01-01T00:00:00Z" });
    this.text({ op: "subscribed", sid: 1, view: 1, version });
  }
}

const golden = JSON.parse(
  readFileSync(new URL("../../../internal/stream/testdata/pose.json", import.meta.url), "utf8"),
) as { name: string; hex: string; version: string }[];

function frame(name: string): ArrayBuffer {
  const g = golden.find((x) => x.name === name);
  return Uint8Array.from(g?.hex.match(/../g) ?? [], (b) => Number.parseInt(b, 16)).buffer;
}

async function start(): Promise<{ sockets: FakeWebSocket[]; seen: Telemetry[]; stream: StreamSocket }> {
  const sockets: FakeWebSocket[] = [];
  const seen: Telemetry[] = [];
  const open = () => {
    const ws = new FakeWebSocket();
    sockets.push(ws);
    return ws as unknown as WebSocket;
  };
  const stream = new StreamSocket({ url: async () => "ws://x", open, random: () => 0 }, 10);
  stream.start((t) => seen.push(t));
  await vi.advanceTimersByTimeAsync(0);
  return { sockets, seen, stream };
}

const links = (seen: Telemetry[]) => seen.flatMap((t) => (t.kind === "link" ? [t.link.state] : []));

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("StreamSocket", () => {
  it("subscribes when greeted and says that the link is up", async () => {
    const { sockets, seen } = await start();
    sockets[0]?.welcome();
    expect(sockets[0]?.sent).toEqual([{ op: "subscribe", sid: 1, view: "fleet", max_hz: 10 }]);
    expect(links(seen)).toEqual(["connecting", "up"]);
  });

  it("comes back after a loss and resumes where it was", async () => {
    const { sockets, seen } = await start();
    sockets[0]?.welcome();
    sockets[0]?.text({ op: "state", view: 1, from: "0", version: "9", full: true, robots: [] });
    sockets[0]?.onmessage?.({ data: frame("one robot, full") });
    sockets[0]?.text({ op: "event", gap: false, events: [{ seq: 17 }] });
    sockets[0]?.close();
    expect(links(seen).at(-1)).toBe("lost");
    await vi.advanceTimersByTimeAsync(300);
    sockets[1]?.open();
    sockets[1]?.text({ op: "hello", epoch: "e1", server_time: "" });
    expect(sockets[1]?.sent[0]).toMatchObject({ since: { epoch: "e1", version: "9" }, events_since: 17 });
  });

  it("forgets all when the server was started anew", async () => {
    const { sockets, seen } = await start();
    sockets[0]?.welcome("e1");
    sockets[0]?.text({ op: "state", view: 1, from: "0", version: "9", full: true, robots: [] });
    sockets[0]?.onmessage?.({ data: frame("one robot, full") });
    sockets[0]?.close();
    await vi.advanceTimersByTimeAsync(300);
    const before = seen.filter((t) => t.kind === "reset").length;
    sockets[1]?.open();
    sockets[1]?.text({ op: "hello", epoch: "e2", server_time: "" });
    expect(seen.filter((t) => t.kind === "reset").length).toBe(before + 1);
    expect(sockets[1]?.sent[0]).not.toHaveProperty("since");
  });

  it("subscribes again, once, when frames are missing", async () => {
    const { sockets, seen } = await start();
    sockets[0]?.welcome();
    sockets[0]?.onmessage?.({ data: frame("two of five, after version 3, with padding") });
    sockets[0]?.onmessage?.({ data: frame("two of five, after version 3, with padding") });
    expect(sockets[0]?.sent).toHaveLength(2);
    expect(seen.some((t) => t.kind === "pose")).toBe(false);
  });

  it("asks a silent server, and gives the link up when there is no answer", async () => {
    const { sockets, seen } = await start();
    sockets[0]?.welcome();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(sockets[0]?.sent).toHaveLength(2);
    sockets[0]?.text({ op: "subscribed", sid: 1, view: 1, version: "1" });
    await vi.advanceTimersByTimeAsync(9_900);
    expect(links(seen).at(-1)).toBe("up");
    await vi.advanceTimersByTimeAsync(200);
    expect(links(seen)).toContain("lost");
    expect(sockets[0]?.readyState).toBe(3);
  });

  it("acknowledges on receipt while hidden", async () => {
    const { sockets, stream } = await start();
    sockets[0]?.welcome();
    stream.setHidden(true);
    sockets[0]?.onmessage?.({ data: frame("one robot, full") });
    expect(sockets[0]?.sent.slice(1)).toEqual([
      { op: "visibility", hidden: true },
      { op: "ack", version: "9" },
    ]);
  });

  it("stays away when the server asks so, until a person retries", async () => {
    const { sockets, seen, stream } = await start();
    sockets[0]?.welcome();
    sockets[0]?.text({ op: "goodbye", code: "expired", reason: "the token has expired", reconnect_ms: 0 });
    sockets[0]?.close();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets).toHaveLength(1);
    const last = seen.at(-1);
    expect(last).toMatchObject({ kind: "link", link: { state: "lost", reason: "the token has expired" } });
    stream.retry();
    await vi.advanceTimersByTimeAsync(0);
    expect(sockets).toHaveLength(2);
  });

  it("begins a new session after bytes that break the protocol", async () => {
    const { sockets } = await start();
    sockets[0]?.welcome();
    sockets[0]?.onmessage?.({ data: Uint8Array.of(1, 2, 3).buffer });
    await vi.advanceTimersByTimeAsync(300);
    expect(sockets).toHaveLength(2);
  });
});

describe("Sequence", () => {
  it("resumes from the lower of its lanes, with versions beyond 2^53", () => {
    const s = new Sequence();
    s.hello("e");
    s.frame("state", 0n, 9007199254740995n);
    s.frame("pose", 0n, 9007199254740993n);
    expect(s.resume().since).toEqual({ epoch: "e", version: "9007199254740993" });
  });

  it("knows an event it has seen", () => {
    const s = new Sequence();
    expect(s.sawEvent(4, false)).toBe(true);
    expect(s.sawEvent(4, false)).toBe(false);
    expect(s.sawEvent(5, false)).toBe(true);
  });
});

describe("backoff", () => {
  it("grows to 10 s and leaves half to chance", () => {
    expect([0, 1, 2, 20].map((n) => backoff(n, () => 1))).toEqual([250, 500, 1000, 10_000]);
    expect(backoff(20, () => 0)).toBe(5_000);
  });
});
