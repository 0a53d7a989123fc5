import { expect, test } from "./fixture";

test("a rollout is planned, confirmed, started and followed to its end", async ({ page }) => {
  await page.goto("/rollouts");
  await page.getByRole("button", { name: "New rollout" }).click();
  const form = page.getByRole("dialog", { name: "New rollout" });
  await form.getByLabel("Image").fill("registry.local/amr:2.0");
  await expect(form.getByRole("textbox", { name: "Robots" })).toHaveValue("all");
  await form.getByRole("button", { name: "Show plan" }).click();

  const plan = page.getByRole("dialog", { name: "Start this rollout?" });
  await expect(plan).toContainText(`sha256:${"cd34".repeat(16)}`);
  await expect(plan.getByRole("listitem", { name: "Wave 0" })).toContainText("robot1");
  await expect(plan.getByRole("listitem", { name: "Wave 1" })).toContainText("robot5");
  await expect(plan).toContainText("robot6 · the engine is down");
  await plan.getByRole("button", { name: "Start on 5 robots" }).click();

  await expect(page).toHaveURL(/\/rollouts\/r-1$/);
  const state = page.getByRole("status", { name: "State of the rollout" });
  await expect(state).toHaveText("running");
  const robots = page.getByRole("table", { name: "Robots of the rollout" });
  await expect(robots.getByRole("list", { name: "Gates" })).toContainText("inconclusive nodes: 1 of 2 nodes are back");
  await expect(robots.getByRole("row", { name: /robot1 / })).toContainText("done");
  await expect(state).toHaveText("completed", { timeout: 15_000 });
  await expect(page.getByRole("progressbar", { name: "Progress of the rollout" })).toHaveAttribute(
    "aria-valuenow",
    "6",
  );
});

test("the server's refusal stands beside the field", async ({ page }) => {
  await page.goto("/rollouts?roll-out=all");
  const form = page.getByRole("dialog", { name: "New rollout" });
  await form.getByLabel("Image").fill("registry.local/amr:missing");
  await form.getByRole("button", { name: "Show plan" }).click();
  const image = form.getByLabel("Image");
  await expect(image).toHaveAccessibleDescription("the registry has no such tag");
  await expect(image).toHaveAttribute("aria-invalid", "true");
  await form.getByText("Pace and failures").click();
  await form.getByRole("textbox", { name: "Canary robots" }).fill("two");
  await form.getByRole("button", { name: "Show plan" }).click();
  await expect(form.getByRole("textbox", { name: "Canary robots" })).toHaveAccessibleDescription(
    "“two” is not a number",
  );
});

test("pause, resume and abort are confirmed, and say why they cannot be used", async ({ page, request }) => {
  await request.post("/api/v1/rollouts", { data: { image: "registry.local/slow:3.0", robots: "all" } });
  await page.goto("/rollouts/r-1");
  const state = page.getByRole("status", { name: "State of the rollout" });
  const resume = page.getByRole("button", { name: "Resume" });
  await expect(resume).toBeDisabled();
  await expect(resume).toHaveAccessibleDescription("It is not paused.");
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("button", { name: "Pause rollout" }).click();
  await expect(state).toHaveText("paused");
  await expect(page.getByRole("button", { name: "Pause" })).toHaveAccessibleDescription("It is paused.");
  await resume.click();
  await page.getByRole("button", { name: "Resume rollout" }).click();
  await expect(state).toHaveText("running");
  await page.getByRole("button", { name: "Abort" }).click();
  await expect(page.getByRole("dialog")).toContainText(/The others keep what they run.*robot5/);
  await page.getByRole("button", { name: "Abort rollout" }).click();
  await expect(state).toHaveText(/stopping|aborted/);
  await expect(state).toHaveText("aborted", { timeout: 15_000 });
  await expect(page.getByRole("button", { name: "Abort" })).toHaveAccessibleDescription(
    "The rollout has ended: it is aborted.",
  );
});

test("a viewer sees why no rollout can be made", async ({ page, lever }) => {
  await lever("viewer");
  await page.goto("/rollouts");
  const button = page.getByRole("button", { name: "New rollout" });
  await expect(button).toBeDisabled();
  await expect(button).toHaveAccessibleDescription("This needs the role operator; vic is viewer.");
});
