/**
 * Owns the random runs of master and agents together, on a virtual clock, with late messages (in order), executors
 * that come, update, exit and lose their streams, agents that are killed and come back with their record, whose links
 * break, that cannot be reached and drain, offers that are taken back, and a scheduler that accepts, declines, kills,
 * acknowledges late or twice, and fails over. What must never happen is checked after every step.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  addResources,
  equalResources,
  isTerminalState,
  type Offer,
  type SchedulerEvent,
  type TaskStatus,
} from "@mr-redis/mesos";
import { VirtualClock } from "@mr-redis/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Agent, createAgent } from "../src/agent/agent.js";
import type { AgentEffect, AgentEvent, AgentTimer } from "../src/agent/effects.js";
import { type RecoveredAgent, recordOf, taskRecordOf } from "../src/agent/record.js";
import {
  changeLine,
  changeTasks,
  entriesAfter,
  entriesOf,
  recordOfEntries,
} from "../src/agent/record-entries.js";
import { type Channel, type ChannelPorts, createChannel } from "../src/border/link.js";
import type { AgentMessage, MasterMessage } from "../src/border/messages.js";
import { usesOf } from "../src/master/agents.js";
import type { MasterEffect, MasterEvent, MasterTimer } from "../src/master/effects.js";
import { createMaster, type Master } from "../src/master/master.js";
import { NamedTimers } from "../src/shell/timers.js";
import { scalar, testFramework, testTask } from "./harness.js";

/** A seeded generator (mulberry32): the run is a function of the seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Executor {
  readonly agent: number;
  readonly frameworkId: string;
  readonly executorId: string;
  readonly containerId: string;
  streamId: string;
  /** Tasks it was given, with the states it has sent. */
  readonly tasks: Map<string, string[]>;
}

/** Master, agents and simulated executors. */
class Cluster {
  readonly clock = new VirtualClock();
  readonly random: () => number;
  readonly master: Master;
  readonly agents: Agent[] = [];
  readonly executors = new Map<string, Executor>();
  readonly heard: SchedulerEvent[] = [];
  /** Updates with a uuid by task: order of making is order of uuids. */
  readonly seen = new Map<string, { uuid: string; state: string }[]>();
  readonly acked = new Set<string>();
  streamId = "";
  frameworkId = "";
  #numbers = 0;
  readonly #masterTimers: NamedTimers<MasterTimer>;
  readonly #agentTimers: NamedTimers<AgentTimer>[] = [];
  /** Both directions of each agent's present connection to the master. */
  readonly #down: Channel<MasterMessage>[] = [];
  readonly #up: Channel<AgentMessage>[] = [];
  readonly #channel: ChannelPorts;
  readonly #ids = new Map<string, number>();
  /** Names of the present connections, and of those on which agents have registered. */
  readonly #keys: string[] = [];
  readonly #bound = new Map<string, string>();
  /** By agent, as the file would hold it. */
  readonly #recorded: (Map<string, string> | undefined)[] = [];

