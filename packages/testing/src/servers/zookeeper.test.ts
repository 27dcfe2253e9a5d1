/**
 * Owns the tests of the real ZooKeeper that tests start.
 * SPDX-License-Identifier: Apache-2.0
 */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isAlive } from "../processes.js";
import { startZookeeper } from "./zookeeper.js";

test("starts again on the same port after kill -9", { timeout: 120_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), "mrr-zookeeper-test-"));
  const server = await startZookeeper({ directory });
  try {
    const { pid, port } = server;
    expect(server.endpoint).toBe(`127.0.0.1:${port}`);
    await server.kill();
    expect(isAlive(pid)).toBe(false);
    await server.start();
    expect([server.pid === pid, server.port]).toEqual([false, port]);
    expect(existsSync(join(directory, "data"))).toBe(true);
  } finally {
    await server.stop();
    await rm(directory, { recursive: true });
  }
  expect(isAlive(server.pid)).toBe(false);
});
