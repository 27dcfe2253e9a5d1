/**
 * Owns the wiring of one simulated site: clock, network, store, Mesos master, schedulers, agents, redis-servers, clients.
 * Not: what goes wrong in it (story.ts), nor what must be true (checks.ts, liveness.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type ControlEvent,
  type ControlSettings,
  type Effect,
  type FencingRules,
  type InstanceSpec,
  type Reply,
  type SuperviseRules,
  superviseDefaults,
} from "@mr-redis/core";
import type { Random } from "../random.js";
import { VirtualClock } from "../virtual-clock.js";
import { Agent } from "./agent.js";
import { Checks } from "./checks.js";
import type { Place } from "./history.js";
import { effectLine, eventLine, nameOf } from "./lines.js";
import { MesosMaster } from "./mesos.js";
import { Network, type NodeId } from "./network.js";
import type { SimOptions } from "./options.js";
import type { Redis, RedisHost } from "./redis.js";
import { Scheduler } from "./scheduler.js";
import { Store } from "./store.js";
import { Violation } from "./violation.js";

/** The rules of a run: the real ones, or a broken set. */
export interface SimRules {
  readonly fencing: FencingRules;
  readonly supervise: SuperviseRules;
  /** True: redis-servers let every replica in, whatever its name and password. */
  readonly openDoors: boolean;
}

/** Told of what happens; null: nobody listens. */
export type Trace = ((atMs: number, text: string) => void) | null;

/** Agents send again what was not acknowledged, and try to register, so often. */
const agentRetryMs = 3_000;

/** Ports at proxies: too few for three instances with replicas, so that some have to wait for others. */
export const proxyPorts = { first: 20_000, last: 20_003 } as const;

/** How long passwords of before a rotation are accepted, in milliseconds. */
const graces = [0, 300, 3_000, 20_000, 600_000] as const;

/** See the head of this file. */
export class World implements RedisHost {
  readonly options: SimOptions;
  readonly rules: SimRules;
  readonly random: Random;
  readonly clock = new VirtualClock();
  readonly network: Network;
  readonly checks: Checks;
  readonly agents: readonly Agent[];
  readonly mesos: MesosMaster;
  readonly store: Store;
  readonly schedulers: readonly Scheduler[];
  readonly executorNeed = { cpusMilli: 100, memMilliMib: 64_000 };
  readonly superviseOptions = superviseDefaults;
  readonly trace: Trace;
  reigns = 0;
  /** False once passwords are left alone. */
  isRotating = true;
  readonly #rotations: Random;
  /** Specs of instances that were promised to users, by name. */
  readonly promised = new Map<string, InstanceSpec | null>();
  /** Names that were to be deleted or created again, and nobody has said what became of it. */
  readonly doubtful = new Set<string>();
  readonly #requests = new Map<string, { name: string; spec: InstanceSpec | null }>();
  /** The last create or delete of each name. */
  readonly #latest = new Map<string, string>();
  readonly #byAddress = new Map<string, Redis>();
  readonly #byInstance = new Map<string, Redis[]>();
  readonly #byId = new Map<string, Redis>();
  readonly #rates: number[] = [];
  readonly #wallOffsets: number[] = [];
  #ids = 0;
  #branches = 0;
  #requestIds = 0;

  constructor(options: SimOptions, random: Random, rules: SimRules, trace: Trace) {
    this.options = options;
    this.rules = rules;
    this.random = random;
    this.trace = trace;
    this.#rotations = random.fork("rotations");
    this.network = new Network(this.clock, random.fork("network"), options.network);
    this.checks = new Checks(this);
    const agentCount = options.agents;
    for (let node = 0; node < agentCount + 2 + options.schedulers; node += 1) {
      this.#rates.push(1 + (random.next() * 2 - 1) * options.clockRateMax);
      this.#wallOffsets.push(1_700_000_000_000 + random.next() * 100_000);
    }
    this.agents = Array.from({ length: agentCount }, (_, index) => new Agent(this, index, index));
    this.mesos = new MesosMaster(this, agentCount, this.agents);
    this.store = new Store(this, agentCount + 1);
    this.store.faults = options.storeFaults;
    this.schedulers = Array.from(
      { length: options.schedulers },
      (_, index) => new Scheduler(this, agentCount + 2 + index),
    );
    this.network.onChange = (from, to, open) => this.#linkChanged(from, to, open);
    this.#retryAgents();
    this.#clients();
    this.#rotate();
  }

  nowMs(): number {
    return this.clock.monotonicMs();
  }

  after(delayMs: number, run: () => void): void {
    this.clock.after(delayMs, run);
  }

  rateOf(node: NodeId): number {
    return this.#rates[node] ?? 1;
  }

