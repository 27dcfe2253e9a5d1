/**
 * Owns the executor's loop: events in one queue, decisions by core, effects run here, one timer.
 * Not: any decision (core/supervise), nor the session with the agent (main.ts connects both).
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  type Because,
  type Clock,
  decideSupervision,
  encodeReportBatch,
  initialSuperviseState,
  isMrrError,
  type RedisInfo,
  type Secret,
  type SuperviseEffect,
  type SuperviseEvent,
  type SuperviseOptions,
  superviseWakeAtMs,
  type Timer,
} from "@mr-redis/core";
import { type Child, clientOf, followTls, type StartedProcess, type TlsMeans } from "./child.js";
import type { ContainerRuntime, ContainerRuntimeOptions } from "./container/runtime.js";
import type { ExecutorLink, Log } from "./ports.js";
import type { RedisBinary } from "./redis-binary.js";
import type { RedisClient } from "./redis-client.js";
import type { RedisConnector } from "./redis-connection.js";
import { fileWord, logDirectory, type RedisProcess, spawnRedis } from "./redis-process.js";
import type { RetiredLogs } from "./retired-logs.js";
import { ToldRoles } from "./role-labels.js";
import { SpareShells } from "./spare-shells.js";
import type { RedisCertificates } from "./tls/certificates.js";
import { startWatchdog, type Watchdog } from "./watchdog.js";
import { removeDirectory } from "./work-directory.js";

/** So long after a launch the next spare shell is made: then the burst is over, and its processes serve. */
const sparesQuietMs = 500;

/** From one spare shell to the next: each blocks for milliseconds. */
const sparesPauseMs = 25;

/** Wall clock and monotonic clock are read one after the other within so long; far below any margin. */
const clockReadingMsMax = 20;

/** What the supervisor is made of. */
export interface SupervisorOptions {
  readonly supervise: SuperviseOptions;
  readonly clock: Clock;
  readonly link: ExecutorLink;
  readonly log: Log;
  /** Absolute path; everything that is written is below it. */
  readonly sandbox: string;
  /** Finds and checks the redis-server; asked again after a failure, since it may be installed meanwhile. */
  readonly findBinary: () => Promise<RedisBinary>;
  readonly connectRedis: RedisConnector;
  /** Called when a process with TLS is first launched. */
  readonly certificates: () => Promise<RedisCertificates>;
  readonly executorSecret: Secret;
  readonly filesMax: number;
  readonly retiredLogs: RetiredLogs;
  /** Default: {@link sparesMax}. */
  readonly sparesMax?: number;
  /** Makes what runs processes in containers, when the executor starts; absent: they are children of this one. */
  readonly containers?: (
    events: Pick<ContainerRuntimeOptions, "note" | "onLeftover">,
  ) => ContainerRuntime;
  /** Called once, when nothing is left to do. */
  readonly onExit: (because: Because) => void;
}

type EffectOf<Type extends SuperviseEffect["type"]> = Extract<SuperviseEffect, { type: Type }>;

/** An event as callers give it; the supervisor adds the time. */
export type SupervisorInput = SuperviseEvent extends infer Event
  ? Event extends SuperviseEvent
    ? Omit<Event, "atMs">
    : never
  : never;

