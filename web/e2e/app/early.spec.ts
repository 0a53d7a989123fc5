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

interface Gate {
  /** How many answers came so far. */
  answers: () => Promise<number>;
  /** Lets the newest one through. */
  open: () => Promise<void>;
}

/** Has the page get each answer about a path only when the test lets it through. */
async function holdAnswers(page: Page, path: string): Promise<Gate> {
  await page.addInitScript((about) => {
    const real = window.fetch;
    const gate = { answers: 0, open: () => {} };
    Object.assign(window, { gate });
    window.fetch = async (input, init) => {
      const res = await real(input, init);
      if (!String(input).endsWith(about)) return res;
      const body = await res.text();
      const opened = new Promise<void>((resolve) => {
        gate.open = resolve;
      });
      gate.answers++;
      await opened;
      return new Response(body, { status: res.status });
    };
  }, path);
  type Held = { gate: { answers: number; open: () => void } };
  return {
    answers: () => page.evaluate(() => (window as unknown as Held).gate.answers),
    open: () => page.evaluate(() => (window as unknown as Held).gate.open()),
  };
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
  const locks = await holdAnswers(page, "/locks");
  await page.goto("/robots/robot1");
  await expect.poll(locks.answers).toBe(1);
  await locks.open();
  const section = page.getByRole("region", { name: "Rollouts' lock" });
  await expect(section).toContainText("Nobody has locked it.");
  await expect.poll(locks.answers).toBe(2);
  await section.getByRole("button", { name: "Lock…" }).click();
  await page.getByRole("button", { name: "Lock robot1" }).click();
  await expect(section).toContainText("Locked by ann");
  await locks.open();
  await expect.poll(locks.answers).toBe(3); // the one before has been taken
  await expect(section).toContainText("Locked by ann");
});

test("a late refusal does not ask again for the token that was given since", async ({ page, lever }) => {
  await lever("ask-token");
  const robot = await holdAnswers(page, "/robots/robot1");
  await page.goto("/robots/robot1");
  await expect.poll(robot.answers).toBe(1);
  const dialog = page.getByRole("dialog", { name: "Sign in" });
  await dialog.getByLabel("Access token").fill("secret");
  await dialog.getByRole("button", { name: "Sign in" }).click();
  await expect(dialog).toBeHidden();
  await robot.open();
  await expect.poll(robot.answers).toBe(2); // the refusal has been taken
  await expect(dialog).toBeHidden();
});
