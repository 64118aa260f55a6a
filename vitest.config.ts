import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/suites/longest-first.ts";
import { createSuiteReporter } from "./test/suites/suite-reporter.ts";

/** How long expect.poll waits: vitest's second is too short for a process or a database on a busy machine. */
const PATIENT = { poll: { timeout: 5_000 } };

export default defineConfig({
  test: {
    // Many tests wait for processes and databases; two cores are busier with more workers than cores.
    maxWorkers: 5,
    sequence: { sequencer: LongestFirst },
    // SUITE: what the results count for, when it is not what the project is called.
    reporters: [process.env.REPORTER ?? (process.env.CI ? "dot" : "default"), createSuiteReporter(process.env.SUITE)],
    coverage: {
      provider: "v8",
      include: ["internal/**/*.ts", "pkg/**/src/**/*.ts"],
      exclude: ["**/*.{test,contract,fixture}.ts", "**/gen/**", "**/generated/**", "pkg/api/**"],
      reporter: ["text-summary", "json-summary", "html"],
      thresholds: { lines: 90, branches: 90 },
    },
    projects: [
      {
        test: {
          name: "unit",
          expect: PATIENT,
          include: ["{cmd,internal,pkg,scripts}/**/*.test.ts"],
          exclude: [
            "**/*.{integration,slow}.test.ts",
            "pkg/*/test/{abuse,conformance,interop}/**",
            "**/node_modules/**",
          ],
          // Far above what any of them takes, for machines that are busy with something else.
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "abuse",
          expect: PATIENT,
          include: ["pkg/rpc-server/test/abuse/**/*.test.ts"],
          // After the others, and few at a time: it measures how long another client waits.
          sequence: { groupOrder: 1 },
          maxWorkers: 2,
          testTimeout: 45_000,
        },
      },
      {
        test: {
          name: "image",
          include: ["test/image/**/*.test.ts"],
          globalSetup: ["test/image/global-setup.ts"],
          // One file after the other: they measure start-up and memory.
          sequence: { groupOrder: 2 },
          maxWorkers: 1,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "rollout",
          include: ["test/rollout/haproxy.test.ts"],
          globalSetup: ["test/database/global-setup.ts"],
          // Alone: it counts what a busy machine would lose, too.
          sequence: { groupOrder: 3 },
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "k8s",
          include: ["test/rollout/kubernetes.test.ts"],
          sequence: { groupOrder: 4 },
          testTimeout: 180_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "manifests",
          include: ["test/manifests/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "libraries",
          include: ["test/libraries/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "conformance",
          include: ["pkg/*/test/conformance/*.test.ts"],
        },
      },
      {
        test: {
          name: "integration",
          expect: PATIENT,
          include: ["internal/**/*.integration.test.ts", "test/{database,integration}/**/*.test.ts"],
          exclude: ["**/*.slow.test.ts"],
          globalSetup: ["test/database/global-setup.ts"],
          // Far above what any of them takes, too.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "slow",
          include: ["test/**/*.slow.test.ts", "pkg/**/*.slow.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "interop",
          include: ["pkg/*/test/interop/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "e2e",
          expect: PATIENT,
          include: ["test/e2e/**/*.test.ts"],
          globalSetup: ["test/database/global-setup.ts"],
          // A service takes a second to start, ten where the machine is busy.
          testTimeout: 90_000,
          hookTimeout: 90_000,
        },
      },
    ],
  },
});
