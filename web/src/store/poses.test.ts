import { describe, expect, it } from "vitest";
import type { PoseFrame } from "../stream/pose";
import { Poses, turnBetween } from "./poses";

function frame(robots: { h: number; x: number; y?: number; yaw?: number }[]): PoseFrame {
  const n = robots.length;
  return {
    view: 1,
    full: false,
    n,
    from: 0n,
    version: 1n,
    serverTime: 1000,
    handle: Uint32Array.from(robots, (r) => r.h),
    x: Int32Array.from(robots, (r) => r.x * 1000),
    y: Int32Array.from(robots, (r) => (r.y ?? 0) * 1000),
    yaw: Uint16Array.from(robots, (r) => r.yaw ?? 0),
    speed: new Int16Array(n),
    turn: new Int16Array(n),
    age: new Uint16Array(n),
    flags: new Uint8Array(n),
  };
}

function drawn(p: Poses, h: number, now: number): number {
  p.interpolate(now);
  return p.drawnX[p.slot(h) ?? -1] ?? Number.NaN;
}

describe("Poses", () => {
  it("moves from one sample to the next and not beyond", () => {
    const p = new Poses();
    p.apply(frame([{ h: 7, x: 1 }]), 0);
    expect(drawn(p, 7, 50)).toBe(1);
    p.apply(frame([{ h: 7, x: 2 }]), 100);
    expect(drawn(p, 7, 100)).toBe(1);
    expect(drawn(p, 7, 150)).toBeCloseTo(1.5);
    expect(drawn(p, 7, 200)).toBe(2);
    expect(drawn(p, 7, 5000)).toBe(2);
  });

  it("says whether anything still moves", () => {
    const p = new Poses();
    p.apply(frame([{ h: 7, x: 1 }]), 0);
    p.apply(frame([{ h: 7, x: 2 }]), 100);
    expect(p.interpolate(150)).toBe(true);
    expect(p.interpolate(200)).toBe(false);
  });

  it("puts a robot that jumped where it is", () => {
    const p = new Poses();
    p.apply(frame([{ h: 7, x: 1 }]), 0);
    p.interpolate(0);
    p.apply(frame([{ h: 7, x: 50 }]), 100);
    expect(drawn(p, 7, 100)).toBe(50);
  });

  it("keeps the others when one is removed, beyond its first size", () => {
    const p = new Poses();
    p.apply(frame(Array.from({ length: 200 }, (_, i) => ({ h: i + 1, x: i }))), 0);
    p.remove(1);
    expect(p.n).toBe(199);
    expect(p.slot(1)).toBeUndefined();
    for (let h = 2; h <= 200; h++) expect(drawn(p, h, 0)).toBe(h - 1);
  });

  it("turns the shorter way", () => {
    expect(turnBetween(3, -3)).toBeCloseTo(2 * Math.PI - 6);
    expect(turnBetween(-3, 3)).toBeCloseTo(6 - 2 * Math.PI);
    expect(turnBetween(0, Math.PI)).toBeCloseTo(Math.PI);
  });
});