  constructor(seed: number, agentsCount: number) {
    this.random = seeded(seed);
    const newUuid = () =>
      this.#number()
        .toString(16)
        .padStart(32, "0")
        .replace(/^(.{12})./, "$14");
    const ports = { clock: this.clock, random: this.random, newUuid };
    this.#masterTimers = new NamedTimers(this.clock, (timer) =>
      this.toMaster({ type: "timer-fired", timer }),
    );
    this.master = createMaster(
      {
        allocationIntervalMs: 1_000,
        heartbeatIntervalMs: 1e9,
        address: { ip: "127.0.0.1", port: 5050, hostname: "m" },
        version: "1.11.0",
      },
      ports,
    );
    this.#channel = { ...ports, jitter: { minMs: 0, maxMs: 20 } };
    for (let index = 0; index < agentsCount; index += 1) {
      this.#agentTimers.push(
        new NamedTimers(this.clock, (timer) => this.toAgent(index, { type: "timer-fired", timer })),
      );
      this.#startAgent(index, null);
    }
    this.toMaster({ type: "started" });
    this.clock.advanceBy(100);
  }

  #number(): number {
    this.#numbers += 1;
    return this.#numbers;
  }

  #startAgent(index: number, recovered: RecoveredAgent | null): void {
    const channel = this.#channel;
    const settings = {
      registrationTimeoutMs: 3_000,
      shutdownGraceMs: 1_000,
      executorHeartbeatMs: 1e9,
      updateRetryMs: 2_000,
      updateRetryMsMax: 8_000,
      reregistrationTimeoutMs: 2_000,
    };
    const resources = [scalar("cpus", 4), scalar("mem", 1024)];
    const ports = {
      ...channel,
      newUuid: () =>
        this.#number()
          .toString(16)
          .padStart(32, "0")
          .replace(/^(.{12})./, "$14"),
    };
    const endpoint = { ip: "127.0.0.1", port: 1 };
    const info = { hostname: `h${index}`, resources };
    this.agents[index] = createAgent(info, endpoint, settings, ports, recovered);
    // A new process writes its file anew.
    this.#recorded[index] = undefined;
    this.#connect(index);
    this.toAgent(index, { type: "started" });
  }

  #connect(index: number): void {
    const channel = this.#channel;
    const key = `key-${index}-${this.#number()}`;
    this.#keys[index] = key;
    this.#down[index] = createChannel<MasterMessage>(channel, (message) =>
      this.toAgent(index, { type: "master-said", message: JSON.parse(JSON.stringify(message)) }),
    );
    this.#up[index] = createChannel<AgentMessage>(channel, (message) => {
      const agentKey = message.type === "register" ? key : this.idOf(index);
      this.toMaster({ type: "agent-said", agentKey, message: JSON.parse(JSON.stringify(message)) });
    });
  }

  #disconnect(index: number): void {
    this.#down[index]?.close();
    this.#up[index]?.close();
  }

  /** The connection breaks, what is on its way is lost; the agent registers on the next one at once. */
  breakLink(index: number): void {
    this.#disconnect(index);
    const agentId = this.idOf(index);
    this.toMaster({ type: "agent-disconnected", agentId });
    this.comeBack(index);
  }

  /** The agent misses its pings; until it comes back nothing passes. */
  cutOff(index: number): void {
    const agentId = this.idOf(index);
    if (agentId === "") return;
    this.#disconnect(index);
    this.toMaster({ type: "agent-unreachable", agentId });
  }

  comeBack(index: number): void {
    this.#disconnect(index);
    this.#connect(index);
    this.toAgent(index, { type: "master-detected" });
  }

  /**
   * The agent is killed and starts again from its record. Messages on the way are lost; its executors lose their
   * streams, and of them `dead` die meanwhile, and the others come back after up to `awayMs`.
   */
  restartAgent(index: number, dead: (executor: Executor) => boolean, awayMs: number): void {
    const before = this.agents[index];
    if (before === undefined || this.idOf(index) === "") return;
    const lines = changeLine(new Map(), this.#recorded[index] ?? new Map()) ?? "";
    const record = recordOfEntries(entriesAfter(lines));
    if (record === null) throw new Error("no record");
    this.#disconnect(index);
    this.#agentTimers[index]?.cancelAll();
    this.toMaster({ type: "agent-disconnected", agentId: this.idOf(index) });
    const living = new Map<string, number>();
    for (const executor of [...this.executors.values()].filter((one) => one.agent === index)) {
      executor.streamId = "";
      const { containerId } = executor;
      if (dead(executor)) this.executors.delete(containerId);
      else {
        living.set(containerId, 1);
        this.clock.after(this.random() * awayMs, () => this.subscribeExecutor(containerId));
      }
    }
    this.#startAgent(index, { record, living, ended: new Set() });
    // A container that is not on record is ended before the agent starts.
    const known = record.frameworks.flatMap(({ executors }) => executors);
    for (const containerId of living.keys()) {
      if (!known.some((one) => one.containerId === containerId)) this.executors.delete(containerId);
    }
  }

  /** Empty before it registered for the first time. */
  idOf(index: number): string {
    return [...this.#ids].find(([, value]) => value === index)?.[0] ?? "";
  }

  toMaster(event: MasterEvent): void {
    for (const effect of this.master.handle(event)) this.#runMaster(effect);
  }

  #runMaster(effect: MasterEffect): void {
    switch (effect.type) {
      case "send-event":
        if (effect.streamId === this.streamId) this.#hear(effect.event);
        return;
      case "send-agent":
        this.#toAgentOf(effect);
        return;
      case "bind-agent":
        this.#ids.set(effect.agentId, Number(effect.agentKey.split("-")[1]));
        this.#bound.set(effect.agentId, effect.agentKey);
        return;
      case "set-timer":
        this.#masterTimers.set(effect.timer, effect.delayMs);
        return;
      case "cancel-timer":
        this.#masterTimers.cancel(effect.timer);
    }
  }

  /** What is for the connection before, on which alone the agent has registered so far, is lost. */
  #toAgentOf({ agentId, message }: Extract<MasterEffect, { type: "send-agent" }>): void {
    const index = this.#ids.get(agentId) ?? -1;
    if (this.#bound.get(agentId) === this.#keys[index]) this.#down[index]?.send(message);
  }

  #hear(event: SchedulerEvent): void {
    this.heard.push(event);
    if (event.type === "SUBSCRIBED") this.frameworkId = event.subscribed?.framework_id.value ?? "";
    const status = event.update?.status;
    if (status?.uuid === undefined) return;
    const taskId = status.task_id.value;
    const list = this.seen.get(taskId) ?? [];
    this.seen.set(taskId, list);
    const last = list.at(-1);
    // The acknowledgement was lost with an agent: once more.
    if (this.acked.has(status.uuid)) this.clock.after(1, () => this.acknowledge(status));
    if (last?.uuid === status.uuid) return;
    // The next one only after the acknowledgement of the one before, and never an old one again.
    expect(last === undefined || this.acked.has(last.uuid), "one update is out at a time").toBe(
      true,
    );
    expect(
      list.map((one) => one.uuid),
      "an acknowledged update is over",
    ).not.toContain(status.uuid);
    list.push({ uuid: status.uuid, state: status.state });
  }

  toAgent(index: number, event: AgentEvent): void {
    const agent = this.agents[index];
    if (agent === undefined) return;
    const effects = agent.handle(event);
    this.#save(index, agent, effects);
    for (const effect of effects) this.#runAgent(index, effect);
  }

  /** What was saved bit by bit is the whole record at every time. */
  #save(index: number, agent: Agent, effects: readonly AgentEffect[]): void {
    const { books } = agent;
    if (books.info.id === undefined) return;
    const saves = effects.filter((effect) => effect.type === "save");
    const whole = entriesOf(recordOf(books));
    const entries = this.#recorded[index];
    if (entries === undefined || saves.some(({ task }) => task === undefined)) {
      this.#recorded[index] = whole;
      return;
    }
    const names = saves.flatMap(({ task }) => task ?? []);
    changeTasks(
      entries,
      names.map((name) => taskRecordOf(books, name)),
    );
    const sorted = (all: ReadonlyMap<string, string>) => [...all].sort();
    expect(sorted(entries), "the record").toEqual(sorted(whole));
  }

  #runAgent(index: number, effect: AgentEffect): void {
    switch (effect.type) {
      case "send-master":
        this.#up[index]?.send(effect.message);
        return;
      case "send-executor":
        this.#executorHears(effect);
        return;
      case "launch-container": {
        const { containerId, executor, framework } = effect.plan;
        this.executors.set(containerId, {
          agent: index,
          frameworkId: framework.id?.value ?? "",
          executorId: executor.executor_id.value,
          containerId,
          streamId: "",
          tasks: new Map(),
        });
        this.clock.after(this.random() * 200, () => {
          this.toAgent(index, { type: "container-started", containerId, pid: 1 });
        });
        this.clock.after(200 + this.random() * 1_000, () => this.subscribeExecutor(containerId));
        return;
      }
      case "destroy-container":
        this.clock.after(this.random() * 50, () => this.endExecutor(effect.containerId, 9));
        return;
      case "set-timer":
        this.#agentTimers[index]?.set(effect.timer, effect.delayMs);
        return;
      case "cancel-timer":
        this.#agentTimers[index]?.cancel(effect.timer);
    }
  }

  #executorHears(effect: Extract<AgentEffect, { type: "send-executor" }>): void {
    const executor = [...this.executors.values()].find((one) => one.streamId === effect.streamId);
    const { event } = effect;
    if (executor === undefined) return;
    if (event.type === "LAUNCH" && event.launch !== undefined) {
      executor.tasks.set(event.launch.task.task_id.value, []);
      this.update(executor, event.launch.task.task_id.value, "TASK_STARTING");
      this.update(executor, event.launch.task.task_id.value, "TASK_RUNNING");
    } else if (event.type === "KILL" && event.kill !== undefined) {
      this.update(executor, event.kill.task_id.value, "TASK_KILLED");
    } else if (event.type === "SHUTDOWN" && this.random() < 0.5) {
      this.clock.after(this.random() * 100, () => this.endExecutor(executor.containerId, 0));
    }
  }

  update(executor: Executor, taskId: string, state: TaskStatus["state"]): void {
    const states = executor.tasks.get(taskId);
    if (
      states === undefined ||
      states.some((one) => one === "TASK_KILLED" || one === "TASK_FINISHED")
    )
      return;
    states.push(state);
    const uuid = Buffer.from(`${taskId} ${states.length} ${state}`).toString("base64");
    const status: TaskStatus = {
      task_id: { value: taskId },
      state,
      uuid,
      source: "SOURCE_EXECUTOR",
    };
    const ids = {
      framework_id: { value: executor.frameworkId },
      executor_id: { value: executor.executorId },
    };
    const call = { ...ids, type: "UPDATE", update: { status } } as const;
    const send = () => {
      if (!this.executors.has(executor.containerId)) return;
      const refusal = this.agents[executor.agent]?.refusal(call);
      if (refusal === undefined) this.toAgent(executor.agent, { type: "executor-called", call });
      // While the agent recovers, and until it knows this executor again.
      else if (refusal.status !== 400) this.clock.after(100, send);
    };
    this.clock.after(0, send);
  }

  subscribeExecutor(containerId: string): void {
    const executor = this.executors.get(containerId);
    if (executor === undefined) return;
    const ids = {
      framework_id: { value: executor.frameworkId },
      executor_id: { value: executor.executorId },
    };
    const unacknowledged_tasks = [...executor.tasks.keys()].map((id) =>
      testTask({ agent_id: { value: "" } } as Offer, id),
    );
    const call = { ...ids, type: "SUBSCRIBE", subscribe: { unacknowledged_tasks } } as const;
    if (this.agents[executor.agent]?.refusal(call) !== undefined) return;
    executor.streamId = `executor-${this.#number()}`;
    this.toAgent(executor.agent, {
      type: "executor-subscribed",
      streamId: executor.streamId,
      call,
    });
  }

  endExecutor(containerId: string, status: number): void {
    const executor = this.executors.get(containerId);
    if (executor === undefined) return;
    this.executors.delete(containerId);
    this.toAgent(executor.agent, { type: "container-ended", containerId, status });
  }

  subscribe(): void {
    const id = this.frameworkId === "" ? {} : { id: { value: this.frameworkId } };
    this.streamId = `stream-${this.#number()}`;
    this.toMaster({
      type: "subscribed",
      streamId: this.streamId,
      call: { type: "SUBSCRIBE", subscribe: { framework_info: { ...testFramework, ...id } } },
    });
  }

  call(call: object): void {
    const framework_id = { value: this.frameworkId };
    this.toMaster({ type: "called", call: { framework_id, ...call } });
  }

  acknowledge(status: TaskStatus): void {
    const { uuid, agent_id, task_id } = status;
    if (uuid === undefined) return;
    this.acked.add(uuid);
    this.call({ type: "ACKNOWLEDGE", acknowledge: { uuid, agent_id, task_id } });
  }

  /** Offers that are out. */
  openOffers(): readonly Offer[] {
    return this.heard
      .flatMap((event) => event.offers?.offers ?? [])
      .filter((offer) => this.master.books.offers.has(offer.id.value));
  }

  /** Executors that run, as the master believes. */
  executorsOfMaster(): readonly string[] {
    return [...this.master.books.agents.values()]
      .flatMap((agent) =>
        [...agent.executors.values()].flatMap((executors) =>
          [...executors.keys()].map((executorId) => `${this.#ids.get(agent.id)} ${executorId}`),
        ),
      )
      .sort();
  }

  /** Executors that run. */
  executorsOfAgents(): readonly string[] {
    return this.agents
      .flatMap((agent, index) =>
        [...agent.books.frameworks.values()].flatMap(({ executors }) =>
          [...executors.values()].map(({ id }) => `${index} ${id}`),
        ),
      )
      .sort();
  }

  /** For each agent: total = free + offered + tasks + executors. */
  checkBooks(): void {
    const { books } = this.master;
    for (const agent of books.agents.values()) {
      const offered = [...books.offers.values()].flatMap((offer) =>
        offer.agentId === agent.id ? offer.resources : [],
      );
      const sum = addResources(agent.free, offered, ...usesOf(books, agent));
      expect(equalResources(sum, agent.total), "the books of an agent add up").toBe(true);
    }
  }
}

