import { describe, expect, it } from "vitest";
import type { GridMap } from "../api/types";
import { FleetStore } from "../store/fleet";
import { extentOf } from "./extent";
import { placeTile } from "./floor";
import { type Frame, type MapTheme, parseColour } from "./gl";
import { declutter, type Label } from "./labels";
import { lookOf } from "./look";
import { RobotInstances } from "./robots";
import { fillScene } from "./scene";
import { segments } from "./traillayer";

const map: GridMap = {
  hash: "h",
  frame: "map",
  width: 700,
  height: 600,
  resolution: 0.1,
  origin_x: -10,
  origin_y: 5,
  origin_yaw: 0,
  tile: 512,
  cols: 2,
  rows: 2,
};

describe("placeTile", () => {
  it("counts tiles from the bottom left, smaller at the edges", () => {
    expect(placeTile(map, 0, 0)).toMatchObject({ x: -10, y: 5, right: [51.2, 0] });
    const edge = placeTile(map, 1, 1);
    expect(edge.x).toBeCloseTo(41.2);
    expect(edge.y).toBeCloseTo(56.2);
    expect(edge.right[0]).toBeCloseTo(18.8);
    expect(edge.up[1]).toBeCloseTo(8.8);
  });

  it("turns with the map's origin", () => {
    const t = placeTile({ ...map, origin_yaw: Math.PI / 2 }, 1, 0);
    expect(t.x).toBeCloseTo(-10);
    expect(t.y).toBeCloseTo(5 + 51.2);
    expect(t.right[1]).toBeCloseTo(18.8);
    expect(t.up[0]).toBeCloseTo(-51.2);
  });
});

const row = (h: number, id: string, quality: "live" | "stale" | "offline") => ({
  h,
  id,
  name: id,
  namespace: `/${id}`,
  labels: {},
  map: "",
  state: { h, quality, localised: true, containers: [], nodes: 0, sources: [] },
});

describe("lookOf", () => {
  it("colours only what is abnormal, and nothing without a link", () => {
    expect(lookOf(row(1, "a", "live"), "live", false)).toEqual({ tone: "robot", shape: "filled" });
    expect(lookOf(row(1, "a", "stale"), "stale", false)).toEqual({ tone: "muted", shape: "hatched" });
    expect(lookOf(row(1, "a", "offline"), "offline", false)).toEqual({ tone: "muted", shape: "outline" });
    const bad = row(1, "a", "live");
    const broken = { ...bad, state: { ...bad.state, diagnostics: { worst: "error" as const, texts: ["x"] } } };
    expect(lookOf(broken, "live", false).tone).toBe("alarm");
    expect(lookOf(broken, "live", true).tone).toBe("muted");
  });
});

const theme: MapTheme = {
  ground: [0, 0, 0],
  grid: [0, 0, 0],
  floor: [0, 0, 0],
  wall: [0, 0, 0],
  robot: [0, 0, 1],
  muted: [0.5, 0.5, 0.5],
  warn: [1, 1, 0],
  alarm: [1, 0, 0],
  accent: [0, 0, 1],
};
const frame: Frame = {
  matrix: new Float32Array(9),
  cameraX: 100_000,
  cameraY: 0,
  scale: 10,
  ratio: 1,
  width: 800,
  height: 600,
  theme,
  grey: false,
};

function storeAt(robots: { h: number; x: number; quality: number }[]): FleetStore {
  const store = new FleetStore(() => 0);
  const n = robots.length;
  store.take({
    kind: "message",
    message: { op: "dict", view: 1, robots: robots.map(({ h }) => ({ h, id: `r${h}`, namespace: "/" })) },
  });
  store.take({
    kind: "pose",
    frame: {
      view: 1,
      full: true,
      n,
      from: 0n,
      version: 1n,
      serverTime: Date.now(),
      handle: Uint32Array.from(robots, (r) => r.h),
      x: Int32Array.from(robots, (r) => r.x * 1000),
      y: new Int32Array(n),
      yaw: new Uint16Array(n),
      speed: new Int16Array(n),
      turn: new Int16Array(n),
      age: Uint16Array.from(robots, () => 4200),
      flags: Uint8Array.from(robots, (r) => (r.quality << 1) | 1),
    },
  });
  return store;
}

describe("fillScene", () => {
  const size = { width: 800, height: 600 };
  const scene = { camera: { x: 100_000, y: 0, scale: 10 }, size, chosen: undefined, floor: "" };

  it("keeps metres exact far from the origin and labels an offline robot with its age", () => {
    const store = storeAt([
      { h: 1, x: 100_001, quality: 0 },
      { h: 2, x: 100_003, quality: 3 },
    ]);
    const out = new RobotInstances();
    const labels = fillScene(store, frame, scene, out);
    expect(out.n).toBe(2);
    expect([out.data[0], out.data[8]]).toEqual([1, 3]);
    expect(labels.map((l) => [l.text, l.note])).toEqual([
      ["r1", ""],
      ["r2", "offline 42 s"],
    ]);
    expect(labels[0]?.x).toBeCloseTo(410);
  });

  it("draws a robot out of sight without a label", () => {
    const out = new RobotInstances();
    expect(fillScene(storeAt([{ h: 1, x: 0, quality: 0 }]), frame, scene, out)).toEqual([]);
    expect(out.n).toBe(1);
  });

  it("ends a trail at the robot as it is drawn", () => {
    const store = storeAt([{ h: 1, x: 100_001, quality: 0 }]);
    store.poses.drawnX[0] = 100_002;
    const out = new Float32Array(60);
    expect(segments(store.poses, store.trails, undefined, frame, out)).toBe(1);
    expect(out[2]).toBe(2);
  });
});

describe("extentOf", () => {
  it("is around maps and robots, and undefined without either", () => {
    expect(extentOf([], new FleetStore().poses)).toBeUndefined();
    const b = extentOf([map], storeAt([{ h: 1, x: 500, quality: 0 }]).poses);
    expect(b).toEqual({ minX: -10, minY: 0, maxX: 500, maxY: 65 });
  });
});

describe("declutter", () => {
  const label = (key: number, x: number, important = false): Label => ({
    key,
    text: "robot",
    note: "",
    important,
    x,
    y: 0,
  });

  it("leaves out what would cover another, never what is important", () => {
    expect(declutter([label(1, 0), label(2, 5), label(3, 300)]).map((l) => l.key)).toEqual([1, 3]);
    expect(declutter([label(1, 0), label(2, 5, true), label(3, 8, true)]).map((l) => l.key)).toEqual([2, 3]);
  });
});

describe("parseColour", () => {
  it("reads #rrggbb and is grey for anything else", () => {
    expect(parseColour(" #ff0080 ")).toEqual([1, 0, 128 / 255]);
    expect(parseColour("red")).toEqual([0.5, 0.5, 0.5]);
  });
});
