// The robots: one instanced draw of a drop that points where the robot heads.
import { type Frame, program, type Rgb, uniforms, unitSquare } from "./gl";
import { type Look, shapes } from "./look";

const floats = 8;
/** Half the side of the square that a robot is drawn in, in robot radii. */
const reach = 2;

const vertex = `
layout(location = 0) in vec2 corner;
layout(location = 1) in vec3 pose;
layout(location = 2) in vec3 tone;
layout(location = 3) in vec2 kind;
uniform mat3 matrix;
uniform float radius;
uniform vec2 pixel;
out vec2 at;
flat out vec3 body;
flat out vec2 shape;
void main() {
  at = (corner * 2.0 - 1.0) * ${reach.toFixed(1)};
  vec2 turned = vec2(at.x * cos(pose.z) - at.y * sin(pose.z), at.x * sin(pose.z) + at.y * cos(pose.z));
  vec2 centre = (matrix * vec3(pose.xy, 1.0)).xy;
  gl_Position = vec4(centre + turned * radius * pixel, 0.0, 1.0);
  body = tone;
  shape = kind;
}`;

// The drop is a round body and a small round nose with their common tangents.
const fragment = `
in vec2 at;
flat in vec3 body;
flat in vec2 shape;
uniform float radius;
uniform vec3 ground, accent;
out vec4 colour;
float drop(vec2 p) {
  p = vec2(abs(p.y), p.x);
  const float r1 = 0.82, r2 = 0.14, h = 1.05;
  float b = (r1 - r2) / h;
  float a = sqrt(1.0 - b * b);
  float k = dot(p, vec2(-b, a));
  if (k < 0.0) return length(p) - r1;
  if (k > a * h) return length(p - vec2(0.0, h)) - r2;
  return dot(p, vec2(a, b)) - r1;
}
void main() {
  float d = drop(at) * radius;
  float soft = 0.75;
  float inside = 1.0 - smoothstep(-soft, soft, d);
  float halo = 1.0 - smoothstep(1.5 - soft, 1.5 + soft, d);
  float rim = inside * smoothstep(-2.6, -1.6, d);
  float fill = 1.0;
  if (shape.x > 2.5) fill = max(rim, 0.12);
  else if (shape.x > 1.5) fill = max(rim, step(0.5, fract((gl_FragCoord.x + gl_FragCoord.y) / 6.0)) * 0.85);
  else if (shape.x > 0.5) fill = max(rim, 0.55);
  vec4 c = vec4(mix(ground, body, inside * fill), max(halo * 0.9, inside));
  float ring = abs(length(at) * radius - radius * 1.62);
  float chosen = shape.y * (1.0 - smoothstep(1.0, 2.2, ring));
  c = mix(c, vec4(accent, 1.0), chosen);
  if (c.a < 0.01) discard;
  colour = c;
}`;

/** The robots of one frame, ready for the GPU. */
export class RobotInstances {
  n = 0;
  data = new Float32Array(64 * floats);

  begin(): void {
    this.n = 0;
  }

  /** dx and dy are metres from the camera's middle. */
  add(dx: number, dy: number, yaw: number, look: Look, tone: Rgb, selected: boolean): void {
    if ((this.n + 1) * floats > this.data.length) {
      const larger = new Float32Array(this.data.length * 2);
      larger.set(this.data);
      this.data = larger;
    }
    const d = this.data;
    let at = this.n++ * floats;
    d[at++] = dx;
    d[at++] = dy;
    d[at++] = yaw;
    d[at++] = tone[0];
    d[at++] = tone[1];
    d[at++] = tone[2];
    d[at++] = shapes[look.shape];
    d[at] = selected ? 1 : 0;
  }
}

/** A robot's radius on the screen in CSS pixels: as large as life, but never too small to see. */
export function robotRadius(scale: number): number {
  return Math.min(26, Math.max(8, 0.35 * scale));
}

export function robotLayer(gl: WebGL2RenderingContext): (f: Frame, robots: RobotInstances) => void {
  const p = program(gl, vertex, fragment);
  const u = uniforms(gl, p, "matrix", "radius", "pixel", "ground", "accent");
  const vao = gl.createVertexArray();
  gl.bindVertexArray(vao);
  unitSquare(gl);
  const buffer = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  for (const [at, size, offset] of [
    [1, 3, 0],
    [2, 3, 12],
    [3, 2, 24],
  ] as const) {
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, size, gl.FLOAT, false, floats * 4, offset);
    gl.vertexAttribDivisor(at, 1);
  }
  return (f, robots) => {
    if (robots.n === 0) return;
    gl.useProgram(p);
    gl.bindVertexArray(vao);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, robots.data.subarray(0, robots.n * floats), gl.DYNAMIC_DRAW);
    gl.uniformMatrix3fv(u.matrix, false, f.matrix);
    gl.uniform1f(u.radius, robotRadius(f.scale) * f.ratio);
    gl.uniform2f(u.pixel, 2 / f.width, 2 / f.height);
    gl.uniform3f(u.ground, ...f.theme.ground);
    gl.uniform3f(u.accent, ...f.theme.accent);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, robots.n);
  };
}
