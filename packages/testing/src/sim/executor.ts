/**
 * Owns the shell around the executor's real decisions (core/supervise): events in, effects carried out on simulated
 * redis-servers, one timer. As packages/executor/src/supervisor.ts, without promises.
 * Not: any decision. Called by agent.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  decideSupervision,
  type GoalBatch,
  initialSuperviseState,
  type LaunchOrder,
  parkAddress,
  quorumInForce,
  type ReportBatch,
  type SentTaskState,
  type Supervised,
  type SuperviseEffect,
  type SuperviseEvent,
  type SuperviseOptions,
  type SuperviseRules,
  type SuperviseState,
  superviseWakeAtMs,
  type Timer,
} from "@mr-redis/core";
import type { Redis } from "./redis.js";

/** What an executor needs of its agent. */
export interface ExecutorHost {
  readonly superviseRules: SuperviseRules;
  nowMs(): number;
  wallMs(): number;
  after(delayMs: number, run: () => void): Timer;
  /** Time of one command on the same host. */
  commandMs(): number;
  /** Starts a redis-server; null: its port is taken. */
  spawn(order: LaunchOrder): Redis | null;
  sendUpdate(taskId: string, state: SentTaskState, message: string | null): void;
  sendReports(batch: ReportBatch): void;
  exited(): void;
  /** True when a process lives on without its executor. */
  leave(processId: string, startId: string, redis: Redis): boolean;
}

type EffectOf<Type extends SuperviseEffect["type"]> = Extract<SuperviseEffect, { type: Type }>;

/** An event as callers give it; the shell adds the time. */
export type ExecutorInput = SuperviseEvent extends infer Event
  ? Event extends SuperviseEvent
    ? Omit<Event, "atMs">
    : never
  : never;

/** A process that an executor leaves behind when it ends. */
export interface Left {
  readonly process: Supervised;
  readonly redis: Redis;
}

/** See the head of this file. */
export class Executor {
  readonly #host: ExecutorHost;
  readonly redises = new Map<string, Redis>();
  state: SuperviseState;
  alive = true;
  frozen = false;
  #held: ExecutorInput[] = [];
  readonly #queue: ExecutorInput[] = [];
  #busy = false;
  #timer: Timer | null = null;
  #timerAtMs = Number.POSITIVE_INFINITY;

  /** `left`: processes of an earlier run, if they outlived it; the rules say whether they are taken over. */
  constructor(host: ExecutorHost, options: SuperviseOptions, left: readonly Left[] = []) {
    this.#host = host;
    const supervised = left.map(({ process }) => process);
    this.state = initialSuperviseState(options, host.nowMs(), supervised, host.superviseRules);
    for (const { process, redis } of left) {
      const { processId } = process.order;
      if (this.state.processes.some(({ order }) => order.processId === processId)) {
        this.#adopt(process.startId, processId, redis);
      } else redis.die("SIGKILL", null);
    }
    this.#tick();
  }

