import type { Page } from "@playwright/test";
import { drawn, expectAtTruePositions, expectMoved, withoutMap } from "../fleet";
import { expect, test } from "./fixture";

test.use({ map: true });

/** Opens the map and waits until it shows all there is: it fits the floor anew when that arrives. */
async function openMap(page: Page, path: string): Promise<void> {
  const floor = page.waitForResponse(/\/0\/0\.png$/);
  await page.goto(path);
  await floor;
  await page.evaluate(() => document.fonts.ready); // another font is another height of the header, and size of the map
  const frames = await page.evaluate(() => window.musterMap?.frames ?? 0);
  await page.waitForFunction((n) => (window.musterMap?.frames ?? 0) > n + 1, frames);
  await expectAtTruePositions(page, 6);
}

test("shows each robot where it is, and that it moves", async ({ page }) => {
  await page.goto("/");
  await expectAtTruePositions(page, 6);
  const offline = async () => (await drawn(page)).filter((r) => r.id === "robot6").map(({ x, y }) => ({ x, y }));
  const before = await offline();
  await expectMoved(page, 0.2, 1, "robot1");
  expect(await offline()).toEqual(before);
});

test("keeps an offline robot on the map and in the list, with its age", async ({ page }) => {
  await page.goto("/");
  const label = page.locator(".map-label", { hasText: "robot6" });
  await expect(label).toContainText(/offline \d+ (s|min)/);
  await expect(page.getByRole("link", { name: /^robot6, offline, offline for \d+ (s|min)/ })).toBeVisible();
  const robot = (await drawn(page)).find((r) => r.id === "robot6");
  expect(robot?.quality).toBe("offline");
});

test("a click on a robot selects it, a click beside it selects nothing", async ({ page }) => {
  await openMap(page, "/");
  const robot = (await drawn(page)).find((r) => r.id === "robot6");
  const canvas = page.getByRole("img", { name: /^Map of 6 robots/ });
  await canvas.click({ position: { x: robot?.left ?? 0, y: robot?.top ?? 0 } });
  await expect(page).toHaveURL(/\/robots\/robot6$/);
  await expect(page.getByRole("complementary", { name: "Robot robot6" })).toBeVisible();
  await canvas.click({ position: { x: 20, y: 60 } });
  await expect(page).toHaveURL(/\/$/);
});

test("zooms by the wheel, follows, and fits all again", async ({ page }) => {
  await openMap(page, "/robots/robot1");
  const spread = async () => {
    const xs = (await drawn(page)).map((r) => r.left);
    return Math.max(...xs) - Math.min(...xs);
  };
  const before = await spread();
  await page.getByRole("main", { name: "Map" }).hover();
  await page.mouse.wheel(0, -400);
  await expect.poll(spread).toBeGreaterThan(before * 1.5);
  await page.getByRole("button", { name: "Follow" }).click();
  const box = await page.getByRole("main", { name: "Map" }).boundingBox();
  await expect(async () => {
    const r = (await drawn(page)).find((x) => x.id === "robot1");
    expect(Math.abs((r?.left ?? 0) - (box?.width ?? 0) / 2)).toBeLessThan(30);
  }).toPass({ timeout: 20_000 });
  await page.getByRole("button", { name: "Fit all" }).click();
  await expect.poll(spread).toBeLessThan(before * 1.3);
});

test("says when the graphics context is lost, and draws again", async ({ page }) => {
  await page.goto("/");
  await expectAtTruePositions(page, 6);
  const lose = await page.evaluateHandle(() =>
    document.querySelector("canvas")?.getContext("webgl2")?.getExtension("WEBGL_lose_context"),
  );
  await lose.evaluate((l) => l?.loseContext());
  await expect(page.getByText("took the map's graphics away")).toBeVisible();
  await lose.evaluate((l) => l?.restoreContext());
  await expect(page.getByText("took the map's graphics away")).toBeHidden();
  const frames = await page.evaluate(() => window.musterMap?.frames ?? 0);
  await expect.poll(() => page.evaluate(() => window.musterMap?.frames ?? 0)).toBeGreaterThan(frames);
});

test("works by its list where there is no WebGL2", async ({ page }) => {
  await withoutMap(page);
  await page.goto("/");
  await expect(page.getByText("gives no WebGL2")).toBeVisible();
  await page.getByRole("link", { name: /^robot2, live/ }).click();
  const detail = page.getByRole("complementary", { name: "Robot robot2" });
  const position = detail.locator("dt", { hasText: "Position" }).locator("+ dd");
  const before = await position.textContent();
  await expect(position).not.toHaveText(before ?? "");
});
