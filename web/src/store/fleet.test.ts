import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Quality, qualities, type Rollout } from "../api/types";
import { decodePose, FrameError, isLocalised, qualityNumber } from "../stream/pose";
import { ReplaySource } from "../stream/replay";
import { FleetStore } from "./fleet";

interface Golden {
  name: string;
  hex: string;
  view: number;
  full: boolean;
  from: string;
  version: string;
  server_time_ms: number;
  robots: {
    h: number;
    x_mm: number;
    y_mm: number;
    yaw_65536: number;
    speed_mm_s: number;
    turn_mrad_s: number;
    age_10ms: number;
    localised: boolean;
    quality: Quality;
  }[];
}

const file = new URL("../../../internal/stream/testdata/pose.json", import.meta.url);
const golden = JSON.parse(readFileSync(file, "utf8")) as Golden[];

function bytes(hex: string): ArrayBuffer {
  const out = new Uint8Array(hex.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16);
  return out.buffer;
}

function frame(hex: string) {
  const f = decodePose(bytes(hex));
  if (f === undefined) throw new Error("not a POSE frame");
  return f;
}

describe("POSE frames shared with the server", () => {
  it.each(golden)("$name", (g) => {
    const f = frame(g.hex);
    expect({ view: f.view, full: f.full, n: f.n, time: f.serverTime }).toEqual({
      view: g.view,
      full: g.full,
      n: g.robots.length,
      time: g.server_time_ms,
    });
    expect([f.from, f.version]).toEqual([BigInt(g.from), BigInt(g.version)]);
    const rows = g.robots.map((_, i) => ({
      h: f.handle[i],
      x_mm: f.x[i],
      y_mm: f.y[i],
      yaw_65536: f.yaw[i],
      speed_mm_s: f.speed[i],
      turn_mrad_s: f.turn[i],
      age_10ms: f.age[i],
      localised: isLocalised(f.flags[i] ?? 0),
      quality: qualities[qualityNumber(f.flags[i] ?? 0)],
    }));
    expect(rows).toEqual(g.robots);
  });

  it.each(golden)("$name, shown by the store", (g) => {
    const store = new FleetStore(() => 0);
    store.take({ kind: "pose", frame: frame(g.hex) });
    store.poses.interpolate(0);
    expect(store.poses.n).toBe(g.robots.length);
    for (const r of g.robots) {
      const s = store.poses.slot(r.h) ?? -1;
      expect(store.poses.drawnX[s]).toBeCloseTo(r.x_mm / 1000, 9);
      expect(store.poses.drawnY[s]).toBeCloseTo(r.y_mm / 1000, 9);
      expect(qualities[store.poses.quality[s] ?? 9]).toBe(r.quality);
      expect(store.poses.heard[s]).toBe(g.server_time_ms - r.age_10ms * 10);
    }
  });

  it("refuses a frame that is cut short", () => {
    const whole = bytes(golden[0]?.hex ?? "");
    expect(() => decodePose(whole.slice(0, 50))).toThrow(FrameError);
    expect(() => decodePose(whole.slice(0, 20))).toThrow(FrameError);
    expect(() => decodePose(new ArrayBuffer(0))).toThrow(FrameError);
  });

  it("leaves an unknown opcode alone", () => {
    expect(decodePose(Uint8Array.of(77, 1, 2).buffer)).toBeUndefined();
  });
});

const state = (h: number, quality: Quality) => ({
  h,
  quality,
  localised: true,
  containers: [],
  nodes: 0,
  sources: [],
});

function twoRobots(): FleetStore {
  const store = new FleetStore(() => 0);
  const robots = [
    { h: 2, id: "robot10", namespace: "/robot10" },
    { h: 1, id: "robot9", namespace: "/robot9" },
  ];
  store.take({ kind: "message", message: { op: "dict", view: 1, robots } });
  const states = [state(1, "live"), state(2, "offline")];
  store.take({
    kind: "message",
    message: { op: "state", view: 1, from: "0", version: "3", full: true, robots: states },
  });
  return store;
}

describe("FleetStore", () => {
  it("orders robots by id as people count and counts qualities", () => {
    const store = twoRobots();
    expect(store.robots.value.map((r) => r.id)).toEqual(["robot9", "robot10"]);
    expect(store.counts.value).toEqual({ live: 1, late: 0, stale: 0, offline: 1, unseen: 0 });
  });

  it("keeps an offline robot and forgets one that is gone", () => {
    const store = twoRobots();
    store.take({ kind: "message", message: { op: "gone", view: 1, version: "4", h: [1] } });
    expect(store.robots.value.map((r) => [r.id, r.state?.quality])).toEqual([["robot10", "offline"]]);
  });

  it("begins anew after a reset", () => {
    const store = twoRobots();
    store.take({ kind: "reset" });
    expect(store.robots.value).toEqual([]);
    expect(store.filled.value).toBe(false);
  });

  it("acknowledges the newest frame once, after it was drawn", () => {
    const store = new FleetStore(() => 0);
    const source = new ReplaySource();
    source.start((t) => store.take(t));
    for (const g of golden.slice(0, 2)) source.feed({ kind: "pose", frame: frame(g.hex) });
    expect(source.acked).toEqual([]);
    store.drawn(source);
    store.drawn(source);
    expect(source.acked).toEqual([BigInt(golden[1]?.version ?? "")]);
  });

  it("merges the changed robots into a rollout", () => {
    const store = new FleetStore();
    const robot = (name: string, step: "queued" | "done") => ({
      robot: name,
      engine: "e",
      container: "c",
      wave: 0,
      from: { ref: "amr:1" },
      step,
    });
    const base: Rollout = {
      id: "r1",
      state: "running",
      reason: "",
      image: { ref: "amr:2", repository: "amr", digest: "sha256:00" },
      created_at: "2026-01-01T00:00:00Z",
      created_by: "ann",
      waves: 1,
      revision: 1,
      actions: [],
      counts: {},
      total: 2,
      ended: 0,
      spec: { image: "amr:2", robots: "all" },
      robots: [robot("a", "queued"), robot("b", "queued")],
    };
    store.take({ kind: "message", message: { op: "rollout", full: true, rollout: base } });
    const delta = { ...base, ended: 1, robots: [robot("b", "done")] };
    store.take({ kind: "message", message: { op: "rollout", full: false, rollout: delta } });
    const merged = store.rollouts.value.get("r1");
    expect(merged?.ended).toBe(1);
    expect(merged?.robots.map((r) => r.step)).toEqual(["queued", "done"]);
  });

  it("puts events of the API before those of the stream, each once", () => {
    const store = new FleetStore();
    const event = (seq: number) => ({ seq, time: "", severity: "info" as const, kind: "k", text: `${seq}` });
    store.take({ kind: "message", message: { op: "event", gap: false, events: [event(3), event(4)] } });
    store.take({ kind: "message", message: { op: "event", gap: false, events: [event(4), event(5)] } });
    store.addEarlierEvents([event(1), event(2), event(3)]);
    expect(store.events.value.map((e) => e.seq)).toEqual([1, 2, 3, 4, 5]);
    store.take({ kind: "message", message: { op: "event", gap: true, events: [event(90)] } });
    expect(store.eventGap.value).toBe(true);
    store.addEarlierEvents([event(88), event(89), event(90)]);
    expect(store.events.value.map((e) => e.seq)).toEqual([88, 89, 90]);
    expect(store.eventGap.value).toBe(false);
  });
});