type Step = { readonly kind: string; readonly pick: number; readonly size: number };
const anySteps = fc.array(
  fc.record<Step>({
    kind: fc.constantFrom(
      "accept",
      "accept",
      "accept",
      "decline",
      "revive",
      "suppress",
      "ack",
      "ack",
      "ack",
      "kill",
      "finish",
      "exit",
      "drop",
      "shutdown",
      "reconcile",
      "resubscribe",
      "break",
      "restart",
      "break-link",
      "cut-off",
      "come-back",
      "drain",
      "reactivate",
      "rescind",
      "maintain",
      "wait",
    ),
    pick: fc.nat(1_000),
    size: fc.nat(100),
  }),
  { minLength: 20, maxLength: 120 },
);
const pickFrom = <T>(items: readonly T[], pick: number): T | undefined =>
  items[pick % Math.max(1, items.length)];

/** One step; the number makes its task ids. */
function take(cluster: Cluster, step: Step, number: number): void {
  const updates = cluster.heard.flatMap((event) => event.update?.status ?? []);
  const executors = [...cluster.executors.values()];
  const tasks = [
    ...(cluster.master.books.frameworks.get(cluster.frameworkId)?.tasks.values() ?? []),
  ];
  const offer = pickFrom(cluster.openOffers(), step.pick);
  const executor = pickFrom(executors, step.pick);
  const filters = { refuse_seconds: step.size % 4 };
  switch (step.kind) {
    case "accept": {
      if (offer === undefined) return;
      const task_infos = Array.from({ length: 1 + (step.size % 3) }, (_, index) =>
        testTask(offer, `t${number}-${index}`, {
          executorId: `ex${step.size % 2}`,
          resources: [scalar("cpus", (1 + (step.size % 20)) / 10)],
        }),
      );
      const operations = [{ type: "LAUNCH", launch: { task_infos } }];
      cluster.call({ type: "ACCEPT", accept: { offer_ids: [offer.id], operations, filters } });
      return;
    }
    case "decline":
      if (offer !== undefined)
        cluster.call({ type: "DECLINE", decline: { offer_ids: [offer.id], filters } });
      return;
    case "revive":
    case "suppress":
      cluster.call({ type: step.kind.toUpperCase() });
      return;
    case "ack": {
      const status = pickFrom(updates.slice(-20), step.pick);
      if (status !== undefined) cluster.acknowledge(status);
      return;
    }
    case "kill": {
      const task = pickFrom(tasks, step.pick);
      if (task !== undefined) cluster.call({ type: "KILL", kill: { task_id: task.info.task_id } });
      return;
    }
    case "finish": {
      const taskId =
        executor === undefined ? undefined : pickFrom([...executor.tasks.keys()], step.size);
      if (executor !== undefined && taskId !== undefined)
        cluster.update(executor, taskId, "TASK_FINISHED");
      return;
    }
    case "exit":
      if (executor !== undefined) cluster.endExecutor(executor.containerId, 256);
      return;
    case "drop": {
      if (executor === undefined || executor.streamId === "") return;
      const { streamId, containerId } = executor;
      executor.streamId = "";
      cluster.toAgent(executor.agent, { type: "stream-closed", streamId });
      cluster.clock.after(step.size, () => cluster.subscribeExecutor(containerId));
      return;
    }
    case "shutdown":
      if (executor !== undefined) {
        const agent_id = pickFrom([...cluster.master.books.agents.keys()], step.pick) ?? "";
        cluster.call({
          type: "SHUTDOWN",
          shutdown: { executor_id: { value: executor.executorId }, agent_id: { value: agent_id } },
        });
      }
      return;
    case "reconcile":
      cluster.call({ type: "RECONCILE", reconcile: { tasks: [] } });
      return;
    case "break":
      cluster.toMaster({ type: "stream-closed", streamId: cluster.streamId });
      cluster.subscribe();
      return;
    case "restart": {
      const awayMs = step.size * 40;
      cluster.restartAgent(step.pick % 2, () => cluster.random() < 0.3, awayMs);
      return;
    }
    case "resubscribe":
      cluster.subscribe();
      return;
    default:
      inflict(cluster, step);
  }
}

