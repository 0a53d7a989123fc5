import type { JSX } from "preact";
import type { FleetEvent } from "../api/types";
import { eventsKept } from "../store/fleet";
import { dateAndTime, timeOfDay } from "../ui/format";
import { SeverityMark } from "../ui/marks";
import { hrefTo } from "../ui/route";
import { app } from "./app";

function About({ e }: { e: FleetEvent }): JSX.Element | null {
  if (e.robot !== undefined) return <a href={hrefTo({ section: "robots", id: e.robot })}>{e.robot}</a>;
  if (e.rollout !== undefined) return <a href={hrefTo({ section: "rollouts", id: e.rollout })}>{e.rollout}</a>;
  return e.engine === undefined ? null : <span class="muted">{e.engine}</span>;
}

/** Events, the newest first. */
export function EventItems({ events, linked }: { events: readonly FleetEvent[]; linked?: boolean }): JSX.Element {
  if (events.length === 0) return <p class="muted">Nothing has happened yet.</p>;
  return (
    <ol class="events" aria-label="Events">
      {[...events].reverse().map((e) => (
        <li key={e.seq}>
          <SeverityMark severity={e.severity} />
          <time class="muted figures" dateTime={e.time} title={dateAndTime(e.time)}>
            {timeOfDay(e.time)}
          </time>
          <span>
            {e.text} {linked === true && <About e={e} />}
          </span>
        </li>
      ))}
    </ol>
  );
}

export function EventPanel(): JSX.Element {
  const events = app.store.events.value;
  return (
    <aside class="detail wide" aria-label="All events" tabIndex={-1}>
      <div class="detail-head">
        <h1>Events</h1>
        <p class="muted">
          {app.store.eventGap.value ? "Some events were lost between two connections and are being read. " : ""}
          {events.length >= eventsKept ? `The newest ${eventsKept}.` : ""}
        </p>
      </div>
      <div class="section">
        <EventItems events={events} linked />
      </div>
    </aside>
  );
}
