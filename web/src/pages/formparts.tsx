// The inputs of the form of a new rollout, each with the server's refusal beside it.
import type { JSX } from "preact";
import type { Form, Refusal } from "./rolloutform";

export interface FieldProps {
  form: Form;
  refusal: Refusal | undefined;
  onChange: (f: Form) => void;
}

type TextKey = { [K in keyof Form]: Form[K] extends string ? K : never }[keyof Form];

interface InputProps extends FieldProps {
  name: TextKey;
  /** As the spec calls it. */
  field: string;
  label: string;
  hint?: string;
  placeholder?: string;
  list?: string;
  numeric?: boolean;
  /** Has a line for each item. */
  lines?: boolean;
}

/** The field that a refusal is about, without the place in its list. */
export function fieldOf(refusal: Refusal | undefined): string | undefined {
  return refusal?.field?.replace(/\[\d+\].*$/, "");
}

export function Input({
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
  lines,
}: InputProps): JSX.Element {
  const error = fieldOf(refusal) === field ? refusal?.message : undefined;
  const id = `f-${name}`;
  const common = {
    id,
    value: form[name],
    placeholder,
    spellcheck: false,
    "aria-invalid": error !== undefined ? ("true" as const) : undefined,
    "aria-describedby": error !== undefined ? `${id}-error` : hint !== undefined ? `${id}-hint` : undefined,
    onInput: (e: { currentTarget: { value: string } }) => onChange({ ...form, [name]: e.currentTarget.value }),
  };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {lines === true ? (
        <textarea rows={3} {...common} />
      ) : (
        <input
          type="text"
          inputMode={numeric === true ? "decimal" : "text"}
          list={list}
          autocomplete="off"
          {...common}
        />
      )}
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

type FlagKey = { [K in keyof Form]: Form[K] extends boolean ? K : never }[keyof Form];

export function Check({ form, onChange, name, label }: FieldProps & { name: FlagKey; label: string }): JSX.Element {
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

interface ChoiceProps extends FieldProps {
  name: TextKey;
  label: string;
  /** Value and text; the first value is "", the server's default. */
  options: readonly (readonly [string, string])[];
}

export function Choice({ form, onChange, name, label, options }: ChoiceProps): JSX.Element {
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

/** Whether the refusal is of a field in this part, which then opens. */
export function has(refusal: Refusal | undefined, fields: readonly string[]): boolean {
  const field = fieldOf(refusal);
  return field !== undefined && fields.includes(field);
}
