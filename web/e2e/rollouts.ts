// What both suites do with a rollout by the app's buttons.
import { expect, type Locator, type Page } from "@playwright/test";

export const state = (page: Page) => page.getByRole("status", { name: "State of the rollout" });

export const row = (page: Page, robot: string) =>
  page.getByRole("table", { name: "Robots of the rollout" }).getByRole("row", { name: new RegExp(`${robot} `) });

/** The buttons of the whole rollout. */
export const whole = (page: Page) => page.getByRole("group", { name: "Actions", exact: true });

/** Presses a button, and in the dialog that asks the one that does it. */
export async function does(page: Page, among: Locator, action: string, about: string, reason: string): Promise<void> {
  await among.getByRole("button", { name: action, exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(/^Reason/).fill(reason);
  await dialog.getByRole("button", { name: `${action.replace("…", "")} ${about}`, exact: true }).click();
  await expect(dialog).toHaveCount(0);
}