  wallMs(node: NodeId): number {
    return (this.#wallOffsets[node] ?? 0) + this.clock.monotonicMs() * this.rateOf(node);
  }

  stepWall(node: NodeId, byMs: number): void {
    this.#wallOffsets[node] = (this.#wallOffsets[node] ?? 0) + byMs;
  }

  isPowered(node: NodeId): boolean {
    return this.agents[node]?.powered !== false;
  }

  get openDoors(): boolean {
    return this.rules.openDoors;
  }

  newBranchId(): number {
    this.#branches += 1;
    return this.#branches;
  }

  transferMs(): number {
    return this.random.next() * this.options.transferMsMax;
  }

  loadMs(): number {
    return this.random.next() * this.options.loadMsMax;
  }

  backlogBytes(): number {
    return this.options.backlog;
  }

  listener(address: string, port: number): Redis | null {
    const redis = this.#byAddress.get(`${address}:${port}`);
    return redis?.alive === true ? redis : null;
  }

  /** Live redis-servers of an instance. */
  redisesOf(instance: string): readonly Redis[] {
    return this.#byInstance.get(instance) ?? [];
  }

  redisNamed(processId: string): Redis | null {
    return this.#byId.get(processId) ?? null;
  }

  redisesOn(node: NodeId): Redis[] {
    return [...this.#byId.values()].filter((redis) => redis.node === node);
  }

  living(): Redis[] {
    return [...this.#byId.values()];
  }

  spawned(redis: Redis): void {
    const { address, port, instance, processId } = redis.identity;
    this.#byAddress.set(`${address}:${port}`, redis);
    this.#byId.set(processId, redis);
    const list = this.#byInstance.get(instance);
    if (list === undefined) this.#byInstance.set(instance, [redis]);
    else list.push(redis);
  }

  changed(redis: Redis): void {
    const { instance, processId } = redis.identity;
    if (!redis.alive && this.#byId.get(processId) === redis) {
      this.note(`${nameOf(processId)} has ended`);
      this.#byId.delete(processId);
      const list = this.#byInstance.get(instance) ?? [];
      const index = list.indexOf(redis);
      if (index >= 0) list.splice(index, 1);
    }
    this.checks.writers(instance);
  }

  replaced(redis: Redis, before: Place, after: Place): void {
    this.checks.replaced(redis, before, after);
  }

  promoted(redis: Redis): void {
    this.checks.promoted(redis);
    if (this.trace === null) return;
    const { reign, writeQuorum, offset } = redis;
    const text = `is a master of reign ${reign}, w ${writeQuorum}, @${offset}`;
    this.note(`${nameOf(redis.identity.processId)} ${text}`);
  }

  note(text: string): void {
    this.trace?.(this.clock.monotonicMs(), text);
  }

  controlSettings(term: number): ControlSettings {
    const { options, rules } = this;
    return {
      term,
      executorId: "executor",
      runtime: options.runtime,
      executorNeed: this.executorNeed,
      redisCpusMilli: 100,
      memoryNeedMilli: (mib) => (mib + 32) * 1_000,
      deletedKeepMs: 3_600_000,
      launchTimeoutMs: options.launchTimeoutMs,
      reviveBurst: 5,
      reviveIntervalMs: options.reviveIntervalMs,
      offerHoldMs: 2_000,
      lagMs: options.lagMs,
      marginMs: options.marginMs,
      replicaSilenceMs: options.replicaSilenceMs,
      executorSilenceMs: options.executorSilenceMs,
      masterLeaseMs: options.masterLeaseMs,
      replaceUnreachableMs: options.replaceUnreachableMs,
      resyncsMax: options.resyncsMax,
      proxyPorts,
      rules: rules.fencing,
      nextId: () => {
        this.#ids += 1;
        return `00000000-0000-4000-8000-${String(this.#ids).padStart(12, "0")}`;
      },
      nextSecret: () => {
        this.#ids += 1;
        return `secret${this.#ids}`;
      },
      nextUserPassword: () => {
        this.#ids += 1;
        // As real ones: each hash belongs to one password.
        return { secret: `password${this.#ids}`, hash: this.#ids.toString(16).padStart(64, "0") };
      },
      secretsKept: true,
      certificatesGiven: false,
    };
  }

  /** A user's request, to whoever leads. False: nobody does. */
  request(
    kind: "create" | "delete" | "failover" | "rotation",
    name: string,
    spec: InstanceSpec | null,
    force = false,
  ): boolean {
    this.#requestIds += 1;
    const requestId = `request-${this.#requestIds}`;
    this.#requests.set(requestId, { name, spec });
    for (const scheduler of this.schedulers) {
      if (scheduler.reign === null) continue;
      this.note(`user: ${kind} ${name}`);
      const isOfLife = kind === "create" || kind === "delete";
      if (isOfLife) this.#latest.set(name, requestId);
      if (isOfLife && this.promised.has(name)) this.doubtful.add(name);
      if (kind === "create" && spec !== null) {
        return scheduler.request({ type: "create-requested", requestId, name, spec });
      }
      if (kind === "delete")
        return scheduler.request({ type: "delete-requested", requestId, name });
      if (kind === "rotation") {
        const graceMs = this.#rotations.pick(graces);
        return scheduler.request({ type: "rotation-requested", requestId, name, graceMs });
      }
      const to = null;
      return scheduler.request({ type: "failover-requested", requestId, name, to, force });
    }
    return false;
  }

  /** An answer to anything but the last request about a name says nothing of what is there in the end. */
  #promise(requestId: string, name: string, spec: InstanceSpec | null): void {
    this.promised.set(name, spec);
    if (this.#latest.get(name) === requestId) this.doubtful.delete(name);
  }

  /** Of the scheduler of this term. */
  replied(requestId: string, reply: Reply, term: number): void {
    const request = this.#requests.get(requestId);
    if (request === undefined) throw new Violation("answer", `answered twice: ${requestId}`);
    this.#requests.delete(requestId);
    const stored = this.store.document(request.name);
    this.note(`answer to ${requestId}: ${JSON.stringify(reply)}`);
    if (reply.type === "created") {
      if (stored?.spec !== request.spec) throw new Violation("answer", "created and not stored");
      this.#promise(requestId, request.name, request.spec);
    } else if (reply.type === "delete-accepted") {
      if (stored?.status === "RUNNING") throw new Violation("answer", "deleted and not stored");
      this.#promise(requestId, request.name, null);
    } else if (reply.type === "rotated" && term === this.store.term) {
      this.checks.rotated(request.name, reply.pending);
    }
  }

  sawEvent(scheduler: Scheduler, event: ControlEvent): void {
    if (this.trace !== null) this.note(`s${scheduler.node} <- ${eventLine(event)}`);
  }

  sawEffect(scheduler: Scheduler, effect: Effect): void {
    const line = this.trace === null ? null : effectLine(effect);
    if (line !== null) this.note(`s${scheduler.node} -> ${line}`);
    this.checks.effect(effect, scheduler.reign?.term ?? -1);
  }

  #linkChanged(from: NodeId, to: NodeId, open: boolean): void {
    this.note(`the network from ${from} to ${to} is ${open ? "healed" : "cut"}`);
    const { node } = this.mesos;
    const other = from === node ? to : to === node ? from : null;
    if (other === null || this.network.isConnected(other, node)) {
      const agent = other === null ? undefined : this.agents[other];
      if (agent !== undefined) {
        this.clock.after(this.random.next() * 1_000, () => this.mesos.agentBack(agent));
      }
      return;
    }
    const agent = this.agents[other];
    if (agent !== undefined) this.#watchAgent(agent);
    const scheduler = this.schedulers.find((each) => each.node === other);
    if (scheduler !== undefined) this.#watchSession(scheduler);
  }

  #watchAgent(agent: Agent): void {
    this.#cutFor(agent.node, this.options.agentTimeoutMs, () => this.mesos.agentLost(agent));
  }

  #watchSession(scheduler: Scheduler): void {
    this.#cutFor(scheduler.node, this.options.heartbeatMs, () => scheduler.sessionSilent());
  }

  /** Runs when a node has not been connected with the Mesos master for so long. */
  #cutFor(node: NodeId, limitMs: number, run: () => void): void {
    const stepMs = limitMs / 4;
    const look = (left: number): void => {
      if (this.network.isConnected(node, this.mesos.node) && this.isAnswering(node)) return;
      if (left === 0) run();
      else this.clock.after(stepMs, () => look(left - 1));
    };
    look(4);
  }

