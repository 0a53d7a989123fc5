import { defineConfig } from "vitest/config";

const service = process.env.MUSTER_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  worker: { format: "es" },
  server: { proxy: { "/api": { target: service, ws: true, changeOrigin: true } } },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
