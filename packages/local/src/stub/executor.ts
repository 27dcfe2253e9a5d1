/**
 * Owns one stub executor: a real session with its agent and the real decisions of core, over redis-servers that are
 * not there. Goals, reports and task updates are those of packages/executor, since the same code decides them.
 * Not: the redis-servers (redis-world.ts), nor the program (main.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { randomBytes, randomUUID } from "node:crypto";
import {
  type Clock,
  decideSupervision,
  encodeReportBatch,
  initialSuperviseState,
  type SuperviseEffect,
  type SuperviseEvent,
  type SuperviseState,
  superviseDefaults,
  superviseWakeAtMs,
  type Timer,
} from "@mr-redis/core";
import {
  createExecutorSession,
  createWireCodec,
  type ExecutorEnvironment,
  type ExecutorSession,
  textToBase64,
  wireContentTypes,
} from "@mr-redis/mesos";
import { type StubInput, stubInput } from "./inputs.js";
import type { RedisWorld, StubRedis } from "./redis-world.js";

/** Nobody is ever silent here: looks are as rare as reports allow. */
const redisTimeoutMs = 3_600_000;

/** Longest wait for the acknowledgement of the last updates, when the executor ends. */
const drainMsMax = 500;

/** What an executor is made of. */
export interface StubExecutorOptions {
  readonly environment: ExecutorEnvironment;
  /** The variables of the scheduler (`MRR_*`), of which those on time and encoding count. */
  readonly variables: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly world: RedisWorld;
  /** Called once, when nothing of it is left; a raw wait status. */
  readonly onEnd: (status: number) => void;
}

type EffectOf<Type extends SuperviseEffect["type"]> = Extract<SuperviseEffect, { type: Type }>;

/** Raw wait statuses: exit code 0, and ended by SIGKILL. */
const statuses = { done: 0, killed: 9 } as const;

function positive(text: string | undefined, fallback: number): number {
  const value = Number(text ?? Number.NaN);
  return Number.isSafeInteger(value) && value > 0 ? value : fallback;
}

/** One executor with its session. */
export class StubExecutor {
  readonly #options: StubExecutorOptions;
  readonly #session: ExecutorSession;
  /** By the name of the spawn. */
  readonly #servers = new Map<string, StubRedis>();
  readonly #queue: SuperviseEvent[] = [];
  readonly #unacknowledged = new Set<Promise<unknown>>();
  #state: SuperviseState;
  #isBusy = false;
  #isOver = false;
  #timer: Timer | null = null;
  #timerAtMs = Number.POSITIVE_INFINITY;

