/**
 * Tests of partitions: the master's agent, the scheduler and the store are cut off in every way while clients on both
 * sides write without pause. Never two masters that acknowledge at the same time; no acknowledged write is lost that the
 * record of a failover does not state; afterwards everything runs as asked.
 *
 * Clients run on the observer, whom no cut concerns: to a process that is cut off they are on its side of the cut.
 * SPDX-License-Identifier: Apache-2.0
 */
import { eventually, type NetworkSite, networkProblem, startNetworkSite } from "@mr-redis/testing";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  historyKey,
  missingIn,
  overlapsOf,
  startWriters,
  streamBytesOf,
  type Writers,
} from "./history.js";
import { masterOf, replicasOf, type ShownInstance } from "./look.js";
import { withRedis } from "./redis-client.js";

const problem = networkProblem();
if (problem !== null) process.stderr.write(`NETWORK TESTS ARE LEFT OUT: ${problem}\n`);

/** Short limits, with all that their arithmetic needs; patient with redis-servers on a busy machine. */
const config = {
  ReviveBurst: "50",
  FencingLagMs: 1_000,
  FencingMarginMs: 200,
  ReportIntervalMs: 300,
  ExecutorSilenceMs: 1_000,
  ReplicaSilenceMs: 1_500,
  MasterLeaseMs: 20_000,
  ReplaceUnreachableMs: 600_000,
  RedisTimeoutMs: 10_000,
};

/** A busy machine needs far less; only defects reach it. */
const deadlineMs = 50_000;

/** Writes that show that somebody takes them. */
const enough = 20;

/** Before a cut everything was on its way to the replicas for longer than a packet needs on any machine. */
const transitMs = 1_000;

/** What is shown of a failover. */
interface ShownFailover {
  readonly epoch: number;
  readonly kind: string;
  readonly oldMaster: string | null;
  readonly newMaster: string;
  readonly startedAt: string;
  readonly bytesGivenUp: number | null;
  readonly writerlessMs: number | null;
}

