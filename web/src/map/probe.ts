// window.musterMap: what the map has drawn, read-only, for tests and for the
// curious. Nothing of the app uses it.
import type { Quality } from "../api/types";
import type { FleetStore } from "../store/fleet";
import { drawnQuality } from "../store/poses";

export interface DrawnRobot {
  readonly id: string;
  /** Metres, rad: the pose that the last frame showed. */
  readonly x: number;
  readonly y: number;
  readonly yaw: number;
  readonly quality: Quality;
  /** CSS pixels from the map's top left corner. */
  readonly left: number;
  readonly top: number;
}

export interface MapProbe {
  /** The robots of the last frame. */
  robots(): DrawnRobot[];
  /** How many frames were drawn. */
  readonly frames: number;
  /** Main-thread time of the last frame in ms. */
  readonly frameMs: number;
}

declare global {
  interface Window {
    musterMap?: MapProbe;
  }
}

export function drawnRobots(
  store: FleetStore,
  toScreen: (x: number, y: number) => { x: number; y: number },
): DrawnRobot[] {
  const p = store.poses;
  return Array.from({ length: p.n }, (_, s) => {
    const [x, y] = [p.drawnX[s] as number, p.drawnY[s] as number];
    const at = toScreen(x, y);
    return {
      id: store.row(p.handle[s] as number)?.id ?? "",
      x,
      y,
      yaw: p.drawnYaw[s] as number,
      quality: drawnQuality(p, s),
      left: at.x,
      top: at.y,
    };
  });
}

export function probe(robots: () => DrawnRobot[], stats: { frames: number; frameMs: number }): MapProbe {
  return Object.freeze({
    robots,
    get frames() {
      return stats.frames;
    },
    get frameMs() {
      return stats.frameMs;
    },
  });
}
