// What a person can choose of the map, as signals that the toolbar and the map
// share.
import { type Signal, signal } from "@preact/signals";
import type { GridMap } from "../api/types";

export class MapView {
  readonly follow = signal(false);
  readonly trails = signal(true);
  /** Hash of the only floor that is shown; "" shows all. */
  readonly floor = signal("");
  readonly maps: Signal<readonly GridMap[]> = signal([]);
  /** Why there is no map to see; undefined while there is one. */
  readonly problem: Signal<string | undefined> = signal(undefined);
  /** The scale bar. */
  readonly bar = signal({ metres: 1, pixels: 0 });
}
