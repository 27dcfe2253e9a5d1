import { defineProject, mergeConfig } from "vitest/config";
import { sourceProject } from "../../vitest.shared.js";

// Real sockets on a machine that others load too: each wait has a limit of its own.
export default mergeConfig(
  sourceProject("@mr-redis/proxy"),
  defineProject({ test: { testTimeout: 60_000, hookTimeout: 60_000 } }),
);
