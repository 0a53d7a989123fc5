// Where robots drove lately: a ring of points for each.
import type { Poses } from "./poses";

/** Points of a trail, and the metres between two of them. */
export const trailPoints = 96;
const stepMetres = 0.2;
const jumpMetres = 3;

export interface Trail {
  /** x, y in turn; the oldest point is at `first`. */
  readonly xy: Float32Array;
  first: number;
  count: number;
}

export class Trails {
  private readonly byHandle = new Map<number, Trail>();

  get(h: number): Trail | undefined {
    return this.byHandle.get(h);
  }

  /** Adds the newest samples. */
  follow(p: Poses): void {
    for (let s = 0; s < p.n; s++) this.add(p.handle[s] as number, p.x[s] as number, p.y[s] as number);
  }

  remove(h: number): void {
    this.byHandle.delete(h);
  }

  clear(): void {
    this.byHandle.clear();
  }

  private add(h: number, x: number, y: number): void {
    let t = this.byHandle.get(h);
    if (t === undefined) {
      t = { xy: new Float32Array(trailPoints * 2), first: 0, count: 0 };
      this.byHandle.set(h, t);
    }
    if (t.count > 0) {
      const last = ((t.first + t.count - 1) % trailPoints) * 2;
      const step = Math.hypot(x - (t.xy[last] as number), y - (t.xy[last + 1] as number));
      if (step < stepMetres) return;
      if (step > jumpMetres) t.count = 0;
    }
    const at = ((t.first + t.count) % trailPoints) * 2;
    t.xy[at] = x;
    t.xy[at + 1] = y;
    if (t.count < trailPoints) t.count++;
    else t.first = (t.first + 1) % trailPoints;
  }
}
