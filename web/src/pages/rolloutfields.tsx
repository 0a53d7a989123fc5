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
  "max_unavailable",
  "pull_ahead",
  "max_failures",
  "before.min_battery",
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

function Check({
  form,
  onChange,
  name,
  label,
}: Props & { name: "stationary" | "charging"; label: string }): JSX.Element {
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

const advanced = ["container", "canary", "max_unavailable", "pull_ahead", "max_failures", "before", "after"];

function isAdvanced(field: string | undefined): boolean {
  return field !== undefined && advanced.some((a) => field === a || field.startsWith(`${a}.`));
}

function Advanced(p: Props): JSX.Element {
  return (
    <details open={isAdvanced(p.refusal?.field)}>
      <summary>Pace, gates and container</summary>
      <div class="fields">
        <Input {...p} name="canary" field="canary" label="Canary robots" placeholder="1" numeric />
        <Input {...p} name="maxUnavailable" field="max_unavailable" label="At one time" placeholder="1" numeric />
        <Input {...p} name="pullAhead" field="pull_ahead" label="Pull ahead" placeholder="1" numeric />
        <Input {...p} name="maxFailures" field="max_failures" label="Failures allowed" placeholder="0" numeric />
        <Input
          {...p}
          name="minBattery"
          field="before.min_battery"
          label="Battery at least, %"
          placeholder="any"
          numeric
        />
        <Input {...p} name="window" field="after.window" label="Verify for" placeholder="5s" hint="like 30s or 2m" />
        <Input {...p} name="minRate" field="after.min_rate" label="Topic rate at least, %" placeholder="80" numeric />
        <Input {...p} name="container" field="container" label="Container" hint="where a robot has several" />
        <Check {...p} name="stationary" label="Only while standing still" />
        <Check {...p} name="charging" label="Only while charging" />
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
      <Advanced {...p} />
      <Input {...p} name="note" field="note" label="Note" hint="why, for the log" />
    </div>
  );
}