  constructor(options: StubExecutorOptions) {
    this.#options = options;
    const { environment, variables, clock } = options;
    const supervise = {
      ...superviseDefaults,
      runId: randomUUID(),
      redisTimeoutMs,
      reportIntervalMs: positive(
        variables.MRR_REPORT_INTERVAL_MS,
        superviseDefaults.reportIntervalMs,
      ),
      executorIdleMs: positive(variables.MRR_EXECUTOR_IDLE_MS, superviseDefaults.executorIdleMs),
    };
    this.#state = initialSuperviseState(supervise, clock.monotonicMs());
    const encoding = variables.MRR_MESOS_ENCODING === "json" ? "json" : "protobuf";
    this.#session = createExecutorSession({
      environment,
      clock,
      codec: createWireCodec(wireContentTypes[encoding]),
      random: Math.random,
      randomBytes16: () => randomBytes(16),
      onEvent: (event) => {
        const { shutdownGraceMs } = environment;
        const input = stubInput(event, { shutdownGraceMs, startId: randomUUID() });
        if (input !== null) this.#handle(input);
      },
      onState: (state) => {
        if (state.type === "gave-up") this.#handle({ type: "agent-lost" });
      },
    });
  }

  start(): void {
    this.#session.start();
    this.#handle({ type: "tick" });
  }

  /** Ends it at once with all that it holds. */
  kill(): void {
    void this.#end(statuses.killed);
  }

  #handle(input: StubInput): void {
    this.#queue.push({ ...input, atMs: this.#options.clock.monotonicMs() });
    if (this.#isBusy || this.#isOver) return;
    this.#isBusy = true;
    for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) {
      const { state, effects } = decideSupervision(this.#state, event);
      this.#state = state;
      for (const effect of effects) this.#run(effect);
    }
    this.#isBusy = false;
    this.#setTimer();
  }

  #setTimer(): void {
    const { clock } = this.#options;
    const isDone = this.#isOver || this.#state.exiting;
    const atMs = isDone ? Number.POSITIVE_INFINITY : superviseWakeAtMs(this.#state);
    if (atMs === this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    if (isDone) return;
    this.#timer = clock.after(Math.ceil(Math.max(0, atMs - clock.monotonicMs())), () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      this.#handle({ type: "tick" });
    });
  }

  #run(effect: SuperviseEffect): void {
    switch (effect.type) {
      case "spawn-redis":
        this.#spawn(effect);
        return;
      case "signal-process":
        this.#signal(effect);
        return;
      case "probe-redis":
        this.#probe(effect);
        return;
      case "apply-goal":
        this.#apply(effect);
        return;
      case "forget-process":
        return;
      case "send-update":
        this.#sendUpdate(effect);
        return;
      case "send-reports":
        void this.#session.message(textToBase64(encodeReportBatch(effect.batch)));
        return;
      default:
        void this.#end(statuses.done);
    }
  }

  #spawn({ processId, startId, order }: EffectOf<"spawn-redis">): void {
    const { world, clock } = this.#options;
    const names = { processId, startId };
    const redis = world.start(order, clock.monotonicMs(), () =>
      this.#handle({ type: "process-hinted", ...names, hint: "replication" }),
    );
    if (redis === null) {
      const text = `port ${order.port} of ${order.address} is taken by another stub`;
      this.#handle({ type: "spawn-failed", ...names, text });
      return;
    }
    this.#servers.set(startId, redis);
    this.#handle({ type: "process-spawned", ...names, pid: redis.pid });
    this.#handle({ type: "process-hinted", ...names, hint: "ready" });
  }

  #signal({ processId, startId, signal }: EffectOf<"signal-process">): void {
    const redis = this.#servers.get(startId);
    if (redis === undefined) return;
    this.#servers.delete(startId);
    this.#options.world.stop(redis);
    const how = signal === "SIGTERM" ? { code: 0, signal: null } : { code: null, signal };
    this.#handle({ type: "process-exited", processId, startId, ...how, log: [] });
  }

  #probe({ processId, startId, kind }: EffectOf<"probe-redis">): void {
    const redis = this.#servers.get(startId);
    if (redis === undefined) return;
    const { world, clock } = this.#options;
    const info = kind === "ping" ? null : world.infoOf(redis, clock.monotonicMs());
    this.#handle({ type: "probe-succeeded", processId, startId, info });
  }

  #apply({ processId, startId, goal, closed }: EffectOf<"apply-goal">): void {
    const redis = this.#servers.get(startId);
    if (redis === undefined) return;
    const { world, clock } = this.#options;
    world.apply(redis, goal, closed);
    const info = world.infoOf(redis, clock.monotonicMs());
    this.#handle({ type: "goal-applied", processId, startId, stamp: goal.stamp, info });
  }

  #sendUpdate({ taskId, state, message, exit }: EffectOf<"send-update">): void {
    const sent = this.#session.update({
      task_id: { value: taskId },
      state,
      ...(message === null ? {} : { message }),
      ...(exit === null ? {} : { data: textToBase64(JSON.stringify(exit)) }),
    });
    this.#unacknowledged.add(sent);
    void sent.finally(() => this.#unacknowledged.delete(sent));
  }

  async #end(status: number): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.cancel();
    for (const redis of this.#servers.values()) this.#options.world.stop(redis);
    this.#servers.clear();
    if (status === statuses.done) {
      const late = new Promise<void>((done) => void this.#options.clock.after(drainMsMax, done));
      await Promise.race([Promise.all(this.#unacknowledged), late]);
    }
    await this.#session.close();
    this.#options.onEnd(status);
  }
}
