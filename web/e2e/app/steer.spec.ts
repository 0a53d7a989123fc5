// What an operator does with a rollout and its robots, by the app's buttons.
import type { APIRequestContext, Page } from "@playwright/test";
import { does, row, state, whole } from "../rollouts";
import { expect, test } from "./fixture";

async function start(request: APIRequestContext, page: Page, spec: object): Promise<void> {
  await request.post("/api/v1/rollouts", { data: { image: "registry.local/amr:2.0", ...spec } });
  await page.goto("/rollouts/r-1");
}

async function lock(request: APIRequestContext, robot: string, reason: string): Promise<void> {
  await request.post(`/api/v1/robots/${robot}/lock`, { data: { reason } });
}

test("a locked robot says why it waits, and is skipped, tried again, and its lock overridden", async ({
  page,
  request,
}) => {
  await lock(request, "robot2", "wheel");
  await start(request, page, { robots: "robot1,robot2" });
  const robot = row(page, "robot2");
  await expect(robot).toContainText("Now: waits for its gates: locked by ann: wheel");
  await expect(robot.getByRole("list", { name: "Gates" })).toContainText("fail lock: locked by ann: wheel");
  await does(page, whole(page), "Pause", "rollout", "lunch"); // else it would end without robot2
  await does(page, robot, "Skip", "robot2", "the wheel is off");
  await expect(robot).toContainText("skipped by ann: the wheel is off");
  await does(page, robot, "Retry", "robot2", "the wheel is on");
  await does(page, whole(page), "Resume", "rollout", "");
  await expect(robot).toContainText("Now: waits for its gates");
  await robot.getByRole("button", { name: "Override lock" }).click();
  const dialog = page.getByRole("dialog", { name: "Override lock: robot2?" });
  await dialog.getByRole("button", { name: "Override lock robot2" }).click();
  await expect(dialog.getByRole("alert")).toContainText("say why the robot's lock is overridden");
  await dialog.getByLabel(/^Reason/).fill("it is a fix for the wheel");
  await dialog.getByRole("button", { name: "Override lock robot2" }).click();
  await expect(state(page)).toHaveText("completed");
});

test("a robot and then the whole is rolled back, and a rollout that has ended by one of its own", async ({
  page,
  request,
}) => {
  await lock(request, "robot3", "arm");
  await start(request, page, { robots: "robot1,robot2,robot3" });
  await expect(row(page, "robot3")).toContainText("locked by ann: arm");
  await does(page, row(page, "robot1"), "Roll back", "robot1", "it limps");
  await expect(row(page, "robot1")).toContainText("rolled back by ann: it limps");
  await expect(row(page, "robot1")).toHaveAttribute("data-step", "rolled-back");
  await request.post("/api/v1/robots/robot3/unlock");
  await expect(state(page)).toHaveText("completed");
  await whole(page).getByRole("button", { name: "Roll back", exact: true }).click();
  await expect(page.getByRole("dialog")).toContainText("gives 2 robots back what they ran before");
  await page.getByRole("button", { name: "Roll back rollout" }).click();
  await expect(page).toHaveURL(/\/rollouts\/r-2$/);
  await expect(page.getByRole("link", { name: "r-1" })).toBeVisible();
  await expect(state(page)).toHaveText("completed");
});

test("a wave is approved by the one who looked at it", async ({ page, request }) => {
  await start(request, page, { robots: "robot1,robot2", approval: { before: "canary" } });
  await expect(row(page, "robot1")).toContainText("Now: the wave waits for the approval");
  await expect(page.getByRole("list", { name: "Approvals" })).toContainText("Wave 0 waits for the approval");
  await does(page, whole(page), "Approve", "rollout", "looks well");
  await expect(page.getByRole("list", { name: "Approvals" })).toContainText("Wave 0 was approved by ann");
  await expect(state(page)).toHaveText("completed");
});

test("a robot whose engine is lost is given up, and taken as it is once it was put right", async ({
  page,
  request,
  lever,
}) => {
  await lever("lose-engines");
  await lock(request, "robot2", "wheel"); // so that the rollout does not end meanwhile
  await start(request, page, { robots: "robot1,robot2" });
  const robot = row(page, "robot1");
  await expect(robot).toContainText("Now: engine engine-robot1 is down: connection refused");
  await expect(row(page, "robot2").getByRole("button", { name: "Give up" })).toHaveCount(0);
  await does(page, robot, "Give up", "robot1", "it burnt down");
  await expect(robot).toContainText("given up by ann: it burnt down");
  await does(page, robot, "Take as it is", "robot1", "a new one");
  await expect(robot).toContainText("put right by ann: a new one");
});

test("a rollout is rolled back while it runs", async ({ page, request }) => {
  await lock(request, "robot2", "wheel");
  await start(request, page, { robots: "robot1,robot2" });
  await expect(row(page, "robot2")).toContainText("locked by ann: wheel");
  await does(page, whole(page), "Roll back", "rollout", "it limps");
  await expect(state(page)).toHaveText("rolled-back");
  await expect(row(page, "robot1")).toHaveAttribute("data-step", "rolled-back");
});

test("a robot is locked with a reason, and unlocked", async ({ page, lever }) => {
  await page.goto("/robots/robot1");
  const section = page.getByRole("region", { name: "Rollouts' lock" });
  await expect(section).toContainText("Nobody has locked it.");
  await does(page, section, "Lock…", "robot1", "wheel");
  await expect(section).toContainText("Locked by ann: wheel");
  await section.getByRole("button", { name: "Unlock" }).click();
  await expect(section).toContainText("Nobody has locked it.");
  await lever("viewer");
  await page.reload();
  await expect(section.getByRole("button", { name: "Lock…" })).toHaveAccessibleDescription(
    "This needs the role operator; vic is viewer.",
  );
});

test("what few rollouts need is in the form, and a refusal of it opens its part", async ({ page }) => {
  await page.goto("/rollouts?roll-out=all");
  const form = page.getByRole("dialog", { name: "New rollout" });
  await form.getByLabel("Image").fill("registry.local/amr:2.0");
  await form.getByText("Checks, deadlines and more").click();
  await form.getByLabel("Checks", { exact: true }).fill("web:10s=http://{host}:8080/health\nwrong");
  await form.getByLabel("Pull within").fill("20m");
  await form.getByText("Checks, deadlines and more").click();
  await form.getByRole("button", { name: "Show plan" }).click();
  await expect(form.getByLabel("Checks", { exact: true })).toHaveAccessibleDescription(
    "wrong: wants either a command or an http address",
  );
  await form.getByLabel("Checks", { exact: true }).fill("web:10s=http://{host}:8080/health");
  const asked = page.waitForRequest(/dry_run=1/);
  await form.getByRole("button", { name: "Show plan" }).click();
  expect((await asked).postDataJSON()).toMatchObject({
    after: { checks: [{ name: "web", http: "http://{host}:8080/health", timeout: "10s" }] },
    deadlines: { pull: "20m" },
  });
});
