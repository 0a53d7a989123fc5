import type { JSX } from "preact";
import type { Engine, EngineState } from "../api/types";
import { Ago } from "../ui/widgets";
import { app } from "./app";

function tone(s: EngineState): string {
  switch (s) {
    case "up":
      return "";
    case "connecting":
      return "warn";
    case "hung":
    case "down":
      return "alarm";
    default:
      return s satisfies never;
  }
}

function Item({ e }: { e: Engine }): JSX.Element {
  return (
    <li class="card" aria-label={`Engine ${e.name}`}>
      <div class="line">
        <h3>{e.name}</h3>
        <span class={`tag ${tone(e.state)}`}>{e.state}</span>
      </div>
      {e.error !== undefined && <p class="alarm">{e.error}</p>}
      <dl class="facts">
        <dt>Endpoint</dt>
        <dd>
          <code>{e.endpoint}</code>
        </dd>
        <dt>Since</dt>
        <dd>
          <Ago at={e.since} />
        </dd>
        {e.version !== undefined && (
          <>
            <dt>Docker</dt>
            <dd>{`${e.version}, API ${e.api ?? "unknown"}, ${e.os ?? "?"}/${e.arch ?? "?"}`}</dd>
          </>
        )}
        {e.state !== "up" && (
          <>
            <dt>Answered</dt>
            <dd>
              <Ago at={e.last_seen} />
            </dd>
          </>
        )}
      </dl>
    </li>
  );
}

export function EngineList(): JSX.Element {
  const engines = app.store.engines.value;
  return (
    <aside class="list" aria-label="List of engines">
      <div class="list-head">
        <h1>Engines</h1>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard */}
      <section class="scroll" tabIndex={0} aria-label="Engines, scrollable">
        {engines.length === 0 ? (
          <div class="empty">
            <strong>No engines.</strong>
            <span>The manager's configuration names the Docker Engines that it watches.</span>
          </div>
        ) : (
          <ul class="stack" style={{ padding: "12px" }} aria-label="Engines">
            {engines.map((e) => (
              <Item key={e.name} e={e} />
            ))}
          </ul>
        )}
      </section>
    </aside>
  );
}
