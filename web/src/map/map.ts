// The map: the one owner of the canvas, its WebGL2 context, the camera and the
// labels. Everything it draws comes from the store; all layers are functions.
import type { FleetStore } from "../store/fleet";
import * as camera from "./camera";
import { extentOf } from "./extent";
import { type FetchTile, floorLayer } from "./floor";
import { type Frame, type MapTheme, readTheme } from "./gl";
import { groundLayer } from "./ground";
import { listen } from "./input";
import { LabelLayer } from "./labels";
import { type DrawnRobot, drawnRobots, probe } from "./probe";
import { RobotInstances, robotLayer, robotRadius } from "./robots";
import { fillScene } from "./scene";
import { trailLayer } from "./traillayer";
import type { MapView } from "./view";

const pickPixels = 22;
const showScale = 24;

interface Layers {
  readonly ground: ReturnType<typeof groundLayer>;
  readonly floor: ReturnType<typeof floorLayer>;
  readonly trails: ReturnType<typeof trailLayer>;
  readonly robots: ReturnType<typeof robotLayer>;
}

export class FleetMap {
  private cam: camera.Camera = { x: 0, y: 0, scale: 20 };
  private size: camera.Size = { width: 0, height: 0 };
  private layers: Layers | undefined;
  private readonly gl: WebGL2RenderingContext | null;
  private theme: MapTheme;
  private dirty = true;
  /** A person moved the camera; until then it shows all there is. */
  private touched = false;
  /** What was there when all of it was fitted last. */
  private fitted = "";
  private drawnFrames = -1;
  private readonly stats = { frames: 0, frameMs: 0 };
  private selected: string | undefined;
  private readonly instances = new RobotInstances();
  private readonly labels: LabelLayer;
  private readonly ends = new AbortController();
  private readonly resizes: ResizeObserver;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    labelHost: HTMLElement,
    private readonly store: FleetStore,
    private readonly view: MapView,
    private readonly fetchTile: FetchTile,
    onPick: (id: string | undefined) => void,
  ) {
    this.labels = new LabelLayer(labelHost);
    this.theme = readTheme(canvas);
    const signal = this.ends.signal;
    this.gl = canvas.getContext("webgl2", { alpha: false, antialias: true, powerPreference: "low-power" });
    this.build();
    canvas.addEventListener("webglcontextlost", (e) => this.contextLost(e), { signal });
    canvas.addEventListener("webglcontextrestored", () => this.build(), { signal });
    listen(
      canvas,
      {
        pan: (dx, dy) => this.move(camera.pan(this.cam, dx, dy), true),
        zoom: (at, factor) => this.zoom(factor, at),
        pick: (at) => onPick(this.pick(at)),
        fitAll: () => this.fitAll(),
        middle: () => this.middle(),
      },
      signal,
    );
    this.resizes = new ResizeObserver(() => this.resize());
    this.resizes.observe(canvas);
    this.resize();
    window.musterMap = probe(() => this.onScreen(), this.stats);
  }

  /** Draws if there is anything new to see. */
  frame(now: number): void {
    const began = performance.now();
    const moving = this.store.poses.interpolate(now);
    if (this.layers === undefined || this.size.width === 0) return;
    if (!moving && !this.dirty && this.drawnFrames === this.store.frames) return;
    this.dirty = false;
    this.drawnFrames = this.store.frames;
    this.follow();
    this.draw(this.layers);
    this.stats.frames++;
    this.stats.frameMs = performance.now() - began;
  }

  /** Something that is shown changed. */
  touch(): void {
    this.dirty = true;
  }

  /** The page's colours changed. */
  restyle(): void {
    this.theme = readTheme(this.canvas);
    this.dirty = true;
  }

  /** Marks a robot, and brings it into sight when `centre` is set. */
  select(id: string | undefined, centre: boolean): void {
    this.selected = id;
    this.dirty = true;
    const at = id === undefined ? undefined : this.position(id);
    if (at === undefined || !centre) return;
    this.move({ ...at, scale: Math.max(this.cam.scale, showScale) }, true);
  }

  zoom(factor: number, at: camera.Point = this.middle()): void {
    this.move(camera.zoomAt(this.cam, this.size, at, factor), true);
  }

  fitAll(): void {
    this.view.follow.value = false;
    this.touched = false;
    this.fitted = "";
    this.dirty = true;
  }

  close(): void {
    this.ends.abort();
    this.resizes.disconnect();
    this.labels.clear();
    delete window.musterMap;
    this.gl?.getExtension("WEBGL_lose_context")?.loseContext();
  }

  private build(): void {
    if (this.gl === null) {
      this.view.problem.value = "This browser gives no WebGL2, so the map cannot be drawn. The list has every robot.";
      return;
    }
    const gl = this.gl;
    gl.enable(gl.BLEND);
    gl.blendFuncSeparate(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.layers = {
      ground: groundLayer(gl),
      floor: floorLayer(gl, this.fetchTile, () => this.touch()),
      trails: trailLayer(gl),
      robots: robotLayer(gl),
    };
    this.view.problem.value = undefined;
    this.dirty = true;
  }

  private contextLost(e: Event): void {
    e.preventDefault(); // or it is never restored
    this.layers = undefined;
    this.labels.clear();
    this.view.problem.value = "The browser took the map's graphics away and is asked for them again.";
  }

  private draw(layers: Layers): void {
    const gl = this.gl as WebGL2RenderingContext;
    const f = this.describe();
    const chosen = this.selected === undefined ? undefined : this.store.byId.peek().get(this.selected)?.h;
    gl.viewport(0, 0, f.width, f.height);
    layers.ground(f);
    const floor = this.view.floor.peek();
    layers.floor(
      f,
      this.view.maps.peek().filter((m) => floor === "" || m.hash === floor),
    );
    if (this.view.trails.peek()) layers.trails(f, this.store.poses, this.store.trails, chosen);
    const labels = fillScene(this.store, f, { camera: this.cam, size: this.size, chosen, floor }, this.instances);
    layers.robots(f, this.instances);
    this.labels.draw(labels, robotRadius(f.scale) + 6);
  }

  private describe(): Frame {
    const ratio = this.canvas.width / Math.max(1, this.size.width);
    return {
      matrix: camera.matrix(this.cam, this.size),
      cameraX: this.cam.x,
      cameraY: this.cam.y,
      scale: this.cam.scale,
      ratio,
      width: this.canvas.width,
      height: this.canvas.height,
      theme: this.theme,
      grey: this.store.link.peek().state !== "up",
    };
  }

  private follow(): void {
    const maps = this.view.maps.peek();
    const now = `${maps.length} ${this.store.poses.n} ${this.size.width} ${this.size.height}`;
    if (!this.touched && now !== this.fitted) {
      const all = extentOf(maps, this.store.poses);
      if (all !== undefined) this.move(camera.fitBounds(all, this.size), false);
      this.fitted = now;
    }
    const at = this.view.follow.peek() && this.selected !== undefined ? this.position(this.selected) : undefined;
    if (at !== undefined) this.move({ ...at, scale: this.cam.scale }, true);
  }

  private move(to: camera.Camera, byPerson: boolean): void {
    if (to.scale !== this.cam.scale) this.view.bar.value = camera.scaleBar(to.scale, 120);
    this.cam = to;
    this.touched ||= byPerson;
    this.dirty = true;
  }

  private resize(): void {
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    this.size = { width: this.canvas.clientWidth, height: this.canvas.clientHeight };
    this.canvas.width = Math.max(1, Math.round(this.size.width * ratio));
    this.canvas.height = Math.max(1, Math.round(this.size.height * ratio));
    this.dirty = true;
  }

  private position(id: string): camera.Point | undefined {
    const row = this.store.byId.peek().get(id);
    const s = row === undefined ? undefined : this.store.poses.slot(row.h);
    if (s === undefined) return undefined;
    return { x: this.store.poses.drawnX[s] as number, y: this.store.poses.drawnY[s] as number };
  }

  private pick(at: camera.Point): string | undefined {
    const found = this.onScreen()
      .map((r) => ({ id: r.id, d: Math.hypot(r.left - at.x, r.top - at.y) }))
      .sort((a, b) => a.d - b.d)[0];
    return found !== undefined && found.d <= pickPixels ? found.id : undefined;
  }

  private onScreen(): DrawnRobot[] {
    return drawnRobots(this.store, (x, y) => camera.toScreen(this.cam, this.size, { x, y }));
  }

  private middle(): camera.Point {
    return { x: this.size.width / 2, y: this.size.height / 2 };
  }
}
