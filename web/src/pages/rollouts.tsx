// The list of rollouts, newest first: those of the stream, and the older ones
// that the API still knows.
import type { JSX } from "preact";
import { api } from "../api/client";
import type { RolloutSummary } from "../api/types";
import { count, shortImage } from "../ui/format";
import { hrefTo, route } from "../ui/route";
import { Ago, usePolled } from "../ui/widgets";
import { app } from "./app";
import { ended, stateTone } from "./rolloutsteps";

const againMs = 5000;

function Row({ r }: { r: RolloutSummary }): JSX.Element {
  const image = shortImage(r.image.ref);
  return (
    <li>
      <a
        class="row"
        href={hrefTo({ section: "rollouts", id: r.id })}
        aria-current={route.value.id === r.id ? "true" : undefined}
        aria-label={`Rollout of ${image}, ${r.state}`}
      >
        <span class="title clip" style={{ gridColumn: "1 / 3" }}>
          {image}
        </span>
        <span class={`tag ${stateTone(r.state)}`}>{r.state}</span>
        <span class="sub clip muted" style={{ gridColumn: "1 / 4" }}>
          {`${r.ended} of ${count(r.total, "robot")} · ${r.created_by} · `}
          <Ago at={ended(r.state) ? r.ended_at : r.created_at} />
        </span>
      </a>
    </li>
  );
}

export function RolloutList(): JSX.Element {
  const { data, error } = usePolled("rollouts", api.rollouts, againMs);
  const known = new Map<string, RolloutSummary>((data?.rollouts ?? []).map((r) => [r.id, r]));
  for (const r of app.store.rollouts.value.values()) known.set(r.id, r);
  const all = [...known.values()].sort((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at));
  return (
    <aside class="list" aria-label="List of rollouts">
      <div class="list-head">
        <h1>Rollouts</h1>
      </div>
      <div class="scroll">
        {error !== undefined && <p class="empty warn">{error}</p>}
        {all.length === 0 ? (
          <div class="empty">
            <strong>No rollouts yet.</strong>
            <span>A rollout brings one image to many robots, one after the other, and goes back where it fails.</span>
          </div>
        ) : (
          <ul aria-label="Rollouts">
            {all.map((r) => (
              <Row key={r.id} r={r} />
            ))}
          </ul>
        )}
      </div>
    </aside>
  );
}
