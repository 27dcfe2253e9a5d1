import { defineProject } from "vitest/config";
import { sourceProject } from "../../vitest.shared.js";

const project = sourceProject("@mr-redis/scheduler");

/** Tests wait for states, with deadlines of their own; this one is for a machine that is ten times slower. */
const testMsMax = 90_000;

export default defineProject({
  ...project,
  test: { ...project.test, testTimeout: testMsMax, hookTimeout: testMsMax },
});
