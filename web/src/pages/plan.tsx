// What a dry run answers: the plan with its digest, its waves and its names.
import type { JSX } from "preact";
import type { Rollout, RolloutRobot } from "../api/types";
import { count } from "../ui/format";
import { app } from "./app";

/** Robots that take part, by wave. */
export function waves(r: Rollout): Map<number, RolloutRobot[]> {
  const out = new Map<number, RolloutRobot[]>();
  for (const robot of takingPart(r)) out.set(robot.wave, [...(out.get(robot.wave) ?? []), robot]);
  return new Map([...out].sort(([a], [b]) => a - b));
}

export function takingPart(r: Rollout): RolloutRobot[] {
  return r.robots.filter((x) => x.step !== "skipped");
}

function nameOf(r: RolloutRobot): string {
  return app.store.byId.value.get(r.robot)?.name ?? r.robot;
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
        {`, in ${count(plan.waves, "wave")}, at most ${plan.spec.max_unavailable ?? 1} at a time.`}
      </p>
      <p>
        <span class="muted">Digest </span>
        <code>{plan.image.digest}</code>
      </p>
      <ol class="stack">
        {[...waves(plan)].map(([wave, robots]) => (
          <li key={wave} class="card" aria-label={`Wave ${wave}`}>
            <h3>
              {`Wave ${wave}`}
              <span class="muted">{` · ${count(robots.length, "robot")}${wave === 0 ? ", the canary" : ""}`}</span>
            </h3>
            <ul class="chips">
              {robots.map((r) => (
                <li key={r.robot} class="tag" title={`${r.container} on ${r.engine}, from ${r.from.ref}`}>
                  {r.robot}
                  {nameOf(r) !== r.robot && <span class="muted">{nameOf(r)}</span>}
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ol>
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
