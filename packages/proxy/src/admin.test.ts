/**
 * Owns the tests of the admin routes that need a defect beneath: connections that cannot be accepted, states that take long.
 * Their texts are in test/program.test.ts. SPDX-License-Identifier: Apache-2.0
 */
import { Server } from "node:http";
import { freePort, pause } from "@mr-redis/testing";
import { afterEach, expect, test } from "vitest";
import { type AdminPort, startAdmin } from "./admin.js";
import { readinessOf } from "./readiness.js";

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const readiness = readinessOf({
  ...{ follow: null, savedAtMs: null, instances: 0, problems: 0, entries: 0 },
  ...{ plane: "userspace", nowMs: 0 },
});

async function made(states: AdminPort["states"]): Promise<string> {
  const port = await freePort();
  const admin = await startAdmin(
    { states, update: async () => "unknown", readiness: () => readiness },
    { host: "127.0.0.1", port },
  );
  ends.push(() => admin.close());
  return `http://127.0.0.1:${port}`;
}

const text = async (url: string): Promise<string> => (await fetch(url)).text();

test("connections that cannot be accepted end nothing", async () => {
  const url = await made(async () => []);
  const { _getActiveHandles: handles } = process as unknown as {
    readonly _getActiveHandles: () => readonly unknown[];
  };
  const server = handles
    .call(process)
    .find(
      (each) => each instanceof Server && JSON.stringify(each.address()).includes(url.slice(17)),
    );
  if (!(server instanceof Server)) throw new Error("no server");
  for (const _ of [1, 2, 3]) server.emit("error", new Error("accept EMFILE"));
  expect(await text(`${url}/healthz`)).toBe("ok\n");
});

test("states are asked for once at a time, however many ask", async () => {
  let now = 0;
  let most = 0;
  const url = await made(async () => {
    now += 1;
    most = Math.max(most, now);
    await pause(20);
    now -= 1;
    return [];
  });
  const texts = await Promise.all(Array.from({ length: 20 }, () => text(`${url}/Get/`)));
  expect(new Set(texts)).toEqual(new Set(["Current Config: {}"]));
  expect(most).toBe(1);
});
