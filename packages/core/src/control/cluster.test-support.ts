/**
 * Owns a small Mesos for tests of the decision core: agents, offers, tasks, executors and redis-servers as plain values.
 * Not: the store, the API and the time (world.test-support.ts). Source of its rules: Mesos v1 scheduler API.
 * SPDX-License-Identifier: Apache-2.0
 */
import { redisFenceMs } from "../failover/rules.js";
import type { Goal, GoalBatch, ProcessReport } from "../goal/types.js";
import type { AgentOffer } from "../placement/types.js";
import type { Launch } from "./effects.js";
import type { ControlHappening, TaskUpdate } from "./events.js";

export interface WorldAgent {
  readonly agentId: string;
  readonly cpusMilli: number;
  readonly memMilliMib: number;
  readonly ports: readonly [number, number];
}

export interface WorldProcess {
  readonly launch: Launch;
  readonly agentId: string;
  readonly executorId: string;
  goal: Goal;
  dataEpoch: number;
  offset: number;
  linkUp: boolean;
  /** Last reign that it led. */
  ledEpoch: number;
  /** When each replica was last heard, by process id. */
  readonly acknowledgedAtMs: Map<string, number>;
  /** Until when its leader has confirmed it as a master without a write quorum. */
  leaseUntilMs: number;
  alive: boolean;
  /** True while its executor has not said a word of it. */
  silent: boolean;
}

/** What the cluster needs of the world around it. */
export interface ClusterHost {
  nowMs(): number;
  readonly executorNeed: { readonly cpusMilli: number; readonly memMilliMib: number };
  /** An event on its way to the scheduler. */
  deliver(kind: DeliveryKind, happening: ControlHappening): void;
}

export type DeliveryKind = "offers" | "update" | "report" | "other";

interface Offered {
  readonly agentId: string;
  readonly cpusMilli: number;
  readonly memMilliMib: number;
}

interface AgentState {
  readonly agent: WorldAgent;
  reachable: boolean;
  /** False once the master has forgotten it. */
  known: boolean;
  offering: boolean;
  /** True while nothing gets to it or from it, and nobody was told. */
  cut: boolean;
  /** Names the run of the executor; grows when it is killed. */
  run: number;
  reports: number;
  /** When each batch of this run was sent. */
  readonly sentAtMs: Map<number, number>;
  filteredUntilMs: number;
}

type Ending = "TASK_FAILED" | "TASK_KILLED";

/** See the head of this file. */
export class Cluster {
  readonly processes = new Map<string, WorldProcess>();
  readonly states = new Map<string, AgentState>();
  /** Updates without an acknowledgement, oldest first, by task; only the first of each is on its way. */
  readonly updates = new Map<string, TaskUpdate[]>();
  suppressed = false;
  /** So many of the next processes end before they serve. */
  badStarts = 0;
  /** False: masters do not know yet that their replicas' copies are whole. */
  admitting = true;
  /** Of so many of the next processes nothing is heard. */
  silentStarts = 0;
  /** Of the launches to come. */
  executorId = "executor";
  /** What executors say of an end; null: the usual. */
  words: string | null = null;
  readonly #host: ClusterHost;
  readonly #offers = new Map<string, Offered>();
  #counter = 0;

  constructor(agents: readonly WorldAgent[], host: ClusterHost) {
    this.#host = host;
    for (const agent of agents) {
      const state = {
        reachable: true,
        known: true,
        offering: true,
        cut: false,
        run: 1,
        reports: 0,
        sentAtMs: new Map<number, number>(),
        filteredUntilMs: 0,
      };
      this.states.set(agent.agentId, { agent, ...state });
    }
  }

  /** A session begins or ends: every offer is void, filters are gone. */
  sessionChanged(): void {
    this.#offers.clear();
    this.suppressed = false;
    for (const state of this.states.values()) state.filteredUntilMs = 0;
  }

  revive(): void {
    this.suppressed = false;
    for (const state of this.states.values()) state.filteredUntilMs = 0;
    this.offerAll();
  }

