/**
 * Owns the tests of the choice of a driver (index.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock as clock } from "../test/system-clock.js";
import { createStore } from "./index.js";

test("an unknown driver is refused with the names of those that exist", async () => {
  await expect(createStore({ driver: "Etcd3", clock })).rejects.toMatchObject({
    code: "config-invalid",
    message: 'there is no store "Etcd3"; there are "memory", "embedded", "etcd", "zookeeper"',
  });
});

test("the embedded driver needs a directory", async () => {
  for (const directory of [{}, { directory: "" }]) {
    await expect(createStore({ driver: "embedded", clock, ...directory })).rejects.toMatchObject({
      code: "config-invalid",
    });
  }
});

test("each driver opens", async () => {
  const parent = await mkdtemp(join(tmpdir(), "mrr-store-"));
  for (const driver of ["memory", "embedded"]) {
    const store = await createStore({ driver, clock, directory: join(parent, "store") });
    expect(await store.readAll()).toEqual([]);
    await store.close();
  }
  await rm(parent, { recursive: true });
});
