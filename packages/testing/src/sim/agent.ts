/**
 * Owns one simulated agent: its tasks, its executor, its updates until they are acknowledged, its ports.
 * Not: what the Mesos master makes of it (mesos.ts). Source: Mesos v1 executor API.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  closedAtStart,
  type GoalBatch,
  guardHoldSeconds,
  guardLookSeconds,
  guardRenewMs,
  type LaunchOrder,
  parkAddress,
  quorumInForce,
  type ReportBatch,
  type SuperviseRules,
  type Timer,
} from "@mr-redis/core";
import { Executor, type ExecutorHost, type Left } from "./executor.js";
import { rootBranch } from "./history.js";
import type { NodeId } from "./network.js";
import { Redis } from "./redis.js";
import type { World } from "./world.js";

/** One update of a task, kept until it is acknowledged. */
export interface PendingUpdate {
  readonly taskId: string;
  readonly state: string;
  readonly source: string;
  readonly message: string | null;
  readonly uuid: string;
}

/** A process that an ended executor has left. */
interface Leftover {
  readonly processId: string;
  readonly startId: string;
  readonly redis: Redis;
}

/** One task of an agent. */
export interface AgentTask {
  readonly order: LaunchOrder;
  readonly need: { readonly cpusMilli: number; readonly memMilliMib: number };
  state: string;
  /** Oldest first; only the first is on its way. */
  readonly updates: PendingUpdate[];
}

/** Redis-servers of strangers, and users' own, may listen on a port too; their owner is this. */
const isTerminal = (state: string): boolean => state !== "TASK_STAGING" && state !== "TASK_RUNNING";

/** See the head of this file. */
export class Agent implements ExecutorHost {
  readonly world: World;
  readonly agentId: string;
  readonly node: NodeId;
  readonly address: string;
  readonly tasks = new Map<string, AgentTask>();
  readonly ports: readonly [number, number];
  executor: Executor | null = null;
  powered = true;
  frozen = false;
  readonly #rate: number;
  /** Tasks that ended with the power. */
  #lost: string[] = [];
  #runs = 0;
  #updates = 0;
  #pids = 0;
  /** What ended executors have left and nobody has removed; some of it lives. */
  #leftovers: Leftover[] = [];

  constructor(world: World, index: number, node: NodeId) {
    this.world = world;
    this.agentId = `S${index}`;
    this.node = node;
    this.#rate = world.rateOf(node);
    this.address = `10.0.0.${index + 1}`;
    this.ports = [7_000, 7_000 + world.options.portsEach - 1];
  }

  get superviseRules(): SuperviseRules {
    return this.world.rules.supervise;
  }

  /** Its own monotonic clock, which runs a little fast or slow. */
  nowMs(): number {
    return this.world.clock.monotonicMs() * this.#rate;
  }

  wallMs(): number {
    return this.world.wallMs(this.node);
  }

