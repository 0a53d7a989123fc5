// What the pages share: the store, the map's view, and the link to the
// service. Made once, by main.
import { computed, effect, signal } from "@preact/signals";
import { ApiError, api, token, unauthorized } from "../api/client";
import type { User, UserRole } from "../api/types";
import type { FleetMap } from "../map/map";
import { MapView } from "../map/view";
import { FleetStore } from "../store/fleet";
import type { TelemetrySource } from "../stream/source";
import { WorkerSource } from "../stream/workersource";

const poseHz = 10;
const earlierEvents = 200;
const mapsAgainMs = 2000;

export class App {
  readonly store = new FleetStore();
  readonly view = new MapView();
  readonly user = signal<User | undefined>(undefined);
  /** The map, once it is on the page. */
  map: FleetMap | undefined;

  /** The link to the service is up: what is shown is news. */
  readonly linked = computed(() => this.store.link.value.state === "up");

  private source: TelemetrySource | undefined;
  private mapsAskedAt = 0;

  start(): void {
    document.addEventListener("visibilitychange", () => this.source?.setHidden(document.hidden));
    effect(() => {
      if (unauthorized.value === undefined) void this.connect();
    });
    effect(() => this.lookForMaps());
    effect(() => {
      // A socket does not say that the token is wrong; this request does, by `unauthorized`.
      if (this.store.link.value.state === "lost") void api.me().catch(() => undefined);
    });
    effect(() => {
      const hello = this.store.hello.value;
      if (hello !== undefined) this.user.value = hello.user;
      if (hello !== undefined || this.store.eventGap.value) void this.readEarlierEvents();
    });
    const frame = (now: number) => {
      this.map?.frame(now);
      if (this.source !== undefined) this.store.drawn(this.source);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  retry(): void {
    this.source?.retry();
  }

  /** Why the user may not do what needs this role; undefined when they may. */
  denies(role: UserRole): string | undefined {
    const user = this.user.value;
    if (user === undefined || rank[user.role] >= rank[role]) return undefined;
    return `This needs the role ${role}; ${user.name} is ${user.role}.`;
  }

  private async connect(): Promise<void> {
    try {
      this.user.value = await api.me();
    } catch (cause) {
      // Without an answer the stream says what is wrong, and comes back by itself.
      if (cause instanceof ApiError && cause.status === 401) return;
    }
    this.source?.close();
    const source = new WorkerSource(token(), poseHz);
    this.source = source;
    source.start((t) => {
      if (this.source === source) this.store.take(t);
    });
    if (document.hidden) source.setHidden(true);
  }

  private async readEarlierEvents(): Promise<void> {
    try {
      const { last } = await api.events(0, 1);
      const { events } = await api.events(Math.max(0, last - earlierEvents), earlierEvents);
      this.store.addEarlierEvents(events);
    } catch {
      // The stream brings what happens from now on; its banner tells of the loss.
    }
  }

  /** Asks for the maps again when a robot moves on one that is not known. */
  private lookForMaps(): void {
    const known = new Set(this.view.maps.value.map((m) => m.hash));
    const missing = this.store.robots.value.some((r) => r.map !== "" && !known.has(r.map));
    if (!missing || Date.now() - this.mapsAskedAt < mapsAgainMs) return;
    this.mapsAskedAt = Date.now();
    api
      .maps()
      .then(({ maps }) => {
        this.view.maps.value = maps;
        this.map?.touch();
      })
      .catch(() => {
        this.mapsAskedAt = 0; // the next change of a robot asks again
      });
  }
}

const rank: Record<UserRole, number> = { viewer: 0, operator: 1, engineer: 2 };

export const app = new App();
