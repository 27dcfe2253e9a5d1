/**
 * Owns a small world for tests of the decision core: its store, its API and its time, around a small Mesos.
 * Effects go in, their outcomes come back as queued deliveries, so that a test can stop, lose, double or turn them
 * round anywhere.
 * Not: agents and redis-servers (cluster.test-support.ts). Used by tests of control/.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ProxyPortRange } from "../endpoints/port-book.js";
import type { Runtime } from "../failover/rules.js";
import { fencingRules } from "../failover/rules.js";
import { encodeInstance } from "../instance/codec.js";
import type { InstanceDocument, UserPassword } from "../instance/types.js";
import type { UpgradeState } from "../upgrade/types.js";
import {
  Cluster,
  type DeliveryKind,
  type WorldAgent,
  type WorldProcess,
} from "./cluster.test-support.js";
import { Control } from "./control.js";
import type { CommitDocument, Effect, Reply } from "./effects.js";
import type { CommitResult, ControlHappening } from "./events.js";
import type { ControlSettings } from "./settings.js";

export type { WorldAgent, WorldProcess } from "./cluster.test-support.js";

export const worldSettings = (ids: { next: number }): ControlSettings => ({
  term: 1,
  executorId: "executor",
  runtime: "process",
  executorNeed: { cpusMilli: 100, memMilliMib: 64_000 },
  redisCpusMilli: 100,
  memoryNeedMilli: (mib) => (mib + 32) * 1000,
  deletedKeepMs: 3_600_000,
  launchTimeoutMs: 180_000,
  reviveBurst: 5,
  reviveIntervalMs: 1_000,
  offerHoldMs: 2_000,
  lagMs: 3_000,
  marginMs: 300,
  replicaSilenceMs: 5_000,
  executorSilenceMs: 2_000,
  masterLeaseMs: 600_000,
  replaceUnreachableMs: 30_000,
  resyncsMax: 2,
  proxyPorts: null,
  rules: fencingRules,
  nextId: () => {
    ids.next += 1;
    return `00000000-0000-4000-8000-${String(ids.next).padStart(12, "0")}`;
  },
  nextSecret: () => `secret-${ids.next}`,
  nextUserPassword: () => {
    ids.next += 1;
    return passwordOf(ids.next);
  },
  secretsKept: true,
  certificatesGiven: false,
});

/** A password that can be told from every other one by its hash, as real ones can. */
const passwordOf = (number: number): UserPassword => ({
  secret: `password-${number}`,
  hash: number.toString(16).padStart(64, "0"),
});

/** Something on its way to the scheduler; `open` lets it happen. */
export interface Delivery {
  readonly kind: DeliveryKind | "commit" | "session";
  readonly open: () => ControlHappening;
}

/** unknown: not written. unknown-landed: written. unknown-late: written later, unless something came between. */
export type CommitFault = "unknown" | "unknown-landed" | "unknown-late";

/** What became of the ACCEPT with which a session broke. */
export type AcceptFault = "lost" | "lost-landed";

interface StoredDocument {
  readonly text: string;
  readonly document: InstanceDocument;
  readonly revision: string;
}

/** True for what the scheduler's own shell has to tell: the end of a session takes only what comes from Mesos. */
const isOwn = ({ kind }: Delivery): boolean => kind === "commit" || kind === "session";

/** See the head of this file. */
export class World {
  control: Control;
  nowMs = 1_000;
  /** Of the next scheduler: the ports at proxies that it gives. */
  proxyPorts: ProxyPortRange | null = null;
  /** True while the scheduler has a session with Mesos. */
  connected = false;
  /** Of the next scheduler, and what is stored of an upgrade when it starts. */
  executorId = "executor";
  upgrade: UpgradeState = "off";
  readonly cluster: Cluster;
  readonly stored = new Map<string, StoredDocument>();
  readonly replies = new Map<string, Reply>();
  readonly log: Effect[] = [];
  readonly queue: Delivery[] = [];
  /** Set to make the store answer otherwise. */
  commitFault: ((name: string) => CommitFault | null) | null = null;
  /** Set to break the session with the next ACCEPT. */
  acceptFault: AcceptFault | null = null;
  /** So many of the next KILLs and goals are lost, as Mesos may lose them. */
  deafness = 0;
  /** Called for each effect before it is carried out; throws when it must not be. */
  check: ((effect: Effect) => void) | null = null;
  /** Writes of unknown outcome that may still land. */
  readonly #late: (() => void)[] = [];
  readonly #ids = { next: 0 };
  #revision = 0;
  readonly #runtime: Runtime;

