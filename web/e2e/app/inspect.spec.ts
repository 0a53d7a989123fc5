import type { Locator, Page } from "@playwright/test";
import { expect, test } from "./fixture";

const scan = "/robots/robot3?topic=%2Frobot3%2Fscan";
const driver = "/robots/robot3?node=%2Frobot3%2Fdriver";

function topic(page: Page, name: string): Locator {
  return page.getByRole("complementary", { name: `Topic /robot3/${name}` });
}

function node(page: Page, name: string): Locator {
  return page.getByRole("complementary", { name: `Node /robot3/${name}` });
}

/** Counts how often a message is asked for. */
function countAsked(page: Page): () => number {
  let n = 0;
  page.on("request", (r) => {
    if (r.url().includes("/echo?")) n++;
  });
  return () => n;
}

async function hide(page: Page, hidden: boolean): Promise<void> {
  await page.evaluate((h) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => h });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
}

/** The number in a message that grows with each. */
async function seq(view: Locator): Promise<number> {
  const text = await view.locator(".leaf", { hasText: "seq:" }).textContent();
  return Number(text?.replace("seq:", ""));
}

test("a topic opens by its link, shows each second what is new, and survives a reload", async ({ page }) => {
  await page.goto("/robots/robot3");
  const row = page.getByRole("row", { name: /\/robot3\/scan/ });
  await expect(row).toContainText("1 publisher, 1 subscription");
  await page.getByRole("link", { name: "/robot3/scan", exact: true }).click();
  await expect(page).toHaveURL(scan);
  const view = topic(page, "scan");
  await expect(view).toBeFocused();
  await expect(view).toContainText("sensor_msgs/msg/LaserScan");
  await expect(view.getByRole("status", { name: "State of the reading" })).toHaveText(/^Live/);
  const message = view.getByRole("group", { name: "Fields of the message" });
  await expect(message).toContainText("1764000000123456789");
  await expect(message).toContainText("[360] 0, 0.125, 0.25");
  const before = await seq(view);
  await expect.poll(() => seq(view)).toBeGreaterThan(before);
  await page.reload();
  await expect(message).toContainText("seq");
  const publishers = view.getByRole("list", { name: "Publishers" });
  await expect(publishers).toContainText("/robot3/driver");
  await expect(publishers).toContainText("best effort, volatile, keeps last 5");
});

test("what is folded stays folded, lists are bounded, and nothing moves", async ({ page }) => {
  await page.goto(scan);
  const view = topic(page, "scan");
  const message = view.getByRole("group", { name: "Fields of the message" });
  await expect(message).toContainText("frame_id");
  await expect(view.getByRole("list", { name: "Publishers" })).toBeVisible(); // all is there that takes room
  await expect(view).toContainText("3.0 Hz");
  await message.locator("summary", { hasText: "header:" }).click();
  await expect(message).not.toContainText("frame_id");
  await message.locator("summary", { hasText: "ranges:" }).press("Enter");
  await expect(message).toContainText("… and 260 more, which are not shown");
  const tops = () => message.locator("li").evaluateAll((all) => all.map((li) => li.getBoundingClientRect().top));
  const [first, was] = [await tops(), await seq(view)];
  await expect.poll(() => seq(view)).toBeGreaterThan(was + 1);
  expect(await tops()).toEqual(first);
  await expect(message).not.toContainText("frame_id");
});

test("it is asked once a second, and not while paused, hidden or closed", async ({ page }) => {
  const asked = countAsked(page);
  const noneIn = async (ms: number) => {
    const before = asked();
    await page.clock.runFor(ms);
    expect(asked(), "asked meanwhile").toBe(before);
  };
  await page.clock.install();
  await page.clock.pauseAt(Date.now() + 1000); // from here on the page's time is the test's
  await page.goto(scan);
  const view = topic(page, "scan");
  const state = view.getByRole("status", { name: "State of the reading" });
  await expect(state).toHaveText(/^Live/);
  for (let second = 0; second < 3; second++) {
    const shown = await seq(view);
    await noneIn(999);
    await page.clock.runFor(1);
    await expect.poll(() => seq(view)).toBe(shown + 1);
  }
  await view.getByRole("button", { name: "Pause" }).click();
  await expect(state).toHaveText(/^Paused/);
  const held = await seq(view);
  await noneIn(10_000);
  expect(await seq(view)).toBe(held);
  await view.getByRole("button", { name: "Resume" }).click();
  await expect.poll(() => seq(view)).toBe(held + 1);
  await hide(page, true);
  await noneIn(10_000);
  await hide(page, false);
  await expect.poll(() => seq(view)).toBe(held + 2);
  await expect(view).toContainText("3.0 Hz"); // the robot is read: its topics have their links
  await page.keyboard.press("Escape");
  await expect(page).toHaveURL(/\/robots\/robot3$/);
  await expect(page.getByRole("link", { name: "/robot3/scan", exact: true })).toBeFocused();
  await noneIn(10_000);
});

