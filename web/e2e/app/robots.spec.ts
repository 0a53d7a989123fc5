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
  await page.keyboard.press("Enter");
  await expect(page.getByRole("complementary", { name: "Robot robot1" })).toBeFocused();
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

test("a topic is opened by link, renewed, paused and closed", async ({ page }) => {
  await page.goto("/robots/robot1");
  const detail = page.getByRole("complementary", { name: "Robot robot1" });
  await detail.getByRole("link", { name: "/robot1/odom" }).click();
  await expect(page).toHaveURL(/topic=%2Frobot1%2Fodom/);
  await page.reload();
  const topic = detail.getByRole("region", { name: "Topic /robot1/odom" });
  await expect(topic).toContainText("frame_id: robot1/odom");
  await expect(topic).toContainText("covariance [36]");
  const n = topic.getByRole("listitem").filter({ hasText: /^n: / });
  const first = await n.textContent();
  await expect(n).not.toHaveText(first ?? "");
  await topic.getByRole("button", { name: "Pause" }).click();
  const held = await n.textContent();
  await page.waitForTimeout(1500);
  await expect(n).toHaveText(held ?? "");
  await topic.getByRole("link", { name: "Close topic" }).click();
  await expect(topic).toHaveCount(0);
  await detail.getByRole("link", { name: "/robot1/scan" }).click();
  await expect(detail.getByRole("region", { name: "Topic /robot1/scan" })).toContainText("QoS does not fit");
});

test("a node shows its parameters and its state, and takes a new value", async ({ page }) => {
  await page.goto("/robots/robot1?node=%2Frobot1%2Flocalisation");
  const node = page.getByRole("region", { name: "Node /robot1/localisation" });
  await expect(node.getByRole("group", { name: "Lifecycle of /robot1/localisation" })).toContainText("active");
  await node.getByRole("button", { name: "Change speed" }).click();
  await node.getByRole("textbox", { name: "speed" }).fill("fast");
  await node.getByRole("button", { name: "Set" }).click();
  await expect(node.getByRole("alert")).toHaveText("speed is a number");
  await node.getByRole("textbox", { name: "speed" }).fill("0.8");
  await node.getByRole("button", { name: "Set" }).click();
  await expect(node.getByRole("button", { name: "Change speed" })).toBeVisible();
  await expect(node).toContainText("0.8", { timeout: 8000 });
});
