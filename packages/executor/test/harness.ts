/**
 * Owns a supervisor for tests: real redis-servers in a directory of their own, a link that records.
 * Not: the session with an agent (main.test.ts). Called by the process tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Because,
  type Clock,
  decodeReportBatch,
  type Follower,
  type Goal,
  type GoalBatch,
  type LaunchOrder,
  type MasterAddress,
  type ProcessReport,
  parkAddress,
  type ReportBatch,
  type SuperviseOptions,
  superviseDefaults,
} from "@mr-redis/core";
import { systemClock } from "@mr-redis/mesos";
import { eventually, findProcesses, sweepProcesses, until } from "@mr-redis/testing";
import { connectRedis } from "../src/connect.js";
import type { TaskUpdate } from "../src/ports.js";
import { findRedisBinary, pathDefault, type RedisBinary } from "../src/redis-binary.js";
import { createRetiredLogs } from "../src/retired-logs.js";
import { Supervisor } from "../src/supervisor.js";
import { RedisCertificates } from "../src/tls/certificates.js";

/** Deadline of one wait: far above the milliseconds that are usual. */
export const deadlineMs = 20_000;

/**
 * Limits of the supervision for tests that are not about them: on a loaded machine a redis-server may be silent for
 * longer than the default allows. It is asked as often as with the default.
 */
const patience = { redisTimeoutMs: 15_000, startTimeoutMs: 20_000, reportIntervalMs: 500 };

/** What a test may choose. */
export interface HarnessOptions {
  readonly supervise?: Partial<SuperviseOptions>;
  readonly findBinary?: () => Promise<RedisBinary>;
  readonly sparesMax?: number;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Directory with certificates for Redis; null: the scheduler gives them. Default: null. */
  readonly tlsDirectory?: string | null;
  /** Gets messages that are no reports. */
  readonly onMessage?: (text: string) => void;
  /** Default: a new directory. It is removed at the end. */
  readonly sandbox?: string;
}

/** A supervisor and all that it said. */
export interface Harness {
  readonly supervisor: Supervisor;
  /** Made with the first process that needs one. */
  readonly certificates: () => RedisCertificates;
  readonly sandbox: string;
  readonly updates: (TaskUpdate & { readonly atMs: number })[];
  readonly batches: (ReportBatch & { readonly atMs: number })[];
  readonly logs: string[];
  readonly exits: Because[];
  launch(order: LaunchOrder): void;
  goals(goals: readonly Goal[], reportNow?: boolean): void;
  /** A message of the leader that names these processes and answers a batch; default: the newest one. */
  confirm(leases: readonly string[], goals?: readonly Goal[], number?: number): void;
  /** The newest report of a process. */
  report(processId: string): ProcessReport | undefined;
  /** Waits for a report that satisfies `check`. */
  reported(processId: string, check: (report: ProcessReport) => boolean): Promise<ProcessReport>;
  updated(taskId: string, state: TaskUpdate["state"]): Promise<TaskUpdate & { atMs: number }>;
  /** Ends everything; true when nothing was left behind. */
  close(): Promise<void>;
}

