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
  // The scale is measured with nothing beside it. A run empties its own output at its start.
  projects: [
    { name: "app", testMatch: "app/*.spec.ts", testIgnore: "app/scale.spec.ts", outputDir: "test-results/app" },
    { name: "scale", testMatch: "app/scale.spec.ts", dependencies: ["app"], outputDir: "test-results/scale" },
    {
      name: "service",
      testMatch: "*.spec.ts",
      testIgnore: "app/*.spec.ts",
      timeout: 300_000,
      outputDir: "test-results/service",
      use: { baseURL: process.env.MUSTER_URL },
    },
  ],
});
