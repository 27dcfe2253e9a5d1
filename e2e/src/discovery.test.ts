/**
 * Tests what Mesos shows of tasks, so that others find a Redis: names, ports, labels, and the role after a promotion.
 * SPDX-License-Identifier: Apache-2.0
 */
import { callApi, eventually, type RunningUp, signalProcess, startUp } from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createRunning, masterOf, replicasOf } from "./look.js";

const deadlineMs = 40_000;

interface Label {
  readonly key: string;
  readonly value: string;
}

/** A task as the state of the master shows it. */
interface ShownTask {
  readonly id: string;
  readonly state: string;
  readonly labels: readonly Label[];
  readonly discovery: unknown;
  readonly statusLabels: readonly Label[];
}

let up: RunningUp;

beforeAll(async () => {
  up = await startUp({ agents: 3 });
});

afterAll(async () => {
  expect(await up?.stop()).toEqual([]);
});

async function tasks(): Promise<Map<string, ShownTask>> {
  const answer = await callApi(`http://127.0.0.1:${up.place.mesosPort}`, "GET", "/state");
  const { tasks: all } = answer.json as { readonly tasks: readonly ShownTask[] };
  return new Map(all.map((task) => [task.id, task]));
}

/** What the statuses say of the roles: `master 1`, by task. */
async function roles(): Promise<Record<string, string>> {
  const told = [...(await tasks()).values()].map(
    ({ id, statusLabels }) =>
      [id, statusLabels.map(({ key, value }) => `${key}=${value}`).join(" ")] as const,
  );
  return Object.fromEntries(told);
}

const told = (role: string, epoch: number): string =>
  `mr-redis.role=${role} mr-redis.epoch=${epoch}`;

test("each process is found by its instance, and the master by its role, also after a promotion", async () => {
  const instance = await createRunning(up, { name: "inst", slaves: 2 }, deadlineMs);
  const master = masterOf(instance);
  const shown = await tasks();
  for (const { id, ip, port } of instance.processes) {
    const labels = [
      { key: "mr-redis.instance", value: "inst" },
      { key: "mr-redis.address", value: `${ip}:${port}` },
    ];
    expect(shown.get(id)).toMatchObject({
      labels,
      discovery: {
        visibility: "CLUSTER",
        name: "inst",
        ports: { ports: [{ number: port, name: "redis", protocol: "tcp" }] },
        labels: { labels },
      },
    });
  }
  const [first, second] = replicasOf(instance);
  const replica = told("replica", 1);
  const ids = [master.id, first?.id ?? "", second?.id ?? ""];
  const [masterId = "", ...replicaIds] = ids;
  await eventually(
    async () => {
      const expected = Object.fromEntries(replicaIds.map((id) => [id, replica]));
      expect(await roles()).toEqual({ ...expected, [masterId]: told("master", 1) });
    },
    { deadlineMs, what: "Mesos shows the roles" },
  );

  signalProcess(up.redisPid(master.port), "SIGKILL");
  await eventually(
    async () => {
      const now = await roles();
      expect(now[masterId]).toBe(undefined);
      const values = Object.values(now).sort();
      // One was promoted, the other one has not changed, and the new one follows in the new reign.
      expect(values).toEqual([told("master", 2), told("replica", 1), told("replica", 2)]);
      expect(replicaIds.map((id) => now[id]).sort()).toEqual([told("master", 2), replica]);
    },
    { deadlineMs, what: "Mesos shows the roles after the promotion" },
  );
});
