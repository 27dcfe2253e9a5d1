/**
 * Owns what the scheduler counts from its start on, over all of its reigns, and the places at which it does.
 * Not: values of one moment (census.ts, own.ts), nor the text (exposition.ts). Made by scheduler.ts; nothing that is counted
 * is ever decided upon.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type Clock,
  type Control,
  type ControlHappening,
  type Effect,
  type ErrorCode,
  errorTable,
  type FailoverRecord,
  isMrrError,
} from "@mr-redis/core";
import type { CallOutcome } from "@mr-redis/mesos";
import type { CommitOutcome } from "@mr-redis/store";
import type { MesosCaller } from "../effects.js";
import { FailoverWatch } from "./failover-watch.js";
import { GoalWatch } from "./goal-watch.js";
import { Counter, type Family, Histogram } from "./series.js";
import { ownMetrics as metrics } from "./table.js";

/** Buckets for what takes a moment: from a commit in memory to the longest time limits. */
const momentBounds = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
] as const;

/** Buckets for times without a writer: from a death that is seen at once to what an operator decides. */
const writerlessBounds = [
  0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 7.5, 10, 15, 30, 60, 300,
] as const;

const commitOutcomes = [
  ...["done", "stale", "not-leader", "too-large", "unacceptable", "closed", "unknown"],
].map((outcome) => [outcome]);

const failoverKinds = ["death", "unreachable", "planned", "forced"];

/** What one reign tells: each event before it is handled, each effect before it is carried out. */
export interface ReignMeter {
  event(happening: ControlHappening): void;
  effect(effect: Effect): void;
}

/** A message of an executor as it was read (mesos/update.ts). */
type Read = { readonly happening: ControlHappening } | { readonly problem: string };

