// From the store to what one frame shows: the robots' instances and labels.
import { ageOf } from "../store/clock";
import type { FleetStore } from "../store/fleet";
import { drawnQuality } from "../store/poses";
import { age } from "../ui/format";
import { type Camera, type Size, toScreen } from "./camera";
import type { Frame } from "./gl";
import type { Label } from "./labels";
import { lookOf } from "./look";
import type { RobotInstances } from "./robots";

/** Robots this many pixels outside still have their label. */
const outside = 50;

export interface Scene {
  readonly camera: Camera;
  readonly size: Size;
  /** Handle of the selected robot. */
  readonly chosen: number | undefined;
  /** Hash of the only floor that is shown; "" shows all. */
  readonly floor: string;
}

/** Fills the instances and returns the labels of the robots in sight. */
export function fillScene(store: FleetStore, f: Frame, scene: Scene, instances: RobotInstances): Label[] {
  const p = store.poses;
  const labels: Label[] = [];
  instances.begin();
  for (let s = 0; s < p.n; s++) {
    const h = p.handle[s] as number;
    const row = store.row(h);
    if (scene.floor !== "" && row !== undefined && row.map !== "" && row.map !== scene.floor) continue;
    const quality = drawnQuality(p, s);
    const look = lookOf(row, quality, f.grey);
    const world = { x: p.drawnX[s] as number, y: p.drawnY[s] as number };
    const yaw = p.drawnYaw[s] as number;
    instances.add(world.x - f.cameraX, world.y - f.cameraY, yaw, look, f.theme[look.tone], h === scene.chosen);
    const at = toScreen(scene.camera, scene.size, world);
    if (at.x < -outside || at.x > scene.size.width + outside) continue;
    if (at.y < -outside || at.y > scene.size.height + outside) continue;
    const fresh = !f.grey && (quality === "live" || quality === "late");
    const note = fresh ? "" : `${f.grey ? "no link" : quality} ${age(ageOf(p.heard[s] as number))}`;
    const important = h === scene.chosen || (!fresh && !f.grey) || look.tone === "alarm";
    labels.push({ key: h, text: row?.name ?? "", note, important, x: at.x, y: at.y });
  }
  return labels;
}
