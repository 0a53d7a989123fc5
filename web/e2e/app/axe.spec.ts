import type { Page } from "@playwright/test";
import axe from "axe-core";
import { expect, test } from "./fixture";

const pages: readonly { name: string; path: string; wait: string; map?: true }[] = [
  { name: "robots", path: "/", wait: "robot6", map: true },
  { name: "a robot", path: "/robots/robot3", wait: "/dev/ttyUSB0" },
  { name: "a topic", path: "/robots/robot3?topic=%2Frobot3%2Fscan", wait: "frame_id" },
  { name: "a node", path: "/robots/robot3?node=%2Frobot3%2Fdriver", wait: "max_speed" },
  { name: "rollouts", path: "/rollouts", wait: "No rollouts yet" },
  { name: "a new rollout", path: "/rollouts?roll-out=all", wait: "pinned to its digest" },
  { name: "events", path: "/events", wait: "robot6 is offline" },
  { name: "engines", path: "/engines", wait: "connection refused" },
];

/** The serious barriers of the page as it is. */
async function barriers(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const run = (window as unknown as { axe: typeof import("axe-core") }).axe;
    const { violations } = await run.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"] });
    return violations
      .filter((v) => v.impact === "serious" || v.impact === "critical")
      .map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
  });
}

for (const { name, path, wait, map = false } of pages) {
  test.describe(name, () => {
    test.use({ map });
    test("no serious barrier, light or dark", async ({ page }) => {
      await page.goto(path);
      await expect(page.getByText(wait).first()).toBeVisible();
      if (map) await expect(page.locator(".map-label", { hasText: "robot6" })).toBeVisible();
      await page.addScriptTag({ content: axe.source });
      for (const theme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme: theme });
        await expect(page.locator("html")).toHaveAttribute("data-theme", theme);
        expect(await barriers(page), theme).toEqual([]);
      }
    });
  });
}
