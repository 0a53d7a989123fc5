// The little of WebGL2 that the layers share.

/** What a layer is given to draw one frame. */
export interface Frame {
  /** Metres relative to the camera's middle → clip space. */
  readonly matrix: Float32Array;
  readonly cameraX: number;
  readonly cameraY: number;
  /** CSS pixels per metre. */
  readonly scale: number;
  /** Device pixels per CSS pixel. */
  readonly ratio: number;
  /** The drawing buffer, device pixels. */
  readonly width: number;
  readonly height: number;
  readonly theme: MapTheme;
  /** The link is lost: nothing on the map is news. */
  readonly grey: boolean;
}

export type Rgb = readonly [number, number, number];

/** The colours of the map, taken from the page's style. */
export interface MapTheme {
  readonly ground: Rgb;
  readonly grid: Rgb;
  readonly floor: Rgb;
  readonly wall: Rgb;
  readonly robot: Rgb;
  readonly muted: Rgb;
  readonly warn: Rgb;
  readonly alarm: Rgb;
  readonly accent: Rgb;
}

export function program(gl: WebGL2RenderingContext, vertex: string, fragment: string): WebGLProgram {
  const p = gl.createProgram();
  for (const [kind, source] of [
    [gl.VERTEX_SHADER, vertex],
    [gl.FRAGMENT_SHADER, fragment],
  ] as const) {
    const shader = gl.createShader(kind);
    if (shader === null) throw new Error("create shader: the context is lost");
    gl.shaderSource(shader, `#version 300 es\nprecision highp float;\n${source}`);
    gl.compileShader(shader);
    gl.attachShader(p, shader);
    gl.deleteShader(shader);
  }
  gl.linkProgram(p);
  if (!gl.getProgramParameter(p, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new Error(`link shaders: ${gl.getProgramInfoLog(p) ?? "no reason given"}`);
  }
  return p;
}

/** Finds uniforms by name, once. */
export function uniforms<K extends string>(
  gl: WebGL2RenderingContext,
  p: WebGLProgram,
  ...names: K[]
): Record<K, WebGLUniformLocation | null> {
  return Object.fromEntries(names.map((n) => [n, gl.getUniformLocation(p, n)])) as Record<
    K,
    WebGLUniformLocation | null
  >;
}

/** A unit square of two triangles at attribute 0, (0,0) … (1,1). */
export function unitSquare(gl: WebGL2RenderingContext): void {
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, Float32Array.of(0, 0, 1, 0, 0, 1, 1, 1), gl.STATIC_DRAW);
  gl.enableVertexAttribArray(0);
  gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
}

/** Reads a CSS colour of the form #rrggbb. */
export function parseColour(css: string): Rgb {
  const v = Number.parseInt(css.trim().slice(1), 16);
  if (!/^#[0-9a-f]{6}$/i.test(css.trim())) return [0.5, 0.5, 0.5];
  return [(v >> 16) / 255, ((v >> 8) & 255) / 255, (v & 255) / 255];
}

/** Reads the colours that hold at an element. */
export function readTheme(el: Element): MapTheme {
  const style = getComputedStyle(el);
  const c = (name: string) => parseColour(style.getPropertyValue(`--map-${name}`));
  return {
    ground: c("ground"),
    grid: c("grid"),
    floor: c("floor"),
    wall: c("wall"),
    robot: c("robot"),
    muted: c("muted"),
    warn: c("warn"),
    alarm: c("alarm"),
    accent: c("accent"),
  };
}
