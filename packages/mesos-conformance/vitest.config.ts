/**
 * Owns the test project of this package: real processes and real time need more than the usual 5 s on a busy machine.
 * SPDX-License-Identifier: Apache-2.0
 */
import { defineProject } from "vitest/config";
import { sourceProject } from "../../vitest.shared.js";

const project = sourceProject("@mr-redis/mesos-conformance");

export default defineProject({
  ...project,
  test: { ...project.test, testTimeout: 240_000, hookTimeout: 60_000 },
});
