import { expect, test } from "./fixture";

test("a deep link opens a robot with its containers, devices, topics and nodes", async ({ page }) => {
  await page.goto("/robots/robot3");
  const detail = page.getByRole("complementary", { name: "Robot robot3" });
  await expect(detail.getByRole("status", { name: "Data quality" })).toHaveText(/live, heard \d+ s ago/);
  await expect(detail.getByRole("listitem", { name: "Container robot3-app" })).toContainText("running, healthy");
  const devices = detail.getByRole("list", { name: "Devices of robot3-app" });
  await expect(devices).toContainText("/dev/ttyUSB0 → /dev/lidar rwm");
  await expect(devices).toContainText("request nvidia: all [gpu]");
  await expect(devices).toContainText("cgroup rule c 13:* rmw");
  const scan = detail.getByRole("row", { name: /\/robot3\/scan/ });
  await expect(scan).toContainText("3.0 Hz");
  await expect(scan).toContainText("10 Hz");
  await expect(detail.getByRole("list", { name: "Nodes" })).toContainText("/robot3/localisation");
  await expect(detail.getByRole("list", { name: "Diagnostics that are not ok" })).toContainText("no scan for 3 s");
});

test("keys search, step through the list and close", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByRole("list", { name: "Robots" }).getByRole("listitem")).toHaveCount(6);
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await expect(page).toHaveURL(/\/robots\/robot2$/);
  await page.keyboard.press("k");
  await expect(page).toHaveURL(/\/robots\/robot1$/);
  const detail = page.getByRole("complementary", { name: "Robot robot1" });
  await expect(detail).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(detail).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page).toHaveURL(/\/$/);
  await page.keyboard.press("/");
  await page.keyboard.type("hall-2");
  await expect(page.getByRole("list", { name: "Robots" }).getByRole("listitem")).toHaveCount(3);
  await expect(page).toHaveURL(/q=hall-2/);
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keyboard" })).toBeVisible();
});

test("the filter is in the address and survives a reload and going back", async ({ page }) => {
  await page.goto("/");
  await page.getByRole("button", { name: "needs attention 3" }).click();
  const items = page.getByRole("list", { name: "Robots" }).getByRole("listitem");
  await expect(items).toHaveCount(3);
  await page.reload();
  await expect(items).toHaveCount(3);
  await page.getByRole("link", { name: /^robot4/ }).click();
  await expect(page).toHaveURL(/\/robots\/robot4\?show=attention/);
  await page.goBack();
  await expect(page).toHaveURL(/\/\?show=attention/);
});

test("a search without a result says so and can be undone", async ({ page }) => {
  await page.goto("/?q=zzz");
  await expect(page.getByText("No robot matches.")).toBeVisible();
  await page.getByRole("button", { name: "Show all" }).click();
  await expect(page.getByRole("list", { name: "Robots" }).getByRole("listitem")).toHaveCount(6);
});

test("events and engines have their pages", async ({ page }) => {
  await page.goto("/events");
  await expect(page.getByRole("complementary", { name: "All events" })).toContainText("robot6 is offline");
  await page.getByRole("link", { name: "Engines" }).click();
  const engine = page.getByRole("listitem", { name: "Engine engine-robot6" });
  await expect(engine).toContainText("down");
  await expect(engine).toContainText("connection refused");
});
