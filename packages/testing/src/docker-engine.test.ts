/**
 * Owns the tests of the engine for tests: an image of this machine's files runs, and nothing is left.
 * SPDX-License-Identifier: Apache-2.0
 */
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { tryDockerEngine } from "./docker-engine.js";
import { findProcesses } from "./processes.js";

const engine = await tryDockerEngine("the engine for tests");

test.skipIf(engine === null)(
  "an image of files runs, and nothing is left of it",
  { timeout: 120_000 },
  async () => {
    if (engine === null) return;
    try {
      await engine.importImage("mrr-test:1", { files: ["/bin/sh", "sleep", "redis-server"] });
      const said = await engine.docker(
        ["run", "--rm", "--network", "host", "mrr-test:1"].concat([
          ...["redis-server", "--version"],
        ]),
      );
      expect(said.stdout).toMatch(/^Redis server v=/);
      const args = ["run", "--detach", "--network", "host", "mrr-test:1", "sleep", "600"];
      const { stdout } = await engine.docker(args);
      expect(await engine.containers()).toEqual([stdout.trim()]);
      await expect(engine.docker(["inspect", "nothing"])).rejects.toThrow("nothing");
    } finally {
      await engine.stop();
    }
    expect(findProcesses(engine.directory)).toEqual([]);
    expect(existsSync(engine.directory)).toBe(false);
  },
);
