import type { JSX } from "preact";
import { Dialog } from "../ui/widgets";

const keys: readonly (readonly [string, string])[] = [
  ["/", "Search in the list"],
  ["j, k", "Select the next or the one before"],
  ["Enter", "Go to the details of what is selected"],
  ["Esc", "Go back to the robot from its topic or node; close the details"],
  ["← ↑ → ↓, + −, 0", "Move, zoom and fit the map, while it has the focus"],
  ["?", "This help"],
];

export function Help({ onClose }: { onClose: () => void }): JSX.Element {
  return (
    <Dialog title="Keyboard" onClose={onClose}>
      <div class="body">
        <dl class="facts">
          {keys.map(([key, what]) => (
            <>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{what}</dd>
            </>
          ))}
        </dl>
      </div>
      <div class="foot">
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
