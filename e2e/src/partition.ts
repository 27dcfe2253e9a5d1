/**
 * Owns what the tests of partitions share: an instance with clients that write to it without pause on both sides of a cut,
 * and the judgement of what they saw.
 *
 * Clients run on the observer, whom no cut concerns: to a process that is cut off they are on its side of the cut.
 * Not: what is cut. Called by network-partition.test.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { eventually, type NetworkSite } from "@mr-redis/testing";
import { expect } from "vitest";
import {
  historyKey,
  missingIn,
  overlapsOf,
  startWriters,
  streamBytesOf,
  type Writers,
} from "./history.js";
import { masterOf, replicasOf, type ShownInstance, type ShownProcess } from "./look.js";
import { withRedis } from "./redis-client.js";

/** Short limits, with all that their arithmetic needs; patient with redis-servers on a busy machine. */
export const partitionConfig = {
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
}

/** One instance whose master is fenced by its replicas, with a client at each process. */
export class Partition {
  readonly before: ShownInstance;
  readonly master: ShownProcess;
  readonly #site: NetworkSite;
  readonly #writers: Writers;
  #cutAtMs = 0;

  private constructor(site: NetworkSite, before: ShownInstance, writers: Writers) {
    this.#site = site;
    this.before = before;
    this.master = masterOf(before);
    this.#writers = writers;
  }

  /** Creates the instance; resolves when its master is fenced and has taken writes. */
  static async begin(site: NetworkSite, name: string, slaves: number): Promise<Partition> {
    const answer = await site.api("POST", "/v2/instances", { name, memory: 50, slaves });
    expect([answer.status, answer.text]).toEqual([201, answer.text]);
    const instance = await waitRunning(site, name);
    await waitQuorum(instance, 1);
    const partition = new Partition(site, instance, startWriters(instance.processes));
    await partition.waitWrites();
    return partition;
  }