  decline(offerIds: readonly string[], refuseSeconds: number): void {
    for (const offerId of offerIds) {
      const state = this.states.get(this.#offers.get(offerId)?.agentId ?? "");
      this.#offers.delete(offerId);
      if (state !== undefined) state.filteredUntilMs = this.#host.nowMs() + refuseSeconds * 1000;
    }
  }

  /** Offers everything that is free and not offered, one offer for each agent that has some. */
  offerAll(): void {
    if (this.suppressed) return;
    const offers: AgentOffer[] = [];
    for (const state of this.states.values()) {
      if (!state.reachable || !state.offering) continue;
      if (state.filteredUntilMs > this.#host.nowMs()) continue;
      const offer = this.#offerOf(state.agent);
      if (offer !== null) offers.push(offer);
    }
    if (offers.length > 0) this.#host.deliver("offers", { type: "offers-received", offers });
  }

  #offerOf(agent: WorldAgent): AgentOffer | null {
    const { agentId } = agent;
    // Ports are offered once: whoever holds an offer of this agent holds all that are free.
    if ([...this.#offers.values()].some((offered) => offered.agentId === agentId)) return null;
    const here = this.#tasksOn(agentId);
    const none = { cpusMilli: 0, memMilliMib: 0 };
    const executor = here.length > 0 ? this.#host.executorNeed : none;
    const left = (key: "cpusMilli" | "memMilliMib") =>
      agent[key] - executor[key] - here.reduce((sum, process) => sum + process.launch.need[key], 0);
    const taken = new Set(here.map((process) => process.launch.order.port));
    const ports = [];
    for (let port = agent.ports[0]; port <= agent.ports[1]; port += 1) {
      if (!taken.has(port)) ports.push({ begin: port, end: port });
    }
    this.#counter += 1;
    const offerId = `offer-${this.#counter}`;
    const scalars = { cpusMilli: left("cpusMilli"), memMilliMib: left("memMilliMib") };
    this.#offers.set(offerId, { agentId, ...scalars });
    return {
      offerId,
      agentId,
      hostname: `host-${agentId}`,
      address: "127.0.0.1",
      ...scalars,
      ports,
      hasExecutor: here.length > 0,
    };
  }

  /** The master takes back what it offers of one agent. */
  rescind(agentId: string): void {
    for (const [offerId, offered] of this.#offers) {
      if (offered.agentId !== agentId) continue;
      this.#offers.delete(offerId);
      this.#host.deliver("other", { type: "offer-rescinded", offerId });
    }
  }

  /** ACCEPT: with a void offer every task is dropped. Throws when a task was launched before, or does not fit. */
  accept(agentId: string, offerIds: readonly string[], launches: readonly Launch[]): void {
    const offered = offerIds.map((offerId) => this.#offers.get(offerId));
    for (const offerId of offerIds) this.#offers.delete(offerId);
    if (offered.some((offer) => offer?.agentId !== agentId)) {
      for (const { order } of launches) this.#answer(order.processId, agentId, "TASK_DROPPED");
      return;
    }
    const executor = this.#tasksOn(agentId).length > 0 ? 0 : 1;
    for (const key of ["cpusMilli", "memMilliMib"] as const) {
      const needed = launches.reduce(
        (sum, launch) => sum + launch.need[key],
        executor * this.#host.executorNeed[key],
      );
      const there = offered.reduce((sum, offer) => sum + (offer?.[key] ?? 0), 0);
      if (needed > there) throw new Error(`${agentId} has not enough ${key}`);
    }
    for (const launch of launches) this.#launch(launch, agentId);
  }

  #launch(launch: Launch, agentId: string): void {
    const { processId, port, goal } = launch.order;
    if (this.processes.has(processId)) throw new Error(`launched twice: ${processId}`);
    const there = this.#tasksOn(agentId).some((other) => other.launch.order.port === port);
    if (there) throw new Error(`port ${port} of ${agentId} is given twice`);
    const silent = this.silentStarts > 0;
    const dataEpoch = goal.role === "parked" ? 0 : goal.epoch;
    const state = { dataEpoch, offset: 0, linkUp: true, leaseUntilMs: 0, alive: true, silent };
    const books = {
      ledEpoch: goal.role === "master" ? goal.epoch : 0,
      acknowledgedAtMs: new Map(),
    };
    const { executorId } = this;
    this.processes.set(processId, { launch, agentId, executorId, goal, ...state, ...books });
    if (silent) {
      this.silentStarts -= 1;
      return;
    }
    if (this.badStarts > 0) {
      this.badStarts -= 1;
      this.end(processId, "TASK_FAILED", "starting");
      return;
    }
    this.#update(processId, "TASK_RUNNING");
    this.report(processId);
  }

  /** The process ends; its executor tells by report and by update. */
  end(processId: string, state: Ending, phase: "starting" | "serving" = "serving"): void {
    const process = this.processes.get(processId);
    if (process === undefined || !process.alive) return;
    process.alive = false;
    this.#reports(process, [this.#reportOf(process, phase === "serving")]);
    this.#update(processId, state);
  }

  /** kill -9 of an agent's executor: all of its processes end with it, and only Mesos tells. */
  endExecutor(agentId: string): void {
    for (const process of this.processes.values()) {
      if (process.agentId !== agentId || !process.alive) continue;
      process.alive = false;
      this.#update(process.launch.order.processId, "TASK_FAILED", "SOURCE_AGENT");
    }
    const state = this.states.get(agentId);
    if (state === undefined) return;
    state.run += 1;
    state.reports = 0;
    state.sentAtMs.clear();
  }

  kill(taskId: string, agentId: string): void {
    const alive = this.processes.get(taskId)?.alive === true;
    if (!this.#isReachable(agentId)) this.reconcile(taskId, agentId);
    else if (alive) this.end(taskId, "TASK_KILLED");
    else if (!this.updates.has(taskId)) this.reconcile(taskId, agentId);
  }

  reconcile(taskId: string, agentId: string): void {
    const process = this.processes.get(taskId);
    const known = process?.alive === true || this.updates.has(taskId);
    if (this.states.get(agentId)?.known === false) this.#answer(taskId, agentId, "TASK_UNKNOWN");
    else if (!this.#isReachable(agentId)) this.#answer(taskId, agentId, "TASK_UNREACHABLE");
    else if (!known) this.#answer(taskId, agentId, "TASK_GONE");
    else {
      const state = process?.silent === true ? "TASK_STAGING" : "TASK_RUNNING";
      this.#answer(taskId, agentId, this.updates.get(taskId)?.[0]?.state ?? state);
    }
  }

  /** Implicit reconciliation: every task that the master knows, but not unreachable ones. */
  reconcileAll(): void {
    for (const [taskId, { agentId, alive }] of this.processes) {
      if ((alive || this.updates.has(taskId)) && this.#isReachable(agentId)) {
        this.reconcile(taskId, agentId);
      }
    }
  }

  acknowledge(taskId: string, uuid: string): void {
    const updates = this.updates.get(taskId);
    if (updates?.[0]?.uuid !== uuid) return;
    updates.shift();
    if (updates.length === 0) this.updates.delete(taskId);
    else this.#forward(taskId);
  }

  /** Agents send again what was not acknowledged. */
  repeatUpdates(): void {
    for (const taskId of this.updates.keys()) this.#forward(taskId);
  }

  apply(goal: Goal): void {
    const process = this.processes.get(goal.processId);
    if (process === undefined || !process.alive || !this.#isHeard(process.agentId)) return;
    const { term, counter } = process.goal.stamp;
    if (goal.stamp.term < term) return;
    if (goal.stamp.term === term && goal.stamp.counter <= counter) return;
    process.goal = goal;
    if (goal.role === "master") {
      process.dataEpoch = goal.epoch;
      process.ledEpoch = goal.epoch;
    }
    this.#replicate(process);
    this.report(goal.processId);
  }

  /** Answers name masters: their leases run from the sending of the batch that is answered. */
  answer(agentId: string, { answers, leases }: GoalBatch): void {
    const state = this.states.get(agentId);
    if (state === undefined || !this.#isHeard(agentId) || answers?.runId !== `run-${state.run}`)
      return;
    const sentAtMs = state.sentAtMs.get(answers.number) ?? Number.NEGATIVE_INFINITY;
    for (const processId of leases) {
      const process = this.processes.get(processId);
      if (process?.alive !== true || process.goal.leaseMs === null) continue;
      const wasClosed = this.#isClosed(process);
      process.leaseUntilMs = Math.max(process.leaseUntilMs, sentAtMs + process.goal.leaseMs);
      if (wasClosed && !this.#isClosed(process)) this.report(processId);
    }
  }

  #isClosed({ goal, leaseUntilMs }: WorldProcess): boolean {
    return goal.leaseMs !== null && this.#host.nowMs() >= leaseUntilMs;
  }

  report(processId: string): void {
    const process = this.processes.get(processId);
    if (process?.alive === true && !process.silent) {
      this.#reports(process, [this.#reportOf(process, false)]);
    }
  }

  /** The full reports of all executors. */
  reportAll(): void {
    for (const process of this.processes.values()) this.#replicate(process);
    const byExecutor = new Map<string, WorldProcess[]>();
    for (const process of this.processes.values()) {
      if (!process.alive || process.silent) continue;
      const key = `${process.agentId} ${process.executorId}`;
      byExecutor.set(key, [...(byExecutor.get(key) ?? []), process]);
    }
    for (const here of byExecutor.values()) {
      const [first] = here;
      if (first === undefined) continue;
      this.#reports(
        first,
        here.map((process) => this.#reportOf(process, false)),
      );
    }
  }

  lose(agentId: string): void {
    const state = this.states.get(agentId);
    if (state?.reachable !== true) return;
    state.reachable = false;
    this.rescind(agentId);
    for (const [taskId, process] of this.processes) {
      const known = process.alive || this.updates.has(taskId);
      if (process.agentId === agentId && known) this.#answer(taskId, agentId, "TASK_UNREACHABLE");
    }
    this.#host.deliver("other", { type: "agent-removed", agentId });
  }

  /** The agent was away for so long that the master does not know it any more. */
  forget(agentId: string): void {
    const state = this.states.get(agentId);
    if (state === undefined) return;
    this.lose(agentId);
    state.known = false;
    for (const taskId of this.processes.keys()) {
      if (this.processes.get(taskId)?.agentId === agentId) this.reconcile(taskId, agentId);
    }
  }

  find(agentId: string): void {
    const state = this.states.get(agentId);
    if (state?.reachable !== false) return;
    state.reachable = true;
    state.known = true;
    for (const [taskId, process] of this.processes) {
      if (process.agentId !== agentId) continue;
      if (this.updates.has(taskId)) this.#forward(taskId);
      else if (process.alive) this.reconcile(taskId, agentId);
    }
  }

  /** Clients write to every master; only the replicas that `reaches` names get it now. */
  write(reaches: (index: number) => boolean): void {
    for (const process of this.processes.values()) {
      if (this.accepts(process)) process.offset += 1;
    }
    for (const [index, process] of [...this.processes.values()].entries()) {
      if (process.alive && reaches(index)) this.#replicate(process);
    }
  }

  #replicate(process: WorldProcess): void {
    const { role, master, epoch } = process.goal;
    if (role !== "replica" || master === null) return;
    const source = this.processes.get(master.processId);
    const isNear = source?.agentId === process.agentId;
    const isCut =
      this.#isCut(process.agentId) || (source !== undefined && this.#isCut(source.agentId));
    const isOpen = isNear || !isCut;
    process.linkUp = isOpen && source?.alive === true && source.goal.role === "master";
    if (!process.linkUp || source === undefined) return;
    process.offset = source.offset;
    process.dataEpoch = epoch;
    source.acknowledgedAtMs.set(process.launch.order.processId, this.#host.nowMs());
  }

  /** Nothing gets to the agent or from it, and nobody is told. */
  cut(agentId: string): void {
    const state = this.states.get(agentId);
    if (state !== undefined) state.cut = true;
  }

  mend(agentId: string): void {
    const state = this.states.get(agentId);
    if (state !== undefined) state.cut = false;
  }

  /** True when the process may take a write now, as slow as Redis may be to notice that replicas are gone. */
  accepts(process: WorldProcess): boolean {
    const { alive, goal, acknowledgedAtMs } = process;
    if (!alive || goal.role !== "master" || this.#isClosed(process)) return false;
    const sinceMs = this.#host.nowMs() - goal.lagSecondsMax * 1_000 - redisFenceMs;
    const good = [...acknowledgedAtMs.values()].filter((atMs) => atMs > sinceMs).length;
    return good >= goal.writeQuorum;
  }

  #isCut(agentId: string): boolean {
    return this.states.get(agentId)?.cut === true;
  }

  #isHeard(agentId: string): boolean {
    return this.#isReachable(agentId) && !this.#isCut(agentId);
  }

  #isReachable(agentId: string): boolean {
    return this.states.get(agentId)?.reachable === true;
  }

  /** What the master charges an agent for: tasks that live, on unreachable agents too. */
  #tasksOn(agentId: string): WorldProcess[] {
    return [...this.processes.values()].filter(
      (process) => process.alive && process.agentId === agentId,
    );
  }

  #answer(taskId: string, agentId: string, state: string): void {
    const update = { taskId, agentId, state, source: "SOURCE_MASTER", uuid: null, message: null };
    this.#host.deliver("update", {
      type: "task-updated",
      update: { ...update, reason: "REASON_RECONCILIATION" },
    });
  }

  #update(taskId: string, state: string, source = "SOURCE_EXECUTOR"): void {
    this.#counter += 1;
    const agentId = this.processes.get(taskId)?.agentId ?? null;
    const uuid = `uuid-${this.#counter}`;
    const update = { taskId, agentId, state, source, reason: null, message: null, uuid };
    const updates = this.updates.get(taskId);
    if (updates !== undefined) updates.push(update);
    else {
      this.updates.set(taskId, [update]);
      this.#forward(taskId);
    }
  }

