/**
 * Owns a small world for tests of the decision core: a store, agents, executors and redis-servers as plain values.
 * Effects go in, their outcomes come back as queued events, one at a time, so that a test can stop anywhere between.
 * Not: timing or faults of a network (packages/testing). Used by tests of control/.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Goal, ProcessReport } from "../goal/types.js";
import { encodeInstance } from "../instance/codec.js";
import type { InstanceDocument } from "../instance/types.js";
import type { AgentOffer } from "../placement/types.js";
import { Control } from "./control.js";
import type { Effect, Launch, Reply } from "./effects.js";
import type { ControlHappening, LoadedDocument } from "./events.js";
import type { ControlSettings } from "./settings.js";

export interface WorldAgent {
  readonly agentId: string;
  readonly cpusMilli: number;
  readonly memMilliMib: number;
  readonly ports: readonly [number, number];
}

export interface WorldProcess {
  readonly launch: Launch;
  readonly agentId: string;
  goal: Goal;
  dataEpoch: number;
  offset: number;
  linkUp: boolean;
  alive: boolean;
}

export const worldSettings = (ids: { next: number }): ControlSettings => ({
  term: 1,
  executorId: "executor",
  executorNeed: { cpusMilli: 100, memMilliMib: 64_000 },
  redisCpusMilli: 100,
  memoryNeedMilli: (mib) => (mib + 32) * 1000,
  deletedKeepMs: 3_600_000,
  launchTimeoutMs: 180_000,
  reviveBurst: 5,
  reviveIntervalMs: 1_000,
  offerHoldMs: 2_000,
  nextId: () => {
    ids.next += 1;
    return `00000000-0000-4000-8000-${String(ids.next).padStart(12, "0")}`;
  },
  nextSecret: () => `secret-${ids.next}`,
});

export class World {
  control: Control;
  nowMs = 1_000;
  readonly stored = new Map<
    string,
    { text: string; document: InstanceDocument; revision: string }
  >();
  readonly processes = new Map<string, WorldProcess>();
  readonly replies = new Map<string, Reply>();
  readonly log: Effect[] = [];
  readonly queue: ControlHappening[] = [];
  readonly agents: readonly WorldAgent[];
  /** Set to make the store answer otherwise. */
  commitFault: ((name: string) => "unknown" | "unknown-landed" | null) | null = null;
  readonly #ids = { next: 0 };
  readonly #offers = new Map<string, string>();
  #counter = 0;
  #number = 0;

  constructor(agents: readonly WorldAgent[]) {
    this.agents = agents;
    this.control = this.#start(1);
  }

  #start(term: number): Control {
    const documents: LoadedDocument[] = [...this.stored.values()];
    const settings = { ...worldSettings(this.#ids), term };
    return new Control(settings, { documents, atMs: this.nowMs, monotonicMs: this.nowMs });
  }

  /** kill -9 of the scheduler and a new start: everything on its way to it is lost. */
  restart(term: number): void {
    this.queue.length = 0;
    this.#offers.clear();
    this.control = this.#start(term);
    this.send({ type: "woken" });
    this.send({ type: "subscribed" });
  }

  /** One event; its effects are carried out, their outcomes queued. */
  send(happening: ControlHappening): readonly Effect[] {
    const event = { ...happening, atMs: this.nowMs, monotonicMs: this.nowMs };
    const effects = this.control.handle(event);
    for (const effect of effects) this.#carryOut(effect);
    return effects;
  }

  /** Delivers what is queued, until nothing is. */
  run(): void {
    for (let count = 0; this.queue.length > 0; count += 1) {
      if (count > 100_000) throw new Error("the world does not come to rest");
      this.send(this.queue.shift() as ControlHappening);
    }
  }

  /** Lets time pass, waking the core when it asked for it; reports come every second. */
  pass(milliseconds: number): void {
    const endMs = this.nowMs + milliseconds;
    this.run();
    for (;;) {
      const wakeMs = this.control.wakeAtMs() ?? Number.POSITIVE_INFINITY;
      if (wakeMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, wakeMs);
      this.send({ type: "woken" });
      this.run();
    }
    this.nowMs = endMs;
    this.run();
  }

  of(instance: string): WorldProcess[] {
    return [...this.processes.values()].filter(
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
    const process = this.processes.get(processId);
    if (process === undefined || !process.alive) return;
    process.alive = false;
    this.#report(process, true);
    this.#update(processId, "TASK_FAILED");
  }

  reportAll(): void {
    for (const process of this.processes.values()) if (process.alive) this.#report(process, false);
  }

  #carryOut(effect: Effect): void {
    this.log.push(effect);
    switch (effect.type) {
      case "commit-document":
        return void this.#commit(effect);
      case "reply":
        return void this.replies.set(effect.requestId, effect.reply);
      case "revive-offers":
        return void this.offerAll();
      case "accept-offers":
        for (const offerId of effect.offerIds) this.#offers.delete(offerId);
        for (const launch of effect.launches) this.#launch(launch, effect.agentId);
        return;
      case "decline-offers":
        for (const offerId of effect.offerIds) this.#offers.delete(offerId);
        return;
      case "kill-task":
        return void this.#killed(effect.taskId);
      case "send-goals":
        for (const goal of effect.batch.goals) this.#apply(goal);
        return;
      case "reconcile-tasks":
        for (const { taskId } of effect.tasks) this.#reconciled(taskId);
        return;
      case "acknowledge":
      case "suppress-offers":
      case "view-changed":
        return;
      case "stop":
        throw new Error(`the core stopped: ${effect.because.text}`);
    }
  }

  #commit(effect: Extract<Effect, { type: "commit-document" }>): void {
    const finish = (result: Extract<ControlHappening, { type: "commit-finished" }>["result"]) =>
      this.queue.push({ type: "commit-finished", commitId: effect.commitId, result });
    const fault = this.commitFault?.(effect.name) ?? null;
    if (fault === "unknown") return void finish({ type: "unknown", text: "timed out" });
    const current = this.stored.get(effect.name) ?? null;
    if ((current?.revision ?? null) !== effect.basedOn)
      return void finish({ type: "stale", current });
    this.#counter += 1;
    const revision = String(this.#counter);
    if (effect.document === null) this.stored.delete(effect.name);
    else {
      const document = effect.document;
      this.stored.set(effect.name, { text: encodeInstance(document), document, revision });
    }
    if (fault === "unknown-landed") finish({ type: "unknown", text: "timed out" });
    else finish({ type: "done", revision: effect.document === null ? null : revision });
  }

  /** Offers everything that is free, one offer for each agent without an offer out. */
  offerAll(): void {
    const out = new Set(this.#offers.values());
    const offers: AgentOffer[] = [];
    for (const agent of this.agents) {
      if (out.has(agent.agentId)) continue;
      const here = [...this.processes.values()].filter(
        (process) => process.alive && process.agentId === agent.agentId,
      );
      const taken = new Set(here.map((process) => process.launch.order.port));
      this.#counter += 1;
      const offerId = `offer-${this.#counter}`;
      this.#offers.set(offerId, agent.agentId);
      const executor =
        here.length > 0 ? worldSettings(this.#ids).executorNeed : { cpusMilli: 0, memMilliMib: 0 };
      const used = (key: "cpusMilli" | "memMilliMib") =>
        executor[key] + here.reduce((sum, process) => sum + process.launch.need[key], 0);
      const ports = [];
      for (let port = agent.ports[0]; port <= agent.ports[1]; port += 1) {
        if (!taken.has(port)) ports.push({ begin: port, end: port });
      }
      offers.push({
        offerId,
        agentId: agent.agentId,
        hostname: `host-${agent.agentId}`,
        address: "127.0.0.1",
        cpusMilli: agent.cpusMilli - used("cpusMilli"),
        memMilliMib: agent.memMilliMib - used("memMilliMib"),
        ports,
        hasExecutor: here.length > 0,
      });
    }
    if (offers.length > 0) this.queue.push({ type: "offers-received", offers });
  }

  #launch(launch: Launch, agentId: string): void {
    const { processId } = launch.order;
    if (this.processes.has(processId)) throw new Error(`launched twice: ${processId}`);
    const durable = [...this.stored.values()].some(({ document }) =>
      document.processes.some((process) => process.id === processId),
    );
    if (!durable) throw new Error(`launched before it was stored: ${processId}`);
    const process: WorldProcess = {
      launch,
      agentId,
      goal: launch.order.goal,
      dataEpoch: launch.order.goal.epoch,
      offset: 0,
      linkUp: true,
      alive: true,
    };
    this.processes.set(processId, process);
    this.#update(processId, "TASK_RUNNING");
    this.#report(process, false);
  }

  #killed(taskId: string): void {
    const process = this.processes.get(taskId);
    if (process?.alive === true) {
      process.alive = false;
      this.#update(taskId, "TASK_KILLED");
    } else this.#reconciled(taskId);
  }

  #apply(goal: Goal): void {
    const process = this.processes.get(goal.processId);
    if (process === undefined || !process.alive) return;
    const { stamp } = process.goal;
    const newer =
      goal.stamp.term > stamp.term ||
      (goal.stamp.term === stamp.term && goal.stamp.counter > stamp.counter);
    if (!newer) return;
    process.goal = goal;
    if (goal.role !== "parked") process.dataEpoch = goal.epoch;
    this.#report(process, false);
  }

  #reconciled(taskId: string): void {
    const process = this.processes.get(taskId);
    const state = process?.alive === true ? "TASK_RUNNING" : "TASK_GONE";
    this.queue.push({
      type: "task-updated",
      update: {
        taskId,
        agentId: process?.agentId ?? this.agents[0]?.agentId ?? null,
        state,
        source: "SOURCE_MASTER",
        reason: "REASON_RECONCILIATION",
        message: null,
        uuid: null,
      },
    });
  }

  #update(taskId: string, state: string): void {
    const process = this.processes.get(taskId);
    this.#counter += 1;
    this.queue.push({
      type: "task-updated",
      update: {
        taskId,
        agentId: process?.agentId ?? null,
        state,
        source: "SOURCE_EXECUTOR",
        reason: null,
        message: null,
        uuid: `uuid-${this.#counter}`,
      },
    });
  }

  #report(process: WorldProcess, exited: boolean): void {
    this.#number += 1;
    const { goal } = process;
    const { order } = process.launch;
    const following = goal.master === null ? null : `${goal.master.address}:${goal.master.port}`;
    const report: ProcessReport = {
      processId: order.processId,
      startId: `start-${order.processId}`,
      pid: 1,
      phase: exited ? "exited" : "serving",
      exit: exited ? { code: 1, signal: null, text: "exit code 1", log: [] } : null,
      stamp: goal.stamp,
      epoch: goal.epoch,
      role: goal.role,
      writeQuorum: goal.writeQuorum,
      following: goal.role === "parked" ? "127.0.0.1:1" : following,
      linkUp: goal.role === "replica" && process.linkUp,
      loading: false,
      synced: true,
      dataEpoch: process.dataEpoch,
      diverged: false,
      offset: process.offset,
      replicationId: "0".repeat(40),
      stats: null,
    };
    this.queue.push({
      type: "reports-received",
      agentId: process.agentId,
      executorId: "executor",
      batch: {
        version: 1,
        type: "reports",
        number: this.#number,
        runId: "run",
        full: false,
        processes: [report],
      },
    });
  }
}
