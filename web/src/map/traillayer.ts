// Where robots drove: fading segments, one instanced draw.
import type { Poses } from "../store/poses";
import { type Trails, trailPoints } from "../store/trails";
import { type Frame, program, uniforms, unitSquare } from "./gl";

const floats = 6;
/** Above this many robots only the selected one has a trail. */
const mostTrails = 300;

const vertex = `
layout(location = 0) in vec2 corner;
layout(location = 1) in vec4 ends;
layout(location = 2) in vec2 fade;
uniform mat3 matrix;
uniform vec2 pixel;
uniform float halfWidth;
out float strength;
void main() {
  vec2 a = (matrix * vec3(ends.xy, 1.0)).xy / pixel;
  vec2 b = (matrix * vec3(ends.zw, 1.0)).xy / pixel;
  vec2 along = b - a;
  float l = length(along);
  vec2 side = l > 0.0 ? vec2(-along.y, along.x) / l : vec2(0.0);
  gl_Position = vec4((mix(a, b, corner.x) + side * (corner.y * 2.0 - 1.0) * halfWidth) * pixel, 0.0, 1.0);
  strength = mix(fade.x, fade.y, corner.x);
}`;

const fragment = `
in float strength;
uniform vec3 tone;
out vec4 colour;
void main() { colour = vec4(tone, strength * 0.55); }`;

/** Writes the segments of the trails into `out`, newest strongest; returns how many. */
export function segments(p: Poses, trails: Trails, only: number | undefined, f: Frame, out: Float32Array): number {
  let n = 0;
  for (let s = 0; s < p.n; s++) {
    const h = p.handle[s] as number;
    if (only !== undefined && h !== only) continue;
    const t = trails.get(h);
    if (t === undefined) continue;
    for (let i = 0; i < t.count && (n + 1) * floats <= out.length; i++) {
      const a = ((t.first + i) % trailPoints) * 2;
      const b = ((t.first + i + 1) % trailPoints) * 2;
      // The last segment ends at the robot as it is drawn now.
      const end = i === t.count - 1;
      const at = n++ * floats;
      out[at] = (t.xy[a] as number) - f.cameraX;
      out[at + 1] = (t.xy[a + 1] as number) - f.cameraY;
      out[at + 2] = (end ? (p.drawnX[s] as number) : (t.xy[b] as number)) - f.cameraX;
      out[at + 3] = (end ? (p.drawnY[s] as number) : (t.xy[b + 1] as number)) - f.cameraY;
      out[at + 4] = i / t.count;
      out[at + 5] = (i + 1) / t.count;
    }
  }
  return n;
}

export function trailLayer(
  gl: WebGL2RenderingContext,
): (f: Frame, p: Poses, trails: Trails, selected: number | undefined) => void {
  const program_ = program(gl, vertex, fragment);
  const u = uniforms(gl, program_, "matrix", "pixel", "halfWidth", "tone");
  const vao = gl.createVertexArray();
  gl.bindVertexArray(vao);
  unitSquare(gl);
  const buffer = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  for (const [at, size, offset] of [
    [1, 4, 0],
    [2, 2, 16],
  ] as const) {
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, size, gl.FLOAT, false, floats * 4, offset);
    gl.vertexAttribDivisor(at, 1);
  }
  const data = new Float32Array(mostTrails * trailPoints * floats);
  return (f, p, trails, selected) => {
    const n = segments(p, trails, p.n > mostTrails ? (selected ?? -1) : undefined, f, data);
    if (n === 0) return;
    gl.useProgram(program_);
    gl.bindVertexArray(vao);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, data.subarray(0, n * floats), gl.DYNAMIC_DRAW);
    gl.uniformMatrix3fv(u.matrix, false, f.matrix);
    gl.uniform2f(u.pixel, 2 / f.width, 2 / f.height);
    gl.uniform1f(u.halfWidth, f.ratio);
    gl.uniform3f(u.tone, ...f.theme.muted);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, n);
  };
}
