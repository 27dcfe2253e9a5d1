/**
 * Owns the tests of the real etcd that tests start.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import { isAlive } from "../processes.js";
import { type EtcdServer, requireProgram, startEtcd } from "./etcd.js";

const text = (value: string) => Buffer.from(value).toString("base64");

async function withEtcd(server: EtcdServer, use: () => Promise<void>): Promise<void> {
  try {
    await use();
  } finally {
    await server.stop();
  }
  expect(isAlive(server.pid)).toBe(false);
}

test("keeps its data over kill -9 and a start on the same port", { timeout: 60_000 }, async () => {
  const server = await startEtcd({ auth: { user: "mrr", password: "secret" } });
  await withEtcd(server, async () => {
    await server.call("/v3/kv/put", { key: text("a"), value: text("1") });
    const { pid, port } = server;
    await server.kill();
    expect(isAlive(pid)).toBe(false);
    await server.start();
    expect([server.pid === pid, server.port]).toEqual([false, port]);
    const range = await server.call("/v3/kv/range", { key: text("a") });
    expect(range.kvs).toMatchObject([{ value: text("1") }]);
  });
});

test("a program that is not installed is named", () => {
  expect(() => requireProgram("mrr-no-such-program", "mrr-none")).toThrow(
    "mrr-no-such-program is not installed",
  );
});
