// The app on a stand-in for the service: one a worker, on a port of its own,
// which begins anew for each test.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test as base } from "@playwright/test";
import { withoutMap } from "../fleet";

interface Fixtures {
  /** Whether the page has a map to draw. */
  map: boolean;
  /** Changes how the stand-in behaves, see e2e/mock/server.mjs. */
  lever: (name: string) => Promise<void>;
}

interface Shared {
  /** The stand-in's URL. */
  standIn: string;
}

export const test = base.extend<Fixtures, Shared>({
  map: [false, { option: true }],
  standIn: [
    async ({ playwright: _ }, use) => {
      const env = { ...process.env, PORT: "0" };
      const server = spawn(process.execPath, ["e2e/mock/server.mjs"], { env, stdio: ["pipe", "pipe", "inherit"] });
      const [url] = (await once(server.stdout, "data")) as [Buffer];
      await use(url.toString().trim());
      server.kill();
      await once(server, "exit");
    },
    { scope: "worker" },
  ],
  baseURL: ({ standIn }, use) => use(standIn),
  lever: [
    async ({ request, page, map }, use) => {
      await request.post("/mock/reset");
      const errors: string[] = [];
      page.on("pageerror", (e) => errors.push(e.message));
      if (!map) await withoutMap(page);
      await use(async (name) => {
        await request.post(`/mock/${name}`);
      });
      base.expect(errors, "errors of the page").toEqual([]);
    },
    { auto: true },
  ],
});

export const expect = test.expect;
