import { defineProject, mergeConfig } from "vitest/config";
import { sourceProject } from "../../vitest.shared.js";

// Real processes on a machine that others load too: each wait has a limit of its own (test/harness.ts).
export default mergeConfig(
  sourceProject("@mr-redis/executor"),
  defineProject({ test: { testTimeout: 90_000, hookTimeout: 60_000 } }),
);