/** What befalls agents and offers without a word of the scheduler. */
function inflict(cluster: Cluster, { kind, pick, size }: Step): void {
  const index = pick % 2;
  const agentId = cluster.idOf(index);
  switch (kind) {
    case "break-link":
      cluster.breakLink(index);
      return;
    case "cut-off":
      cluster.cutOff(index);
      return;
    case "come-back":
      cluster.comeBack(index);
      return;
    case "drain":
      cluster.toMaster({ type: "drain-agent", agentId, markGone: false, graceMsMax: size });
      return;
    case "reactivate":
      cluster.toMaster({ type: "reactivate-agent", agentId });
      return;
    case "rescind":
      cluster.toMaster({ type: "rescind-offers", agentId: size < 50 ? agentId : null });
      return;
    case "maintain": {
      const unavailability = size < 50 ? { start: { nanoseconds: 1 } } : null;
      cluster.toMaster({ type: "schedule-maintenance", agentId, unavailability });
    }
  }
}

/** Agents come back, and every update is acknowledged until nothing new comes; kills are repeated as a scheduler must. */
function settle(cluster: Cluster): void {
  for (const index of [0, 1]) {
    cluster.comeBack(index);
    cluster.toMaster({ type: "reactivate-agent", agentId: cluster.idOf(index) });
  }
  for (let round = 0; round < 40; round += 1) {
    for (const task of cluster.master.books.frameworks.get(cluster.frameworkId)?.tasks.values() ??
      []) {
      if (!isTerminalState(task.state)) {
        cluster.call({ type: "KILL", kill: { task_id: task.info.task_id } });
      }
    }
    for (const event of [...cluster.heard]) {
      if (event.update !== undefined && !cluster.acked.has(event.update.status.uuid ?? "")) {
        cluster.acknowledge(event.update.status);
      }
    }
    cluster.clock.advanceBy(1_000);
  }
}

