/**
 * Owns the putting together of a running scheduler: store, leadership, decision core, Mesos session, API, artifacts.
 * Not: decisions, nor flags and files (main.ts). Everything it uses is handed in, so that tests run it in-process.
 * SPDX-License-Identifier: Apache-2.0
 */
import { randomBytes, randomUUID } from "node:crypto";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import {
  type Because,
  type Clock,
  type Config,
  Control,
  executorNeed,
  type FrameworkDocument,
  MrrError,
  redisMemoryNeedMilli,
} from "@mr-redis/core";
import {
  createSchedulerSession,
  createWireCodec,
  type ExecutorInfo,
  type FrameworkInfo,
  type SchedulerEvent,
  type SchedulerSession,
  type SchedulerStop,
  wireContentTypes,
} from "@mr-redis/mesos";
import { createStore, type Leadership, type Store } from "@mr-redis/store";
import { createApiServer } from "./api/server.js";
import { createArtifactServer } from "./artifact/server.js";
import { Committer } from "./committer.js";
import { LoopPort } from "./control-port.js";
import { type CrashPoint, noCrash } from "./crash-points.js";
import { EffectRunner } from "./effects.js";
import { executorOf, loadExecutorArtifact } from "./executor-artifact.js";
import { type LoadedState, loadState, saveFramework } from "./load.js";
import type { Log } from "./log.js";
import { Loop } from "./loop.js";
import { agentOfferOf } from "./mesos/offer.js";
import { reportsOf, taskUpdateOf } from "./mesos/update.js";

/** What a scheduler is made of. */
export interface SchedulerOptions {
  readonly config: Config;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Secret of the principal; never logged. */
  readonly secret: string | null;
  readonly signal: AbortSignal;
  /** Named instants for tests that end the program (crash-points.ts); default none. */
  readonly crash?: CrashPoint;
}

/** A scheduler that leads and serves. */
export interface RunningScheduler {
  readonly http: { readonly host: string; readonly port: number };
  readonly artifacts: { readonly host: string; readonly port: number };
  /** Settles when it must end by itself, with the reason. */
  readonly stopped: Promise<MrrError>;
  /** Stops acting; the framework and its tasks stay. Idempotent. */
  close(): Promise<void>;
}

