/**
 * Owns the tests of the memory driver: the conformance suite, and the faults that it can be ordered to have.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock } from "@mr-redis/core";
import { VirtualClock } from "@mr-redis/testing";
import { expect, test } from "vitest";
import { systemClock } from "../../test/system-clock.js";
import { storeConformance } from "../conformance/index.js";
import { MemoryBackend, type MemoryFault } from "./backend.js";
import { MemoryStore } from "./store.js";

/** A fault for the next commit only. */
const once = (fault: MemoryFault): MemoryBackend["fault"] => {
  let armed = true;
  return (call) => {
    if (!armed || call.operation !== "commit") return null;
    armed = false;
    return fault;
  };
};

const storeOn = (backend: MemoryBackend, clock: Clock = systemClock) =>
  new MemoryStore({ backend, clock, timeLimitMs: 1000 });

const harnessOn = (backend: MemoryBackend, silently: boolean) => ({
  open: async () => storeOn(backend),
  depose: async () => backend.depose("the lease expired", { silently }),
  unknownNext: (written: boolean) => {
    backend.fault = once({ lost: written ? "answer" : "request" });
  },
  remove: async () => {},
});

storeConformance({
  name: "memory",
  create: async () => harnessOn(new MemoryBackend(), false),
});

storeConformance({
  name: "memory, deposed without knowing",
  create: async () => harnessOn(new MemoryBackend(), true),
});

const change = { key: "instance/a", basedOn: null, value: "1" } as const;

test("a slow request is unknown at the time limit, and written later", async () => {
  const backend = new MemoryBackend();
  const clock = new VirtualClock();
  const store = storeOn(backend, clock);
  const leadership = await store.campaign("x", new AbortController().signal);
  backend.fault = once({ delayMs: 5000 });
  const commit = store.commit(leadership, [change]);
  await flush();
  clock.advanceBy(1000);
  expect(await commit).toEqual([
    { type: "unknown", cause: "the store gave no answer within 1000 ms" },
  ]);
  expect(await store.readAll()).toEqual([]);
  clock.advanceBy(4000);
  await flush();
  expect((await store.readAll()).map((each) => each.value)).toEqual(["1"]);
});

test("a slow answer within the limit is done", async () => {
  const backend = new MemoryBackend();
  const clock = new VirtualClock();
  const store = storeOn(backend, clock);
  const leadership = await store.campaign("x", new AbortController().signal);
  backend.fault = once({ delayMs: 300, answerDelayMs: 300 });
  const commit = store.commit(leadership, [change]);
  await flush();
  clock.advanceBy(300);
  await flush();
  expect((await store.read(change.key))?.value).toBe("1");
  clock.advanceBy(300);
  expect(await commit).toMatchObject([{ type: "done" }]);
});

test("an unreachable backend: reads reject, campaigns reject, the next one wins", async () => {
  const backend = new MemoryBackend();
  const store = storeOn(backend);
  backend.fault = () => ({ lost: "request" });
  const unavailable = { code: "store-unavailable" };
  await expect(store.readAll()).rejects.toMatchObject(unavailable);
  await expect(store.read(change.key)).rejects.toMatchObject(unavailable);
  await expect(store.watch(() => {})).rejects.toMatchObject(unavailable);
  const signal = new AbortController().signal;
  await expect(store.campaign("x", signal)).rejects.toMatchObject(unavailable);
  backend.fault = () => null;
  expect((await store.campaign("x", signal)).term).toBe(1);
});

/** Lets everything run that waits for no timer. */
const flush = () => new Promise((resolve) => setImmediate(resolve));