test("the books always add up, updates keep their order, and every task comes to an end", () => {
  fc.assert(
    fc.property(fc.nat(2 ** 31), anySteps, (seed, steps) => {
      const cluster = new Cluster(seed, 2);
      cluster.subscribe();
      for (const [number, step] of steps.entries()) {
        take(cluster, step, number);
        cluster.checkBooks();
        cluster.clock.advanceBy(step.kind === "wait" ? step.size * 50 : step.size);
        cluster.checkBooks();
      }
      settle(cluster);
      cluster.checkBooks();
      const tasks = cluster.master.books.frameworks.get(cluster.frameworkId)?.tasks.values() ?? [];
      expect([...tasks].map((task) => [task.info.task_id.value, task.state])).toEqual([]);
      for (const agent of cluster.agents) expect(agent.books.updates.size).toBe(0);
      expect(cluster.executorsOfMaster()).toEqual(cluster.executorsOfAgents());
      const launched = cluster.heard.flatMap((event) => event.update?.status ?? []);
      for (const { task_id } of launched) {
        const states = cluster.seen.get(task_id.value) ?? [];
        const ends = states.filter(({ state }) => isTerminalState(state as TaskStatus["state"]));
        expect(ends.length, `ends of ${task_id.value}`).toBeLessThanOrEqual(1);
      }
    }),
    { numRuns: 100 },
  );
}, 60_000);
