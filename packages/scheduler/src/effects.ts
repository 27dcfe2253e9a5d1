/**
 * Owns the carrying out of effects: calls to Mesos, commits, answers to the API.
 * Not: decisions. An effect that fails comes back as an event, or is repaired by the core's own repetition.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type ControlHappening, type Effect, encodeGoalBatch, type Reply } from "@mr-redis/core";
import {
  acceptCall,
  acknowledgeCall,
  type CallOutcome,
  declineCall,
  declineInverseOffersCall,
  type InverseOffer,
  killCall,
  launchOperation,
  messageCall,
  type Offer,
  reconcileCall,
  reviveCall,
  type SchedulerCallBody,
  suppressCall,
  type TaskInfo,
  textToBase64,
} from "@mr-redis/mesos";
import type { Committer } from "./committer.js";
import type { CrashPoint } from "./crash-points.js";
import type { Log } from "./log.js";
import type { ExecutorForms } from "./mesos/executor-forms.js";
import { taskInfoOf } from "./mesos/launch.js";
import { ResourcePool } from "./mesos/offer.js";

/** Announced maintenance is heard of again after this time, as long as there are processes. */
const inverseRefuseSeconds = 3_600;

/** What carries calls to Mesos; the session of packages/mesos. */
export interface MesosCaller {
  call(body: SchedulerCallBody): Promise<CallOutcome>;
}

/** What the runner is made of. */
export interface EffectRunnerOptions {
  readonly mesos: MesosCaller;
  readonly committer: Committer;
  readonly executors: ExecutorForms;
  readonly role: string;
  readonly log: Log;
  readonly crash: CrashPoint;
  readonly post: (happening: ControlHappening) => void;
  readonly reply: (requestId: string, reply: Reply) => void;
  readonly viewChanged: (name: string) => void;
  readonly stop: (because: { readonly code: string; readonly text: string }) => void;
}

/** Carries out one effect after the other. */
export class EffectRunner {
  readonly #options: EffectRunnerOptions;
  /** Offers as received, since resources are echoed with all their fields. */
  readonly #offers = new Map<string, Offer>();
  /** Tasks of which a KILL waits for its turn or its answer. */
  readonly #killing = new Set<string>();
  /** Tasks of which the ACCEPT waits for its turn or its answer. */
  readonly #launching = new Set<string>();

  constructor(options: EffectRunnerOptions) {
    this.#options = options;
  }

  offerReceived(offer: Offer): void {
    this.#offers.set(offer.id.value, offer);
  }

  offerGone(offerId: string): void {
    this.#offers.delete(offerId);
  }

  sessionLost(): void {
    this.#offers.clear();
  }

  /**
   * Machines are to be away, and Mesos asks whether they will be empty by then. Nothing is moved by itself, so the answer
   * is no; it changes nothing for the operator, who may drain the agent.
   */
  maintenanceAnnounced(inverseOffers: readonly InverseOffer[]): void {
    const agents = inverseOffers.map(({ agent_id, unavailability }) => ({
      agentId: agent_id?.value ?? null,
      startsAtMs: Math.round(unavailability.start.nanoseconds / 1e6),
    }));
    this.#options.log.warn({ agents }, "maintenance is announced for agents with processes");
    const body = declineInverseOffersCall(inverseOffers, inverseRefuseSeconds);
    void this.#options.mesos.call(body).then((outcome) => this.#noteOutcome(body.type, outcome));
  }

