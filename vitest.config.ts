import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    coverage: {
      provider: "v8",
      include: ["internal/**/*.ts", "pkg/**/src/**/*.ts"],
      exclude: ["**/*.test.ts", "**/gen/**", "**/generated/**", "pkg/api/**"],
      reporter: ["text-summary", "json-summary", "html"],
      thresholds: { lines: 90, branches: 90 },
    },
    projects: [
      {
        test: {
          name: "unit",
          include: ["{cmd,internal,pkg,scripts}/**/*.test.ts"],
          exclude: ["**/*.integration.test.ts", "**/node_modules/**"],
        },
      },
      {
        test: {
          name: "integration",
          include: ["internal/**/*.integration.test.ts", "test/integration/**/*.test.ts"],
          globalSetup: ["test/database/global-setup.ts"],
          testTimeout: 20_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          globalSetup: ["test/database/global-setup.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
