/**
 * Owns the proof of a start with a state file: nobody is led by it while a scheduler may still say better, and everybody is
 * when none does. The scheduler is the test's.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { InstanceEndpoints } from "@mr-redis/core";
import { freePort, freePorts, until } from "@mr-redis/testing";
import { afterEach, expect, test } from "vitest";
import { parseProxyConfig } from "../src/config.js";
import { createLog } from "../src/log.js";
import { Service } from "../src/service.js";
import { systemClock } from "../src/system-clock.js";
import { type Backend, connectTo, type Side, startBackend } from "./sockets.js";

const deadline = { deadlineMs: 40_000 };

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function named(name: string): Promise<Backend> {
  const server = await startBackend(
    ({ socket }) => void socket.on("data", () => socket.write(name)),
  );
  ends.push(() => server.close());
  return server;
}

const instance = (write: number, master: number): InstanceEndpoints => ({
  ...{ name: "a", incarnation: "1", type: "S", status: "RUNNING", epoch: 1 },
  ...{ writer: "ready", master: { processId: "a::1", address: "127.0.0.1", port: master } },
  ...{ replicas: [], proxy: { write, read: null } },
});

/** A proxy that was here before, and a client that comes as soon as it listens. */
async function started(scheduler: string, before: Backend, recallMsMax: number) {
  const directory = mkdtempSync(join(tmpdir(), "mrr-recall-"));
  ends.push(async () => rmSync(directory, { recursive: true, force: true }));
  const [port = 0, httpPort = 0] = await freePorts(2);
  const stateFile = join(directory, "state.json");
  const savedAt = "2026-11-22T10:00:00.000Z";
  const instances = [instance(port, before.port)];
  writeFileSync(stateFile, JSON.stringify({ version: 1, savedAt, instances }));
  const config = parseProxyConfig("{}", {
    ...{ Scheduler: scheduler, Bind: "127.0.0.1", HTTPPort: httpPort, TargetWaitMs: 60_000 },
  });
  if (!config.ok) throw new Error(JSON.stringify(config.problems));
  const service = await Service.start({
    ...{ config: config.value, stateFile, recallMsMax, clock: systemClock, random: () => 0.5 },
    log: createLog(Date.now, () => {}),
  });
  ends.push(() => service.close());
  const side = connectTo(port);
  ends.push(async () => void side.socket.destroy());
  side.socket.write("x");
  return { side, port };
}

const answered = (side: Side): Promise<void> =>
  until(() => side.received !== "", { ...deadline, what: "an answer" });

/** A scheduler that says nothing before the test does. */
async function slowScheduler() {
  const asked: ServerResponse[] = [];
  const server = createServer((_request, response) => void asked.push(response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const event = (type: string, data: unknown): string =>
  `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;

test("whoever comes before the scheduler has spoken is led by its word, not by the file", async () => {
  const [before, now] = [await named("before"), await named("now")];
  const { asked, url } = await slowScheduler();
  const { side, port } = await started(url, before, 600_000);
  await until(() => asked.length > 0, { ...deadline, what: "the question" });
  asked[0]?.writeHead(200, { "content-type": "text/event-stream" });
  const told = event("instance", { instance: instance(port, now.port) });
  asked[0]?.write(event("reset", {}) + told + event("complete", {}));
  await answered(side);
  expect(side.received).toBe("now");
  expect(before.sides).toEqual([]);
});

test("where nobody answers, or not in time, the file counts", async () => {
  const before = await named("before");
  const away = await started(`http://127.0.0.1:${await freePort()}`, before, 600_000);
  await answered(away.side);
  const slow = await started((await slowScheduler()).url, before, 50);
  await answered(slow.side);
  expect([away.side.received, slow.side.received]).toEqual(["before", "before"]);
});