  isAnswering(node: NodeId): boolean {
    const agent = this.agents[node];
    return agent === undefined || (agent.powered && !agent.frozen);
  }

  /** The agent does not answer any more, though no network is cut. */
  agentSilent(agent: Agent): void {
    this.#watchAgent(agent);
  }

  #retryAgents(): void {
    this.clock.after(agentRetryMs, () => {
      for (const agent of this.agents) if (!agent.frozen) agent.repeatUpdates();
      this.mesos.retryAgents();
      this.#retryAgents();
    });
  }

  /** Somebody has other passwords made, of one instance after the other, until everything is mended. */
  #rotate(): void {
    const { rotateEveryMs, instances } = this.options;
    if (rotateEveryMs === null) return;
    this.clock.after(rotateEveryMs * 2 * this.#rotations.next(), () => {
      if (!this.isRotating) return;
      this.request("rotation", `i${this.#rotations.integer(0, instances.length - 1)}`, null);
      this.#rotate();
    });
  }

  /** Clients write to whoever takes it. */
  #clients(): void {
    this.clock.after(this.options.writeEveryMs, () => {
      for (const redis of this.#byId.values()) {
        if (!redis.isExcused && redis.write()) this.checks.wrote(redis);
      }
      this.#clients();
    });
  }
}
