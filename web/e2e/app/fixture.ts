// The app on the stand-in for the service, which begins anew for each test.
import { test as base } from "@playwright/test";

interface Fixtures {
  /** Changes how the stand-in behaves, see e2e/mock/server.mjs. */
  lever: (name: string) => Promise<void>;
}

export const test = base.extend<Fixtures>({
  lever: [
    async ({ request, page }, use) => {
      await request.post("/mock/reset");
      const errors: string[] = [];
      page.on("pageerror", (e) => errors.push(e.message));
      await use(async (name) => {
        await request.post(`/mock/${name}`);
      });
      base.expect(errors, "errors of the page").toEqual([]);
    },
    { auto: true },
  ],
});

export const expect = test.expect;
