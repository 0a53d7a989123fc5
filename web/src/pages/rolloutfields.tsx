// The inputs of a new rollout, each with the server's refusal beside it.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ApiError, api } from "../api/client";
import type { Form, Refusal } from "./rolloutform";

interface Props {
  form: Form;
  refusal: Refusal | undefined;
  onChange: (f: Form) => void;
}

type TextKey = { [K in keyof Form]: Form[K] extends string ? K : never }[keyof Form];

interface InputProps extends Props {
  name: TextKey;
  /** As the spec calls it. */
  field: string;
  label: string;
  hint?: string;
  placeholder?: string;
  list?: string;
  numeric?: boolean;
}

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
]);

function Input({
  form,
  refusal,
  onChange,
  name,
  field,
  label,
  hint,
  placeholder,
  list,
  numeric,
}: InputProps): JSX.Element {
  const error = refusal?.field === field ? refusal.message : undefined;
  const id = `f-${name}`;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="text"
        inputMode={numeric === true ? "decimal" : "text"}
        value={form[name]}
        placeholder={placeholder}
        list={list}
        autocomplete="off"
        spellcheck={false}
        aria-invalid={error !== undefined ? "true" : undefined}
        aria-describedby={error !== undefined ? `${id}-error` : hint !== undefined ? `${id}-hint` : undefined}
        onInput={(e) => onChange({ ...form, [name]: e.currentTarget.value })}
      />
      {error !== undefined && (
        <p id={`${id}-error`} class="error" role="alert">
          {error}
        </p>
      )}
      {error === undefined && hint !== undefined && (
        <p id={`${id}-hint`} class="hint">
          {hint}
        </p>
      )}
    </div>
  );
}

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

type FlagKey = { [K in keyof Form]: Form[K] extends boolean ? K : never }[keyof Form];

function Check({ form, onChange, name, label }: Props & { name: FlagKey; label: string }): JSX.Element {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={form[name]}
        onChange={(e) => onChange({ ...form, [name]: e.currentTarget.checked })}
      />
      {label}
    </label>
  );
}

interface ChoiceProps extends Props {
  name: TextKey;
  label: string;
  /** Value and text; the first value is "", the server's default. */
  options: readonly (readonly [string, string])[];
}

function Choice({ form, onChange, name, label, options }: ChoiceProps): JSX.Element {
  const id = `f-${name}`;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} value={form[name]} onChange={(e) => onChange({ ...form, [name]: e.currentTarget.value })}>
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </div>
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

/** Whether the refusal is of a field in this part, which then opens. */
function has(refusal: Refusal | undefined, fields: readonly string[]): boolean {
  return refusal?.field !== undefined && fields.some((f) => refusal.field === f || refusal.field?.startsWith(`${f}.`));
}

function Pace(p: Props): JSX.Element {
  const fields = ["canary", "waves", "soak", "max_unavailable", "max_per", "pull_ahead", "max_failures", "container"];
  return (
    <details open={has(p.refusal, fields)}>
      <summary>Pace and failures</summary>
      <div class="fields">
        <Input {...p} name="canary" field="canary" label="Canary robots" placeholder="1" numeric />
        <Input {...p} name="waves" field="waves" label="Waves" placeholder="1, 10%, 50%" hint="instead of a canary" />
        <Input {...p} name="soak" field="soak" label="Soak" placeholder="none" hint="how long a wave rests" />
        <Input {...p} name="maxUnavailable" field="max_unavailable" label="At one time" placeholder="1" hint="or 10%" />
        <Input {...p} name="maxPer" field="max_per" label="At one time by label" placeholder="station=1" />
        <Input {...p} name="pullAhead" field="pull_ahead" label="Pull ahead" placeholder="1" numeric />
        <Input {...p} name="maxFailures" field="max_failures" label="Failures allowed" placeholder="0" hint="or 5%" />
        <Choice {...p} name="onFailure" label="On a failure" options={onFailure} />
        <Choice {...p} name="offline" label="A robot that is offline" options={offline} />
        <Choice {...p} name="conflict" label="A robot of another rollout" options={conflict} />
        <Choice {...p} name="approval" label="A person approves" options={approval} />
        <Input {...p} name="container" field="container" label="Container" hint="where a robot has several" />
        {p.form.approval !== "" && <Check {...p} name="otherPerson" label="Another person than the starter" />}
        <Check {...p} name="keepImages" label="Keep old versions on the robots" />
      </div>
    </details>
  );
}

function GateFields(p: Props): JSX.Element {
  return (
    <details open={has(p.refusal, ["before", "after"])}>
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
        <Input {...p} name="window" field="after.window" label="Verify for" placeholder="5s" hint="like 30s or 2m" />
        <Input {...p} name="minRate" field="after.min_rate" label="Topic rate at least, %" placeholder="80" numeric />
        <Check {...p} name="moving" label="Also while it drives" />
        <Check {...p} name="charging" label="Only while charging" />
        <Check {...p} name="wavePulled" label="Only when the whole wave has pulled" />
      </div>
    </details>
  );
}

export function RolloutFields(p: Props): JSX.Element {
  const beside = p.refusal?.field !== undefined && shownFields.has(p.refusal.field);
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
      <Input {...p} name="note" field="note" label="Note" hint="why, for the log" />
    </div>
  );
}
