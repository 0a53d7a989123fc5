// Against a real service at MUSTER_URL with six robots that drive and run
// containers. MUSTER_E2E_IMAGE is the image of the rollout, MUSTER_E2E_SHOT
// where a picture of its end is put, MUSTER_E2E_TOKEN a token of an engineer.
import { expect, test } from "@playwright/test";
import { distances, drawn, expectAtTruePositions, expectMoved } from "./fleet";

const robots = 6;
const image = process.env.MUSTER_E2E_IMAGE ?? "";
const shot = process.env.MUSTER_E2E_SHOT ?? "";
const token = process.env.MUSTER_E2E_TOKEN ?? "";

test.skip((process.env.MUSTER_URL ?? "") === "", "MUSTER_URL names no service");

test.beforeEach(async ({ page }) => {
  await page.addInitScript((t) => {
    if (t !== "") sessionStorage.setItem("muster.token", t);
  }, token);
});

test("six robots are at their true positions within 2 s of loading", async ({ page }) => {
  // The quickest of some loads: what the page needs, not what other programs took from it.
  await expect(async () => {
    await page.goto("/", { waitUntil: "load" });
    await expectAtTruePositions(page, robots, 2000);
  }).toPass({ timeout: 60_000, intervals: [0] });
});

test("the robots move on the map, and stay true", async ({ page }) => {
  await page.goto("/");
  await expectAtTruePositions(page, robots);
  await expectMoved(page, 0.05, 1);
  await expectAtTruePositions(page, robots);
  expect(Object.keys(await distances(page))).toHaveLength((await drawn(page)).length);
});

test("a rollout to all robots, started by the button, ends green", async ({ page }) => {
  expect(image, "MUSTER_E2E_IMAGE").not.toBe("");
  await page.goto("/rollouts");
  await page.getByRole("button", { name: "New rollout" }).click();
  const form = page.getByRole("dialog", { name: "New rollout" });
  await form.getByLabel("Image").fill(image);
  await form.getByRole("button", { name: "All robots" }).click();
  await form.getByText("Gates", { exact: true }).click();
  await form.getByLabel("Also while it drives").check(); // the robots of the demo seldom stop
  await form.getByRole("button", { name: "Show plan" }).click();
  await page.getByRole("button", { name: `Start on ${robots} robots` }).click();
  await expect(page).toHaveURL(/\/rollouts\/.+/);
  const state = page.getByRole("status", { name: "State of the rollout" });
  await expect(state).toHaveText(/completed|failed|aborted/, { timeout: 240_000 });
  if (shot !== "") await page.screenshot({ path: shot });
  await expect(state).toHaveText("completed");
  await expect(page.locator('tr[data-step="done"]')).toHaveCount(robots);
});
