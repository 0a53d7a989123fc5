// What there is to see. Pure.
import type { GridMap } from "../api/types";
import type { Poses } from "../store/poses";
import { around, type Bounds } from "./camera";
import { placeTile } from "./floor";

/** The bounds around all floors and all robots; undefined while there is neither. */
export function extentOf(maps: readonly GridMap[], p: Poses): Bounds | undefined {
  let all: Bounds | undefined;
  const add = (x: number, y: number) => {
    all = around(all, { minX: x, minY: y, maxX: x, maxY: y });
  };
  for (const m of maps) {
    const whole = placeTile({ ...m, tile: Math.max(m.width, m.height) }, 0, 0);
    add(whole.x, whole.y);
    add(whole.x + whole.right[0], whole.y + whole.right[1]);
    add(whole.x + whole.up[0], whole.y + whole.up[1]);
    add(whole.x + whole.right[0] + whole.up[0], whole.y + whole.right[1] + whole.up[1]);
  }
  for (let s = 0; s < p.n; s++) add(p.x[s] as number, p.y[s] as number);
  return all;
}
