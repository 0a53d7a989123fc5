import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: "e2e",
  workers: 2, // a file is one worker's; each has a stand-in of its own
  timeout: 120_000, // a loaded machine takes ten times as long as an idle one
  expect: { timeout: 30_000 },
  reporter: [["list"]],
  use: {
    contextOptions: { reducedMotion: "reduce" }, // nothing is on its way to another colour when it is looked at
    viewport: { width: 1440, height: 900 },
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
    },
  },
  projects: [
    { name: "app", testMatch: "app/*.spec.ts", testIgnore: "app/scale.spec.ts" },
    { name: "scale", testMatch: "app/scale.spec.ts", dependencies: ["app"] }, // it measures: nothing is beside it
    { name: "service", testMatch: "*.spec.ts", timeout: 300_000, use: { baseURL: process.env.MUSTER_URL } },
  ],
});
