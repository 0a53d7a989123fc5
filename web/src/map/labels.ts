// The robots' names on the map: DOM elements that are moved, not rebuilt, so
// that they are as sharp and as readable as all other text.

export interface Label {
  readonly key: number;
  readonly text: string;
  /** Age and quality of what is not live; empty for a live robot. */
  readonly note: string;
  readonly important: boolean;
  /** CSS pixels of the robot's middle. */
  readonly x: number;
  readonly y: number;
}

const mostLabels = 250;
/** A label's height, and the width of the cells that it takes, in pixels. */
const height = 20;
const cell = 24;

interface Placed {
  readonly root: HTMLElement;
  readonly name: Text;
  readonly note: HTMLElement;
}

/** Chooses the labels that do not cover each other, important ones first. Pure. */
export function declutter(labels: readonly Label[]): Label[] {
  const taken = new Set<number>();
  const shown: Label[] = [];
  for (const important of [true, false]) {
    for (const l of labels) {
      if (l.important !== important) continue;
      if (shown.length === mostLabels) return shown;
      const half = ((l.text.length + l.note.length) * 7 + 16) / 2;
      const first = Math.round((l.x - half) / cell);
      const last = Math.round((l.x + half) / cell);
      const row = Math.round(l.y / height) * 65_536;
      let free = true;
      for (let c = first; c <= last && free; c++) free = !taken.has(row + c);
      if (!free && !important) continue;
      for (let c = first; c <= last; c++) taken.add(row + c);
      shown.push(l);
    }
  }
  return shown;
}

export class LabelLayer {
  private readonly placed = new Map<number, Placed>();

  constructor(private readonly host: HTMLElement) {}

  draw(labels: readonly Label[], below: number): void {
    const keep = new Set<number>();
    for (const l of declutter(labels)) {
      keep.add(l.key);
      const e = this.placed.get(l.key) ?? this.add(l.key);
      if (e.name.data !== l.text) e.name.data = l.text;
      if (e.note.textContent !== l.note) {
        e.note.textContent = l.note;
        e.root.classList.toggle("old", l.note !== "");
      }
      e.root.style.transform = `translate(${l.x.toFixed(1)}px, ${(l.y + below).toFixed(1)}px) translateX(-50%)`;
    }
    for (const [key, e] of this.placed) {
      if (keep.has(key)) continue;
      e.root.remove();
      this.placed.delete(key);
    }
  }

  clear(): void {
    this.draw([], 0);
  }

  private add(key: number): Placed {
    const root = document.createElement("div");
    root.className = "map-label";
    const name = document.createTextNode("");
    const note = document.createElement("span");
    root.append(name, note);
    this.host.append(root);
    const e = { root, name, note };
    this.placed.set(key, e);
    return e;
  }
}