  constructor(agents: readonly WorldAgent[], runtime: Runtime = "process") {
    this.#runtime = runtime;
    this.cluster = new Cluster(agents, {
      executorNeed: worldSettings(this.#ids).executorNeed,
      nowMs: () => this.nowMs,
      deliver: (kind, happening) => {
        if (this.connected) this.queue.push({ kind, open: () => happening });
      },
    });
    this.control = this.#made(1);
  }

  #made(term: number): Control {
    const { executorId, proxyPorts } = this;
    const runtime = this.#runtime;
    const settings = { ...worldSettings(this.#ids), term, executorId, proxyPorts, runtime };
    this.cluster.executorId = this.executorId;
    const documents = [...this.stored.values()];
    const { nowMs, upgrade } = this;
    return new Control(settings, { documents, atMs: nowMs, monotonicMs: nowMs, upgrade });
  }

  /**
   * kill -9 of the scheduler and a new start, without a session yet: what was on its way to it is lost. `landed`:
   * whether the store got the commits that were on their way.
   */
  start(term: number, landed = true): void {
    const commits = this.queue.filter(({ kind }) => kind === "commit");
    this.queue.length = 0;
    if (landed) for (const { open } of commits) open();
    // The store takes nothing from a scheduler that leads no more.
    this.settleLate(landed);
    this.connected = false;
    this.control = this.#made(term);
    this.send({ type: "woken" });
  }

  /** {@link start} with a session. */
  restart(term: number): void {
    this.start(term);
    this.connect();
  }

  connect(): void {
    if (this.connected) return;
    for (let index = 0; index >= 0; ) {
      index = this.queue.findIndex(({ kind }) => kind === "session");
      if (index >= 0) this.deliver(index);
    }
    this.connected = true;
    this.cluster.sessionChanged();
    this.send({ type: "subscribed" });
  }

  /** The session breaks: what was on its way from Mesos is lost. */
  disconnect(): void {
    if (!this.connected) return;
    this.connected = false;
    this.queue.splice(0, this.queue.length, ...this.queue.filter(isOwn));
    this.cluster.sessionChanged();
    this.send({ type: "disconnected" });
  }

  /** One event; its effects are carried out, their outcomes queued. */
  send(happening: ControlHappening): readonly Effect[] {
    const event = { ...happening, atMs: this.nowMs, monotonicMs: this.nowMs };
    const effects = this.control.handle(event);
    for (const effect of effects) {
      this.check?.(effect);
      this.#carryOut(effect);
    }
    return effects;
  }

  /** Lets the delivery at this place happen; false when there is none. */
  deliver(index = 0): boolean {
    const [delivery] = this.queue.splice(index, 1);
    if (delivery === undefined) return false;
    this.send(delivery.open());
    return true;
  }

  /** Delivers what is queued, until nothing is. */
  run(): void {
    for (let count = 0; this.deliver(); count += 1) {
      if (count > 100_000)
        throw new Error(
          `the world does not come to rest: ${this.log
            .slice(-12)
            .map((effect) => JSON.stringify(effect).slice(0, 160))
            .join("\n")}`,
        );
    }
  }

  /** Lets time pass, waking the core when it asked for it. `each` is called every second. */
  pass(milliseconds: number, each: (() => void) | null = null): void {
    const endMs = this.nowMs + milliseconds;
    let tickAtMs = each === null ? Number.POSITIVE_INFINITY : this.nowMs + 1_000;
    this.run();
    for (;;) {
      const wakeMs = this.control.wakeAtMs() ?? Number.POSITIVE_INFINITY;
      const nextMs = Math.min(wakeMs, tickAtMs);
      if (nextMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, nextMs);
      if (wakeMs <= this.nowMs) this.send({ type: "woken" });
      if (tickAtMs <= this.nowMs) {
        tickAtMs += 1_000;
        each?.();
      }
      this.run();
    }
    this.nowMs = endMs;
    this.run();
  }

  /** As {@link pass}, with the reports of every second, new offers, and updates sent again. */
  live(milliseconds: number): void {
    let seconds = 0;
    this.pass(milliseconds, () => {
      seconds += 1;
      this.cluster.reportAll();
      this.cluster.offerAll();
      if (seconds % 10 === 0) this.cluster.repeatUpdates();
    });
  }

  /** Writes of unknown outcome that were still on their way arrive at the store, or never do. */
  settleLate(land: boolean): void {
    for (const write of this.#late.splice(0)) if (land) write();
  }

  of(instance: string): WorldProcess[] {
    return [...this.cluster.processes.values()].filter(
      (process) => process.alive && process.launch.order.instance === instance,
    );
  }

  document(name: string): InstanceDocument {
    const document = this.control.document(name);
    if (document === undefined) throw new Error(`no document of ${name}`);
    return document;
  }

  /** The redis-server ends; its executor tells by report and by update. */
  kill(processId: string): void {
    this.cluster.end(processId, "TASK_FAILED");
  }

  #carryOut(effect: Effect): void {
    this.log.push(effect);
    if (effect.type === "commit-document") this.#commit(effect);
    else if (effect.type === "reply") this.replies.set(effect.requestId, effect.reply);
    else if (effect.type === "stop") throw new Error(`the core stopped: ${effect.because.text}`);
    else if (effect.type === "accept-offers") this.#accept(effect);
    else if (this.connected) this.#call(effect);
  }

  #call(effect: Effect): void {
    const { cluster } = this;
    if (this.deafness > 0 && (effect.type === "kill-task" || effect.type === "send-goals")) {
      this.deafness -= 1;
      return;
    }
    switch (effect.type) {
      case "revive-offers":
        cluster.revive();
        break;
      case "suppress-offers":
        cluster.suppressed = true;
        break;
      case "decline-offers":
        cluster.decline(effect.offerIds, effect.refuseSeconds);
        break;
      case "kill-task":
        cluster.kill(effect.taskId, effect.agentId);
        break;
      case "send-goals":
        for (const goal of effect.batch.goals) cluster.apply(goal);
        cluster.answer(effect.agentId, effect.batch);
        break;
      case "reconcile-tasks":
        for (const { taskId, agentId } of effect.tasks) cluster.reconcile(taskId, agentId);
        if (effect.tasks.length === 0) cluster.reconcileAll();
        break;
      case "acknowledge":
        cluster.acknowledge(effect.taskId, effect.uuid);
        break;
      default:
        break;
    }
  }

  #accept(effect: Extract<Effect, { type: "accept-offers" }>): void {
    const { agentId, offerIds, launches } = effect;
    const fault = this.acceptFault;
    this.acceptFault = null;
    if (!this.connected) {
      const processIds = launches.map(({ order }) => order.processId);
      const happening = { type: "accept-failed", agentId, processIds, text: "not sent" } as const;
      this.queue.push({ kind: "session", open: () => happening });
      return;
    }
    if (fault !== "lost") this.cluster.accept(agentId, offerIds, launches);
    if (fault === null) return;
    this.connected = false;
    const broken: Delivery = { kind: "session", open: () => ({ type: "disconnected" }) };
    this.queue.splice(0, this.queue.length, broken, ...this.queue.filter(isOwn));
    this.cluster.sessionChanged();
  }

  #commit(effect: CommitDocument): void {
    const fault = this.commitFault?.(effect.name) ?? null;
    const open = (): ControlHappening => {
      const result =
        fault === "unknown" ? null : fault === "unknown-late" ? null : this.#write(effect);
      if (fault === "unknown-late") this.#late.push(() => void this.#write(effect));
      return {
        type: "commit-finished",
        commitId: effect.commitId,
        result: fault === null && result !== null ? result : { type: "unknown", text: "timed out" },
      };
    };
    this.queue.push({ kind: "commit", open });
  }

  #write({ name, basedOn, document }: CommitDocument): CommitResult {
    const current = this.stored.get(name) ?? null;
    if (current?.revision !== (basedOn ?? undefined)) return { type: "stale", current };
    if (document === null) {
      this.stored.delete(name);
      return { type: "done", revision: null };
    }
    this.#revision += 1;
    const revision = String(this.#revision);
    this.stored.set(name, { text: encodeInstance(document), document, revision });
    return { type: "done", revision };
  }
}
