import { expectAtTruePositions, expectMoved } from "../fleet";
import { expect, test } from "./fixture";

test.use({ map: true });

test("a lost link is said, everything turns grey, and the return restores it", async ({ page, lever }) => {
  await page.goto("/");
  await expectAtTruePositions(page, 6);
  await lever("link-down");
  const banner = page.getByRole("alert");
  await expect(banner).toContainText("No link to the service");
  await expect(page.locator(".map-label", { hasText: "robot1" })).toContainText("no link");
  await expect(page.getByRole("list", { name: "Robots" }).getByRole("listitem")).toHaveCount(6);
  await expect(page.getByRole("link", { name: /^robot1/ })).toContainText(/no link · was live \d+ s ago/);
  await lever("link-up");
  await expect(banner).toBeHidden({ timeout: 15_000 });
  await expectAtTruePositions(page, 6);
  await expectMoved(page, 0.1, 1, "robot1");
});

test("asks for a token, keeps it for the tab, and asks again when it is wrong", async ({ page, lever }) => {
  await lever("ask-token");
  await page.goto("/");
  const dialog = page.getByRole("dialog", { name: "Sign in" });
  await dialog.getByLabel("Access token").fill("wrong");
  await dialog.getByRole("button", { name: "Sign in" }).click();
  await expect(dialog).toContainText("a bearer token is needed");
  await dialog.getByLabel("Access token").fill("secret");
  await dialog.getByRole("button", { name: "Sign in" }).click();
  await expect(dialog).toBeHidden();
  await expectAtTruePositions(page, 6);
  await page.reload();
  await expectAtTruePositions(page, 6);
  await lever("change-token");
  await expect(dialog).toContainText("a bearer token is needed");
});

test("an empty fleet explains itself", async ({ page, lever }) => {
  await lever("empty");
  await page.goto("/");
  await expect(page.getByText("No robots yet").first()).toBeVisible();
  await expect(page.getByText("ROS domain 0")).toBeVisible();
  await expect(page.getByText("only this manager takes part")).toBeVisible();
  await expect(page.getByText("1 of 2 answer")).toBeVisible();
});

test("held rollouts are a banner", async ({ page, lever }) => {
  await page.goto("/");
  await expectAtTruePositions(page, 6);
  await lever("hold");
  await expect(page.getByText("Rollouts are held.")).toBeVisible();
  await expect(page.getByText("the store cannot be reached")).toBeVisible();
});
