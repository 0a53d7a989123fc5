// The form of a new rollout: what nearly every one says first, then its parts.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ApiError, api } from "../api/client";
import { AdvancedFields, advancedFields } from "./advancedfields";
import { Check, Choice, type FieldProps, fieldOf, has, Input } from "./formparts";

/** The fields that have an input; a refusal of another one stands above all. */
const shownFields: ReadonlySet<string> = new Set([
  "image",
  "robots",
  "container",
  "canary",
  "waves",
  "soak",
  "max_unavailable",
  "max_per",
  "pull_ahead",
  "max_failures",
  "before.min_battery",
  "before.idle",
  "before.windows",
  "before.time_zone",
  "after.window",
  "after.min_rate",
  "note",
  ...advancedFields,
]);

/** The repository of a reference whose tag is being typed. */
export function repositoryOf(image: string): string | undefined {
  const colon = image.lastIndexOf(":");
  return colon > image.lastIndexOf("/") && !image.includes("@") ? image.slice(0, colon) : undefined;
}

/** The service has no registry to ask for tags. */
let noRegistry = false;

/** The tags that the registry has of the repository that is being typed. */
function Tags({ image, id }: { image: string; id: string }): JSX.Element {
  const [tags, setTags] = useState<readonly string[]>([]);
  const repository = repositoryOf(image);
  useEffect(() => {
    setTags([]);
    if (noRegistry || repository === undefined || repository === "") return;
    let left = false;
    const timer = setTimeout(() => {
      api
        .tags(repository)
        .then((t) => {
          if (!left) setTags(t.tags);
        })
        .catch((cause: unknown) => {
          // Suggestions only: the plan says what is wrong with the image.
          if (cause instanceof ApiError && cause.code === "unavailable") noRegistry = true;
        });
    }, 300);
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [repository]);
  return (
    <datalist id={id}>
      {tags.map((t) => (
        <option key={t} value={`${repository ?? ""}:${t}`} />
      ))}
    </datalist>
  );
}

const onFailure = [
  ["", "roll the robot back and stop"],
  ["roll-back-wave", "roll its wave back"],
  ["roll-back-all", "roll all robots back"],
  ["pause", "pause, a person decides"],
] as const;
const offline = [
  ["", "leave it out"],
  ["wait", "wait, then leave it out"],
  ["block", "wait, then pause"],
] as const;
const conflict = [
  ["", "refuse the plan"],
  ["queue", "wait for its turn"],
] as const;
const approval = [
  ["", "nobody"],
  ["canary", "before the first wave"],
  ["fleet", "after the first wave"],
  ["each", "before each wave"],
] as const;
const approvalRole = [
  ["", "engineer"],
  ["operator", "operator"],
] as const;

function Pace(p: FieldProps): JSX.Element {
  const fields = ["canary", "waves", "soak", "max_unavailable", "max_per", "pull_ahead", "max_failures", "container"];
  return (
    <details open={has(p.refusal, fields)}>
      <summary>Pace and failures</summary>
      <div class="fields">
        <Input {...p} name="canary" field="canary" label="Canary robots" placeholder="1" hint="0: one wave" numeric />
        <Input {...p} name="waves" field="waves" label="Waves" placeholder="1, 10%, 50%" hint="instead of a canary" />
        <Input {...p} name="soak" field="soak" label="Soak" placeholder="none" hint="how long a wave rests" />
        <Input {...p} name="maxUnavailable" field="max_unavailable" label="At one time" placeholder="1" hint="or 10%" />
        <Input {...p} name="maxPer" field="max_per" label="At one time by label" placeholder="station=1" />
        <Input {...p} name="pullAhead" field="pull_ahead" label="Pull ahead" placeholder="1" hint="0: none" numeric />
        <Input {...p} name="maxFailures" field="max_failures" label="Failures allowed" placeholder="0" hint="or 5%" />
        <Choice {...p} name="onFailure" label="On a failure" options={onFailure} />
        <Choice {...p} name="offline" label="A robot that is offline" options={offline} />
        <Choice {...p} name="conflict" label="A robot of another rollout" options={conflict} />
        <Choice {...p} name="approval" label="A person approves" options={approval} />
        <Input {...p} name="container" field="container" label="Container" hint="where a robot has several" />
        {p.form.approval !== "" && (
          <>
            <Choice {...p} name="approvalRole" label="Whose role is at least" options={approvalRole} />
            <Check {...p} name="otherPerson" label="Another person than the starter" />
          </>
        )}
        <Check {...p} name="keepImages" label="Keep old versions on the robots" />
      </div>
    </details>
  );
}

const gateFields = [
  "before.min_battery",
  "before.idle",
  "before.moving",
  "before.windows",
  "before.time_zone",
  "after.window",
  "after.min_rate",
];

function GateFields(p: FieldProps): JSX.Element {
  return (
    <details open={has(p.refusal, gateFields)}>
      <summary>Gates</summary>
      <div class="fields">
        <Input
          {...p}
          name="minBattery"
          field="before.min_battery"
          label="Battery at least, %"
          placeholder="any"
          numeric
        />
        <Input {...p} name="idle" field="before.idle" label="Stood still for" placeholder="any" hint="like 2m" />
        <Input
          {...p}
          name="windows"
          field="before.windows"
          label="Only at"
          placeholder="mon-fri 22:00-05:00"
          hint="several with semicolons"
        />
        <Input {...p} name="timeZone" field="before.time_zone" label="Time zone" placeholder="UTC" />
        <Input
          {...p}
          name="window"
          field="after.window"
          label="Verify for"
          placeholder="5s"
          hint="like 30s or 2m; 0s: once"
        />
        <Input
          {...p}
          name="minRate"
          field="after.min_rate"
          label="Topic rate at least, %"
          placeholder="80"
          hint="0: any"
          numeric
        />
        <Check {...p} name="moving" label="Also while it drives" />
        <Check {...p} name="charging" label="Only while charging" />
        <Check {...p} name="wavePulled" label="Only when the whole wave has pulled" />
      </div>
    </details>
  );
}

export function RolloutFields(p: FieldProps): JSX.Element {
  const beside = shownFields.has(fieldOf(p.refusal) ?? "");
  return (
    <div class="body">
      {p.refusal !== undefined && !beside && (
        <p class="alarm" role="alert">
          {p.refusal.field === undefined ? p.refusal.message : `${p.refusal.field}: ${p.refusal.message}`}
        </p>
      )}
      <Input
        {...p}
        name="image"
        field="image"
        label="Image"
        placeholder="registry/repository:tag"
        hint="A tag is pinned to its digest when the plan is made."
        list="image-tags"
      />
      <Tags image={p.form.image} id="image-tags" />
      <Input
        {...p}
        name="robots"
        field="robots"
        label="Robots"
        hint="“all”, ids with * and ?, or labels like site=hall-2; separate with commas"
      />
      <div class="chips">
        <button
          type="button"
          aria-pressed={p.form.robots.trim() === "all"}
          onClick={() => p.onChange({ ...p.form, robots: "all" })}
        >
          All robots
        </button>
      </div>
      <Pace {...p} />
      <GateFields {...p} />
      <AdvancedFields {...p} />
      <Input {...p} name="note" field="note" label="Note" hint="why, for the log" />
    </div>
  );
}
