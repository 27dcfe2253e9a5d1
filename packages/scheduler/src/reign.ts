/**
 * Owns one reign: decision core, loop, effects and Mesos session, from the loading of the documents to the end of the
 * leadership. From that end on nothing is decided or sent, whatever is still on its way; what is known stays readable.
 * Not: how the leadership comes and goes (succession.ts), nor decisions (core).
 * SPDX-License-Identifier: Apache-2.0
 */
import { randomBytes } from "node:crypto";
import {
  type Clock,
  type Config,
  Control,
  changedFramework,
  executorNeed,
  executorVersionOf,
  type FrameworkDocument,
  type UpgradeView,
} from "@mr-redis/core";
import {
  createSchedulerSession,
  createWireCodec,
  type ExecutorInfo,
  type Offer,
  type SchedulerEvent,
  type SchedulerSession,
  type SchedulerStop,
  wireContentTypes,
} from "@mr-redis/mesos";
import type { Leadership, Store } from "@mr-redis/store";
import type { UpgradeAction } from "./api/port.js";
import { certificateRequestOf, createCertificateDesk } from "./certificates/reign-desk.js";
import { Committer } from "./committer.js";
import { LoopPort } from "./control-port.js";
import { controlSettings } from "./control-settings.js";
import type { CrashPoint } from "./crash-points.js";
import { EffectRunner } from "./effects.js";
import { frameworkInfoOf, userOf } from "./framework-info.js";
import { FrameworkRecord, isRemoved, knownOf, type RecordChange } from "./framework-record.js";
import type { ReignView } from "./front.js";
import { guardedClock } from "./guarded-clock.js";
import type { LoadedState } from "./load.js";
import type { Log } from "./log.js";
import { Loop } from "./loop.js";
import { ExecutorForms } from "./mesos/executor-forms.js";
import { agentOfferOf, type OfferedExecutor } from "./mesos/offer.js";
import { reportsOf, taskUpdateOf } from "./mesos/update.js";
import { type MesosFiles, masterAccessOf } from "./mesos-access.js";
import type { Meter } from "./metrics/meter.js";
import { endOf, lossOf, lossText, type ReignEnd, removalError, stopError } from "./reign-end.js";
import { endedTasks } from "./removed-framework.js";
import type { SecretKeys } from "./secrets/secret-keys.js";
import { UpgradeDesk, upgradeStateIn } from "./upgrade-wish.js";

/** What a reign is made of. */
export interface ReignOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  /** Secret of the principal and certificates; never logged. */
  readonly mesosFiles: MesosFiles;
  readonly crash: CrashPoint;
  readonly secretKeys: SecretKeys;
  readonly meter: Meter;
  readonly store: Store;
  readonly leadership: Leadership;
  readonly state: LoadedState;
  readonly executor: ExecutorInfo;
  /** Id under which an earlier reign of this process registered; used where the store has none. */
  readonly knownFramework: FrameworkDocument | null;
  /** True while an operator's word stands that a removed framework may be followed by a new one. */
  readonly mayStartAnew: () => boolean;
  /** Called when a framework is registered and stored: the operator's word has been used, or was not needed. */
  readonly registered: () => void;
  /** Called once, at once at the end, before those who wait are told. */
  readonly ending: (because: string) => void;
}

/** Most events that wait until the framework's id is stored; a framework without tasks gets offers and heartbeats only. */
const gateEventsMax = 10_000;

