/**
 * Owns the proof of what masters are really sent, byte for byte: who the framework is and what it can, with which role,
 * principal and secret; and launches on reserved resources.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { eventually } from "@mr-redis/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SchedulerHouse, type Tenant } from "./scheduler-house.js";

let house: SchedulerHouse;

beforeEach(async () => {
  house = await SchedulerHouse.open();
});

afterEach(async () => {
  await house.close();
});

const limit = { deadlineMs: 20_000 };

const ready = (tenant: Tenant) =>
  eventually(async () => expect((await tenant.ask("GET", "/readyz")).status).toBe(200), limit);

const configured = {
  UserName: "redis",
  FrameworkName: "Caches",
  Role: "team/db",
  Principal: "caches",
};

/** A field of a protobuf message: its number, and a varint, the 8 bytes of a double, or the bytes of anything else. */
type Field = readonly [number: number, value: number | Buffer];

/** Reads protobuf by itself, so that a mistake of our own codec cannot hide in both directions. */
function fieldsOf(bytes: Buffer): Field[] {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at] ?? 0;
      at += 1;
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  const take = (count: number): Buffer => {
    at += count;
    return bytes.subarray(at - count, at);
  };
  const fields: Field[] = [];
  while (at < bytes.length) {
    const tag = varint();
    const wire = tag & 7;
    const value = wire === 0 ? varint() : wire === 1 ? take(8) : take(varint());
    fields.push([tag >> 3, value]);
  }
  return fields;
}

const messageIn = (fields: readonly Field[], number: number): Field[] =>
  fieldsOf(fields.find(([each]) => each === number)?.[1] as Buffer);

/** The first request that a scheduler with this configuration sends to its master. */
async function firstRequest(
  config: Record<string, unknown>,
  secret: string | null,
): Promise<{ readonly headers: IncomingHttpHeaders; readonly body: Buffer }> {
  const server = createServer();
  const heard = new Promise<{ headers: IncomingHttpHeaders; body: Buffer }>((resolve) => {
    server.on("request", (request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        response.writeHead(503).end();
        resolve({ headers: request.headers, body: Buffer.concat(parts) });
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const Master = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    await house.start({ ...configured, ...config, Master }, { mesosFiles: { secret, ca: null } });
    return await heard;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe("SUBSCRIBE", () => {
  test("as JSON: the whole of it", async () => {
    const { headers, body } = await firstRequest({ MesosEncoding: "json" }, "hidden");
    expect(JSON.parse(body.toString())).toEqual({
      type: "SUBSCRIBE",
      subscribe: {
        framework_info: {
          user: "redis",
          name: "Caches",
          roles: ["team/db"],
          checkpoint: true,
          failover_timeout: 604_800,
          hostname: hostname(),
          capabilities: [
            { type: "MULTI_ROLE" },
            { type: "PARTITION_AWARE" },
            { type: "TASK_KILLING_STATE" },
            { type: "RESERVATION_REFINEMENT" },
            { type: "REGION_AWARE" },
          ],
          principal: "caches",
        },
      },
    });
    expect([headers.authorization, headers["content-type"]]).toEqual([
      `Basic ${Buffer.from("caches:hidden").toString("base64")}`,
      "application/json",
    ]);
  });

  test("as protobuf: by the numbers of the v1 API", async () => {
    const { headers, body } = await firstRequest({ MesosEncoding: "protobuf" }, null);
    const call = fieldsOf(body);
    expect(call.filter(([number]) => number !== 3)).toEqual([[2, 1]]);
    const info = messageIn(messageIn(call, 3), 1);
    const text = (value: string): Buffer => Buffer.from(value);
    const week = Buffer.alloc(8);
    week.writeDoubleLE(604_800);
    expect(info.filter(([number]) => number !== 10).sort(([a], [b]) => a - b)).toEqual([
      [1, text("redis")],
      [2, text("Caches")],
      [4, week],
      [5, 1],
      [7, text(hostname())],
      [8, text("caches")],
      [12, text("team/db")],
    ]);
    // MULTI_ROLE, PARTITION_AWARE, TASK_KILLING_STATE, RESERVATION_REFINEMENT, REGION_AWARE.
    const capabilities = info.filter(([number]) => number === 10);
    expect(capabilities.map(([, value]) => fieldsOf(value as Buffer))).toEqual(
      [6, 5, 2, 7, 8].map((number) => [[1, number]]),
    );
    expect([headers.authorization, headers["content-type"]]).toEqual([
      undefined,
      "application/x-protobuf",
    ]);
  });

  test("without Role and Principal: any role, and no principal", async () => {
    const { body } = await firstRequest({ MesosEncoding: "json", Role: "*", Principal: "" }, null);
    const { framework_info: info } = JSON.parse(body.toString()).subscribe;
    expect([info.roles, "role" in info, "principal" in info]).toEqual([["*"], false, false]);
  });
});

test.each([
  ["refined", { reservations: [{ type: "STATIC", role: "team" }] }],
  [
    "refined twice",
    {
      reservations: [
        { type: "STATIC", role: "team" },
        { type: "DYNAMIC", role: "team/db", principal: "ops", labels: { labels: [] } },
      ],
    },
  ],
  ["unrefined and static", { role: "team/db" }],
  ["unrefined and dynamic", { role: "team/db", reservation: { principal: "ops" } }],
])("LAUNCH on resources that are reserved, %s: exactly so", async (_what, reserved) => {
  house.mesos.role = "team/db";
  house.mesos.reserved = reserved;
  house.mesos.offers = true;
  const tenant = await house.start({ ...configured, RedisCpus: 0.5, ExecutorCpus: 0.2 });
  await ready(tenant);
  await tenant.ask("POST", "/v2/instances", { name: "a", memory: 100, slaves: 1 });
  await eventually(() => expect(house.mesos.launched()).toHaveLength(2), limit);
  const role = { allocation_info: { role: "team/db" } };
  const scalar = (name: string, value: number) => ({
    ...{ name, type: "SCALAR", scalar: { value } },
    ...role,
    ...reserved,
  });
  const [accept] = house.mesos.of("ACCEPT");
  const tasks = accept?.body.accept.operations[0].launch.task_infos;
  for (const [index, task] of tasks.entries()) {
    const port = 7_000 + index;
    expect(task.resources).toEqual([
      scalar("cpus", 0.5),
      scalar("mem", 116),
      {
        ...{ name: "ports", type: "RANGES", ranges: { range: [{ begin: port, end: port }] } },
        ...role,
        ...reserved,
      },
    ]);
    expect(task.executor).toEqual(tasks[0].executor);
    expect(task.executor.resources).toEqual([scalar("cpus", 0.2), scalar("mem", 128)]);
  }
  // Goals go to the executor that the record names.
  const store = await house.openStore();
  const { processes } = JSON.parse((await store.read("instance/a"))?.value ?? "");
  await store.close();
  const { value } = tasks[0].executor.executor_id;
  expect(processes.map(({ executorId }: { executorId: string }) => executorId)).toEqual([
    value,
    value,
  ]);
  const revived = house.mesos.of("REVIVE").map(({ body }) => body.revive?.roles);
  expect(new Set(revived.flat())).toEqual(new Set(["team/db"]));
});
