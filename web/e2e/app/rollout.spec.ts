import { does, row, state, whole } from "../rollouts";
import { expect, test } from "./fixture";

test("a rollout is planned, confirmed, started and followed to its end", async ({ page, lever }) => {
  await lever("unwell"); // robot1 is verified until the test has seen it
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
  const gates = row(page, "robot1").getByRole("list", { name: "Gates" });
  await expect(gates).toContainText("inconclusive nodes: 1 of 2 nodes are back");
  await expect(state(page)).toHaveText("running");
  await lever("well");
  await expect(row(page, "robot1")).toContainText("done");
  await expect(state(page)).toHaveText("completed");
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

test("pause, resume and abort are confirmed, and say why they cannot be used", async ({ page, request, lever }) => {
  await lever("unwell");
  await request.post("/api/v1/rollouts", { data: { image: "registry.local/amr:2.0", robots: "all" } });
  await page.goto("/rollouts/r-1");
  const button = (name: string) => whole(page).getByRole("button", { name, exact: true });
  await expect(row(page, "robot1")).toContainText("verifying");
  await expect(button("Resume")).toBeDisabled();
  await expect(button("Resume")).toHaveAccessibleDescription("It is not paused.");
  await does(page, whole(page), "Pause", "rollout", "");
  await expect(state(page)).toHaveText("paused");
  await expect(button("Pause")).toHaveAccessibleDescription("It is paused.");
  await does(page, whole(page), "Resume", "rollout", "");
  await expect(state(page)).toHaveText("running");
  await button("Abort").click();
  await expect(page.getByRole("dialog")).toContainText(/The others keep what they run.*robot5/);
  await page.getByRole("button", { name: "Abort rollout" }).click();
  await expect(state(page)).toHaveText("stopping");
  await lever("well");
  await expect(state(page)).toHaveText("aborted");
  await expect(button("Abort")).toHaveAccessibleDescription("The rollout has ended: it is aborted.");
});

test("a viewer sees why no rollout can be made", async ({ page, lever }) => {
  await lever("viewer");
  await page.goto("/rollouts");
  const button = page.getByRole("button", { name: "New rollout" });
  await expect(button).toBeDisabled();
  await expect(button).toHaveAccessibleDescription("This needs the role operator; vic is viewer.");
});
