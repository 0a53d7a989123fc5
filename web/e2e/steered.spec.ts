// Against a real service at MUSTER_URL: a rollout, MUSTER_E2E_ROLLOUT, to robot1 to
// robot3, of which robot1 is the canary, and the others wait for an approval then.
import { expect, test } from "@playwright/test";
import { withoutMap } from "./fleet";
import { does, row, state, whole } from "./rollouts";

const rollout = process.env.MUSTER_E2E_ROLLOUT ?? "";

test.skip(rollout === "", "MUSTER_E2E_ROLLOUT names no rollout");

test("a person pauses, resumes, skips a robot, approves the wave and rolls all back", async ({ page }) => {
  await withoutMap(page);
  await page.goto(`/rollouts/${rollout}`);
  await expect(row(page, "robot1")).toHaveAttribute("data-step", "done");
  await expect(row(page, "robot2")).toContainText("Now: the wave waits for the approval");

  await does(page, whole(page), "Pause", "rollout", "lunch");
  await expect(state(page)).toHaveText("paused");
  await expect(page.getByText("paused by anonymous: lunch")).toBeVisible();
  await does(page, whole(page), "Resume", "rollout", "back");
  await expect(state(page)).toHaveText("running");

  await does(page, row(page, "robot3"), "Skip", "robot3", "the arm is off");
  await expect(row(page, "robot3")).toHaveAttribute("data-step", "skipped");
  await expect(row(page, "robot3")).toContainText("skipped by anonymous: the arm is off");
  await does(page, whole(page), "Approve", "rollout", "the canary is well");
  await expect(page.getByRole("list", { name: "Approvals" })).toContainText("Wave 1 was approved by anonymous");
  await expect(state(page)).toHaveText("completed");
  await expect(row(page, "robot2")).toHaveAttribute("data-step", "done");

  await does(page, whole(page), "Roll back", "rollout", "it limps");
  await expect(page).not.toHaveURL(new RegExp(rollout)); // by a rollout of its own
  await expect(page.locator("dt", { hasText: "Takes back" }).locator("+ dd")).toHaveText(rollout);
  await expect(state(page)).toHaveText("completed");
  await expect(page.locator('tr[data-step="done"]')).toHaveCount(2);
});
