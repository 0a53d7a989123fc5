// The poses of the fleet in typed arrays, one slot a robot. Between two
// samples the drawn pose moves from where it was drawn to the newest sample;
// it never goes beyond: a robot that is not heard of stands still.
import type { Quality } from "../api/types";
import { qualities } from "../api/types";
import { isLocalised, type PoseFrame, qualityNumber } from "../stream/pose";

const turn = 2 * Math.PI;
/** A robot that is farther from its last sample was put there, it did not drive. */
const jumpMetres = 3;
/** The longest time over which a step is drawn; a slower stream moves, then waits. */
const longestSpanMs = 1000;

/** The shortest way from yaw a to yaw b, in (-π, π]. */
export function turnBetween(a: number, b: number): number {
  const d = (b - a) % turn;
  if (d > Math.PI) return d - turn;
  return d <= -Math.PI ? d + turn : d;
}

export class Poses {
  /** Slots in use: 0 … n-1. */
  n = 0;
  handle = new Uint32Array(64);
  /** Newest sample: m, m, rad. */
  x = new Float64Array(64);
  y = new Float64Array(64);
  yaw = new Float64Array(64);
  /** m/s, rad/s */
  speed = new Float32Array(64);
  turn = new Float32Array(64);
  /** Server time in ms at which the newest sample was received. */
  heard = new Float64Array(64);
  /** Number of the quality, see `qualities`. */
  quality = new Uint8Array(64);
  localised = new Uint8Array(64);
  /** What is on the screen, written by `interpolate`. */
  drawnX = new Float64Array(64);
  drawnY = new Float64Array(64);
  drawnYaw = new Float64Array(64);

  private fromX = new Float64Array(64);
  private fromY = new Float64Array(64);
  private fromYaw = new Float64Array(64);
  private since = new Float64Array(64);
  private span = new Float64Array(64);
  private readonly slots = new Map<number, number>();

  slot(h: number): number | undefined {
    return this.slots.get(h);
  }

  /** Takes a frame in that arrived at `now` (ms of performance.now). */
  apply(f: PoseFrame, now: number): void {
    for (let i = 0; i < f.n; i++) {
      const h = f.handle[i] as number;
      const known = this.slots.get(h);
      const s = known ?? this.add(h);
      this.sample(s, known === undefined, (f.x[i] as number) / 1000, (f.y[i] as number) / 1000, now);
      this.yaw[s] = ((f.yaw[i] as number) * turn) / 65536;
      this.speed[s] = (f.speed[i] as number) / 1000;
      this.turn[s] = (f.turn[i] as number) / 1000;
      this.heard[s] = f.serverTime - (f.age[i] as number) * 10;
      this.quality[s] = qualityNumber(f.flags[i] as number);
      this.localised[s] = isLocalised(f.flags[i] as number) ? 1 : 0;
    }
  }

  /** The quality can change without a new pose. */
  setQuality(h: number, quality: Quality): void {
    const s = this.slots.get(h);
    if (s !== undefined) this.quality[s] = qualities.indexOf(quality);
  }

  /** Writes the drawn poses for the time `now`; true while any robot is between two samples. */
  interpolate(now: number): boolean {
    let moving = false;
    for (let s = 0; s < this.n; s++) {
      const span = this.span[s] as number;
      const share = span > 0 ? Math.min(1, Math.max(0, (now - (this.since[s] as number)) / span)) : 1;
      const fx = this.fromX[s] as number;
      const fy = this.fromY[s] as number;
      const fyaw = this.fromYaw[s] as number;
      this.drawnX[s] = fx + ((this.x[s] as number) - fx) * share;
      this.drawnY[s] = fy + ((this.y[s] as number) - fy) * share;
      this.drawnYaw[s] = fyaw + turnBetween(fyaw, this.yaw[s] as number) * share;
      if (share < 1) moving = true;
    }
    return moving;
  }

  remove(h: number): void {
    const s = this.slots.get(h);
    if (s === undefined) return;
    this.slots.delete(h);
    const last = --this.n;
    if (s === last) return;
    for (const column of this.columns()) column[s] = column[last] as number;
    this.slots.set(this.handle[s] as number, s);
  }

  clear(): void {
    this.slots.clear();
    this.n = 0;
  }

  private sample(s: number, first: boolean, x: number, y: number, now: number): void {
    const jumped = first || Math.hypot(x - (this.drawnX[s] as number), y - (this.drawnY[s] as number)) > jumpMetres;
    this.span[s] = jumped ? 0 : Math.min(longestSpanMs, now - (this.since[s] as number));
    this.fromX[s] = jumped ? x : (this.drawnX[s] as number);
    this.fromY[s] = jumped ? y : (this.drawnY[s] as number);
    this.fromYaw[s] = this.drawnYaw[s] as number;
    this.since[s] = now;
    this.x[s] = x;
    this.y[s] = y;
    if (jumped) {
      this.drawnX[s] = x;
      this.drawnY[s] = y;
    }
  }

  private add(h: number): number {
    if (this.n === this.handle.length) this.grow();
    const s = this.n++;
    this.handle[s] = h;
    this.slots.set(h, s);
    return s;
  }

  private columns(): (Float64Array | Float32Array | Uint32Array | Uint8Array)[] {
    const poses = [this.x, this.y, this.yaw, this.drawnX, this.drawnY, this.drawnYaw];
    const steps = [this.fromX, this.fromY, this.fromYaw, this.since, this.span];
    return [this.handle, ...poses, ...steps, this.speed, this.turn, this.heard, this.quality, this.localised];
  }

  private grow(): void {
    const size = this.handle.length * 2;
    const f64 = (a: Float64Array<ArrayBuffer>) => larger(a, new Float64Array(size));
    [this.x, this.y, this.yaw] = [f64(this.x), f64(this.y), f64(this.yaw)];
    [this.drawnX, this.drawnY, this.drawnYaw] = [f64(this.drawnX), f64(this.drawnY), f64(this.drawnYaw)];
    [this.fromX, this.fromY, this.fromYaw] = [f64(this.fromX), f64(this.fromY), f64(this.fromYaw)];
    [this.since, this.span, this.heard] = [f64(this.since), f64(this.span), f64(this.heard)];
    this.handle = larger(this.handle, new Uint32Array(size));
    this.speed = larger(this.speed, new Float32Array(size));
    this.turn = larger(this.turn, new Float32Array(size));
    this.quality = larger(this.quality, new Uint8Array(size));
    this.localised = larger(this.localised, new Uint8Array(size));
  }
}

function larger<A extends { set(from: A): void }>(from: A, to: A): A {
  to.set(from);
  return to;
}

/** The quality that is shown for a robot on the map. */
export function drawnQuality(p: Poses, slot: number): Quality {
  return qualities[p.quality[slot] as number] ?? "unseen";
}
