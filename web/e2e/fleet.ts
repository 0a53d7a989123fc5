// What both suites ask of the page and of the service.
import { expect, type Page } from "@playwright/test";
import type { Robot } from "../src/api/types";
import type { DrawnRobot } from "../src/map/probe";

export async function drawn(page: Page): Promise<DrawnRobot[]> {
  return page.evaluate(() => window.musterMap?.robots() ?? []);
}

/** Each robot's drawn position and what the service says, asked for at one moment. */
export async function distances(page: Page): Promise<Record<string, number>> {
  return page.evaluate(async () => {
    const token = sessionStorage.getItem("muster.token") ?? "";
    const headers: HeadersInit = token === "" ? {} : { Authorization: `Bearer ${token}` };
    const answer = await fetch("/api/v1/robots", { headers });
    const { robots } = (await answer.json()) as { robots: Robot[] };
    const shown = new Map((window.musterMap?.robots() ?? []).map((r) => [r.id, r]));
    return Object.fromEntries(
      robots.flatMap((r) => {
        if (r.pose === undefined) return [];
        const at = shown.get(r.id);
        const away = at === undefined ? Number.MAX_VALUE : Math.hypot(at.x - r.pose.x, at.y - r.pose.y);
        return [[r.id, away] as const];
      }),
    );
  });
}

/** How far each robot's drawn position goes within a time. */
export async function moved(page: Page, ms: number): Promise<Record<string, number>> {
  const before = new Map((await drawn(page)).map((r) => [r.id, r]));
  await page.waitForTimeout(ms);
  return Object.fromEntries(
    (await drawn(page)).map((r) => {
      const b = before.get(r.id);
      return [r.id, b === undefined ? 0 : Math.hypot(r.x - b.x, r.y - b.y)];
    }),
  );
}

/** Waits until `n` robots are drawn where the service says they are. */
export async function expectAtTruePositions(page: Page, n: number, timeout: number): Promise<void> {
  await expect(async () => {
    const away = await distances(page);
    expect(Object.keys(away)).toHaveLength(n);
    for (const [id, metres] of Object.entries(away))
      expect(metres, `${id} is away by this many metres`).toBeLessThan(0.5);
  }).toPass({ timeout, intervals: [50] });
}
