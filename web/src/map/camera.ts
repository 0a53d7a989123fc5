// The map's camera: which metres are where on the screen. Pure. x is right, y
// is up on the screen, as on any ROS map.

export interface Camera {
  /** Metres at the middle of the screen. */
  readonly x: number;
  readonly y: number;
  /** CSS pixels per metre. */
  readonly scale: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Bounds {
  readonly minX: number;
  readonly minY: number;
  readonly maxX: number;
  readonly maxY: number;
}

const leastScale = 0.2;
const mostScale = 400;
/** Pixels left free around what is fitted. */
const margin = 56;

const clampScale = (s: number): number => Math.min(mostScale, Math.max(leastScale, s));

export function toScreen(c: Camera, size: Size, p: Point): Point {
  return { x: size.width / 2 + (p.x - c.x) * c.scale, y: size.height / 2 - (p.y - c.y) * c.scale };
}

export function toWorld(c: Camera, size: Size, p: Point): Point {
  return { x: c.x + (p.x - size.width / 2) / c.scale, y: c.y - (p.y - size.height / 2) / c.scale };
}

/** Zooms by a factor; the metre under the point stays there. */
export function zoomAt(c: Camera, size: Size, at: Point, factor: number): Camera {
  const scale = clampScale(c.scale * factor);
  const w = toWorld(c, size, at);
  return {
    scale,
    x: w.x - (at.x - size.width / 2) / scale,
    y: w.y + (at.y - size.height / 2) / scale,
  };
}

/** Moves what is shown by pixels. */
export function pan(c: Camera, dx: number, dy: number): Camera {
  return { ...c, x: c.x - dx / c.scale, y: c.y + dy / c.scale };
}

/** Shows the whole of the bounds; a single point is shown at a scale that makes sense of it. */
export function fitBounds(b: Bounds, size: Size): Camera {
  const width = Math.max(1, size.width - 2 * margin);
  const height = Math.max(1, size.height - 2 * margin);
  const scale = Math.min(width / Math.max(b.maxX - b.minX, 4), height / Math.max(b.maxY - b.minY, 4));
  return { x: (b.minX + b.maxX) / 2, y: (b.minY + b.maxY) / 2, scale: clampScale(scale) };
}

/** The smallest bounds around both. */
export function around(a: Bounds | undefined, b: Bounds): Bounds {
  if (a === undefined) return b;
  return {
    minX: Math.min(a.minX, b.minX),
    minY: Math.min(a.minY, b.minY),
    maxX: Math.max(a.maxX, b.maxX),
    maxY: Math.max(a.maxY, b.maxY),
  };
}

/**
 * The camera as a matrix for the GPU, column by column: metres relative to the
 * camera's middle to clip space. Subtracting the middle first keeps float32
 * exact far from the map's origin.
 */
export function matrix(c: Camera, size: Size): Float32Array {
  const sx = (2 * c.scale) / Math.max(1, size.width);
  const sy = (2 * c.scale) / Math.max(1, size.height);
  return Float32Array.of(sx, 0, 0, 0, sy, 0, 0, 0, 1);
}

/** A round length in metres whose bar is at most `most` pixels wide. */
export function scaleBar(scale: number, most: number): { metres: number; pixels: number } {
  const room = most / scale;
  const power = 10 ** Math.floor(Math.log10(room));
  const step = [5, 2, 1].find((s) => s * power <= room) ?? 1;
  return { metres: step * power, pixels: step * power * scale };
}
