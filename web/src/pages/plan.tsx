// What a dry run answers: the plan with its digest, its waves and its names.
import type { JSX } from "preact";
import type { Rollout, RolloutPreview, RolloutRobot } from "../api/types";
import { count, hertz } from "../ui/format";
import { app } from "./app";
import { atATime } from "./rolloutsteps";

/** Robots that take part, by wave. */
export function waves(r: Rollout): Map<number, RolloutRobot[]> {
  const out = new Map<number, RolloutRobot[]>();
  for (const robot of takingPart(r)) out.set(robot.wave, [...(out.get(robot.wave) ?? []), robot]);
  return new Map([...out].sort(([a], [b]) => a - b));
}

export function takingPart(r: Rollout): RolloutRobot[] {
  return r.robots.filter((x) => x.step !== "skipped");
}

/** The topics that are expected again, with their rates. */
function measuredBy(r: RolloutRobot): string {
  const topics = (r.topics ?? []).map((t) => `${t.name} ${hertz(t.hz)}`);
  return topics.length === 0 ? "" : `; expected again: ${topics.join(", ")}`;
}

function nameOf(r: RolloutRobot): string {
  return app.store.byId.value.get(r.robot)?.name ?? r.robot;
}

/** Robots of which the same is said, together. */
export function previews(robots: readonly RolloutRobot[]): [RolloutPreview, string[]][] {
  const groups = new Map<string, [RolloutPreview, string[]]>();
  for (const r of robots) {
    if (r.preview === undefined) continue;
    const { free_bytes: _, ...said } = r.preview;
    const key = JSON.stringify(said);
    const group = groups.get(key) ?? [r.preview, []];
    group[1].push(r.robot);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function PreviewCard({ p, robots }: { p: RolloutPreview; robots: readonly string[] }): JSX.Element {
  const pull = p.present
    ? "the image is there"
    : p.need_bytes > 0
      ? `${(p.need_bytes / 1e6).toFixed(1)} MB`
      : undefined;
  return (
    <div class="card">
      <h3>{robots.join(", ")}</h3>
      <dl class="facts">
        {p.refused !== undefined && (
          <>
            <dt>Refused</dt>
            <dd class="alarm">{p.refused}</dd>
          </>
        )}
        {p.not_asked !== undefined ? (
          <>
            <dt>Not asked</dt>
            <dd class="alarm">{p.not_asked}</dd>
          </>
        ) : (
          <>
            <dt>Keeps</dt>
            <dd>{(p.kept ?? []).join(", ") || "nothing that was set by hand"}</dd>
            <dt>Changes</dt>
            <dd>{(p.changed ?? []).join(", ")}</dd>
          </>
        )}
        {pull !== undefined && (
          <>
            <dt>Pull</dt>
            <dd>{pull}</dd>
          </>
        )}
      </dl>
    </div>
  );
}

/** Robots that would wait now, and for what. */
function Waiting({ robots }: { robots: readonly RolloutRobot[] }): JSX.Element | null {
  const waits = robots.filter((r) => r.why !== undefined);
  if (waits.length === 0) return null;
  return (
    <details>
      <summary>{`${count(waits.length, "robot")} would wait now`}</summary>
      <ul>
        {waits.map((r) => (
          <li key={r.robot}>
            {r.robot}
            <span class="muted">{` · ${r.why}`}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}

export function PlanView({ plan }: { plan: Rollout }): JSX.Element {
  const skipped = plan.robots.filter((x) => x.step === "skipped");
  const part = takingPart(plan);
  return (
    <section class="stack" aria-label="Plan">
      <p>
        <strong>{count(part.length, "robot")}</strong>
        {` will run `}
        <code>{plan.image.ref}</code>
        {`, in ${count(plan.waves, "wave")}, at most ${atATime(plan)}.`}
      </p>
      <p>
        <span class="muted">Digest </span>
        <code>{plan.image.digest}</code>
        {plan.image.signed_by !== undefined && ` signed by ${plan.image.signed_by}`}
      </p>
      <ol class="stack">
        {[...waves(plan)].map(([wave, robots]) => (
          <li key={wave} class="card" aria-label={`Wave ${wave}`}>
            <h3>
              {`Wave ${wave}`}
              <span class="muted">{` · ${count(robots.length, "robot")}${wave === 0 && plan.waves > 1 ? ", the canary" : ""}`}</span>
            </h3>
            <ul class="chips">
              {robots.map((r) => (
                <li
                  key={r.robot}
                  class="tag"
                  title={`${r.container} on ${r.engine}, from ${r.from.ref}${measuredBy(r)}`}
                >
                  {r.robot}
                  {nameOf(r) !== r.robot && <span class="muted">{nameOf(r)}</span>}
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ol>
      {previews(part).map(([p, robots]) => (
        <PreviewCard key={robots[0]} p={p} robots={robots} />
      ))}
      <Waiting robots={part} />
      {skipped.length > 0 && (
        <div class="card">
          <h3>{`Left out: ${count(skipped.length, "robot")}`}</h3>
          <ul>
            {skipped.map((r) => (
              <li key={r.robot}>
                {r.robot}
                <span class="muted">{` · ${r.reason ?? "no reason given"}`}</span>
              </li>
            ))}
          </ul>
        </div>
      )}
    </section>
  );
}
