import { describe, expect, it } from "vitest";
import { fitBounds, pan, scaleBar, toScreen, toWorld, zoomAt } from "./camera";

const size = { width: 800, height: 600 };
const camera = { x: 10, y: -5, scale: 20 };

describe("camera", () => {
  it("has y upwards and the middle in the middle", () => {
    expect(toScreen(camera, size, { x: 10, y: -5 })).toEqual({ x: 400, y: 300 });
    expect(toScreen(camera, size, { x: 11, y: -4 })).toEqual({ x: 420, y: 280 });
  });

  it("finds back from the screen", () => {
    const p = toWorld(camera, size, toScreen(camera, size, { x: 3, y: 4 }));
    expect(p.x).toBeCloseTo(3);
    expect(p.y).toBeCloseTo(4);
  });

  it("zooms about the pointer", () => {
    const at = { x: 100, y: 500 };
    const before = toWorld(camera, size, at);
    const after = toWorld(zoomAt(camera, size, at, 1.7), size, at);
    expect(after.x).toBeCloseTo(before.x);
    expect(after.y).toBeCloseTo(before.y);
  });

  it("moves what is shown with the pointer", () => {
    expect(pan(camera, 20, 40)).toEqual({ x: 9, y: -3, scale: 20 });
  });

  it("fits bounds, and a point, too", () => {
    const c = fitBounds({ minX: 0, minY: 0, maxX: 100, maxY: 10 }, size);
    expect(c).toMatchObject({ x: 50, y: 5 });
    expect(toScreen(c, size, { x: 0, y: 0 }).x).toBeGreaterThan(0);
    expect(fitBounds({ minX: 1, minY: 1, maxX: 1, maxY: 1 }, size).scale).toBeLessThanOrEqual(400);
  });

  it.each([
    [20, 100, 5],
    [1, 100, 100],
    [33, 100, 2],
  ])("has a round scale bar at %d px/m", (scale, most, metres) => {
    expect(scaleBar(scale, most).metres).toBe(metres);
  });
});
