/**
 * Owns one reign: decision core, loop, effects and Mesos session, from the loading of the documents to the end of the
 * leadership. From that end on nothing is decided or sent, whatever is still on its way; what is known stays readable.
 * Not: how the leadership comes and goes (succession.ts), nor decisions (core).
 * SPDX-License-Identifier: Apache-2.0
 */
import { randomBytes, randomUUID } from "node:crypto";
import { hostname, userInfo } from "node:os";
import {
  type Because,
  type Clock,
  type Config,
  Control,
  executorNeed,
  type FrameworkDocument,
  fencingRules,
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
import type { Leadership, Store } from "@mr-redis/store";
import { backoffMs } from "./backoff.js";
import { Committer } from "./committer.js";
import { LoopPort } from "./control-port.js";
import type { CrashPoint } from "./crash-points.js";
import { EffectRunner } from "./effects.js";
import type { ReignView } from "./front.js";
import { type LoadedState, saveFramework } from "./load.js";
import type { Log } from "./log.js";
import { Loop } from "./loop.js";
import { agentOfferOf } from "./mesos/offer.js";
import { reportsOf, taskUpdateOf } from "./mesos/update.js";

/** What a reign is made of. */
export interface ReignOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  /** Secret of the principal; never logged. */
  readonly secret: string | null;
  readonly crash: CrashPoint;
  readonly store: Store;
  readonly leadership: Leadership;
  readonly state: LoadedState;
  readonly executor: ExecutorInfo;
  /** Id under which an earlier reign of this process registered; used where the store has none. */
  readonly knownFramework: FrameworkDocument | null;
  /** Called once, at once at the end, before those who wait are told. */
  readonly ending: (because: string) => void;
}

/** lost: another reign may follow. fatal: this program cannot go on. */
export type ReignEnd =
  | { readonly type: "lost"; readonly because: string }
  | { readonly type: "fatal"; readonly error: MrrError };

/** Most events that wait until the framework's id is stored; a framework without tasks gets offers and heartbeats only. */
const gateEventsMax = 10_000;

/** Bytes of a password between redis-servers: beyond any guessing. */
const secretBytes = 24;

/** See the head of this file. */
export class Reign implements ReignView {
  readonly port: LoopPort;
  readonly ended: Promise<ReignEnd>;
  readonly #options: ReignOptions;
  readonly #control: Control;
  readonly #loop: Loop;
  readonly #runner: EffectRunner;
  readonly #session: SchedulerSession;
  #over = false;
  #confirmedAtMs = 0;
  #resolveEnded: (end: ReignEnd | Promise<ReignEnd>) => void = () => {};
  /** What the store holds. */
  #stored: FrameworkDocument | null;
  /** What this process knows, perhaps before the store does. */
  #framework: FrameworkDocument | null;
  #saving = false;
  #subscribed = false;
  #waitingBecause = "connecting to the Mesos master";
  /** Events that wait until the framework id is stored; null when none has to wait. */
  #gate: SchedulerEvent[] | null = null;

