import { effect } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { fetchTile } from "../api/client";
import { FleetMap } from "../map/map";
import { everySecond } from "../store/clock";
import { count } from "../ui/format";
import { go, route } from "../ui/route";
import { theme } from "../ui/theme";
import { ActionButton } from "../ui/widgets";
import { app } from "./app";
import { EmptyFleet } from "./empty";

/** Puts the map on the canvas, and tells it what changes. */
function useMap(canvas: { current: HTMLCanvasElement | null }, labels: { current: HTMLElement | null }): void {
  useEffect(() => {
    if (canvas.current === null || labels.current === null) return;
    let picked: string | undefined;
    const map = new FleetMap(canvas.current, labels.current, app.store, app.view, fetchTile, (id) => {
      picked = id;
      go({ section: "robots", id });
    });
    app.map = map;
    const ends = [
      effect(() => {
        const { section, id } = route.value;
        const robot = section === "robots" ? id : undefined;
        map.select(robot, robot !== picked);
        picked = undefined;
      }),
      effect(() => {
        theme.value; // the colours follow the attribute that it sets
        queueMicrotask(() => map.restyle());
      }),
      effect(() => {
        everySecond.value; // ages
        app.store.robots.value;
        app.store.link.value;
        app.view.trails.value;
        app.view.floor.value;
        app.view.follow.value;
        app.view.maps.value;
        map.touch();
      }),
    ];
    return () => {
      for (const end of ends) end();
      app.map = undefined;
      map.close();
    };
  }, [canvas, labels]);
}

function Tools(): JSX.Element {
  const { view } = app;
  const { section, id } = route.value;
  const robot = section === "robots" ? id : undefined;
  return (
    <div class="map-tools" role="toolbar" aria-label="Map">
      {view.maps.value.length > 1 && (
        <select
          aria-label="Floor"
          value={view.floor.value}
          onChange={(e) => {
            view.floor.value = e.currentTarget.value;
          }}
        >
          <option value="">All floors</option>
          {view.maps.value.map((m) => (
            <option key={m.hash} value={m.hash}>
              {`${m.frame} ${m.hash.replace("sha256:", "").slice(0, 6)}`}
            </option>
          ))}
        </select>
      )}
      <ActionButton
        pressed={view.trails.value}
        onClick={() => {
          view.trails.value = !view.trails.value;
        }}
      >
        Trails
      </ActionButton>
      <ActionButton
        pressed={view.follow.value}
        because={robot === undefined ? "Select a robot to follow it." : undefined}
        onClick={() => {
          view.follow.value = !view.follow.value;
        }}
      >
        Follow
      </ActionButton>
      <ActionButton onClick={() => app.map?.fitAll()}>Fit all</ActionButton>
      <ActionButton class="icon" label="Zoom in" onClick={() => app.map?.zoom(1.4)}>
        +
      </ActionButton>
      <ActionButton class="icon" label="Zoom out" onClick={() => app.map?.zoom(1 / 1.4)}>
        −
      </ActionButton>
    </div>
  );
}

function Bar(): JSX.Element | null {
  const { metres, pixels } = app.view.bar.value;
  if (pixels === 0) return null;
  return <div class="map-bar" style={{ width: `${pixels}px` }}>{`${metres} m`}</div>;
}

export function MapPane(): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const labels = useRef<HTMLDivElement>(null);
  useMap(canvas, labels);
  const problem = app.view.problem.value;
  const n = app.store.robots.value.length;
  return (
    <main class="map" aria-label="Map">
      <canvas
        ref={canvas}
        tabIndex={0}
        role="img"
        aria-label={`Map of ${count(n, "robot")}. The list has the same robots.`}
      />
      <div ref={labels} class="map-labels" />
      {problem !== undefined && (
        <div class="map-note">
          <p role="status">{problem}</p>
        </div>
      )}
      {problem === undefined && n === 0 && app.store.filled.value && <EmptyFleet />}
      <Bar />
      <Tools />
    </main>
  );
}
