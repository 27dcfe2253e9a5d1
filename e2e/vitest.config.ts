import { defineProject } from "vitest/config";
import { sourceProject } from "../vitest.shared.js";

const project = sourceProject("@mr-redis/e2e");

export default defineProject({
  ...project,
  test: {
    ...project.test,
    setupFiles: ["./vitest.clean-up.ts"],
    // Real processes share two cores: one file at a time, and limits above what a busy machine needs.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