  /** Takes one event and does at once all that follows from it. */
  handle(input: ExecutorInput): void {
    if (!this.alive) return;
    if (this.frozen) {
      this.#held.push(input);
      return;
    }
    this.#queue.push(input);
    if (this.#busy) return;
    this.#busy = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const event = { ...next, atMs: this.#host.nowMs() };
      const { state, effects } = decideSupervision(this.state, event, this.#host.superviseRules);
      this.state = state;
      for (const effect of effects) this.#run(effect);
    }
    this.#busy = false;
    this.#setTimer();
  }

  #tick(): void {
    this.handle({ type: "tick", wallMs: this.#host.wallMs() });
  }

  goalsReceived(batch: GoalBatch): void {
    this.handle({ type: "goals-received", batch });
  }

  freeze(): void {
    this.frozen = true;
  }

  thaw(): void {
    this.frozen = false;
    const held = this.#held;
    this.#held = [];
    for (const input of held) this.handle(input);
    this.#tick();
  }

  /** What would be left of it, if its processes did not die with it: all but the stamps, which were its own. */
  left(): Left[] {
    return this.state.processes.flatMap((process) => {
      const redis = this.redises.get(process.startId);
      if (redis === undefined || !this.#host.superviseRules.mayAdopt(process)) return [];
      const wanted = { ...process.wanted, stamp: { term: 0, counter: 0 } };
      const fresh = { applying: null, probe: null, unansweredSinceMs: null, inForce: null };
      return [{ process: { ...process, ...fresh, wanted }, redis }];
    });
  }

  /** kill -9: its processes die with it, but for those that another takes over. */
  die(left: readonly Left[] = []): void {
    if (!this.alive) return;
    this.alive = false;
    this.#timer?.cancel();
    for (const [startId, redis] of this.redises) {
      if (left.some((each) => each.redis === redis)) continue;
      redis.onExit = null;
      redis.onHint = null;
      const { processId } = redis.identity;
      if (!this.#host.leave(processId, startId, redis)) redis.die("SIGKILL", null);
    }
  }

  #setTimer(): void {
    const atMs = this.state.exiting ? Number.POSITIVE_INFINITY : superviseWakeAtMs(this.state);
    if (atMs === this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timer = null;
    this.#timerAtMs = atMs;
    if (atMs === Number.POSITIVE_INFINITY || !this.alive) return;
    // As timers of Node: never at once.
    const delayMs = Math.max(1, Math.ceil(atMs - this.#host.nowMs()));
    this.#timer = this.#host.after(delayMs, () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      this.#tick();
    });
  }

  #run(effect: SuperviseEffect): void {
    switch (effect.type) {
      case "spawn-redis":
        this.#spawn(effect);
        break;
      case "signal-process":
        this.#signal(effect);
        break;
      case "cancel-spawn":
        // No spawn takes long here.
        break;
      case "probe-redis":
        this.#probe(effect);
        break;
      case "apply-goal":
        this.#apply(effect);
        break;
      case "forget-process":
        this.redises.delete(effect.startId);
        break;
      case "send-update":
        this.#host.sendUpdate(effect.taskId, effect.state, effect.message);
        break;
      case "send-reports":
        this.#host.sendReports(effect.batch);
        break;
      case "exit-executor":
        this.die();
        this.#host.exited();
        break;
      default:
        throw new Error(`the simulator does not know the effect ${JSON.stringify(effect)}`);
    }
  }

  #spawn({ processId, startId, order }: EffectOf<"spawn-redis">): void {
    this.#host.after(this.#host.commandMs() * 5, () => {
      if (!this.alive) return;
      const names = { processId, startId };
      const redis = this.#host.spawn(order);
      if (redis === null) {
        const text = "the port is taken";
        this.handle({ type: "spawn-failed", ...names, text });
        return;
      }
      this.#adopt(startId, processId, redis);
      this.handle({ type: "process-spawned", ...names, pid: redis.identity.pid });
      this.#host.after(this.#host.commandMs() * 3, () =>
        this.handle({ type: "process-hinted", ...names, hint: "ready" }),
      );
    });
  }

  #adopt(startId: string, processId: string, redis: Redis): void {
    const names = { processId, startId };
    this.redises.set(startId, redis);
    redis.onHint = () => {
      this.#host.after(0, () =>
        this.handle({ type: "process-hinted", ...names, hint: "replication" }),
      );
    };
    redis.onExit = (signal, code) => {
      this.#host.after(this.#host.commandMs(), () =>
        this.handle({ type: "process-exited", ...names, code, signal, log: [] }),
      );
    };
  }

  #signal({ startId, signal }: EffectOf<"signal-process">): void {
    const redis = this.redises.get(startId);
    if (redis === undefined) return;
    if (signal === "SIGKILL") redis.die("SIGKILL", null);
    else redis.execute(() => redis.die(null, 0));
  }

  /** Asks once; the answer, or silence after the limit, is one event. */
  #ask(redis: Redis, timeoutMs: number, run: () => ExecutorInput, silent: ExecutorInput): void {
    let open = true;
    const limit = this.#host.after(timeoutMs, () => {
      open = false;
      this.handle(silent);
    });
    this.#host.after(this.#host.commandMs(), () => {
      // What lies in the socket of a frozen process is done when it goes on, whether somebody waits or not.
      redis.execute(() => {
        const answer = run();
        if (!open) return;
        limit.cancel();
        this.handle(answer);
      });
    });
  }

  #probe({ processId, startId, kind, timeoutMs }: EffectOf<"probe-redis">): void {
    const redis = this.redises.get(startId);
    if (redis === undefined) return;
    const names = { processId, startId };
    this.#ask(
      redis,
      timeoutMs,
      () => ({
        type: "probe-succeeded",
        ...names,
        info: kind === "info" ? redis.info() : null,
      }),
      { type: "probe-failed", ...names, text: "no answer" },
    );
  }

  #apply(effect: EffectOf<"apply-goal">): void {
    const { processId, startId, goal } = effect;
    const redis = this.redises.get(startId);
    if (redis === undefined) return;
    const names = { processId, startId, stamp: goal.stamp };
    this.#ask(
      redis,
      this.state.options.redisTimeoutMs,
      () =>
        applyGoal(redis, effect)
          ? { type: "goal-applied", ...names, info: redis.info() }
          : { type: "goal-failed", ...names, reason: "loading", text: "LOADING" },
      { type: "goal-failed", ...names, reason: "other", text: "no answer" },
    );
  }
}

const park = { ...parkAddress, user: "", password: "" };

function setLimits(redis: Redis, effect: EffectOf<"apply-goal">): void {
  const { goal, closed, users, clients } = effect;
  redis.setQuorum(quorumInForce(goal, closed), goal.lagSecondsMax);
  for (const user of users.drop) redis.dropUser(user);
  for (const { user, password } of users.add) redis.users.set(user, password);
  for (const name of clients?.drop ?? []) redis.clients?.delete(name);
  for (const user of clients?.set ?? []) redis.clients?.set(user.user, user);
}

/** Puts a goal in force, in the order in which the executor sends it; false: refused since it loads. */
function applyGoal(redis: Redis, effect: EffectOf<"apply-goal">): boolean {
  const { goal } = effect;
  if (goal.role === "master") {
    setLimits(redis, effect);
    if (effect.cutReplicas) redis.cutReplicas();
    if (redis.loading) return false;
    redis.reign = goal.epoch;
    redis.beMaster();
    return true;
  }
  const done = follow(redis, effect);
  setLimits(redis, effect);
  return done;
}

function follow(redis: Redis, { goal, reconnect }: EffectOf<"apply-goal">): boolean {
  if (goal.role === "parked" || goal.master === null) return redis.follow(park);
  if (reconnect && !redis.follow(park)) return false;
  const { address, port, user, secret } = goal.master;
  return redis.follow({ address, port, user, password: secret });
}
