// What is pressed or answered at an unlucky moment, which a slow machine makes likely.
import type { Page } from "@playwright/test";
import { expect, test } from "./fixture";

/** Has the page note, for what it shows anew, whether that took the keys in the moment when it came. */
async function watchArrivals(page: Page, selector: string): Promise<() => Promise<boolean[]>> {
  await page.evaluate((what) => {
    const seen: boolean[] = [];
    Object.assign(window, { arrivals: seen });
    new MutationObserver((changes) => {
      for (const node of changes.flatMap((c) => [...c.addedNodes])) {
        const el = node instanceof Element ? (node.matches(what) ? node : node.querySelector(what)) : null;
        if (el !== null) seen.push(el.contains(document.activeElement));
      }
    }).observe(document, { childList: true, subtree: true });
  }, selector);
  return () => page.evaluate(() => (window as unknown as { arrivals: boolean[] }).arrivals);
}

test("a key is heard from the moment when the page is there", async ({ page }) => {
  await page.addInitScript(() => {
    addEventListener("DOMContentLoaded", () => document.dispatchEvent(new KeyboardEvent("keydown", { key: "?" })));
  });
  await page.goto("/");
  await expect(page.getByRole("dialog", { name: "Keyboard" })).toBeVisible();
});

test("dialogs, views and fields have the focus in the moment when they come", async ({ page }) => {
  await page.goto("/robots/robot3");
  const list = page.getByRole("list", { name: "Nodes" });
  await expect(list).toBeVisible();
  const views = await watchArrivals(page, "aside.detail.wide");
  await list.getByRole("link", { name: "/robot3/driver" }).click();
  await expect.poll(views).toEqual([true]);
  const change = page.getByRole("button", { name: "Change max_speed" });
  await expect(change).toBeVisible();
  const fields = await watchArrivals(page, "form.field");
  await change.click();
  await expect.poll(fields).toEqual([true]);
  const dialogs = await watchArrivals(page, "dialog");
  await page.getByRole("button", { name: "Keyboard help" }).click();
  await expect.poll(dialogs).toEqual([true]);
});

test("the reading has stopped in the moment when the page says that it is paused", async ({ page }) => {
  await page.goto("/robots/robot3?topic=%2Frobot3%2Fscan");
  const view = page.getByRole("complementary", { name: "Topic /robot3/scan" });
  const state = view.getByRole("status", { name: "State of the reading" });
  await expect(state).toHaveText(/^Live/);
  await page.evaluate(() => {
    let reading: AbortSignal | null | undefined;
    const real = window.fetch;
    window.fetch = (input, init) => {
      if (String(input).includes("/echo?")) reading = init?.signal;
      return real(input, init);
    };
    new MutationObserver(() => {
      const said = document.querySelector("[aria-label='State of the reading']")?.textContent ?? "";
      if (said.startsWith("Paused") && !("stopped" in window)) Object.assign(window, { stopped: reading?.aborted });
    }).observe(document, { childList: true, subtree: true, characterData: true });
  });
  await page.waitForRequest(/\/echo\?/);
  await view.getByRole("button", { name: "Pause" }).click();
  await expect.poll(() => page.evaluate(() => (window as unknown as { stopped?: boolean }).stopped)).toBeDefined();
  expect(await page.evaluate(() => (window as unknown as { stopped?: boolean }).stopped)).toBe(true);
});

test("an answer from before an action does not hide what the action did", async ({ page }) => {
  await page.goto("/robots/robot1");
  const section = page.getByRole("region", { name: "Rollouts' lock" });
  await expect(section).toContainText("Nobody has locked it.");
  let asked = 0;
  let answer: (() => void) | undefined;
  await page.route(/\/locks$/, async (route) => {
    asked++;
    const before = await route.fetch();
    await new Promise<void>((resolve) => {
      answer = resolve;
    });
    await route.fulfill({ response: before });
  });
  await expect.poll(() => answer).toBeDefined();
  await section.getByRole("button", { name: "Lock…" }).click();
  await page.getByRole("button", { name: "Lock robot1" }).click();
  await expect(section).toContainText("Locked by ann");
  answer?.();
  await expect.poll(() => asked).toBe(2); // the first answer has been taken
  await expect(section).toContainText("Locked by ann");
  answer?.();
});

test("a late refusal does not ask again for the token that was given since", async ({ page, lever }) => {
  await lever("ask-token");
  let asked = 0;
  let answer: (() => void) | undefined;
  await page.route(/\/robots\/robot1$/, async (route) => {
    if (route.request().isNavigationRequest()) return route.continue();
    asked++;
    const now = await route.fetch();
    if (asked === 1) {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
    }
    await route.fulfill({ response: now });
  });
  await page.goto("/robots/robot1");
  await expect.poll(() => answer).toBeDefined();
  const dialog = page.getByRole("dialog", { name: "Sign in" });
  await dialog.getByLabel("Access token").fill("secret");
  await dialog.getByRole("button", { name: "Sign in" }).click();
  await expect(dialog).toBeHidden();
  answer?.();
  await expect.poll(() => asked).toBeGreaterThan(1); // the refusal has been taken
  await expect(dialog).toBeHidden();
});
