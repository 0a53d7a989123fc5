// Pointer, wheel and keyboard on the map, turned into what they mean.
import type { Point } from "./camera";

export interface MapInput {
  pan(dx: number, dy: number): void;
  zoom(at: Point, factor: number): void;
  /** A click or tap that was not a drag. */
  pick(at: Point): void;
  fitAll(): void;
  middle(): Point;
}

const dragPixels = 4;
const keyPan = 60;
const keyZoom = 1.3;

function onKey(e: KeyboardEvent, to: MapInput): boolean {
  switch (e.key) {
    case "ArrowLeft":
      to.pan(keyPan, 0);
      return true;
    case "ArrowRight":
      to.pan(-keyPan, 0);
      return true;
    case "ArrowUp":
      to.pan(0, keyPan);
      return true;
    case "ArrowDown":
      to.pan(0, -keyPan);
      return true;
    case "+":
    case "=":
      to.zoom(to.middle(), keyZoom);
      return true;
    case "-":
      to.zoom(to.middle(), 1 / keyZoom);
      return true;
    case "0":
      to.fitAll();
      return true;
    default:
      return false;
  }
}

/** Listens on an element until the signal aborts. */
export function listen(el: HTMLElement, to: MapInput, signal: AbortSignal): void {
  const down = new Map<number, Point>();
  let travelled = 0;
  const at = (e: MouseEvent): Point => {
    const box = el.getBoundingClientRect();
    return { x: e.clientX - box.left, y: e.clientY - box.top };
  };
  const move = (e: PointerEvent) => {
    const before = down.get(e.pointerId);
    if (before === undefined) return;
    const now = at(e);
    const other = [...down].find(([id]) => id !== e.pointerId)?.[1];
    down.set(e.pointerId, now);
    travelled += Math.hypot(now.x - before.x, now.y - before.y);
    const share = other === undefined ? 1 : 0.5;
    to.pan((now.x - before.x) * share, (now.y - before.y) * share);
    if (other === undefined) return;
    const from = Math.hypot(before.x - other.x, before.y - other.y);
    const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
    if (from > 0) to.zoom(middle, Math.hypot(now.x - other.x, now.y - other.y) / from);
  };
  const up = (e: PointerEvent) => {
    const known = down.delete(e.pointerId);
    if (known && e.type === "pointerup" && down.size === 0 && travelled < dragPixels) to.pick(at(e));
  };
  el.addEventListener(
    "pointerdown",
    (e) => {
      if (e.button !== 0) return;
      if (down.size === 0) travelled = 0;
      down.set(e.pointerId, at(e));
      el.setPointerCapture(e.pointerId);
    },
    { signal },
  );
  el.addEventListener("pointermove", move, { signal });
  el.addEventListener("pointerup", up, { signal });
  el.addEventListener("pointercancel", up, { signal });
  el.addEventListener(
    "wheel",
    (e) => {
      e.preventDefault();
      const lines = e.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
      to.zoom(at(e), Math.exp(-e.deltaY * lines * 0.0016));
    },
    { signal, passive: false },
  );
  el.addEventListener(
    "keydown",
    (e) => {
      if (!e.ctrlKey && !e.metaKey && !e.altKey && onKey(e, to)) e.preventDefault();
    },
    { signal },
  );
}
