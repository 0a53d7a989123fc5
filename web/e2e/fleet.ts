// What both suites ask of the page and of the service.
import { expect, type Page } from "@playwright/test";
import type { Robot } from "../src/api/types";
import type { DrawnRobot } from "../src/map/probe";

/** Takes WebGL2 from the page: drawing the map in software takes most of a test's time. */
export async function withoutMap(page: Page): Promise<void> {
  await page.addInitScript(() => {
    HTMLCanvasElement.prototype.getContext = () => null;
  });
}

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

/** Waits until so many robots are drawn this many metres from where they are drawn now, the named one among them. */
export async function expectMoved(page: Page, metres: number, n: number, id?: string): Promise<void> {
  const before = new Map((await drawn(page)).map((r) => [r.id, r]));
  await expect(async () => {
    const moved = (await drawn(page)).filter((r) => {
      const b = before.get(r.id);
      return b !== undefined && Math.hypot(r.x - b.x, r.y - b.y) > metres;
    });
    expect(moved.length, "robots that moved").toBeGreaterThanOrEqual(n);
    if (id !== undefined) expect(moved.map((r) => r.id)).toContain(id);
  }).toPass({ timeout: 20_000, intervals: [100] });
}

/** Waits until `n` robots are drawn where the service says they are. */
export async function expectAtTruePositions(page: Page, n: number, timeout = 20_000): Promise<void> {
  await expect(async () => {
    const away = await distances(page);
    expect(Object.keys(away)).toHaveLength(n);
    for (const [id, metres] of Object.entries(away))
      expect(metres, `${id} is away by this many metres`).toBeLessThan(0.5);
  }).toPass({ timeout, intervals: [50] });
}
