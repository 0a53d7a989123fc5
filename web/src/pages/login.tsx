import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { setToken } from "../api/client";
import { Dialog } from "../ui/widgets";

/** Asks for the bearer token. It stays in this tab only. */
export function Login({ reason }: { reason: string }): JSX.Element {
  const [value, setValue] = useState("");
  return (
    <Dialog title="Sign in" onClose={() => {}} modalOnly>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          if (value.trim() !== "") setToken(value.trim());
        }}
      >
        <div class="body">
          <div class="field">
            <label for="token">Access token</label>
            <input
              id="token"
              type="password"
              autocomplete="current-password"
              value={value}
              aria-describedby="token-reason"
              onInput={(e) => setValue(e.currentTarget.value)}
            />
            <p id="token-reason" class="hint">
              {reason}
            </p>
          </div>
        </div>
        <div class="foot">
          <button type="submit" class="primary">
            Sign in
          </button>
        </div>
      </form>
    </Dialog>
  );
}