/** The running loop. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #children = new Map<string, Child>();
  readonly #queue: SuperviseEvent[] = [];
  /** Spawns that wait for their turn; at most one for each process. */
  readonly #spawns: (() => void)[] = [];
  readonly #spares: SpareShells;
  readonly #roles = new ToldRoles();
  #sparesTimer: Timer | null = null;
  #state;
  #busy = false;
  #timer: Timer | null = null;
  /** When the timer ticks; Infinity without one. */
  #timerAtMs = Number.POSITIVE_INFINITY;
  #binary: Promise<RedisBinary> | null = null;
  #watchdog: Watchdog | null = null;
  /** Of processes with TLS; null while there never was one. */
  #certificates: RedisCertificates | null = null;
  #containers: ContainerRuntime | null = null;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#state = initialSuperviseState(options.supervise, options.clock.monotonicMs());
    this.#spares = new SpareShells(options.sandbox, options.sparesMax);
  }

  /** Begins to report, and looks for the redis-server before the first launch needs it. */
  start(): void {
    mkdirSync(join(this.#options.sandbox, logDirectory), { recursive: true, mode: 0o700 });
    this.#watchdog = startWatchdog(this.#spares.place);
    const { containers, log } = this.#options;
    if (containers !== undefined) {
      this.#containers = containers({
        note: (message, fields) => log.error(message, fields),
        onLeftover: (leftover) => {
          log.info("leftover ended", { ...leftover });
          this.handle({ type: "leftover-ended", ...leftover });
        },
      });
    } else {
      this.#findBinary().catch((error: unknown) => {
        this.#options.log.error("no redis-server yet", { error: textOf(error) });
      });
    }
    this.#tick();
  }

  /** Takes one event and does at once all that follows from it. */
  handle(input: SupervisorInput): void {
    this.#queue.push({ ...input, atMs: this.#options.clock.monotonicMs() });
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) {
        const { state, effects } = decideSupervision(this.#state, event);
        this.#state = state;
        for (const effect of effects) this.#run(effect);
      }
    } finally {
      this.#busy = false;
    }
    this.#setTimer();
  }

  /** Resolves when nothing of what has ended is left with the engine. */
  async removed(): Promise<void> {
    await this.#containers?.removed();
  }

  /** Ends all processes without asking anybody: the last resort of a failing executor. */
  killAll(): void {
    this.#certificates?.close();
    this.#sparesTimer?.cancel();
    this.#spares.close();
    for (const child of this.#children.values()) child.process?.signal("SIGKILL");
    for (const child of this.#children.values()) this.#removeDirectory(child.process);
    this.#containers?.close();
    this.#watchdog?.close();
  }

  /** One timer for all; it is left alone while its time is right, since most events do not change that. */
  #setTimer(): void {
    const atMs = this.#state.exiting ? Number.POSITIVE_INFINITY : superviseWakeAtMs(this.#state);
    if (atMs === this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timer = null;
    this.#timerAtMs = atMs;
    if (this.#state.exiting) return;
    const { clock } = this.#options;
    const delayMs = Math.max(0, atMs - clock.monotonicMs());
    // Timers of Node are early by a fraction of a millisecond at times: better one late than twice.
    this.#timer = clock.after(Math.ceil(delayMs), () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      this.#tick();
    });
  }

  /** Core compares both clocks: Redis measures the lag of replicas on the wall clock. */
  #tick(): void {
    const { clock } = this.#options;
    const beforeMs = clock.monotonicMs();
    const wallMs = clock.nowMs();
    // Interrupted between the two readings: they are of different times.
    const isExact = clock.monotonicMs() - beforeMs < clockReadingMsMax;
    this.handle({ type: "tick", ...(isExact ? { wallMs } : {}) });
  }

  #run(effect: SuperviseEffect): void {
    switch (effect.type) {
      case "spawn-redis":
        this.#spawn(effect);
        break;
      case "signal-process":
        this.#note("process signalled", effect, { pid: effect.pid, signal: effect.signal });
        this.#children.get(effect.startId)?.process?.signal(effect.signal);
        break;
      case "cancel-spawn":
        this.#children.get(effect.startId)?.cancel?.();
        break;
      case "probe-redis":
        this.#probe(effect);
        break;
      case "apply-goal":
        this.#apply(effect);
        break;
      case "forget-process":
        this.#forget(effect);
        break;
      case "send-update":
        this.#sendUpdate(effect);
        break;
      case "send-reports":
        this.#options.link.sendMessage(encodeReportBatch(effect.batch));
        break;
      default:
        this.#exit(effect);
    }
  }

  #note(
    message: string,
    effect: { readonly because: Because; readonly processId?: string },
    fields: Readonly<Record<string, unknown>> = {},
  ): void {
    const { because, processId } = effect;
    this.#options.log.info(message, { processId, ...fields, because: because.text });
  }

  #findBinary(): Promise<RedisBinary> {
    if (this.#binary !== null) return this.#binary;
    const search = this.#options.findBinary();
    this.#binary = search;
    search.then(
      ({ path, version, setpriv }) => {
        const fields = { path, program: version.program, version: version.text, setpriv };
        this.#options.log.info("redis-server found", fields);
        if (setpriv === null) {
          this.#options.log.error("setpriv is missing: a watchdog ends orphaned processes instead");
        }
      },
      () => {
        this.#binary = null;
      },
    );
    return search;
  }

  #spawn(effect: EffectOf<"spawn-redis">): void {
    const { processId, startId, order } = effect;
    const containers = this.#containers;
    if (containers !== null) {
      this.#spawnContainer(containers, effect);
      return;
    }
    Promise.all([this.#findBinary(), order.tls === true ? this.#findIdentity() : null]).then(
      ([binary, tls]) => this.#spawnSoon(() => this.#spawnWith(binary, effect, tls)),
      (error: unknown) => {
        this.handle({ type: "spawn-failed", processId, startId, text: textOf(error) });
      },
    );
    this.#note("process launching", effect, { port: order.port, startId });
  }

  async #findIdentity(): Promise<TlsMeans> {
    const certificates = await this.#options.certificates();
    return { certificates, identity: await certificates.identity() };
  }

  /** A spawn blocks for milliseconds: one for each turn of the event loop, so that answers are heard in between. */
  #spawnSoon(spawn: () => void): void {
    if (this.#spares.count > 0) {
      spawn();
      return;
    }
    this.#spawns.push(spawn);
    if (this.#spawns.length === 1) this.#spawnNext();
  }

  #spawnNext(): void {
    this.#options.clock.after(0, () => {
      this.#spawns[0]?.();
      this.#spawns.shift();
      if (this.#spawns.length > 0) this.#spawnNext();
    });
  }

  /** Makes spare shells, one at a time, once nothing was launched for a while. */
  #refillSpares(binary: RedisBinary, delayMs: number): void {
    this.#sparesTimer?.cancel();
    this.#sparesTimer = this.#options.clock.after(delayMs, () => {
      this.#sparesTimer = null;
      if (this.#state.exiting || this.#state.shutdown !== null) return;
      try {
        if (this.#spares.add(binary)) this.#refillSpares(binary, sparesPauseMs);
      } catch (error) {
        this.#options.log.error("no spare shell", { error: textOf(error) });
      }
    });
  }

  #spawnWith(binary: RedisBinary, effect: EffectOf<"spawn-redis">, tls: TlsMeans | null): void {
    const { processId, startId, order } = effect;
    const { clock, executorSecret, sandbox, filesMax } = this.#options;
    const names = { processId, startId };
    const spares = this.#spares;
    this.#refillSpares(binary, sparesQuietMs);
    // With setpriv the kernel itself ends it with the executor.
    const watchdog = binary.setpriv === null ? this.#watchdog : null;
    const process = spawnRedis(
      {
        ...{ order, startId, binary, spares, sandbox, executorSecret, filesMax },
        identity: tls?.identity ?? null,
      },
      {
        failed: (text) => this.handle({ type: "spawn-failed", ...names, text }),
        hinted: (hint) => this.#hinted(names, hint),
        exited: (code, signal, log) => {
          if (process !== null) watchdog?.release(process.pid);
          this.handle({ type: "process-exited", ...names, code, signal, log });
        },
      },
      clock,
    );
    const client = clientOf(order, tls, this.#options);
    this.#children.set(startId, { process, client, hintPending: false });
    if (process === null) return;
    watchdog?.guard(process.pid);
    if (tls !== null) this.#follow(startId, tls, process, client);
    this.handle({ type: "process-spawned", ...names, pid: process.pid });
  }

  #spawnContainer(containers: ContainerRuntime, effect: EffectOf<"spawn-redis">): void {
    const { processId, startId, order } = effect;
    const names = { processId, startId };
    this.#note("process launching", effect, { port: order.port, startId });
    if (order.tls !== true) {
      this.#startContainer(containers, effect, null);
      return;
    }
    this.#findIdentity().then(
      (tls) => this.#startContainer(containers, effect, tls),
      (error: unknown) => this.handle({ type: "spawn-failed", ...names, text: textOf(error) }),
    );
  }

  #startContainer(
    containers: ContainerRuntime,
    effect: EffectOf<"spawn-redis">,
    tls: TlsMeans | null,
  ): void {
    const { processId, startId, order } = effect;
    const { sandbox } = this.#options;
    const names = { processId, startId };
    const logName = `${fileWord(order.instance)}.${fileWord(startId)}.log`;
    const request = {
      ...{ order, startId, logPath: join(sandbox, logDirectory, logName) },
      identity: tls?.identity ?? null,
    };
    const process = containers.start(request, {
      noted: (text) => this.handle({ type: "process-noted", ...names, text }),
      spawned: (pid) => this.handle({ type: "process-spawned", ...names, pid }),
      failed: (text) => this.handle({ type: "spawn-failed", ...names, text }),
      hinted: (hint) => this.#hinted(names, hint),
      exited: (code, signal, log, cause) => {
        const why = cause === null ? {} : { cause };
        this.handle({ type: "process-exited", ...names, code, signal, log, ...why });
      },
    });
    const client = clientOf(order, tls, this.#options);
    const cancel = (): void => process.cancel();
    this.#children.set(startId, { process, client, hintPending: false, cancel });
    if (tls !== null) this.#follow(startId, tls, process, client);
  }

  #follow(startId: string, tls: TlsMeans, process: StartedProcess, client: RedisClient): void {
    followTls(startId, tls, process, client, this.#options.supervise.redisTimeoutMs);
    this.#certificates = tls.certificates;
  }

  /** A process in a container knows itself by another number than the host does. */
  #seen(startId: string, info: RedisInfo): RedisInfo {
    const process = this.#children.get(startId)?.process;
    return process && "pidOf" in process ? { ...info, pid: process.pidOf(info.pid) } : info;
  }

  /** A burst of log lines is one hint. */
  #hinted(names: { processId: string; startId: string }, hint: "ready" | "replication"): void {
    const child = this.#children.get(names.startId);
    if (child === undefined || child.hintPending) return;
    child.hintPending = true;
    this.#options.clock.after(0, () => {
      child.hintPending = false;
      this.handle({ type: "process-hinted", ...names, hint });
    });
  }

  #probe(effect: EffectOf<"probe-redis">): void {
    const { processId, startId, kind, timeoutMs } = effect;
    const client = this.#children.get(startId)?.client;
    if (client === undefined) return;
    client.probe(kind, timeoutMs).then((outcome) => {
      if (outcome.type === "answered") {
        const info = outcome.info === null ? null : this.#seen(startId, outcome.info);
        this.handle({ type: "probe-succeeded", processId, startId, info });
      } else {
        this.handle({ type: "probe-failed", processId, startId, text: outcome.text });
      }
    });
  }

  #apply(effect: EffectOf<"apply-goal">): void {
    const { processId, startId, goal, closed } = effect;
    const client = this.#children.get(startId)?.client;
    if (client === undefined) return;
    const { stamp } = goal;
    const { role, epoch } = goal;
    this.#note("goal applying", effect, { stamp, role, epoch, closed });
    client.applyGoal(effect, this.#options.supervise.redisTimeoutMs).then((outcome) => {
      if (outcome.type === "applied") {
        const info = this.#seen(startId, outcome.info);
        this.handle({ type: "goal-applied", processId, startId, stamp, info });
        const update = this.#roles.change(this.#state, processId);
        if (update !== null) this.#options.link.sendUpdate(update);
        return;
      }
      const { reason, text } = outcome;
      this.#options.log.error("goal not applied", { processId, stamp, reason, text });
      this.handle({ type: "goal-failed", processId, startId, stamp, reason, text });
    });
  }

  #forget(effect: EffectOf<"forget-process">): void {
    const child = this.#children.get(effect.startId);
    child?.client.close();
    this.#certificates?.forget(effect.startId);
    this.#children.delete(effect.startId);
    if (!child?.process) return;
    this.#options.retiredLogs.add(child.process.logPath);
    this.#removeDirectory(child.process);
  }

  #removeDirectory(process: RedisProcess | null): void {
    try {
      if (process !== null) removeDirectory(process.directory);
    } catch (error) {
      this.#options.log.error("directory not removed", { error: textOf(error) });
    }
  }

  #sendUpdate(effect: EffectOf<"send-update">): void {
    const { taskId, state, message, exit, because } = effect;
    this.#options.log.info("task update", { taskId, state, because: because.text });
    const data = exit === null ? null : JSON.stringify(exit);
    const labels = state === "TASK_RUNNING" ? this.#roles.begin(this.#state, taskId) : null;
    if (state !== "TASK_RUNNING") this.#roles.end(taskId);
    this.#options.link.sendUpdate({ taskId, state, message, data, labels });
  }

  #exit(effect: EffectOf<"exit-executor">): void {
    this.#note("executor ends", effect);
    this.killAll();
    this.#options.onExit(effect.because);
  }
}

/** `code: message` for operating errors, so that the cause stands first where it is shown. */
const textOf = (error: unknown): string => {
  const text = error instanceof Error ? error.message : String(error);
  return isMrrError(error) ? `${error.code}: ${text}` : text;
};