  #forward(taskId: string): void {
    const update = this.updates.get(taskId)?.[0];
    if (update === undefined || !this.#isReachable(update.agentId ?? "")) return;
    this.#host.deliver("update", { type: "task-updated", update });
  }

  #reports({ agentId, executorId }: WorldProcess, processes: readonly ProcessReport[]): void {
    const state = this.states.get(agentId);
    if (state === undefined || !this.#isHeard(agentId)) return;
    state.reports += 1;
    state.sentAtMs.set(state.reports, this.#host.nowMs());
    this.#host.deliver("report", {
      type: "reports-received",
      agentId,
      executorId,
      batch: {
        version: 1,
        type: "reports",
        number: state.reports,
        runId: `run-${state.run}`,
        full: false,
        processes,
      },
    });
  }

  #followersOf(masterId: string): number {
    const all = this.admitting ? [...this.processes.values()] : [];
    return all.filter(({ alive, goal }) => alive && goal.master?.processId === masterId).length;
  }

  #reportOf(process: WorldProcess, served: boolean): ProcessReport {
    const { goal, alive } = process;
    const { order } = process.launch;
    const following = goal.master === null ? null : `${goal.master.address}:${goal.master.port}`;
    const text = this.words ?? (served ? "exit code 1" : "exit code 1 before it served");
    return {
      processId: order.processId,
      startId: `start-${order.processId}`,
      pid: 1,
      phase: alive ? "serving" : "exited",
      exit: alive ? null : { code: 1, signal: null, text, log: [] },
      stamp: goal.stamp,
      epoch: goal.epoch,
      role: goal.role,
      writeQuorum: goal.writeQuorum,
      closed: this.#isClosed(process) ? "lease" : null,
      lagSecondsMax: goal.lagSecondsMax,
      goodReplicas: this.#followersOf(order.processId),
      following: goal.role === "parked" ? "127.0.0.1:1" : following,
      linkUp: goal.role === "replica" && process.linkUp,
      loading: false,
      synced: true,
      dataEpoch: process.dataEpoch,
      diverged:
        goal.role !== "master" && process.ledEpoch > 0 && process.dataEpoch <= process.ledEpoch,
      offset: process.offset,
      replicationId: "0".repeat(40),
      stats: null,
    };
  }
}