/** Starts a supervisor over real processes. */
export function createHarness(options: HarnessOptions = {}): Harness {
  const sandbox = options.sandbox ?? mkdtempSync(join(tmpdir(), "mrr-executor-"));
  const updates: Harness["updates"] = [];
  const batches: Harness["batches"] = [];
  const logs: string[] = [];
  const exits: Because[] = [];
  const note = (message: string, fields?: Readonly<Record<string, unknown>>): void => {
    logs.push(JSON.stringify({ message, ...fields }));
  };
  let certificates: RedisCertificates | null = null;
  const certificatesOf = (): RedisCertificates => {
    certificates ??= new RedisCertificates({
      directory: options.tlsDirectory ?? null,
      clock: options.clock ?? systemClock,
      log: { info: note, error: note },
      runId: "run-1",
      send: (text) => options.onMessage?.(text),
      intervalMs: 20,
    });
    return certificates;
  };
  const supervisor = new Supervisor({
    supervise: { runId: "run-1", ...superviseDefaults, ...patience, ...options.supervise },
    clock: options.clock ?? systemClock,
    link: {
      sendUpdate: (update) => void updates.push({ ...update, atMs: performance.now() }),
      sendMessage(text) {
        if (options.onMessage !== undefined && !text.includes('"type":"reports"')) {
          options.onMessage(text);
          return;
        }
        const batch = decodeReportBatch(text);
        if (!batch.ok) throw new Error(JSON.stringify(batch.problems));
        batches.push({ ...batch.value, atMs: performance.now() });
      },
    },
    log: { info: note, error: note },
    sandbox,
    findBinary: options.findBinary ?? (() => findRedisBinary(null, pathDefault)),
    connectRedis,
    certificates: async () => certificatesOf(),
    executorSecret: "executor-secret",
    filesMax: 4096,
    retiredLogs: createRetiredLogs(),
    ...(options.sparesMax === undefined ? {} : { sparesMax: options.sparesMax }),
    onExit: (because) => exits.push(because),
  });
  supervisor.start();

  const report = (processId: string): ProcessReport | undefined =>
    batches
      .toReversed()
      .flatMap((batch) => batch.processes)
      .find((each) => each.processId === processId);

  let starts = 0;
  return {
    supervisor,
    certificates: certificatesOf,
    sandbox,
    updates,
    batches,
    logs,
    exits,
    report,
    launch(order) {
      starts += 1;
      supervisor.handle({ type: "launch-received", order, startId: `start-${starts}` });
    },
    goals: (goals, reportNow = false) =>
      supervisor.handle({
        type: "goals-received",
        batch: batchOf(goals, reportNow),
      }),
    confirm(leases, goals = [], number = batches.at(-1)?.number ?? 0) {
      const answers = { runId: "run-1", number };
      supervisor.handle({
        type: "goals-received",
        batch: { ...batchOf(goals, false), answers, leases },
      });
    },
    reported: (processId, check) =>
      eventually(
        () => {
          const found = report(processId);
          if (found !== undefined && check(found)) return found;
          throw new Error(`report is ${JSON.stringify(found)}\n${logs.join("\n")}`);
        },
        { deadlineMs, intervalMs: 2, what: `report of ${processId}` },
      ),
    updated: (taskId, state) =>
      eventually(
        () => {
          const found = updates.find((each) => each.taskId === taskId && each.state === state);
          if (found !== undefined) return found;
          throw new Error(`updates are ${JSON.stringify(updates)}\n${logs.join("\n")}`);
        },
        { deadlineMs, intervalMs: 2, what: `${state} of ${taskId}` },
      ),
    async close() {
      supervisor.handle({ type: "agent-lost" });
      await until(() => exits.length > 0, { deadlineMs, what: "the end of the supervisor" });
      const left = await sweepLate(sandbox);
      rmSync(sandbox, { recursive: true, force: true });
      if (left.length > 0) throw new Error(`left behind: ${JSON.stringify(left)}`);
    },
  };
}

/** As sweepProcesses; what was killed a moment ago may take its time to end. */
export async function sweepLate(sandbox: string): ReturnType<typeof sweepProcesses> {
  const gone = until(() => findProcesses(sandbox).length === 0, {
    deadlineMs,
    what: `the end of all of ${sandbox}`,
  });
  await gone.catch(() => undefined);
  return sweepProcesses(sandbox);
}

const batchOf = (goals: readonly Goal[], reportNow: boolean): GoalBatch => ({
  version: 1,
  type: "goals",
  term: 1,
  answers: null,
  goals,
  leases: [],
  reportNow,
});

/** An order of a single or master on `port`. */
export function orderOf(
  processId: string,
  port: number,
  change: Partial<Omit<LaunchOrder, "goal">> & { goal?: Partial<Goal> } = {},
): LaunchOrder {
  const { goal, ...rest } = change;
  const isMaster = (goal?.role ?? "master") === "master";
  return {
    version: 1,
    instance: "inst",
    processId,
    address: "127.0.0.1",
    port,
    memoryMib: 100,
    config: {},
    goal: {
      processId,
      stamp: { term: 1, counter: 1 },
      epoch: 1,
      role: "master",
      master: null,
      writeQuorum: 0,
      lagSecondsMax: 3,
      followers: isMaster ? followersOf({ processId }) : [],
      leaseMs: null,
      ...goal,
    },
    ...rest,
  };
}

const passwordOf = (processId: string, index: number): string => `secret-of-${processId}.${index}`;

/** Users for three replicas at this master. */
export const followersOf = ({ processId }: Pick<LaunchOrder, "processId">): readonly Follower[] =>
  [1, 2, 3].map((index) => ({
    user: `replica-${index}`,
    password: passwordOf(processId, index),
  }));

/** Where a replica finds the process of this order; `index` from 1 to 3 names its user there. */
export const masterOf = (order: LaunchOrder, index = 1): MasterAddress => ({
  processId: order.processId,
  address: order.address,
  port: order.port,
  user: `replica-${index}`,
  secret: passwordOf(order.processId, index),
});

/** What a parked process is seen to follow. */
export const parkedAt = `${parkAddress.address}:${parkAddress.port}`;
