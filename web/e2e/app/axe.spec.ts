import axe from "axe-core";
import { expect, test } from "./fixture";

const pages: readonly { name: string; path: string; wait: string }[] = [
  { name: "robots", path: "/", wait: "robot6" },
  { name: "a robot", path: "/robots/robot3", wait: "/dev/ttyUSB0" },
  { name: "a topic", path: "/robots/robot3?topic=%2Frobot3%2Fscan", wait: "frame_id" },
  { name: "a node", path: "/robots/robot3?node=%2Frobot3%2Fdriver", wait: "max_speed" },
  { name: "rollouts", path: "/rollouts", wait: "No rollouts yet" },
  { name: "a new rollout", path: "/rollouts?roll-out=all", wait: "pinned to its digest" },
  { name: "events", path: "/events", wait: "robot6 is offline" },
  { name: "engines", path: "/engines", wait: "connection refused" },
];

for (const theme of ["light", "dark"] as const) {
  for (const { name, path, wait } of pages) {
    test(`${name}, ${theme}: no serious barrier`, async ({ page }) => {
      await page.emulateMedia({ colorScheme: theme });
      await page.goto(path);
      await expect(page.getByText(wait).first()).toBeVisible();
      await page.addScriptTag({ content: axe.source });
      const found = await page.evaluate(async () => {
        const run = (window as unknown as { axe: typeof import("axe-core") }).axe;
        const { violations } = await run.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"] });
        return violations
          .filter((v) => v.impact === "serious" || v.impact === "critical")
          .map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
      });
      expect(found).toEqual([]);
    });
  }
}
