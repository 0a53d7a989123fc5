// A dialog that asks whether a thing shall be done, and where its act may ask for a
// reason. What the service refuses is said in it, and it stays.
import type { ComponentChildren, JSX } from "preact";
import { useId, useState } from "preact/hooks";
import { reasonOf } from "../api/client";
import { Dialog } from "../ui/widgets";

interface Props {
  title: string;
  /** The words of the button that does it. */
  verb: string;
  danger?: boolean;
  /** What the field for a reason is called; without it none is asked for. */
  reason?: string;
  act: (reason: string) => Promise<void>;
  onClose: () => void;
  children: ComponentChildren;
}

export function Ask({ title, verb, danger, reason, act, onClose, children }: Props): JSX.Element {
  const [said, setSaid] = useState("");
  const [error, setError] = useState<string | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const field = useId();
  const run = async () => {
    setBusy(true);
    try {
      await act(said);
      onClose();
    } catch (cause) {
      setError(reasonOf(cause));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          if (!busy) void run();
        }}
      >
        <div class="body">
          {children}
          {reason !== undefined && (
            <div class="field">
              <label for={field}>{reason}</label>
              <input id={field} type="text" value={said} onInput={(e) => setSaid(e.currentTarget.value)} />
            </div>
          )}
          {error !== undefined && (
            <p class="alarm" role="alert">
              {error}
            </p>
          )}
        </div>
        <div class="foot">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            class={danger === true ? "danger" : "primary"}
            aria-disabled={busy ? "true" : undefined}
          >
            {verb}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