  after(delayMs: number, run: () => void): Timer {
    return this.world.clock.after(delayMs / this.#rate, run);
  }

  commandMs(): number {
    return 0.1 + this.world.random.next() * 0.4;
  }

  /** Processes that live on it. */
  living(): AgentTask[] {
    return [...this.tasks.values()].filter(({ state }) => !isTerminal(state));
  }

  launch(order: LaunchOrder, need: AgentTask["need"]): void {
    if (!this.powered) return;
    if (this.tasks.has(order.processId)) throw new Error(`launched twice: ${order.processId}`);
    this.tasks.set(order.processId, { order, need, state: "TASK_STAGING", updates: [] });
    this.#executor().handle({
      type: "launch-received",
      order,
      startId: `${order.processId}#${this.#runs}`,
    });
  }

  #executor(left: readonly Left[] = []): Executor {
    if (this.executor?.alive === true) return this.executor;
    this.#runs += 1;
    const runId = `${this.agentId}-run-${this.#runs}`;
    this.executor = new Executor(this, { ...this.world.superviseOptions, runId }, left);
    if (this.frozen) this.executor.freeze();
    if (this.#leftovers.length > 0) this.#sweepSoon(this.executor);
    return this.executor;
  }

  /** Containers are no children of their executor: its end reaches them in a moment, or their guard ends them. */
  leave(processId: string, startId: string, redis: Redis): boolean {
    const { options, random } = this.world;
    if (options.runtime === "process" || !this.powered) return false;
    this.#leftovers.push({ processId, startId, redis });
    const isHeard = random.chance(0.3);
    const renewedMs = guardRenewMs * random.next();
    const looksMs = (guardLookSeconds + 1) * 1_000 * random.next();
    const guardMs = guardHoldSeconds * 1_000 - renewedMs + looksMs;
    this.after(isHeard ? random.next() * 50 : guardMs, () => {
      if (redis.alive) redis.die("SIGKILL", null);
    });
    return true;
  }

  /** The next executor ends what is left, and tells of it. */
  #sweepSoon(executor: Executor): void {
    this.after(50 + this.world.random.next() * 500, () => {
      if (!executor.alive || this.executor !== executor) return;
      const leftovers = this.#leftovers;
      this.#leftovers = [];
      for (const { processId, startId, redis } of leftovers) {
        if (redis.alive) redis.die("SIGKILL", null);
        const end = { code: null, signal: "SIGKILL", text: "left by an ended executor" };
        executor.handle({ type: "leftover-ended", processId, startId, ...end });
      }
    });
  }

  goals(batch: GoalBatch): void {
    if (this.powered) this.executor?.goalsReceived(batch);
  }

  kill(taskId: string): void {
    const task = this.tasks.get(taskId);
    if (task === undefined || isTerminal(task.state)) return;
    this.executor?.handle({ type: "kill-received", taskId, graceMs: null });
  }

  spawn(order: LaunchOrder): Redis | null {
    const { world } = this;
    if (world.listener(order.address, order.port) !== null) return null;
    this.#pids += 1;
    const redis = new Redis(
      world,
      {
        processId: order.processId,
        instance: order.instance,
        node: this.node,
        address: order.address,
        port: order.port,
        pid: this.#pids * 32 + this.node,
      },
      rootBranch(world.newBranchId()),
    );
    if (this.frozen) redis.freeze();
    const { goal } = order;
    // The configuration file: users, quorum and role are in force before the first client. A lease is not there yet.
    for (const { user, password } of goal.followers) redis.users.set(user, password);
    if (order.auth === true) {
      redis.clients = new Map((goal.users ?? []).map((each) => [each.user, each]));
    }
    redis.setQuorum(quorumInForce(goal, closedAtStart(goal)), goal.lagSecondsMax);
    world.spawned(redis);
    if (goal.role === "master") {
      redis.reign = goal.epoch;
      redis.beMaster();
    } else if (goal.role === "replica" && goal.master !== null) {
      const { address, port, user, secret } = goal.master;
      redis.follow({ address, port, user, password: secret });
    } else redis.follow({ ...parkAddress, user: "", password: "" });
    return redis;
  }

  sendUpdate(
    taskId: string,
    state: string,
    message: string | null,
    source = "SOURCE_EXECUTOR",
  ): void {
    const task = this.tasks.get(taskId);
    if (task === undefined || isTerminal(task.state)) return;
    task.state = state;
    this.#updates += 1;
    const uuid = `${this.agentId}-${this.#updates}`;
    task.updates.push({ taskId, state, source, message, uuid });
    if (task.updates.length === 1) this.#forward(task);
  }

  #forward(task: AgentTask): void {
    const update = task.updates[0];
    if (update !== undefined && this.powered) this.world.mesos.updateFrom(this, update);
  }

  acknowledge(taskId: string, uuid: string): void {
    const task = this.tasks.get(taskId);
    if (task?.updates[0]?.uuid !== uuid) return;
    task.updates.shift();
    if (task.updates.length > 0) this.#forward(task);
    else if (isTerminal(task.state)) this.tasks.delete(taskId);
  }

  /** Agents send again what was not acknowledged. */
  repeatUpdates(): void {
    for (const task of this.tasks.values()) this.#forward(task);
  }

  sendReports(batch: ReportBatch): void {
    if (this.powered) this.world.mesos.reportsFrom(this, batch);
  }

  exited(): void {
    this.executorEnded("the executor has ended");
  }

  /** kill -9 of the executor: what it runs ends with it, or soon after, and the agent tells. */
  killExecutor(): void {
    if (this.executor?.alive !== true) return;
    const left = this.executor.left();
    this.executor.die(left);
    const kept = new Set(left.map(({ process }) => process.order.processId));
    this.executorEnded("the executor was killed", kept);
    if (left.length > 0) this.#executor(left);
  }

  executorEnded(message: string, kept: ReadonlySet<string> = new Set()): void {
    this.executor = null;
    for (const [taskId, task] of this.tasks) {
      if (isTerminal(task.state) || kept.has(taskId)) continue;
      this.sendUpdate(taskId, "TASK_FAILED", message, "SOURCE_AGENT");
    }
  }

  /** The whole host stands still: all of its programs, while its kernel goes on taking bytes. */
  freeze(): void {
    this.frozen = true;
    this.executor?.freeze();
    for (const redis of this.world.redisesOn(this.node)) redis.freeze();
  }

  thaw(): void {
    if (!this.frozen) return;
    this.frozen = false;
    this.executor?.thaw();
    for (const redis of this.world.redisesOn(this.node)) redis.thaw();
  }

  /** Power off: nothing says goodbye. */
  powerOff(): void {
    this.powered = false;
    this.frozen = false;
    this.executor?.die();
    this.executor = null;
    for (const { redis } of this.#leftovers) if (redis.alive) redis.die("SIGKILL", null);
    this.#leftovers = [];
    this.#lost.push(...this.tasks.keys());
    this.tasks.clear();
  }

  /** Power on: the master is told by the agent which tasks it has, and says of the others that they are gone. */
  powerOn(): void {
    if (this.powered) return;
    this.powered = true;
    const lost = this.#lost;
    this.#lost = [];
    this.after(1_000, () => {
      this.world.mesos.agentBack(this);
      this.world.mesos.tasksLost(this, lost);
    });
  }
}