  constructor(options: ReignOptions) {
    const { config, clock, log, store, leadership, state, executor, crash } = options;
    this.#options = options;
    this.#stored = state.framework;
    this.#framework = state.framework ?? options.knownFramework;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    const executorId = executor.executor_id.value;
    this.#control = new Control(controlSettings(config, leadership.term, executorId), {
      documents: state.documents,
      atMs: clock.nowMs(),
      monotonicMs: clock.monotonicMs(),
    });
    const control = this.#control;
    const post = (happening: Parameters<Loop["post"]>[0]): void => this.#loop.post(happening);
    this.port = new LoopPort({ control, clock, post });
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
      stop: (because) => this.#end(endOf(because)),
    });
    this.#loop = new Loop({
      control,
      clock,
      crash,
      mayAct: () => this.mayAct(),
      run: (effect) => this.#runner.run(effect),
      turnEnded: () => {
        committer.flush();
        this.port.turnEnded();
      },
    });
    void leadership.lost.then(({ because }) => this.#end({ type: "lost", because }));
  }

  /** The framework that this reign is registered as; null before that. */
  get framework(): FrameworkDocument | null {
    return this.#framework;
  }

  start(): void {
    if (!this.mayAct()) return;
    this.#loop.post({ type: "woken" });
    this.#session.start();
  }

  /** Ends the reign; resolves when the session is closed. The framework and its tasks stay. Idempotent. */
  async close(): Promise<void> {
    this.#end({ type: "lost", because: "this scheduler ends" });
    await this.#session.close();
  }

  /** A frozen process learns here, before it does anything, that its time is over. */
  mayAct(): boolean {
    if (this.#over) return false;
    if (this.#options.leadership.isValid()) return true;
    const because = "the store has not confirmed in time that this scheduler leads";
    this.#end({ type: "lost", because });
    return false;
  }

  confirmedAtMs(): number {
    return this.#over ? this.#confirmedAtMs : this.#options.leadership.confirmedAtMs();
  }

  ready(): { readonly ok: boolean; readonly reason: string | null } {
    if (!this.#subscribed) return { ok: false, reason: this.#waitingBecause };
    if (this.#control.isInformed(this.#options.clock.monotonicMs())) {
      return { ok: true, reason: null };
    }
    return { ok: false, reason: "asking Mesos what became of the processes" };
  }

  #end(end: ReignEnd, verdict: ReignEnd | Promise<ReignEnd> = end): void {
    if (this.#over) return;
    this.#over = true;
    this.#confirmedAtMs = this.#options.leadership.confirmedAtMs();
    this.#loop.close();
    void this.#session.close();
    const because = end.type === "lost" ? end.because : end.error.message;
    this.#options.ending(because);
    this.port.end(because);
    this.#resolveEnded(verdict);
  }

  #sessionOptions(): Parameters<typeof createSchedulerSession>[0] {
    const { config, clock, log, secret } = this.#options;
    return {
      masters: config.masterUrls,
      frameworkInfo: frameworkInfoOf(config),
      ...(this.#framework === null ? {} : { frameworkId: this.#framework.frameworkId }),
      ...credentialOf(config, secret),
      clock: this.#guarded(clock),
      codec: createWireCodec(wireContentTypes[config.mesosEncoding]),
      random: Math.random,
      // What sockets call back after a long sleep comes before any timer.
      maySend: () => this.mayAct(),
      onEvent: (event) => this.#onEvent(event),
      onState: (state) => {
        if (this.#over) return;
        log.info({ state }, "Mesos session");
        if (state.type === "waiting") {
          this.#waitingBecause = `waiting for the Mesos master: ${state.because}`;
          this.#sessionLost();
        } else if (state.type === "stopped") {
          this.#sessionLost();
          this.#sessionStopped(state.reason);
        }
      },
    };
  }

  /**
   * Timers of the session fire only while this scheduler leads: to subscribe anew would take the framework away from
   * the next leader. The look at the leadership closes the session, which cancels the timer.
   */
  #guarded(clock: Clock): Clock {
    return {
      nowMs: () => clock.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
      after: (delayMs, callback) => {
        let isCancelled = false;
        const timer = clock.after(delayMs, () => {
          this.mayAct();
          if (!isCancelled) callback();
        });
        return {
          cancel: () => {
            isCancelled = true;
            timer.cancel();
          },
        };
      },
    };
  }

  #sessionStopped(reason: SchedulerStop): void {
    if (reason.type === "closed" || !this.mayAct()) return;
    const end: ReignEnd = { type: "fatal", error: stopError(reason) };
    this.#end(end, reason.type === "framework-failed-over" ? this.#judgeFailover(end) : end);
  }

  /**
   * Mesos tells who does not lead any more, when the next leader has subscribed; that may be sooner than the store does,
   * and is no failure of anything. Whoever leads all the same was replaced by a stranger: it must not fight for the id.
   */
  async #judgeFailover(end: ReignEnd): Promise<ReignEnd> {
    const { store, leadership } = this.#options;
    const leader = await store.readLeader().catch(() => null);
    if (leader === null || leader.term === leadership.term) return end;
    return { type: "lost", because: "another scheduler leads, and Mesos said so first" };
  }

  #sessionLost(): void {
    this.#gate = null;
    this.#runner.sessionLost();
    if (!this.#subscribed) return;
    this.#subscribed = false;
    this.#loop.post({ type: "disconnected" });
  }

  #onEvent(event: SchedulerEvent): void {
    if (!this.mayAct()) return;
    if (this.#gate !== null) this.#hold(this.#gate, event);
    else if (event.type === "SUBSCRIBED") this.#onSubscribed(event);
    else this.#dispatch(event);
  }

  #hold(gate: SchedulerEvent[], event: SchedulerEvent): void {
    gate.push(event);
    if (gate.length <= gateEventsMax) return;
    this.#end({ type: "lost", because: "the framework's id could not be stored for too long" });
  }

  /** Persist the id before anything else is done: a scheduler that loses it leaks everything that it started. */
  #onSubscribed(event: SchedulerEvent): void {
    const frameworkId = event.subscribed?.framework_id.value;
    if (frameworkId === undefined) return;
    if (this.#stored?.frameworkId === frameworkId) {
      this.#begin();
      return;
    }
    const { config, clock, state, log } = this.#options;
    if (this.#framework?.frameworkId !== frameworkId) {
      this.#framework = {
        version: 1,
        frameworkId,
        frameworkName: config.frameworkName,
        user: userOf(config),
        createdAtMs: clock.nowMs(),
      };
      if (state.documents.some(({ document }) => document.processes.length > 0)) {
        log.warn(
          { frameworkId },
          "the store has instances and no framework: their processes belong to a framework that is not known",
        );
      }
    }
    this.#gate = [];
    if (!this.#saving) void this.#save(this.#framework);
  }

  async #save(document: FrameworkDocument): Promise<void> {
    const { store, leadership, clock, log, crash } = this.#options;
    const { frameworkId } = document;
    this.#saving = true;
    for (let tries = 0; this.mayAct(); tries += 1) {
      crash("before:framework");
      const saved = await saveFramework(store, leadership, document);
      crash("after:framework");
      if (saved.type === "done") {
        log.info({ frameworkId }, "registered as a new framework");
        this.#stored = document;
        break;
      }
      if (saved.type === "not-leader") return this.#end(endOf(notLeader));
      if (saved.type === "conflict") return this.#end({ type: "lost", because: saved.text });
      const delayMs = backoffMs(tries);
      log.warn(
        { frameworkId, because: saved.text, delayMs },
        "the framework's id is not stored yet",
      );
      await new Promise<void>((resolve) => {
        clock.after(delayMs, resolve);
      });
    }
    this.#saving = false;
    const gate = this.#gate;
    if (gate === null || !this.mayAct()) return;
    this.#gate = null;
    this.#begin();
    for (const waiting of gate) this.#dispatch(waiting);
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
          offers: offers.map((offer) =>
            agentOfferOf(offer, this.#options.executor.executor_id.value),
          ),
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

/** What the masters ask for, where both parts are there. */
export const credentialOf = (
  { principal }: Config,
  secret: string | null,
): { readonly credential?: { readonly principal: string; readonly secret: string } } =>
  principal !== "" && secret !== null ? { credential: { principal, secret } } : {};

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
  lagMs: config.fencingLagMs,
  marginMs: config.fencingMarginMs,
  replicaSilenceMs: config.replicaSilenceMs,
  executorSilenceMs: config.executorSilenceMs,
  masterLeaseMs: config.masterLeaseMs,
  replaceUnreachableMs: config.replaceUnreachableMs,
  resyncsMax: config.resyncsMax,
  rules: fencingRules,
  nextId: randomUUID,
  nextSecret: () => randomBytes(secretBytes).toString("hex"),
});

const notLeader: Because = { code: "not-leader", text: "the store says that another one leads" };

/** What a stop that the core decided on means: a fresh look at the store helps, or nothing does. */
function endOf({ code, text }: Because): ReignEnd {
  switch (code) {
    case "not-leader":
    case "store-conflict":
      return { type: "lost", because: text };
    default:
      return { type: "fatal", error: new MrrError("internal", `${code}: ${text}`) };
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
