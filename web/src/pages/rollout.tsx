// One rollout as it happens: the whole as a bar, then robot by robot.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { api, reasonOf } from "../api/client";
import type { Rollout, RolloutAction } from "../api/types";
import { count, shortDigest, shortImage } from "../ui/format";
import { CloseMark } from "../ui/marks";
import { hrefTo } from "../ui/route";
import { ActionButton, Ago, Section } from "../ui/widgets";
import { app } from "./app";
import { ConfirmAction } from "./confirm";
import { dangerous, names, roleFor, unfit, wholeActions } from "./rolloutactions";
import { RobotTable } from "./rolloutrobots";
import { atATime, kindCounts, stateTone } from "./rolloutsteps";

/** Why an action cannot be taken now. */
function because(r: Rollout, action: RolloutAction): string | undefined {
  if (!app.linked.value) return "There is no link to the service; what you see may be old.";
  return app.denies(roleFor(action)) ?? unfit(r, action);
}

function Actions({ r }: { r: Rollout }): JSX.Element {
  const [asked, ask] = useState<RolloutAction | undefined>(undefined);
  // A plan that asks nobody for an approval has no button for one.
  const offered = wholeActions.filter((a) => a !== "approve" || r.spec.approval?.before !== undefined);
  const reasons = offered.map((a) => ({ action: a, why: because(r, a) }));
  const sameWhy = reasons.every((x) => x.why !== undefined && x.why === reasons[0]?.why) ? reasons[0]?.why : undefined;
  return (
    <div class="line" role="group" aria-label="Actions">
      {reasons.map(({ action, why }) => (
        <ActionButton key={action} because={why} class={dangerous(action) ? "danger" : ""} onClick={() => ask(action)}>
          {names[action]}
        </ActionButton>
      ))}
      {sameWhy !== undefined && <span class="muted">{sameWhy}</span>}
      {asked !== undefined && <ConfirmAction rollout={r} action={asked} onClose={() => ask(undefined)} />}
    </div>
  );
}

/** Who approved what, and what still waits for it. */
function Approvals({ r }: { r: Rollout }): JSX.Element | null {
  if (r.approval === undefined && (r.approved ?? []).length === 0) return null;
  return (
    <ul aria-label="Approvals">
      {(r.approved ?? []).map((a) => (
        <li key={a.wave}>
          {`Wave ${a.wave} was approved by ${a.by} `}
          <Ago at={a.at} />
        </li>
      ))}
      {r.approval !== undefined && (
        <li class="warn">
          {`Wave ${r.approval} waits for the approval of ${r.spec.approval?.role ?? "engineer"}s`}
          {r.spec.approval?.other_person === true && `, other than ${r.created_by}`}
        </li>
      )}
    </ul>
  );
}

function Bar({ r }: { r: Rollout }): JSX.Element {
  const counts = kindCounts(r.counts);
  const text = Object.entries(r.counts)
    .map(([step, n]) => `${n} ${step}`)
    .join(", ");
  return (
    <>
      <div
        class="progress"
        role="progressbar"
        aria-label="Progress of the rollout"
        aria-valuemin={0}
        aria-valuemax={r.total}
        aria-valuenow={r.ended}
        aria-valuetext={`${r.ended} of ${r.total} robots have ended: ${text}`}
      >
        {counts.map(([kind, n]) => (
          <span key={kind} class={kind} style={{ width: `${(n / Math.max(1, r.total)) * 100}%` }} />
        ))}
      </div>
      <p class="figures">
        {`${r.ended} of ${count(r.total, "robot")} ended`}
        <span class="muted">{` · ${text}`}</span>
      </p>
    </>
  );
}

function Facts({ r }: { r: Rollout }): JSX.Element {
  return (
    <dl class="facts">
      <dt>Image</dt>
      <dd>
        <code>{r.image.ref}</code>
      </dd>
      <dt>Digest</dt>
      <dd>
        <code title={r.image.digest}>{shortDigest(r.image.digest)}</code>
      </dd>
      <dt>Robots</dt>
      <dd>{`${r.spec.robots} in ${count(r.waves, "wave")}, at most ${atATime(r)}`}</dd>
      <dt>Created</dt>
      <dd>
        <Ago at={r.created_at} />
        {` by ${r.created_by}`}
      </dd>
      {r.ended_at !== undefined && (
        <>
          <dt>Ended</dt>
          <dd>
            <Ago at={r.ended_at} />
          </dd>
        </>
      )}
      {r.undoes !== undefined && (
        <>
          <dt>Takes back</dt>
          <dd>
            <a href={hrefTo({ section: "rollouts", id: r.undoes })}>{r.undoes}</a>
          </dd>
        </>
      )}
      {r.image.signed_by !== undefined && (
        <>
          <dt>Signed by</dt>
          <dd>{r.image.signed_by}</dd>
        </>
      )}
      {r.note !== undefined && (
        <>
          <dt>Note</dt>
          <dd>{r.note}</dd>
        </>
      )}
    </dl>
  );
}

function Whole({ r }: { r: Rollout }): JSX.Element {
  return (
    <>
      <div class="section">
        <Bar r={r} />
        <Approvals r={r} />
        <Actions r={r} />
        {r.held !== undefined && r.held !== "" && (
          <p class="warn" role="status">
            {`Held: ${r.held}`}
          </p>
        )}
      </div>
      <Section title={`Robots, ${r.robots.length}`}>
        <RobotTable rollout={r} />
      </Section>
      <Section title="About">
        <Facts r={r} />
      </Section>
    </>
  );
}

export function RolloutDetail({ id }: { id: string }): JSX.Element {
  const r = app.store.rollouts.value.get(id);
  const [error, setError] = useState<string | undefined>(undefined);
  const whole = r?.robots.length === r?.total;
  const linked = app.linked.value;
  useEffect(() => {
    // The stream brings what changes; the whole is read once, and after a loss.
    if (!linked || (r !== undefined && whole)) return;
    let left = false;
    api
      .rollout(id)
      .then((got) => app.store.putRollout(got))
      .catch((cause: unknown) => {
        if (!left) setError(reasonOf(cause));
      });
    return () => {
      left = true;
    };
  }, [id, linked, r === undefined, whole]);
  const title = r === undefined ? id : shortImage(r.image.ref);
  return (
    <aside class="detail wide" aria-label={`Rollout ${title}`} tabIndex={-1}>
      <div class="detail-head">
        <div class="line">
          <h1>{title}</h1>
          {r !== undefined && (
            <span class={`tag ${stateTone(r.state)}`} role="status" aria-label="State of the rollout">
              {r.state}
            </span>
          )}
          <span class="muted mono">{id}</span>
          <a class="button end" href={hrefTo({ id: undefined })} aria-label="Close details">
            <CloseMark />
          </a>
        </div>
        {r !== undefined && r.reason !== "" && (
          <p class={stateTone(r.state) === "alarm" ? "alarm" : "muted"}>{r.reason}</p>
        )}
        {r === undefined && <p class="muted">{error ?? "Reading the rollout…"}</p>}
      </div>
      {r !== undefined && <Whole r={r} />}
    </aside>
  );
}
