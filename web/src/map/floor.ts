// The occupancy grids that robots move on, tile by tile. A tile's content
// never changes, so each is fetched once and only while it is in sight.
import type { GridMap } from "../api/types";
import { type Frame, program, uniforms, unitSquare } from "./gl";

const vertex = `
layout(location = 0) in vec2 corner;
uniform mat3 matrix;
uniform vec2 origin, axisX, axisY;
out vec2 uv;
void main() {
  vec2 m = origin + corner.x * axisX + corner.y * axisY;
  gl_Position = vec4((matrix * vec3(m, 1.0)).xy, 0.0, 1.0);
  uv = vec2(corner.x, 1.0 - corner.y);
}`;

const fragment = `
in vec2 uv;
uniform sampler2D tile;
uniform vec3 floorColour, wall;
out vec4 colour;
void main() {
  vec4 t = texture(tile, uv);
  float free = t.a > 0.0 ? t.r / t.a : 0.0; // pictures come premultiplied
  colour = vec4(mix(wall, floorColour, free), t.a);
}`;

/** How a layer gets at a tile's picture. */
export type FetchTile = (hash: string, col: number, row: number) => Promise<ImageBitmap>;

/** A tile's corner and its sides, in metres. */
export interface TilePlace {
  readonly x: number;
  readonly y: number;
  readonly right: readonly [number, number];
  readonly up: readonly [number, number];
}

/** Where tile (col, row) of a map lies; tile (0, 0) is at the bottom left. */
export function placeTile(m: GridMap, col: number, row: number): TilePlace {
  const cos = Math.cos(m.origin_yaw);
  const sin = Math.sin(m.origin_yaw);
  const left = col * m.tile * m.resolution;
  const bottom = row * m.tile * m.resolution;
  const width = Math.min(m.tile, m.width - col * m.tile) * m.resolution;
  const height = Math.min(m.tile, m.height - row * m.tile) * m.resolution;
  return {
    x: m.origin_x + left * cos - bottom * sin,
    y: m.origin_y + left * sin + bottom * cos,
    right: [width * cos, width * sin],
    up: [-height * sin, height * cos],
  };
}

function inSight(t: TilePlace, f: Frame): boolean {
  const radius = Math.hypot(t.right[0] + t.up[0], t.right[1] + t.up[1]) / 2;
  const dx = t.x + (t.right[0] + t.up[0]) / 2 - f.cameraX;
  const dy = t.y + (t.right[1] + t.up[1]) / 2 - f.cameraY;
  const half = Math.hypot(f.width, f.height) / 2 / (f.scale * f.ratio);
  return Math.hypot(dx, dy) < radius + half;
}

function texture(gl: WebGL2RenderingContext, image: ImageBitmap): WebGLTexture {
  const t = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, t);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, image);
  gl.generateMipmap(gl.TEXTURE_2D);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
  image.close();
  return t;
}

/** After a failure a tile is asked for again no sooner than this, in ms. */
const retryMs = 5000;

export function floorLayer(
  gl: WebGL2RenderingContext,
  fetchTile: FetchTile,
  changed: () => void,
): (f: Frame, maps: readonly GridMap[]) => void {
  const p = program(gl, vertex, fragment);
  const u = uniforms(gl, p, "matrix", "origin", "axisX", "axisY", "floorColour", "wall");
  const vao = gl.createVertexArray();
  gl.bindVertexArray(vao);
  unitSquare(gl);
  const tiles = new Map<string, WebGLTexture | "coming" | { failedAt: number }>();

  const want = (key: string, m: GridMap, col: number, row: number) => {
    const have = tiles.get(key);
    if (have === "coming" || (have !== undefined && "failedAt" in have && Date.now() - have.failedAt < retryMs)) return;
    tiles.set(key, "coming");
    fetchTile(m.hash, col, row)
      .then((image) => tiles.set(key, texture(gl, image)))
      .catch(() => tiles.set(key, { failedAt: Date.now() }))
      .finally(changed);
  };

  const drawTile = (f: Frame, m: GridMap, col: number, row: number) => {
    const place = placeTile(m, col, row);
    if (!inSight(place, f)) return;
    const key = `${m.hash}/${col}/${row}`;
    const tile = tiles.get(key);
    if (tile === undefined || tile === "coming" || "failedAt" in tile) {
      want(key, m, col, row);
      return;
    }
    gl.bindTexture(gl.TEXTURE_2D, tile);
    gl.uniform2f(u.origin, place.x - f.cameraX, place.y - f.cameraY);
    gl.uniform2f(u.axisX, ...place.right);
    gl.uniform2f(u.axisY, ...place.up);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  };

  return (f, maps) => {
    gl.useProgram(p);
    gl.bindVertexArray(vao);
    gl.uniformMatrix3fv(u.matrix, false, f.matrix);
    gl.uniform3f(u.floorColour, ...f.theme.floor);
    gl.uniform3f(u.wall, ...f.theme.wall);
    for (const m of maps) {
      for (let row = 0; row < m.rows; row++) for (let col = 0; col < m.cols; col++) drawTile(f, m, col, row);
    }
  };
}