/** Opens the store, waits for the leadership, loads, serves, subscribes. Rejects with MrrError when it cannot. */
export async function startScheduler(options: SchedulerOptions): Promise<RunningScheduler> {
  const { config, log, clock } = options;
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const artifact = await loadExecutorArtifact(config);
    const directory = join(config.dataDir, "store");
    const store = await createStore({ driver: config.dbType, directory, clock });
    closers.push(() => store.close());
    const holder = `${hostname()}:${process.pid}`;
    const leadership = await store.campaign(holder, options.signal);
    closers.push(() => leadership.resign());
    const state = await loadState(store);
    log.info({ term: leadership.term, instances: state.documents.length }, "leading");
    const artifactServer = createArtifactServer({
      files: [{ name: artifact.name, path: artifact.path }],
      log,
      clock,
    });
    const artifacts = await artifactServer.listen({
      host: config.artifactBind,
      port: config.artifactPort,
    });
    closers.push(() => artifactServer.close());
    const executor = executorOf(config, artifact, {
      host: config.artifactIp,
      port: artifacts.port,
    });
    const core = new Core(options, store, leadership, state, executor);
    closers.push(() => core.close());
    const api = createApiServer({
      port: core.port,
      log,
      clock,
      version: options.version,
      corsOrigins: config.corsOrigins,
    });
    closers.push(() => api.close());
    const http = await api.listen({
      host: config.httpBind,
      port: config.httpPort,
    });
    core.start();
    return { http, artifacts, stopped: core.stopped, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The loop, the session and what connects them. */
class Core {
  readonly port: LoopPort;
  readonly stopped: Promise<MrrError>;
  readonly #options: SchedulerOptions;
  readonly #store: Store;
  readonly #leadership: Leadership;
  readonly #control: Control;
  readonly #loop: Loop;
  readonly #runner: EffectRunner;
  readonly #session: SchedulerSession;
  readonly #executorId: string;
  #framework: FrameworkDocument | null;
  #subscribed = false;
  #waitingBecause = "connecting to the Mesos master";
  /** Events that wait until the framework id is stored; null when none has to wait. */
  #gate: SchedulerEvent[] | null = null;
  #stop: (error: MrrError) => void = () => {};

  constructor(
    options: SchedulerOptions,
    store: Store,
    leadership: Leadership,
    state: LoadedState,
    executor: ExecutorInfo,
  ) {
    const { config, clock, log } = options;
    this.#options = options;
    this.#store = store;
    this.#leadership = leadership;
    this.#framework = state.framework;
    this.#executorId = executor.executor_id.value;
    this.stopped = new Promise((resolve) => {
      // Nothing is decided or done from here on, however long the orderly end takes.
      this.#stop = (error) => {
        this.#loop.close();
        resolve(error);
      };
    });
    this.#control = new Control(controlSettings(config, leadership.term, this.#executorId), {
      documents: state.documents,
      atMs: clock.nowMs(),
      monotonicMs: clock.monotonicMs(),
    });
    const post = (happening: Parameters<Loop["post"]>[0]): void => this.#loop.post(happening);
    const control = this.#control;
    this.port = new LoopPort({ control, clock, post, ready: () => this.#ready() });
    const crash = options.crash ?? noCrash;
    const committer = new Committer(store, leadership, post, crash);
    this.#session = createSchedulerSession(this.#sessionOptions());
    this.#runner = new EffectRunner({
      mesos: this.#session,
      committer,
      executor,
      executorNeed: executorNeed(config),
      role: config.role,
      log,
      crash,
      post,
      reply: (requestId, reply) => this.port.replied(requestId, reply),
      viewChanged: (name) => this.port.viewChanged(name),
      stop: (because) => this.#stop(stopErrorOf(because)),
    });
    this.#loop = new Loop({
      control,
      clock,
      crash,
      run: (effect) => this.#runner.run(effect),
      turnEnded: () => {
        committer.flush();
        this.port.turnEnded();
      },
    });
    void leadership.lost.then(({ because }) =>
      this.#stop(new MrrError("framework-failed-over", `the leadership was lost: ${because}`)),
    );
  }

  start(): void {
    this.#loop.post({ type: "woken" });
    this.#session.start();
  }

  async close(): Promise<void> {
    this.#loop.close();
    await this.#session.close();
  }

  #ready(): { ok: boolean; reason: string | null } {
    if (!this.#subscribed) return { ok: false, reason: this.#waitingBecause };
    if (this.#control.isInformed(this.#options.clock.monotonicMs())) {
      return { ok: true, reason: null };
    }
    return { ok: false, reason: "asking Mesos what became of the processes" };
  }

  #sessionOptions(): Parameters<typeof createSchedulerSession>[0] {
    const { config, clock, log, secret } = this.#options;
    const credential =
      config.principal !== "" && secret !== null
        ? { credential: { principal: config.principal, secret } }
        : {};
    return {
      masters: config.masterUrls,
      frameworkInfo: frameworkInfoOf(config),
      ...(this.#framework === null ? {} : { frameworkId: this.#framework.frameworkId }),
      ...credential,
      clock,
      codec: createWireCodec(wireContentTypes[config.mesosEncoding]),
      random: Math.random,
      onEvent: (event) => this.#onEvent(event),
      onState: (state) => {
        log.info({ state }, "Mesos session");
        if (state.type === "waiting") {
          this.#waitingBecause = `waiting for the Mesos master: ${state.because}`;
          this.#sessionLost();
        } else if (state.type === "stopped") {
          this.#sessionLost();
          if (state.reason.type !== "closed") this.#stop(stopError(state.reason));
        }
      },
    };
  }

  #sessionLost(): void {
    this.#gate = null;
    this.#runner.sessionLost();
    if (!this.#subscribed) return;
    this.#subscribed = false;
    this.#loop.post({ type: "disconnected" });
  }

  #onEvent(event: SchedulerEvent): void {
    if (this.#gate !== null) this.#gate.push(event);
    else if (event.type === "SUBSCRIBED") this.#onSubscribed(event);
    else this.#dispatch(event);
  }

  /** Persist the id before anything else is done: a scheduler that loses it leaks everything that it started. */
  #onSubscribed(event: SchedulerEvent): void {
    const frameworkId = event.subscribed?.framework_id.value;
    if (frameworkId === undefined) return;
    if (this.#framework?.frameworkId === frameworkId) {
      this.#begin();
      return;
    }
    const { config, clock, log } = this.#options;
    const document: FrameworkDocument = {
      version: 1,
      frameworkId,
      frameworkName: config.frameworkName,
      user: userOf(config),
      createdAtMs: clock.nowMs(),
    };
    const gate: SchedulerEvent[] = [];
    this.#gate = gate;
    const crash = this.#options.crash ?? noCrash;
    crash("before:framework");
    saveFramework(this.#store, this.#leadership, document).then(
      () => {
        crash("after:framework");
        log.info({ frameworkId }, "registered as a new framework");
        this.#framework = document;
        if (this.#gate !== gate) return;
        this.#gate = null;
        this.#begin();
        for (const waiting of gate) this.#dispatch(waiting);
      },
      (error: unknown) => this.#stop(error as MrrError),
    );
  }

  #begin(): void {
    this.#subscribed = true;
    this.#loop.post({ type: "subscribed" });
  }

  #dispatch(event: SchedulerEvent): void {
    const { log } = this.#options;
    switch (event.type) {
      case "OFFERS": {
        const offers = event.offers?.offers ?? [];
        for (const offer of offers) this.#runner.offerReceived(offer);
        this.#loop.post({
          type: "offers-received",
          offers: offers.map((offer) => agentOfferOf(offer, this.#executorId)),
        });
        break;
      }
      case "RESCIND": {
        const offerId = event.rescind?.offer_id.value ?? "";
        this.#runner.offerGone(offerId);
        this.#loop.post({ type: "offer-rescinded", offerId });
        break;
      }
      case "UPDATE": {
        if (event.update === undefined) break;
        const update = taskUpdateOf(event.update.status);
        // Each launch brings one of these, and what cannot be reached is asked about for ever; what ends or goes
        // wrong is what people look for.
        const isNews =
          update.state !== "TASK_STARTING" &&
          update.state !== "TASK_RUNNING" &&
          update.reason !== "REASON_RECONCILIATION";
        log[isNews ? "info" : "debug"]({ update }, "task update");
        this.#loop.post({ type: "task-updated", update });
        break;
      }
      case "MESSAGE": {
        const reports = reportsOf(event);
        if ("happening" in reports) this.#loop.post(reports.happening);
        else log.warn({ problem: reports.problem }, "a message of an executor was thrown away");
        break;
      }
      case "FAILURE": {
        const { failure } = event;
        log.info({ failure }, "Mesos reports a failure");
        if (failure?.agent_id !== undefined && failure.executor_id === undefined) {
          this.#loop.post({ type: "agent-removed", agentId: failure.agent_id.value });
        }
        break;
      }
      default:
        break;
    }
  }
}

