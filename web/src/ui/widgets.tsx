// Small pieces that the pages share.
import type { ComponentChildren, JSX } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { ApiError, reasonOf } from "../api/client";
import { everySecond, serverNow } from "../store/clock";
import { age, dateAndTime } from "./format";
import { startPolling } from "./polling";

interface ButtonProps {
  children: ComponentChildren;
  onClick: () => void;
  /** Why the button cannot be used now; undefined when it can. */
  because?: string | undefined;
  class?: string;
  label?: string;
  pressed?: boolean;
}

/** A button that stays where it is when it cannot be used, and says why. */
export function ActionButton({ children, onClick, because, class: kind, label, pressed }: ButtonProps): JSX.Element {
  const why = useId();
  const off = because !== undefined;
  return (
    <>
      <button
        type="button"
        class={kind ?? ""}
        title={because ?? label}
        aria-label={label}
        aria-pressed={pressed}
        aria-disabled={off ? "true" : undefined}
        aria-describedby={off ? why : undefined}
        onClick={() => {
          if (!off) onClick();
        }}
      >
        {children}
      </button>
      {off && (
        <span id={why} class="sr-only">
          {because}
        </span>
      )}
    </>
  );
}

/** How long ago, renewed each second. */
export function Ago({ at }: { at: string | undefined }): JSX.Element {
  if (at === undefined) return <span class="muted">never</span>;
  return <time dateTime={at} title={dateAndTime(at)}>{`${age(everySecond.value - Date.parse(at))} ago`}</time>;
}

/** How long until, renewed each second. */
export function Until({ at }: { at: string }): JSX.Element {
  const left = Date.parse(at) - everySecond.value;
  return (
    <time dateTime={at} title={dateAndTime(at)}>
      {left > 0 ? `${age(left)} left` : "overdue"}
    </time>
  );
}

export function Section({ title, children }: { title: ComponentChildren; children: ComponentChildren }): JSX.Element {
  const id = useId();
  return (
    <section class="section" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {children}
    </section>
  );
}

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  /** A dialog that has to be answered does not close by Esc. */
  modalOnly?: boolean;
}

export function Dialog({ title, onClose, children, modalOnly }: DialogProps): JSX.Element {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const d = ref.current;
    d?.showModal(); // before the paint: keys that are pressed now are for it
    return () => d?.close();
  }, []);
  return (
    <dialog
      ref={ref}
      aria-labelledby={id}
      onCancel={(e) => {
        e.preventDefault();
        if (modalOnly !== true) onClose();
      }}
    >
      <h1 id={id} style={{ padding: "18px 20px 0" }}>
        {title}
      </h1>
      {children}
    </dialog>
  );
}

export interface Polled<T> {
  /** The newest answer, also while a later one failed. */
  readonly data: T | undefined;
  readonly error: string | undefined;
  /** The error's code in the API. */
  readonly code: string | undefined;
  /** Server time in ms at which the newest answer was asked for: it knows nothing of what was done later. */
  readonly at: number;
}

const nothing = { data: undefined, error: undefined, code: undefined, at: 0 };

/**
 * Reads something again and again while it is shown, in a tab that is seen;
 * `key` says what. While `paused`, what was read stays.
 */
export function usePolled<T>(
  key: string,
  read: (signal: AbortSignal) => Promise<T>,
  everyMs: number,
  paused = false,
): Polled<T> {
  const [state, setState] = useState<Polled<T> & { key: string }>({ key, ...nothing });
  const latest = useRef(read);
  latest.current = read;
  useLayoutEffect(() => {
    if (paused) return; // nothing comes once it says so on the page
    return startPolling({
      read: async (signal) => {
        const at = serverNow();
        return { at, data: await latest.current(signal) };
      },
      everyMs,
      take: (answer) => setState({ key, ...answer, error: undefined, code: undefined }),
      fail: (cause) =>
        setState((s) => ({
          ...(s.key === key ? s : { key, ...nothing }),
          error: reasonOf(cause),
          code: cause instanceof ApiError ? cause.code : undefined,
        })),
    });
  }, [key, everyMs, paused]);
  return state.key === key ? state : nothing;
}
