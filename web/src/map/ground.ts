// The lowest layer: a calm grid of metres, finer as one comes nearer.
import { type Frame, program, uniforms, unitSquare } from "./gl";

const vertex = `
layout(location = 0) in vec2 corner;
void main() { gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0); }`;

const fragment = `
uniform vec2 camera, size;
uniform float pixelsPerMetre, step;
uniform vec3 ground, grid;
out vec4 colour;
float lines(vec2 m, float step) {
  vec2 d = abs(fract(m / step + 0.5) - 0.5) * step * pixelsPerMetre;
  return 1.0 - smoothstep(0.4, 1.1, min(d.x, d.y));
}
void main() {
  vec2 m = camera + (gl_FragCoord.xy - size * 0.5) / pixelsPerMetre;
  float k = max(lines(m, step) * 0.45, lines(m, step * 5.0));
  colour = vec4(mix(ground, grid, k), 1.0);
}`;

/** Metres between two fine lines: at least 14 pixels apart. */
export function gridStep(scale: number): number {
  return 10 ** Math.ceil(Math.log10(14 / scale));
}

export function groundLayer(gl: WebGL2RenderingContext): (f: Frame) => void {
  const p = program(gl, vertex, fragment);
  const u = uniforms(gl, p, "camera", "size", "pixelsPerMetre", "step", "ground", "grid");
  const vao = gl.createVertexArray();
  gl.bindVertexArray(vao);
  unitSquare(gl);
  return (f) => {
    const step = gridStep(f.scale);
    // Only the rest beyond the last coarse line matters: exact far from the origin, too.
    const rest = (v: number) => v - Math.floor(v / (step * 5)) * step * 5;
    gl.useProgram(p);
    gl.bindVertexArray(vao);
    gl.uniform2f(u.camera, rest(f.cameraX), rest(f.cameraY));
    gl.uniform2f(u.size, f.width, f.height);
    gl.uniform1f(u.pixelsPerMetre, f.scale * f.ratio);
    gl.uniform1f(u.step, step);
    gl.uniform3f(u.ground, ...f.theme.ground);
    gl.uniform3f(u.grid, ...f.theme.grid);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  };
}