/** See the head of this file. */
export class Meter {
  readonly #clock: Clock;
  readonly #leadership = new Counter(metrics.leadershipChanges, [["began"], ["ended"]]);
  readonly #commits = new Counter(metrics.storeCommits, commitOutcomes);
  readonly #commitRetries = new Counter(metrics.storeCommitRetries);
  readonly #commitDuration = new Histogram(metrics.storeCommitDuration, momentBounds);
  readonly #subscriptions = new Counter(metrics.mesosSubscriptions);
  readonly #calls = new Counter(metrics.mesosCalls);
  readonly #failovers = new Counter(
    metrics.failovers,
    failoverKinds.map((kind) => [kind, "promoted"]),
  );
  readonly #writerless = new Histogram(metrics.failoverWriterless, writerlessBounds);
  readonly #bytesGivenUp = new Counter(metrics.failoverBytesGivenUp);
  readonly #unknownLoss = new Counter(metrics.failoversOfUnknownLoss);
  readonly #goalsSent = new Counter(metrics.goalsSent);
  readonly #goalDuration = new Histogram(metrics.goalDuration, momentBounds);
  readonly #reports = new Counter(metrics.reports);
  readonly #batches = new Counter(metrics.reportBatches);
  readonly #rejected = new Counter(metrics.messagesRejected);
  readonly #updates = new Counter(metrics.taskUpdates);
  readonly #offers = new Counter(metrics.offersReceived);
  readonly #rescinded = new Counter(metrics.offersRescinded);
  readonly #declined = new Counter(metrics.offersDeclined, [["idle"], ["no-fit"]]);
  readonly #revives = new Counter(metrics.revives);
  readonly #launches = new Counter(metrics.launches);
  readonly #launchesFailed = new Counter(metrics.launchesFailed);
  readonly #kills = new Counter(metrics.kills);
  readonly #reconciliations = new Counter(metrics.reconciliations, [["implicit"], ["explicit"]]);
  readonly #requests = new Counter(metrics.httpRequests);
  readonly #requestDuration = new Histogram(metrics.httpDuration, momentBounds);
  readonly #errors = new Counter(
    metrics.httpErrors,
    Object.keys(errorTable).map((code) => [code]),
  );
  /** Monotonic ms of the store's last answer, and of the last call that it did not answer. */
  storeAnsweredAtMs = Number.NEGATIVE_INFINITY;
  storeFailedAtMs = Number.NEGATIVE_INFINITY;
  isSubscribed = false;
  /** Of the last reign; null before the first one. */
  term: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What is counted here, in the order of the table. */
  families(): readonly Family[] {
    return [
      ...[this.#leadership, this.#commits, this.#commitRetries, this.#commitDuration],
      ...[this.#subscriptions, this.#calls, this.#failovers, this.#writerless],
      ...[this.#bytesGivenUp, this.#unknownLoss, this.#goalsSent, this.#goalDuration],
      ...[this.#reports, this.#batches, this.#rejected, this.#updates, this.#offers],
      ...[this.#rescinded, this.#declined, this.#revives, this.#launches],
      ...[this.#launchesFailed, this.#kills, this.#reconciliations, this.#requests],
      ...[this.#requestDuration, this.#errors],
    ];
  }

  /** A reign begins; its events and effects are told to what is returned. */
  reign(control: Control): ReignMeter {
    const failovers = new FailoverWatch(control);
    const goals = new GoalWatch((ms) => this.#goalDuration.observe(ms / 1_000));
    const retried = new WeakSet<object>();
    this.isSubscribed = false;
    return {
      event: (happening) => {
        this.#event(happening);
        if (happening.type === "reports-received") {
          goals.reported(happening.batch.processes, this.#clock.monotonicMs());
        }
      },
      effect: (effect) => {
        if (effect.type === "view-changed") this.#failoversOf(failovers, effect.name);
        else if (effect.type === "send-goals") {
          this.#goalsSent.add(effect.batch.goals.length);
          goals.sent(effect.batch.goals, this.#clock.monotonicMs());
        } else if (effect.type === "commit-document" && effect.document !== null) {
          if (retried.has(effect.document)) this.#commitRetries.add(1);
          else retried.add(effect.document);
        } else this.#effect(effect);
      },
    };
  }

  leadership(change: "began" | "ended", term: number): void {
    this.#leadership.add(1, change);
    this.term = term;
    if (change === "ended") this.isSubscribed = false;
  }

  /** One call of the store with documents, and how long it took. */
  commits(outcomes: readonly CommitOutcome[], durationMs: number): void {
    for (const outcome of outcomes) {
      this.#commits.add(1, outcome.type === "refused" ? outcome.reason : outcome.type);
    }
    this.#commitDuration.observe(durationMs / 1_000);
    this.stored(outcomes.every(({ type }) => type !== "unknown"));
  }

  /** The store answered, or did not. */
  stored(answered: boolean): void {
    if (answered) this.storeAnsweredAtMs = this.#clock.monotonicMs();
    else this.storeFailedAtMs = this.#clock.monotonicMs();
  }

  /** The same caller; its calls are counted. */
  calls(mesos: MesosCaller): MesosCaller {
    return {
      call: async (body): Promise<CallOutcome> => {
        const outcome = await mesos.call(body);
        this.#calls.add(1, body.type, outcome.type);
        return outcome;
      },
    };
  }

  /** The same message; those that could not be read are counted. */
  message<T extends Read>(read: T): T {
    if ("problem" in read) this.#rejected.add(1);
    return read;
  }

  /** `route` as it is registered; undefined: none takes the request. */
  answered(request: {
    readonly method: string;
    readonly route: string | undefined;
    readonly status: number;
    readonly durationMs: number;
  }): void {
    const route = request.route ?? "none";
    this.#requests.add(1, methodOf(request.method), route, String(request.status));
    this.#requestDuration.observe(request.durationMs / 1_000, route);
  }

  /** A request ended with this error; what is none of ours is a defect or a malformed request, told by its status. */
  failed(error: unknown): void {
    const code: ErrorCode | null = isMrrError(error) ? error.code : null;
    if (code !== null) this.#errors.add(1, code);
  }

  #event(happening: ControlHappening): void {
    switch (happening.type) {
      case "subscribed":
        this.isSubscribed = true;
        this.#subscriptions.add(1);
        break;
      case "disconnected":
        this.isSubscribed = false;
        break;
      case "offers-received":
        this.#offers.add(happening.offers.length);
        break;
      case "offer-rescinded":
        this.#rescinded.add(1);
        break;
      case "accept-failed":
        this.#launchesFailed.add(happening.processIds.length);
        break;
      case "task-updated":
        this.#updates.add(1, happening.update.state);
        break;
      case "reports-received":
        this.#batches.add(1);
        this.#reports.add(happening.batch.processes.length);
        break;
      default:
        break;
    }
  }

  #effect(effect: Effect): void {
    switch (effect.type) {
      case "accept-offers":
        this.#launches.add(effect.launches.length);
        break;
      case "decline-offers":
        this.#declined.add(effect.offerIds.length, effect.because.code);
        break;
      case "revive-offers":
        this.#revives.add(1);
        break;
      case "kill-task":
        this.#kills.add(1);
        break;
      case "reconcile-tasks":
        this.#reconciliations.add(1, effect.tasks.length === 0 ? "implicit" : "explicit");
        break;
      default:
        break;
    }
  }

  #failoversOf(watch: FailoverWatch, name: string): void {
    for (const { record, isNew, isSeenToWrite } of watch.look(name)) {
      if (isNew) {
        this.#failovers.add(1, record.kind, resultOf(record));
        if (record.bytesGivenUp === null) this.#unknownLoss.add(1);
        else this.#bytesGivenUp.add(record.bytesGivenUp);
      }
      if (isSeenToWrite && record.writerlessMs !== null) {
        this.#writerless.observe(record.writerlessMs / 1_000, record.kind);
      }
    }
  }
}

/** Which step of core ends a failover in another way than by a promotion. */
const resultOf = ({ steps }: FailoverRecord): string => {
  const names = new Set(steps.map(({ name }) => name));
  return names.has("cancelled") ? "cancelled" : names.has("placed-empty") ? "empty" : "promoted";
};

const methods = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]);

/** Node takes some thirty methods. */
const methodOf = (method: string): string => (methods.has(method) ? method : "other");