  /** Cuts links; nothing that was acknowledged long before may be lost. */
  cut(work: (network: NetworkSite["network"]) => void): void {
    this.#cutAtMs = performance.now();
    work(this.#site.network);
  }

  /** Waits until a process has taken some more writes. */
  async waitWrites(processId = this.master.id): Promise<void> {
    const goal = this.#writers.countOf(processId) + enough;
    await eventually(() => expect(this.#writers.countOf(processId)).toBeGreaterThanOrEqual(goal), {
      deadlineMs,
      what: `writes at ${processId}`,
    });
  }

  /** Waits for the next reign while links are cut, and until its master takes writes. */
  async waitSuccessor(): Promise<void> {
    const after = await eventually(
      async () => {
        const shown = await show(this.#site, this.before.name);
        if (shown.epoch > this.before.epoch) return shown;
        throw new Error(`${shown.status}: ${shown.reason?.text}`);
      },
      { deadlineMs, what: `${this.before.name} has another master` },
    );
    await this.waitWrites(masterOf(after).id);
  }

  /** Waits until the instance is said not to be well, with one of these codes. */
  async waitReason(codes: readonly string[]): Promise<void> {
    await eventually(
      async () => {
        const { status, reason } = await show(this.#site, this.before.name);
        expect(status).toBe("DEGRADED");
        expect(codes).toContain(reason?.code);
      },
      { deadlineMs, what: `${this.before.name} is DEGRADED: ${codes}` },
    );
  }

  /** Waits until the instance is not shown as RUNNING: who hears nobody cannot know what it is. */
  async waitUnwell(): Promise<void> {
    await eventually(
      async () => expect((await show(this.#site, this.before.name)).status).not.toBe("RUNNING"),
      { deadlineMs, what: `${this.before.name} is not RUNNING` },
    );
  }

  /** Waits for this `min-replicas-to-write` of the first master. */
  waitQuorum = (quorum: number): Promise<void> => waitQuorum(this.before, quorum);

  /** Heals all links. Then everything is in its place again, in this reign, and the history is without a fault. */
  async judge({ failovers }: { readonly failovers: 0 | 1 }): Promise<void> {
    const { before } = this;
    this.#site.network.heal();
    const epoch = before.epoch + failovers;
    const after = await eventually(
      async () => {
        const shown = await waitRunning(this.#site, before.name);
        expect([shown.epoch, shown.processes.length]).toEqual([epoch, before.processes.length]);
        return shown;
      },
      { deadlineMs },
    );
    await waitQuorum(after, 1);
    await this.waitWrites(masterOf(after).id);
    await this.end();
    expect(overlapsOf(this.#writers.acknowledged)).toEqual([]);
    const present = await listOf(masterOf(after));
    if (failovers === 0) await this.#judgeSame(after, present);
    else await this.#judgeFailover(after, present);
    for (const replica of replicasOf(after)) {
      await eventually(async () => expect(await listOf(replica)).toEqual(present), {
        deadlineMs,
        what: `the data of ${replica.id}`,
      });
    }
    const gone = await this.#site.api("DELETE", `/v2/instances/${before.name}`);
    expect(gone.status).toBeLessThan(300);
  }

  /** Ends the clients; idempotent. */
  end(): Promise<void> {
    return this.#writers.stop();
  }

  async #judgeSame(after: ShownInstance, present: readonly string[]): Promise<void> {
    expect(missingIn(this.#writers.acknowledged, present)).toEqual([]);
    expect(masterOf(after).id).toBe(this.master.id);
    expect(await this.#failovers()).toEqual([]);
  }

  async #judgeFailover(after: ShownInstance, present: readonly string[]): Promise<void> {
    const lost = missingIn(this.#writers.acknowledged, present);
    const oldMaster = this.master.id;
    const [record, ...others] = await this.#failovers();
    if (record === undefined) throw new Error("the failover has no record");
    const { kind, newMaster, epoch } = record;
    expect({ kind, oldMaster: record.oldMaster, newMaster, epoch, others }).toEqual({
      kind: "unreachable",
      oldMaster,
      newMaster: masterOf(after).id,
      epoch: after.epoch,
      others: [],
    });
    // Alone on its side the old master took writes until its fence. Nobody else's are lost, and none of before the cut.
    const isExcused = (processId: string, ackedAtMs: number): boolean =>
      processId === oldMaster && ackedAtMs >= this.#cutAtMs - transitMs;
    expect(lost.filter(({ processId, ackedAtMs }) => !isExcused(processId, ackedAtMs))).toEqual([]);
    // The record counts what the old master had when it was heard last: that is its first sign.
    const heardAtMs = Date.parse(record.startedAt) - Date.now() + performance.now();
    const heardOf = lost.filter(
      ({ ackedAtMs }) => ackedAtMs < heardAtMs - partitionConfig.ReportIntervalMs,
    );
    const bytes = heardOf.reduce((sum, one) => sum + streamBytesOf(one), 0);
    expect(bytes).toBeLessThanOrEqual(record.bytesGivenUp ?? Number.POSITIVE_INFINITY);
  }

  async #failovers(): Promise<readonly ShownFailover[]> {
    const answer = await this.#site.api("GET", `/v2/instances/${this.before.name}/failovers`);
    return (answer.json as { readonly failovers: readonly ShownFailover[] }).failovers;
  }
}

async function show(site: NetworkSite, name: string): Promise<ShownInstance> {
  const answer = await site.api("GET", `/v2/instances/${name}`);
  if (answer.status !== 200) throw new Error(`${name}: ${answer.status} ${answer.text}`);
  return answer.json as ShownInstance;
}

const waitRunning = (site: NetworkSite, name: string): Promise<ShownInstance> =>
  eventually(
    async () => {
      const shown = await show(site, name);
      if (shown.status === "RUNNING") return shown;
      throw new Error(`${shown.status}: ${shown.reason?.text}\n${JSON.stringify(shown)}`);
    },
    { deadlineMs, what: `${name} is RUNNING` },
  );

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

const listOf = (process: ShownProcess): Promise<string[]> =>
  withRedis(process, (redis) => redis.lrange(historyKey, 0, -1));