const userOf = (config: Config): string =>
  config.userName === "" ? userInfo().username : config.userName;

const frameworkInfoOf = (config: Config): FrameworkInfo => ({
  user: userOf(config),
  name: config.frameworkName,
  roles: [config.role],
  checkpoint: true,
  failover_timeout: config.failoverTimeoutSeconds,
  hostname: hostname(),
  capabilities: [
    { type: "MULTI_ROLE" },
    { type: "PARTITION_AWARE" },
    { type: "TASK_KILLING_STATE" },
    { type: "RESERVATION_REFINEMENT" },
    { type: "REGION_AWARE" },
  ],
  ...(config.principal === "" ? {} : { principal: config.principal }),
});

const controlSettings = (config: Config, term: number, executorId: string) => ({
  term,
  executorId,
  executorNeed: executorNeed(config),
  redisCpusMilli: config.redisCpusMilli,
  memoryNeedMilli: (memoryMib: number) => redisMemoryNeedMilli(config, memoryMib),
  deletedKeepMs: config.deletedKeepMs,
  launchTimeoutMs: config.launchTimeoutMs,
  reviveBurst: config.reviveBurst,
  reviveIntervalMs: config.reviveIntervalMs,
  offerHoldMs: config.offerHoldMs,
  nextId: randomUUID,
  nextSecret: () => randomBytes(secretBytes).toString("hex"),
});

/** Bytes of a password between redis-servers: beyond any guessing. */
const secretBytes = 24;

/** The error of a stop that the core decided on. */
function stopErrorOf({ code, text }: Because): MrrError {
  switch (code) {
    case "not-leader":
      return new MrrError("framework-failed-over", text);
    case "store-conflict":
      return new MrrError("store-refused", text);
    default:
      return new MrrError("internal", `${code}: ${text}`);
  }
}

function stopError(reason: Exclude<SchedulerStop, { type: "closed" }>): MrrError {
  switch (reason.type) {
    case "framework-removed":
      return new MrrError("framework-removed", reason.text);
    case "framework-failed-over":
      return new MrrError("framework-failed-over", reason.text);
    case "framework-id-changed":
    case "subscription-refused":
      return new MrrError("mesos-unavailable", `the subscription was refused: ${reason.text}`);
    case "request-refused":
      return new MrrError(
        "mesos-unavailable",
        `the master refused the subscription with ${reason.status}: ${reason.text}`,
      );
  }
}
