import { defineProject, mergeConfig } from "vitest/config";
import { sourceProject } from "../../vitest.shared.js";

// Some compute for a second or two on a machine of their own; others may share it.
export default mergeConfig(
  sourceProject("@mr-redis/mesos"),
  defineProject({ test: { testTimeout: 60_000, hookTimeout: 60_000 } }),
);