/** Longest time in which the store is to learn of a removal; Mesos says it again at the next start. */
const removalMsMax = 10_000;

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
  readonly #record: FrameworkRecord;
  readonly #executors: ExecutorForms;
  /** What this process knows, perhaps before the store does; null also for one that was removed. */
  #framework: FrameworkDocument | null;
  #saving = false;
  #subscribed = false;
  /** Processes of a removed framework of which the store does not know yet that they have ended. */
  readonly #renouncing = new Set<string>();
  #isRenouncing = false;
  readonly #upgrades: UpgradeDesk;
  readonly #certificates: ReturnType<typeof createCertificateDesk>;
  #waitingBecause = "connecting to the Mesos master";
  /** Events that wait until the framework id is stored; null when none has to wait. */
  #gate: SchedulerEvent[] | null = null;

  constructor(options: ReignOptions) {
    const { config, clock, log, store, leadership, state, executor, crash, meter } = options;
    this.#options = options;
    this.#record = new FrameworkRecord({
      ...{ clock, log, crash, store, leadership },
      ...{ stored: state.framework, revision: state.frameworkRevision },
    });
    this.#framework = knownOf(state.framework, options.knownFramework);
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    const executorId = executor.executor_id.value;
    this.#executors = new ExecutorForms(executor, executorNeed(config), config.role);
    const version = executorVersionOf(executorId);
    this.#upgrades = new UpgradeDesk({
      ...{ clock, version, record: this.#record, limitMs: config.dbTimeLimitMs },
      mayAct: () => this.mayAct(),
      waitingBecause: () => (this.#subscribed ? null : this.#waitingBecause),
      stored: (document, state) => {
        this.#framework = document;
        log.info({ upgrade: document.upgrade }, "upgrade of executors");
        this.#loop.post({ type: "upgrade-set", state });
      },
      ended: (end) => this.#end(end),
    });
    this.#control = new Control(
      controlSettings(config, leadership.term, executorId, options.secretKeys.areKept),
      {
        documents: state.documents,
        upgrade: upgradeStateIn(this.#framework, version),
        atMs: clock.nowMs(),
        monotonicMs: clock.monotonicMs(),
      },
    );
    const control = this.#control;
    const post = (happening: Parameters<Loop["post"]>[0]): void => this.#loop.post(happening);
    const stream = randomBytes(8).toString("hex");
    this.#certificates = createCertificateDesk({
      ...{ config, clock, log, record: this.#record, control },
      sealing: options.secretKeys.sealingOf("framework"),
      session: () => this.#session,
      mayAct: () => this.mayAct(),
      stored: (document) => {
        this.#framework = document;
      },
      ended: (end) => this.#end(end),
    });
    this.port = new LoopPort({
      ...{ control, clock, post, stream },
      redisTls: config.redisTlsDirectory === "" ? this.#certificates : null,
    });
    const committer = new Committer({ store, leadership, keys: options.secretKeys }, post, crash);
    this.#session = createSchedulerSession(this.#sessionOptions());
    this.#runner = new EffectRunner({
      ...{ committer, executors: this.#executors, role: config.role, log, crash, post },
      mesos: meter.calls(this.#session),
      reply: (requestId, reply) => this.port.replied(requestId, reply),
      viewChanged: (name) => this.port.viewChanged(name),
      stop: (because) => this.#end(endOf(because)),
    });
    this.#loop = new Loop({
      ...{ control, clock, crash, meter: meter.reign(control) },
      mayAct: () => this.mayAct(),
      run: (effect) => this.#runner.run(effect),
      turnEnded: () => {
        committer.flush();
        this.port.turnEnded();
        this.#renounced();
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
    const { state, mayStartAnew } = this.#options;
    const removed = isRemoved(state.framework) ? state.framework : null;
    if (removed !== null && !mayStartAnew()) {
      const documents = state.documents.map(({ document }) => document);
      this.#end({ type: "fatal", error: removalError(removed, documents) });
      return;
    }
    this.#loop.post({ type: "woken" });
    if (removed === null) this.#session.start();
    else this.#renounce(removed);
  }

  /**
   * Starts anew after a framework that was removed: first the store learns that each of its processes has ended, so that
   * nothing of it is mistaken for the new one's; then a new framework is registered.
   */
  #renounce(removed: FrameworkDocument): void {
    const { state, log } = this.#options;
    const documents = state.documents.map(({ document }) => document);
    const lost = lossText(lossOf(documents));
    log.warn(
      { frameworkId: removed.frameworkId, lost },
      "starting anew: the framework was removed; its instances are created again, new and empty",
    );
    this.#waitingBecause = "noting the end of what the removed framework ran";
    for (const document of documents) {
      for (const { id } of document.processes) this.#renouncing.add(id);
      for (const happening of endedTasks(document, removed)) this.#loop.post(happening);
    }
    this.#isRenouncing = true;
    this.#renounced();
  }

  /** Registers the new framework once the store holds nothing of the old one. */
  #renounced(): void {
    if (!this.#isRenouncing || this.#over) return;
    for (const { stored } of this.#control.cells.values()) {
      if (stored?.processes.some(({ id }) => this.#renouncing.has(id))) return;
    }
    this.#isRenouncing = false;
    this.#renouncing.clear();
    this.#session.start();
  }

  /** Stores what an operator wishes of the upgrade of executors, then acts on it. */
  async changeUpgrade(action: UpgradeAction): Promise<UpgradeView> {
    const state = await this.#upgrades.change(action);
    return { ...this.port.upgrade(), state };
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
    const { config, clock, log, mesosFiles } = this.#options;
    return {
      ...masterAccessOf(config, mesosFiles),
      frameworkInfo: frameworkInfoOf(config),
      ...(this.#framework === null ? {} : { frameworkId: this.#framework.frameworkId }),
      // Its timers fire only while this scheduler leads: the look at the leadership closes the session, which cancels them.
      clock: guardedClock(clock, () => this.mayAct()),
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

  #sessionStopped(reason: SchedulerStop): void {
    if (reason.type === "closed" || !this.mayAct()) return;
    if (reason.type === "framework-removed") {
      this.#removed(reason);
      return;
    }
    const end: ReignEnd = { type: "fatal", error: stopError(reason) };
    this.#end(end, reason.type === "framework-failed-over" ? this.#judgeFailover(end) : end);
  }

  /** The store learns of the removal: the id is dead, even for a master that has forgotten it. */
  #removed(reason: Exclude<SchedulerStop, { type: "closed" }>): void {
    const framework = this.#framework;
    if (framework === null) {
      this.#end({ type: "fatal", error: stopError(reason) });
      return;
    }
    const { clock, log, leadership, mayStartAnew } = this.#options;
    const change = { removedAtMs: clock.nowMs() };
    const documents = [...this.#control.cells.values()].map(({ document }) => document);
    const error = removalError(changedFramework(framework, change), documents);
    log.error({ ...error.details }, error.message);
    const untilMs = clock.monotonicMs() + removalMsMax;
    const mayGoOn = () => leadership.isValid() && clock.monotonicMs() < untilMs;
    const end: ReignEnd = mayStartAnew()
      ? { type: "lost", because: `framework ${framework.frameworkId} was removed; starting anew` }
      : { type: "fatal", error };
    // What is stored may be newer than what this reign holds.
    const removed: RecordChange = (stored) => changedFramework(stored ?? framework, change);
    const saving = this.#record.save(removed, mayGoOn).then((other) => other ?? end);
    this.#end(end, saving);
  }

  /**
   * Mesos tells who does not lead any more, when the next leader has subscribed; that may be sooner than the store does,
   * and is no failure of anything. Whoever leads all the same was replaced by a stranger: it must not fight for the id.
   */
  async #judgeFailover(end: ReignEnd): Promise<ReignEnd> {
    const { store, leadership } = this.#options;
    const leader = await store.readLeader().catch(() => null);
    if (leader?.term === leadership.term) return end;
    const because =
      leader === null
        ? "another scheduler subscribed, and the store does not say that this one leads"
        : "another scheduler leads, and Mesos said so first";
    return { type: "lost", because };
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
    if (this.#record.stored?.frameworkId === frameworkId) {
      this.#begin();
      return;
    }
    const { config, clock, state, log } = this.#options;
    if (this.#framework?.frameworkId !== frameworkId) {
      const { authority } = state.framework ?? {};
      const fresh = {
        ...({ version: 2, frameworkId, frameworkName: config.frameworkName } as const),
        ...{ user: userOf(config), createdAtMs: clock.nowMs(), removedAtMs: null },
      };
      // Clients trust the authority, whatever framework runs their redis-servers.
      this.#framework = authority === undefined ? fresh : changedFramework(fresh, { authority });
      const isOrphaned = state.documents.some(({ document }) => document.processes.length > 0);
      if (isOrphaned && state.framework === null) {
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
    const { log } = this.#options;
    const { frameworkId } = document;
    const follows = this.#record.stored?.frameworkId;
    this.#saving = true;
    const end = await this.#record.save(
      () => document,
      () => this.mayAct(),
    );
    this.#saving = false;
    if (end !== null) return this.#end(end);
    if (!this.mayAct()) return;
    log.info(
      { frameworkId, ...(follows === undefined ? {} : { follows }) },
      "registered as a new framework",
    );
    const gate = this.#gate;
    if (gate === null) return;
    this.#gate = null;
    this.#begin();
    for (const waiting of gate) this.#dispatch(waiting);
  }

  #begin(): void {
    this.#subscribed = true;
    this.#options.registered();
    this.#loop.post({ type: "subscribed" });
  }

  #executorFor(offer: Offer): OfferedExecutor | null {
    const choice = this.#executors.choose(offer);
    if (choice === null) return null;
    const { info, isPresent } = choice;
    return info === this.#executors.usual
      ? { isPresent }
      : { isPresent, executorId: info.executor_id.value };
  }

  #dispatch(event: SchedulerEvent): void {
    const { log } = this.#options;
    switch (event.type) {
      case "OFFERS": {
        const offers = event.offers?.offers ?? [];
        for (const offer of offers) this.#runner.offerReceived(offer);
        this.#loop.post({
          type: "offers-received",
          offers: offers.map((offer) => agentOfferOf(offer, this.#executorFor(offer))),
        });
        break;
      }
      case "RESCIND": {
        const offerId = event.rescind?.offer_id.value ?? "";
        this.#runner.offerGone(offerId);
        this.#loop.post({ type: "offer-rescinded", offerId });
        break;
      }
      case "INVERSE_OFFERS":
        this.#runner.maintenanceAnnounced(event.inverse_offers?.inverse_offers ?? []);
        break;
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
        const asked = certificateRequestOf(event);
        if (asked !== null) {
          void this.#certificates.received(asked.sender, asked.request);
          break;
        }
        const reports = this.#options.meter.message(reportsOf(event));
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