test("the message is copied as JSON, with every digit", async ({ page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.goto(scan);
  const view = topic(page, "scan");
  await expect(view.getByRole("status", { name: "State of the reading" })).toHaveText(/^Live/);
  await view.getByRole("button", { name: "Copy JSON" }).click();
  await expect(view.getByRole("status", { name: "Copying" })).toHaveText("Copied.");
  const text = await page.evaluate(() => navigator.clipboard.readText());
  expect(text).toContain('"nanos": 1764000000123456789');
  expect(JSON.parse(text).header.frame_id).toBe("lidar");
});

test("why a topic shows nothing is said in words", async ({ page, lever }) => {
  const state = page.getByRole("status", { name: "State of the reading" });
  await page.goto("/robots/robot3?topic=%2Frobot3%2Fsecret");
  await expect(state).toHaveText(/It cannot be shown\..*acme_msgs\/msg\/Secret has no definition/);
  await expect(page.getByRole("button", { name: "Copy JSON" })).toHaveAttribute("aria-disabled", "true");
  await page.goto("/robots/robot3?topic=%2Frobot3%2Fcmd_vel");
  await expect(state).toHaveText(/Nothing to read\..*nobody publishes it/);
  await page.goto("/robots/robot3?topic=%2Frobot3%2Fimage");
  await expect(state).toHaveText(/No message yet\..*within 5s/);
  await expect(topic(page, "image")).toContainText("Problem: incompatible QoS: a publisher's reliability");
  await page.goto(scan);
  await expect(state).toHaveText(/^Live/);
  await lever("publisher-gone");
  await expect(state).toHaveText(/nobody publishes it/);
  await expect(page.getByRole("group", { name: "Fields of the message" })).toContainText("lidar");
});

test("a node shows its parameters, and one is set in the unit that it has", async ({ page }) => {
  await page.goto("/robots/robot3");
  await page.getByRole("list", { name: "Nodes" }).getByRole("link", { name: "/robot3/driver" }).click();
  await expect(page).toHaveURL(driver);
  const view = node(page, "driver");
  const speed = view.getByRole("listitem", { name: "max_speed" });
  await expect(speed).toContainText("0.8");
  await expect(view.getByRole("listitem", { name: "gains" })).toContainText("[3] 1.5, 0.25, 0.01");
  await speed.getByRole("button", { name: "Change max_speed" }).press("Enter");
  const field = speed.getByRole("textbox", { name: "New value of max_speed" });
  await expect(field).toBeFocused();
  await field.fill("fast");
  await field.press("Enter");
  await expect(speed.getByRole("alert")).toHaveText("Write a number.");
  await field.fill("3");
  await field.press("Enter");
  await expect(speed.getByRole("alert")).toContainText("the node refuses: at most 2 m/s");
  await expect(field).toHaveAttribute("aria-invalid", "true");
  await field.fill("1.25");
  await field.press("Enter");
  await expect(field).toHaveCount(0);
  await expect(speed).toContainText("1.25");
  await expect(speed.getByRole("button", { name: "Change max_speed" })).toBeFocused();
  const sim = view.getByRole("listitem", { name: "use_sim_time" });
  await sim.getByRole("button", { name: "Change use_sim_time" }).click();
  await sim.getByRole("combobox").selectOption("true");
  await sim.getByRole("combobox").press("Escape");
  await expect(sim.getByRole("combobox")).toHaveCount(0);
  await expect(page).toHaveURL(driver);
  await expect(sim).toContainText("false");
});

test("a node of another vendor says why its parameters cannot be read", async ({ page }) => {
  await page.goto("/robots/robot3?node=%2Frobot3%2Flocalisation");
  const view = node(page, "localisation");
  await expect(view.getByRole("alert")).toContainText("another DDS implementation");
  await expect(view.getByRole("alert")).toContainText("rmw_cyclonedds_cpp");
  await expect(view.getByRole("heading", { name: "Lifecycle" })).toHaveCount(0);
  await page.goto("/robots/robot3?node=%2Frobot3%2Fghost");
  await expect(node(page, "ghost")).toContainText("The node is not in the ROS graph now.");
});

test("a managed node makes transitions that are confirmed, and its refusal is shown", async ({ page }) => {
  await page.goto(driver);
  const view = node(page, "driver");
  const state = view.getByRole("status", { name: "Lifecycle state" });
  await expect(state).toHaveText("active");
  await expect(view.getByRole("button", { name: "Activate…", exact: true })).toHaveAttribute("aria-disabled", "true");
  await expect(view.getByRole("button", { name: "Activate…", exact: true })).toHaveAttribute(
    "title",
    "The node is active.",
  );
  await view.getByRole("button", { name: "Deactivate…" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("/robot3/driver is active.");
  await dialog.getByRole("button", { name: "Deactivate node" }).click();
  await expect(dialog).toHaveCount(0);
  await expect(state).toHaveText("inactive");
  await view.getByRole("button", { name: "Clean up…" }).click();
  await dialog.getByRole("button", { name: "Clean up node" }).click();
  await expect(dialog.getByRole("alert")).toContainText("did not make the transition");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await expect(state).toHaveText("inactive");
});

test("a viewer sees all of it and is told why nothing can be changed", async ({ page, lever }) => {
  await lever("viewer");
  await page.goto(driver);
  const view = node(page, "driver");
  const change = view.getByRole("button", { name: "Change max_speed" });
  await expect(change).toHaveAttribute("aria-disabled", "true");
  await expect(change).toHaveAttribute("title", "This needs the role engineer; vic is viewer.");
  await change.press("Enter");
  await expect(view.getByRole("textbox")).toHaveCount(0);
  await expect(view.getByRole("button", { name: "Deactivate…" })).toHaveAttribute("aria-disabled", "true");
});

test("another robot leaves the topic behind", async ({ page }) => {
  await page.goto(scan);
  await expect(topic(page, "scan")).toBeVisible();
  await expect(page.getByRole("link", { name: /^robot4,/ })).toBeVisible(); // the next in the list
  await page.keyboard.press("j");
  await expect(page).toHaveURL(/\/robots\/robot4$/);
});
