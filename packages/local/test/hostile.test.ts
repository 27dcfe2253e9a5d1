/**
 * Owns the checks of what a hostile or unlucky client can do: cut streams, large bodies, half requests, readers that
 * do not read. Nothing else may suffer.
 * SPDX-License-Identifier: Apache-2.0
 */
import { connect, type Socket } from "node:net";
import { until } from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { request, startTestLocal, type TestLocal, TestScheduler, testTask } from "./harness.js";

let local: TestLocal;
beforeAll(async () => {
  local = await startTestLocal({ scrambleStreams: true, allocationIntervalMs: 50 });
});
afterAll(() => local.end());

test("C10: records cut and merged at random bytes carry the same events", async () => {
  const one = await new TestScheduler(local.url).subscribe();
  const offer = await one.offer();
  const name = "täsk ✓";
  await one.accept(offer, [{ ...testTask(offer, "t-1"), name }]);
  await one.update("t-1", "TASK_RUNNING");
  expect(one.events.map(({ event }) => event.type).slice(0, 3)).toEqual([
    "SUBSCRIBED",
    "HEARTBEAT",
    "OFFERS",
  ]);
  await one.call({ type: "TEARDOWN" });
  one.close();
});

test("a body over the limit is refused, half requests and silence hurt nobody", async () => {
  const sockets: Socket[] = [];
  for (const text of [
    "",
    "POST /api/v1/sch",
    "POST /api/v1/scheduler HTTP/1.1\r\nContent-Length: 99\r\n\r\n{",
  ]) {
    const socket = connect(local.port, "127.0.0.1", () => socket.write(text));
    socket.on("error", () => undefined);
    sockets.push(socket);
  }
  const large = await request(`${local.url}/api/v1/scheduler`, {
    headers: { "Content-Type": "application/json", Connection: "close" },
    body: Buffer.alloc(65 * 1024 * 1024, 0x20),
  }).catch((error: unknown) => ({ status: 413, text: String(error) }));
  expect(large.status).toBe(413);
  const one = await new TestScheduler(local.url).subscribe();
  expect(await one.offers(2)).toHaveLength(2);
  await one.call({ type: "TEARDOWN" });
  one.close();
  for (const socket of sockets) socket.destroy();
});

test("a scheduler that vanishes without a word leaves nothing", async () => {
  const one = await new TestScheduler(local.url, { user: "root", name: "x" }).subscribe();
  one.drop();
  const frameworks = () => (local.state() as { frameworks: { id: string }[] }).frameworks;
  await until(() => !frameworks().some(({ id }) => id === one.frameworkId), {
    what: "the removal of a framework without failover timeout",
  });
  one.close();
});

test("no web page is answered, by master or agent, whatever it asks", async () => {
  const agent = local.agents[0];
  const urls = [
    `${local.url}/state`,
    `${local.url}/api/v1/scheduler`,
    `${local.url}/nowhere`,
    `http://${agent?.ip}:${agent?.port}/api/v1/executor`,
  ];
  const port = local.port;
  for (const url of urls) {
    for (const headers of [
      { Host: `evil.example:${port}` },
      { Host: `127.0.0.1:${port}`, Origin: "http://evil.example" },
      { Host: `127.0.0.1:${port}`, Origin: `http://127.0.0.1:${port}` },
    ]) {
      expect((await request(url, { headers })).status, JSON.stringify([url, headers])).toBe(403);
    }
  }
  for (const Host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`]) {
    const answer = await request(`${local.url}/state`, { method: "GET", headers: { Host } });
    expect(answer.status, Host).toBe(200);
  }
});