describe.skipIf(problem !== null)("partitions", { timeout: 180_000 }, () => {
  let site: NetworkSite;
  let writers: Writers | null = null;
  beforeAll(async () => {
    const agents = ["rack:r1", "rack:r2", "rack:r3"];
    site = await startNetworkSite({ agents, config });
  });
  afterEach(async () => {
    await writers?.stop();
    site.network.heal();
  });
  afterAll(async () => {
    await site?.destroy();
  });

  async function show(name: string): Promise<ShownInstance> {
    const answer = await site.api("GET", `/v2/instances/${name}`);
    if (answer.status !== 200) throw new Error(`${name}: ${answer.status} ${answer.text}`);
    return answer.json as ShownInstance;
  }

  const waitRunning = (name: string): Promise<ShownInstance> =>
    eventually(
      async () => {
        const shown = await show(name);
        if (shown.status === "RUNNING") return shown;
        throw new Error(`${shown.status}: ${shown.reason?.text}\n${JSON.stringify(shown)}`);
      },
      { deadlineMs, what: `${name} is RUNNING` },
    );

  /** An instance whose master is fenced by its replicas, with a client at each process. */
  async function begin(name: string, slaves: number): Promise<ShownInstance> {
    const answer = await site.api("POST", "/v2/instances", { name, memory: 50, slaves });
    expect([answer.status, answer.text]).toEqual([201, answer.text]);
    const instance = await waitRunning(name);
    await waitQuorum(instance, 1);
    writers = startWriters(instance.processes);
    await waitWrites(masterOf(instance).id);
    return instance;
  }

  const waitQuorum = (instance: ShownInstance, quorum: number): Promise<void> =>
    eventually(
      async () => {
        const held = await withRedis(masterOf(instance), (redis) =>
          redis.config("GET", "min-replicas-to-write"),
        );
        expect(held).toEqual(["min-replicas-to-write", String(quorum)]);
      },
      { deadlineMs, what: `a write quorum of ${quorum}` },
    );

  /** Waits until a process has taken some more writes. */
  async function waitWrites(processId: string): Promise<void> {
    const goal = (writers?.countOf(processId) ?? 0) + enough;
    await eventually(() => expect(writers?.countOf(processId)).toBeGreaterThanOrEqual(goal), {
      deadlineMs,
      what: `writes at ${processId}`,
    });
  }

  /** Waits for the next reign while links are cut, and until its master takes writes. */
  async function waitSuccessor(before: ShownInstance): Promise<ShownInstance> {
    const after = await eventually(
      async () => {
        const shown = await show(before.name);
        if (shown.epoch > before.epoch) return shown;
        throw new Error(`${shown.status}: ${shown.reason?.text}`);
      },
      { deadlineMs, what: `${before.name} has another master` },
    );
    await waitWrites(masterOf(after).id);
    return after;
  }

  /** Everything in its place again, and the history without a fault. `cutAtMs` as of `performance.now()`. */
  async function judge(before: ShownInstance, epoch: number, cutAtMs: number): Promise<void> {
    site.network.heal();
    const after = await waitRunning(before.name);
    expect([after.epoch, after.processes.length]).toEqual([epoch, before.processes.length]);
    await waitQuorum(after, 1);
    await waitWrites(masterOf(after).id);
    await writers?.stop();
    const history = writers?.acknowledged ?? [];
    expect(overlapsOf(history)).toEqual([]);
    const present = await withRedis(masterOf(after), (redis) => redis.lrange(historyKey, 0, -1));
    const lost = missingIn(history, present);
    const oldMaster = masterOf(before).id;
    if (epoch === before.epoch) {
      expect(lost).toEqual([]);
      expect([masterOf(after).id, await failoversOf(before.name)]).toEqual([oldMaster, []]);
    } else {
      const [record, ...others] = await failoversOf(before.name);
      expect(others).toEqual([]);
      const { kind, newMaster } = record ?? {};
      expect({ kind, oldMaster: record?.oldMaster, newMaster, epoch: record?.epoch }).toEqual({
        ...{ kind: "unreachable", oldMaster, newMaster: masterOf(after).id, epoch },
      });
      // Alone on its side the old master took writes until its fence; the record knows of those that it was heard of.
      const early = lost.filter(
        ({ processId, ackedAtMs }) => processId !== oldMaster || ackedAtMs < cutAtMs - transitMs,
      );
      expect(early).toEqual([]);
      const heardAtMs = Date.parse(record?.startedAt ?? "") - Date.now() + performance.now();
      const heard = lost.filter(({ ackedAtMs }) => ackedAtMs < heardAtMs - config.ReportIntervalMs);
      const bytes = heard.reduce((sum, one) => sum + streamBytesOf(one), 0);
      expect(bytes).toBeLessThanOrEqual(record?.bytesGivenUp ?? Number.POSITIVE_INFINITY);
    }
    const replicas = await Promise.all(
      replicasOf(after).map((replica) =>
        eventually(
          async () =>
            expect(await withRedis(replica, (redis) => redis.lrange(historyKey, 0, -1))).toEqual(
              present,
            ),
          { deadlineMs, what: `the data of ${replica.id}` },
        ),
      ),
    );
    expect(replicas).toHaveLength(before.processes.length - 1);
    expect((await site.api("DELETE", `/v2/instances/${before.name}`)).status).toBeLessThan(300);
  }

  async function failoversOf(name: string): Promise<readonly ShownFailover[]> {
    const answer = await site.api("GET", `/v2/instances/${name}/failovers`);
    return (answer.json as { readonly failovers: readonly ShownFailover[] }).failovers;
  }

  test("the master's agent is cut off from all: a replica takes over once it is fenced", async () => {
    const before = await begin("isolated", 2);
    const cutAtMs = performance.now();
    site.network.isolate(masterOf(before).hostname);
    await waitSuccessor(before);
    await judge(before, before.epoch + 1, cutAtMs);
  });
});
