// The dialog of a new rollout: what is asked for, the plan that the server
// makes of it, and only then the start.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { ApiError, api, reasonOf } from "../api/client";
import type { Rollout } from "../api/types";
import { count } from "../ui/format";
import { go } from "../ui/route";
import { ActionButton, Dialog } from "../ui/widgets";
import { app } from "./app";
import { PlanView, takingPart } from "./plan";
import { RolloutFields } from "./rolloutfields";
import { emptyForm, type Form, notANumber, type Refusal, specOf } from "./rolloutform";

function refusalOf(cause: unknown): Refusal {
  return { field: cause instanceof ApiError ? cause.field : undefined, message: reasonOf(cause) };
}

interface Props {
  /** The selector to begin with. */
  robots: string;
  onClose: () => void;
}

export function NewRollout({ robots, onClose }: Props): JSX.Element {
  const [form, setForm] = useState<Form>(() => ({ ...emptyForm, robots }));
  const [plan, setPlan] = useState<Rollout | undefined>(undefined);
  const [refusal, setRefusal] = useState<Refusal | undefined>(undefined);
  const [busy, setBusy] = useState(false);

  const attempt = async (what: () => Promise<void>) => {
    setBusy(true);
    setRefusal(undefined);
    try {
      await what();
    } catch (cause) {
      setRefusal(refusalOf(cause));
      setPlan(undefined); // back to the form, where the field is
    } finally {
      setBusy(false);
    }
  };
  const preview = async () => {
    const wrong = notANumber(form);
    if (wrong !== undefined) setRefusal(wrong);
    else await attempt(async () => setPlan(await api.previewRollout(specOf(form))));
  };
  const start = () =>
    attempt(async () => {
      const started = await api.startRollout(specOf(form));
      app.store.putRollout(started);
      go({ section: "rollouts", id: started.id, rollOut: undefined });
    });

  if (plan !== undefined) return <Confirm plan={plan} busy={busy} onBack={() => setPlan(undefined)} onStart={start} />;
  return (
    <Dialog title="New rollout" onClose={onClose}>
      <form
        noValidate
        onSubmit={(e) => {
          e.preventDefault();
          if (!busy) void preview();
        }}
      >
        <RolloutFields form={form} refusal={refusal} onChange={setForm} />
        <div class="foot">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" aria-disabled={busy ? "true" : undefined}>
            {busy ? "Planning…" : "Show plan"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface ConfirmProps {
  plan: Rollout;
  busy: boolean;
  onBack: () => void;
  onStart: () => Promise<void>;
}

function Confirm({ plan, busy, onBack, onStart }: ConfirmProps): JSX.Element {
  const n = takingPart(plan).length;
  const because = n === 0 ? "No robot would change." : app.denies("engineer");
  return (
    <Dialog title="Start this rollout?" onClose={onBack}>
      <div class="body">
        <PlanView plan={plan} />
        {because !== undefined && <p class="warn">{because}</p>}
      </div>
      <div class="foot">
        <button type="button" onClick={onBack}>
          Back
        </button>
        <ActionButton class="primary" because={busy ? "It is being started." : because} onClick={() => void onStart()}>
          {`Start on ${count(n, "robot")}`}
        </ActionButton>
      </div>
    </Dialog>
  );
}
