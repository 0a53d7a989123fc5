import { defineConfig } from "@playwright/test";

const port = 4790;

export default defineConfig({
  testDir: "e2e",
  workers: 1,
  timeout: 60_000, // a loaded machine takes ten times as long as an idle one
  expect: { timeout: 15_000 },
  reporter: [["list"]],
  use: {
    viewport: { width: 1440, height: 900 },
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
    },
  },
  projects: [
    { name: "app", testMatch: "app/*.spec.ts", use: { baseURL: `http://127.0.0.1:${port}` } },
    { name: "service", testMatch: "service.spec.ts", timeout: 180_000, use: { baseURL: process.env.MUSTER_URL } },
  ],
  webServer: process.argv.includes("--project=service")
    ? []
    : [{ command: "node e2e/mock/server.mjs", env: { PORT: `${port}` }, port, reuseExistingServer: false }],
});