  /** Starts the effect; does not wait for its end. */
  run(effect: Effect): void {
    const { committer, crash, log } = this.#options;
    crash(`before:${effect.type}`);
    switch (effect.type) {
      case "commit-document":
        committer.add(effect);
        break;
      case "reply":
        this.#options.reply(effect.requestId, effect.reply);
        crash("after:reply");
        break;
      case "accept-offers":
        this.#accept(effect);
        break;
      case "decline-offers":
        for (const offerId of effect.offerIds) this.#offers.delete(offerId);
        this.#call(effect, declineCall(effect.offerIds, effect.refuseSeconds));
        break;
      case "revive-offers":
        this.#call(effect, reviveCall([this.#options.role]));
        break;
      case "suppress-offers":
        this.#call(effect, suppressCall([this.#options.role]));
        break;
      case "acknowledge":
        this.#call(effect, acknowledgeCall(effect));
        break;
      case "kill-task":
        this.#kill(effect);
        break;
      case "reconcile-tasks":
        this.#call(effect, reconcileCall(effect.tasks));
        break;
      case "send-goals": {
        log.debug(goalFields(effect), "sending goals");
        const data = textToBase64(encodeGoalBatch(effect.batch));
        this.#call(
          effect,
          messageCall({ agentId: effect.agentId, executorId: effect.executorId, data }),
        );
        break;
      }
      case "view-changed":
        this.#options.viewChanged(effect.name);
        crash("after:view-changed");
        break;
      case "stop":
        this.#options.stop(effect.because);
        crash("after:stop");
        break;
    }
  }

  #call(effect: Effect, body: SchedulerCallBody): void {
    void this.#options.mesos.call(body).then((outcome) => {
      this.#options.crash(`after:${effect.type}`);
      this.#noteOutcome(body.type, outcome);
    });
  }

  /** A stranger is to be killed with each word of it: not again while the last KILL has no answer yet. */
  #kill(effect: Extract<Effect, { type: "kill-task" }>): void {
    const { log, mesos, crash } = this.#options;
    const { taskId, because } = effect;
    if (this.#killing.has(taskId)) return;
    // The time of a launch begins with the answer to its ACCEPT: the core asks again after as long.
    if (because.code === "launch-overdue" && this.#launching.has(taskId)) return;
    this.#killing.add(taskId);
    log.info({ taskId, because }, "killing a task");
    void mesos.call(killCall(effect)).then((outcome) => {
      this.#killing.delete(taskId);
      crash("after:kill-task");
      this.#noteOutcome("KILL", outcome);
    });
  }

  #noteOutcome(call: string, outcome: CallOutcome): void {
    if (outcome.type === "accepted") return;
    this.#options.log.warn({ call, outcome }, "a call to Mesos had no effect");
  }

  #accept(effect: Extract<Effect, { type: "accept-offers" }>): void {
    const { log, post } = this.#options;
    const processIds = effect.launches.map((launch) => launch.order.processId);
    const offers = effect.offerIds.flatMap((id) => this.#offers.get(id) ?? []);
    for (const id of effect.offerIds) this.#offers.delete(id);
    const tasks = this.#tasks(effect, offers);
    if (tasks === null) {
      log.error({ agentId: effect.agentId, processIds }, "the offers do not hold the launches");
      this.#call(effect, declineCall(effect.offerIds, 0));
      post({
        type: "accept-failed",
        agentId: effect.agentId,
        processIds,
        text: "the offer did not hold what was placed on it",
      });
      return;
    }
    log.info({ agentId: effect.agentId, offerIds: effect.offerIds, processIds }, "launching");
    const body = acceptCall({
      offerIds: effect.offerIds,
      operations: [launchOperation(tasks)],
      refuseSeconds: effect.refuseSeconds,
    });
    for (const processId of processIds) this.#launching.add(processId);
    void this.#options.mesos.call(body).then((outcome) => {
      for (const processId of processIds) this.#launching.delete(processId);
      this.#options.crash("after:accept-offers");
      this.#noteOutcome("ACCEPT", outcome);
      // A lost ACCEPT may have arrived: reconciliation tells. One that was never sent, or was refused, has not.
      const refused = outcome.type === "rejected" || (outcome.type === "lost" && !outcome.sent);
      if (!refused) return;
      const text = outcome.type === "rejected" ? outcome.text : outcome.because;
      post({ type: "accept-failed", agentId: effect.agentId, processIds, text });
    });
  }

  #tasks(
    effect: Extract<Effect, { type: "accept-offers" }>,
    offers: readonly Offer[],
  ): TaskInfo[] | null {
    if (offers.length !== effect.offerIds.length) return null;
    const { executors } = this.#options;
    const pool = new ResourcePool(offers);
    const present = new Set(
      offers.flatMap((offer) => (offer.executor_ids ?? []).map(({ value }) => value)),
    );
    const tasks: TaskInfo[] = [];
    for (const launch of effect.launches) {
      const executorId = launch.executorId ?? executors.usual.executor_id.value;
      const executor = executors.byId(executorId);
      if (executor === undefined) return null;
      if (!present.has(executorId) && !pool.reserve(executor.resources ?? [])) return null;
      present.add(executorId);
      const resources = pool.take(launch.need, launch.order.port);
      if (resources === null) return null;
      tasks.push(taskInfoOf(launch, effect.agentId, resources, executor));
    }
    return tasks;
  }
}

/** Goals without their secrets. */
const goalFields = (effect: Extract<Effect, { type: "send-goals" }>) => ({
  agentId: effect.agentId,
  because: effect.because,
  goals: effect.batch.goals.map(({ processId, role, epoch, stamp }) => ({
    processId,
    role,
    epoch,
    stamp,
  })),
});
