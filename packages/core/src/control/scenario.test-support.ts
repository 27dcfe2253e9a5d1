/**
 * Owns the random stories that the decision core has to live through, what must never happen in them, and what
 * must be true after everything has healed.
 * Not: the world (world.test-support.ts). Used by scenario.test.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import type { Goal } from "../goal/types.js";
import type {
  FailoverRecord,
  InstanceDocument,
  InstanceSpec,
  UserPassword,
} from "../instance/types.js";
import { connectionUsersOf } from "../users/desk.js";
import { goalUsersOf, usersKey } from "../users/users.js";
import type { InstanceCell } from "./cell.js";
import type { Effect, Reply } from "./effects.js";
import { controlLimits } from "./settings.js";
import { type CommitFault, World, type WorldProcess } from "./world.test-support.js";

/** One thing that happens; `pick` chooses among what is there. */
export interface Step {
  readonly kind: (typeof kinds)[number];
  readonly pick: number;
  readonly amount: number;
}

const weights = {
  deliver: 30,
  pass: 14,
  live: 6,
  lose: 3,
  double: 3,
  late: 6,
  create: 8,
  delete: 5,
  "kill-process": 6,
  "kill-master": 3,
  "kill-executor": 2,
  "bad-starts": 2,
  "silent-starts": 1,
  write: 6,
  "lose-calls": 3,
  "lose-agent": 2,
  "forget-agent": 1,
  "find-agent": 3,
  "cut-agent": 2,
  "mend-agents": 2,
  failover: 2,
  rotate: 4,
  "stop-offering": 2,
  "offer-again": 2,
  rescind: 3,
  disconnect: 2,
  connect: 4,
  "break-accept": 2,
  "store-fault": 3,
  "store-works": 5,
  "late-writes": 2,
  restart: 3,
  "start-alone": 1,
} as const;

const kinds = Object.keys(weights) as (keyof typeof weights)[];

/** Random stories. */
export const stories: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    kind: fc.oneof(
      ...kinds.map((kind) => ({ weight: weights[kind], arbitrary: fc.constant(kind) })),
    ),
    pick: fc.nat(15),
    amount: fc.nat(15),
  }),
  { minLength: 5, maxLength: 120, size: "max" },
);

const names = ["a", "b", "c"];
const agentIds = ["S0", "S1", "S2", "S3"];
const waits = [1, 5, 20, 40, 100, 300, 600, 1_100, 2_500, 6_000, 12_000, 31_000, 65_000];
const faults: readonly CommitFault[] = ["unknown", "unknown-landed", "unknown-late"];

const specOf = (pick: number): InstanceSpec => {
  const slaves = pick % 4;
  const distribution = pick % 3 === 0 ? Math.max(1, Math.ceil((slaves + 1) / 4)) : null;
  return {
    memoryMib: 100,
    masters: 1,
    slaves,
    distribution,
    config: {},
    fencing: "on",
    onUnreachable: "replace",
    ...(pick % 5 < 2 ? { auth: true } : {}),
  };
};

/** Longest healing: the longest back-off, avoidance and reconciliation wait are a minute each. */
const healMsMax = 600_000;
const healStepMs = 20_000;
/** Longest wait between two questions to Mesos, and a second for the answer. */
const restMs = controlLimits.reconcileRetryMaxMs + 1_000;

/** What goes on for ever: reports come every second, and each may have changed what is shown. */
const quiet: ReadonlySet<Effect["type"]> = new Set(["view-changed"]);

interface Request {
  readonly name: string;
  /** null: a delete. */
  readonly spec: InstanceSpec | null;
  /** What was promised when it was sent. */
  readonly before: InstanceSpec | null | undefined;
}

/** A story being told. */
export class Scenario {
  readonly world: World;
  readonly #requests = new Map<string, Request>();
  /** The last request about each name. */
  readonly #latest = new Map<string, Request>();
  /** What was promised of each name: a spec, or null after a delete; nothing while a request has no answer. */
  readonly promised = new Map<string, InstanceSpec | null>();
  /** The newest record of each name that was seen in the store. */
  readonly #seen = new Map<string, InstanceDocument>();
  #term = 1;
  #failovers = 0;
  #rotations = 0;
  /** Name of the instance, by the id of the request that asked for other passwords. */
  readonly #rotated = new Map<string, string>();
  /** Incarnation of its instance, by process id. */
  readonly #incarnations = new Map<string, string>();

  constructor() {
    this.world = new World(
      agentIds.map((agentId, index) => ({
        agentId,
        cpusMilli: 4_000,
        memMilliMib: 8_192_000,
        ports: [7_000 + 100 * index, 7_039 + 100 * index],
      })),
    );
    this.world.check = (effect) => this.#check(effect);
    this.world.send({ type: "woken" });
    this.world.connect();
  }

  /** Lets one thing happen. */
  step({ kind, pick, amount }: Step): void {
    const { world } = this;
    const name = names[pick % names.length] ?? "a";
    const agentId = agentIds[pick % agentIds.length] ?? "S0";
    const living = [...world.cluster.processes.values()].filter(({ alive }) => alive);
    switch (kind) {
      case "deliver":
        for (let count = 0; count <= amount; count += 1) world.deliver();
        break;
      case "pass":
        this.#pass(waits[amount % waits.length] ?? 1);
        break;
      case "live":
        world.live(waits[amount % waits.length] ?? 1);
        break;
      case "lose":
      case "double":
      case "late":
        this.#disturb(kind, pick, amount);
        break;
      case "create":
        this.#request(name, specOf(amount));
        break;
      case "delete":
        this.#request(name, null);
        break;
      case "kill-process":
        kill(world, living, pick);
        break;
      case "kill-master":
        kill(
          world,
          living.filter(({ goal }) => goal.role === "master"),
          pick,
        );
        break;
      case "kill-executor":
        world.cluster.endExecutor(agentId);
        break;
      case "bad-starts":
        world.cluster.badStarts = amount % 5;
        break;
      case "silent-starts":
        world.cluster.silentStarts = amount % 3;
        break;
      case "write":
        world.cluster.write((index) => (index + pick) % 3 !== 0);
        break;
      case "lose-calls":
        world.deafness = amount % 6;
        break;
      case "lose-agent":
        world.cluster.lose(agentId);
        break;
      case "forget-agent":
        world.cluster.forget(agentId);
        break;
      case "find-agent":
        for (const id of agentIds) world.cluster.find(id);
        break;
      case "cut-agent":
        world.cluster.cut(agentId);
        break;
      case "mend-agents":
        for (const id of agentIds) world.cluster.mend(id);
        break;
      case "failover": {
        this.#failovers += 1;
        const requestId = `failover-${this.#failovers}`;
        world.send({ type: "failover-requested", requestId, name, to: null, force: false });
        break;
      }
      case "rotate": {
        this.#rotations += 1;
        const requestId = `rotation-${this.#rotations}`;
        const graceMs = waits[amount % waits.length] ?? 0;
        this.#rotated.set(requestId, name);
        world.send({ type: "rotation-requested", requestId, name, graceMs });
        break;
      }
      case "stop-offering":
        setOffering(world, agentId, false);
        world.cluster.rescind(agentId);
        break;
      case "offer-again":
        for (const id of agentIds) setOffering(world, id, true);
        break;
      case "rescind":
        world.cluster.rescind(agentId);
        break;
      case "disconnect":
        world.disconnect();
        break;
      case "connect":
        world.connect();
        break;
      case "break-accept":
        world.acceptFault = amount % 2 === 0 ? "lost" : "lost-landed";
        break;
      case "store-fault": {
        const fault = faults[amount % faults.length] ?? "unknown";
        world.commitFault = (of) => (pick % 2 === 0 || of === name ? fault : null);
        break;
      }
      case "store-works":
        world.commitFault = null;
        break;
      case "late-writes":
        world.settleLate(amount % 2 === 0);
        break;
      case "restart":
      case "start-alone":
        this.#term += 1;
        world.start(this.#term, amount % 2 === 0);
        if (kind === "restart") world.connect();
        break;
    }
    this.#look();
  }

  /** Everything works again, and goes on for long enough. */
  heal(): void {
    const { world } = this;
    world.commitFault = null;
    world.acceptFault = null;
    world.deafness = 0;
    world.cluster.badStarts = 0;
    world.cluster.silentStarts = 0;
    for (const agentId of agentIds) {
      setOffering(world, agentId, true);
      world.cluster.find(agentId);
      world.cluster.mend(agentId);
    }
    world.connect();
    for (let passedMs = 0; passedMs < healMsMax; passedMs += healStepMs) {
      world.live(healStepMs);
      this.#look();
      if (this.problems().length === 0) return;
    }
  }

  /** All that is wrong after {@link heal}. */
  problems(): string[] {
    const { world } = this;
    const problems: string[] = [];
    for (const [name, spec] of this.promised) {
      const document = world.control.document(name);
      if (spec === null) {
        if (document !== undefined && document.status !== "DELETED") {
          problems.push(`${name} was deleted and is ${document.status}`);
        }
      } else if (document === undefined) problems.push(`${name} was accepted and is gone`);
    }
    for (const cell of world.control.cells.values()) {
      const { document } = cell;
      if (world.stored.get(cell.name)?.document !== document) {
        problems.push(`${cell.name}: what is stored differs`);
      }
      problems.push(...problemsOf(world, document).map((problem) => `${cell.name}: ${problem}`));
    }
    for (const [id, process] of world.cluster.processes) {
      const document = world.control.document(process.launch.order.instance);
      const known = document?.processes.some((each) => each.id === id) === true;
      if (process.alive && !known) problems.push(`${id} lives and nobody knows it`);
    }
    for (const taskId of world.cluster.updates.keys()) {
      problems.push(`${taskId} has an update that was never acknowledged`);
    }
    return problems;
  }

  /** What is done although nothing happens: it must be nothing but what goes on for ever. */
  restless(): readonly Effect[] {
    const { world } = this;
    // What was given a place a moment ago may still come to rest, and a question of whose answer nobody could be sure is asked
    // once more.
    world.live(restMs);
    const from = world.log.length;
    world.live(30_000);
    return world.log.slice(from).filter((effect) => {
      const isRenewal = effect.type === "send-goals" && effect.batch.goals.length === 0;
      return !quiet.has(effect.type) && !isRenewal;
    });
  }

  #pass(milliseconds: number): void {
    // Time passes while nothing arrives: only what the core itself asked for wakes it.
    const { world } = this;
    const endMs = world.nowMs + milliseconds;
    for (let count = 0; count < 100_000; count += 1) {
      const wakeMs = world.control.wakeAtMs() ?? Number.POSITIVE_INFINITY;
      if (wakeMs > endMs) break;
      world.nowMs = Math.max(world.nowMs, wakeMs);
      world.send({ type: "woken" });
    }
    world.nowMs = endMs;
  }

  #disturb(kind: "lose" | "double" | "late", pick: number, amount: number): void {
    const { queue } = this.world;
    const places = queue.flatMap(({ kind: of }, index) => {
      // An outcome of the store and an offer arrive once, or the session is over.
      const mayWait = kind === "late" && (of === "commit" || of === "offers");
      const may = of === "report" || of === "update" || mayWait;
      return may ? [index] : [];
    });
    const place = places[pick % Math.max(1, places.length)];
    const delivery = place === undefined ? undefined : queue[place];
    if (place === undefined || delivery === undefined) return;
    if (kind !== "double") queue.splice(place, 1);
    if (kind !== "lose") queue.splice(Math.min(queue.length, place + 1 + amount), 0, delivery);
  }

  #request(name: string, spec: InstanceSpec | null): void {
    const { world, promised } = this;
    const requestId = `request-${this.#requests.size + 1}`;
    const request: Request = { name, spec, before: promised.get(name) };
    this.#requests.set(requestId, request);
    this.#latest.set(name, request);
    promised.delete(name);
    if (spec === null) world.send({ type: "delete-requested", requestId, name });
    else world.send({ type: "create-requested", requestId, name, spec });
  }

  #check(effect: Effect): void {
    const { world } = this;
    if (effect.type === "reply") this.#checkReply(effect.requestId, effect.reply);
    else if (effect.type === "acknowledge") this.#checkAcknowledge(effect);
    else if (effect.type === "commit-document") {
      if (effect.document !== null) this.#checkPromotion(effect.document);
    } else if (effect.type === "accept-offers") {
      for (const { order } of effect.launches) {
        const document = world.stored.get(order.instance)?.document;
        const known = document?.processes.some(({ id }) => id === order.processId);
        this.#incarnations.set(order.processId, document?.incarnation ?? "");
        if (known !== true) throw new Error(`launched before it was stored: ${order.processId}`);
        if (order.auth !== document?.spec.auth)
          throw new Error(`launched open: ${order.processId}`);
      }
    } else if (effect.type === "send-goals") {
      for (const goal of effect.batch.goals) {
        checkUsers(goal, world);
        if (goal.role === "parked") continue;
        const name = goal.processId.slice(0, goal.processId.indexOf("::"));
        const document = world.stored.get(name)?.document;
        const master = goal.role === "master" ? goal.processId : goal.master?.processId;
        if (document?.epoch !== goal.epoch || document.masterId !== master) {
          throw new Error(`a goal that is not stored: ${JSON.stringify(goal)}`);
        }
      }
    }
  }

  #checkReply(requestId: string, reply: Reply): void {
    if (requestId.startsWith("failover-")) return;
    if (requestId.startsWith("rotation-")) {
      this.#checkRotation(this.#rotated.get(requestId) ?? "", reply);
      return;
    }
    const request = this.#requests.get(requestId);
    if (request === undefined) throw new Error(`an answer to nothing: ${requestId}`);
    if (this.world.replies.has(requestId)) throw new Error(`answered twice: ${requestId}`);
    const stored = this.world.stored.get(request.name)?.document;
    const active = stored !== undefined && stored.status !== "DELETED";
    const isLatest = this.#latest.get(request.name) === request;
    const wrong = (): never => {
      throw new Error(`${JSON.stringify(reply)} while stored: ${stored?.status}`);
    };
    switch (reply.type) {
      case "created":
        if (isLatest && stored?.spec !== request.spec) wrong();
        break;
      case "exists":
        if (isLatest && !active) wrong();
        break;
      case "delete-accepted":
        // Unless it was asked for anew meanwhile.
        if (isLatest && stored?.status !== "DELETING" && stored?.status !== "DELETED") wrong();
        break;
      case "already-deleted":
        if (isLatest && active) wrong();
        break;
      case "not-found":
      case "store-failed":
        break;
    }
    if (!isLatest || reply.type === "store-failed") return;
    const changed = reply.type === "created" || reply.type === "delete-accepted";
    const promise = changed ? request.spec : request.before;
    if (promise !== undefined) this.promised.set(request.name, promise);
  }

  /** What is told to have been rotated is stored, and accepted by every process that is not named. */
  #checkRotation(name: string, reply: Reply): void {
    if (reply.type !== "rotated") return;
    const { users, processes } = this.world.stored.get(name)?.document ?? {};
    if (users === undefined) throw new Error(`rotated and not stored: ${name}`);
    for (const { id } of processes ?? []) {
      const process = this.world.cluster.processes.get(id);
      if (reply.pending.includes(id) || process?.alive !== true) continue;
      if (accepts(process, users.readWrite.current) && accepts(process, users.readOnly.current)) {
        continue;
      }
      throw new Error(`${id} does not accept the passwords of a rotation that was told`);
    }
  }

  #checkAcknowledge({ taskId, uuid }: { taskId: string; uuid: string }): void {
    const { world } = this;
    const update = world.cluster.updates.get(taskId)?.find((each) => each.uuid === uuid);
    const name = taskId.slice(0, taskId.indexOf("::"));
    const process = world.stored.get(name)?.document.processes.find(({ id }) => id === taskId);
    if (update === undefined || process === undefined) return;
    if (update.state !== "TASK_RUNNING") throw new Error(`acknowledged before it was stored`);
    if (process.state === "planned") throw new Error("acknowledged RUNNING, planned is stored");
  }

  /** What must be true at every moment. */
  #look(): void {
    const { world } = this;
    const masters = new Set<string>();
    this.#lookForWriters();
    for (const cell of world.control.cells.values()) lookAtPasswords(cell, world);
    for (const process of world.cluster.processes.values()) {
      const { alive, goal, launch } = process;
      if (!alive || goal.role !== "master") continue;
      const name = launch.order.instance;
      const document = world.stored.get(name)?.document;
      if (document === undefined || goal.epoch !== document.epoch) continue;
      if (!document.processes.some(({ id }) => id === launch.order.processId)) continue;
      if (masters.has(name)) throw new Error(`two masters of ${name} in epoch ${goal.epoch}`);
      masters.add(name);
    }
    for (const { document } of world.stored.values()) {
      this.#lookAtReign(document);
      const places = document.processes.map(({ agentId, port }) => `${agentId} ${port}`);
      if (new Set(places).size !== places.length) throw new Error("a port is given twice");
      const { distribution } = document.spec;
      if (distribution === null) continue;
      for (const agentId of agentIds) {
        const count = document.processes.filter((each) => each.agentId === agentId).length;
        if (count > distribution) throw new Error(`${count} of ${document.name} on ${agentId}`);
      }
    }
  }

  /** One writer of each incarnation: what is left of a deleted instance on a lost agent is no writer of the next one. */
  #lookForWriters(): void {
    const writers = new Map<string, string>();
    for (const process of this.world.cluster.processes.values()) {
      if (!this.world.cluster.accepts(process)) continue;
      const { processId } = process.launch.order;
      const incarnation = this.#incarnations.get(processId) ?? "";
      const other = writers.get(incarnation);
      if (other !== undefined) throw new Error(`two writers: ${other} and ${processId}`);
      writers.set(incarnation, processId);
    }
  }

  /** A new master is a new epoch. */
  #lookAtReign(document: InstanceDocument): void {
    const { name, epoch, masterId, incarnation } = document;
    const before = this.#seen.get(name);
    this.#seen.set(name, document);
    if (before?.incarnation !== incarnation) return;
    if (epoch < before.epoch) throw new Error(`the epoch of ${name} went back`);
    if (epoch === before.epoch && masterId !== before.masterId) {
      throw new Error(`two masters of ${name} in epoch ${epoch}`);
    }
  }

  /** No write is lost by a failover on request. */
  #checkHandover({ oldMaster, newMaster }: FailoverRecord): void {
    const { processes } = this.world.cluster;
    const old = processes.get(oldMaster ?? "");
    const chosen = processes.get(newMaster);
    if (old?.alive !== true || chosen?.alive !== true || old.offset <= chosen.offset) return;
    throw new Error(`${newMaster} has ${chosen.offset} of ${old.offset}`);
  }

  /** A master is chosen by what the replicas had at their end. */
  #checkPromotion(document: InstanceDocument): void {
    const record = document.failovers.at(-1);
    const stored = this.world.stored.get(document.name)?.document.failovers.at(-1);
    if (record === undefined || record.epoch === stored?.epoch) return;
    if (record.kind === "planned") {
      this.#checkHandover(record);
      return;
    }
    for (const { processId, offset } of record.candidates) {
      const process = this.world.cluster.processes.get(processId);
      if (offset < 0 || process?.alive !== true || process.offset === offset) continue;
      throw new Error(`${processId} had ${process.offset}, not ${offset}`);
    }
  }
}

/** True when clients get in at the process with this password. */
const accepts = ({ goal }: WorldProcess, { hash }: UserPassword): boolean =>
  goal.users?.some(({ hashes }) => hashes.includes(hash)) === true;

/**
 * A goal has users exactly where the instance has some, and only such as are stored; a park, which waits for no commit, may have
 * those that were stored before one whose outcome nobody knows.
 */
function checkUsers({ processId, role, users }: Goal, world: World): void {
  const name = processId.slice(0, processId.indexOf("::"));
  const known = world.control.cells.get(name)?.stored;
  const document = role === "parked" ? known : world.stored.get(name)?.document;
  if (document === undefined || document === null) return;
  const stored = document.users === undefined ? undefined : goalUsersOf(document.users);
  if (usersKey(users) === usersKey(stored)) return;
  throw new Error(`a goal with users that are not stored: ${processId}`);
}

/** New passwords are given out when the master accepts them: until then, during their grace, the previous ones are. */
function lookAtPasswords(cell: InstanceCell, world: World): void {
  const shown = connectionUsersOf(cell, world.control.settings.rules);
  const users = cell.stored?.users;
  if (shown === null || users === undefined || users.previousUntilMs === null) return;
  const { current } = users.readWrite;
  const master = world.cluster.processes.get(cell.stored?.masterId ?? "");
  if (shown.readWrite.password !== current.secret || master?.alive !== true) return;
  if (!accepts(master, current)) throw new Error(`${cell.name}: a password that nobody accepts`);
}

function kill(world: World, processes: readonly WorldProcess[], pick: number): void {
  const process = processes[pick % Math.max(1, processes.length)];
  if (process !== undefined) world.kill(process.launch.order.processId);
}

function setOffering(world: World, agentId: string, offering: boolean): void {
  const state = world.cluster.states.get(agentId);
  if (state !== undefined) state.offering = offering;
}

/** What is not as it was asked for. */
function problemsOf(world: World, document: InstanceDocument): string[] {
  const problems: string[] = [];
  const living = world.of(document.name).map(({ launch }) => launch.order.processId);
  const known = document.processes.map(({ id }) => id);
  if (living.sort().join() !== known.sort().join()) {
    problems.push(`${living.length} processes live, ${known.length} are known`);
  }
  if (document.status === "DELETED") return problems;
  if (document.status !== "RUNNING") {
    problems.push(`is ${document.status}: ${document.reason?.text}`);
  }
  if (known.length !== 1 + document.spec.slaves) problems.push(`has ${known.length} processes`);
  const wanted = document.users === undefined ? undefined : goalUsersOf(document.users);
  for (const { goal, launch } of world.of(document.name)) {
    if (usersKey(goal.users) !== usersKey(wanted) || launch.order.auth !== document.spec.auth) {
      problems.push(`${launch.order.processId} has other users`);
    }
  }
  if (document.users !== undefined && document.users.previousUntilMs !== null) {
    if (document.users.previousUntilMs <= world.nowMs) problems.push("keeps passwords for ever");
  }
  const masters = world.of(document.name).filter(({ goal }) => goal.role === "master");
  if (masters.length !== 1 || masters[0]?.launch.order.processId !== document.masterId) {
    problems.push(`has ${masters.length} masters`);
  }
  return problems;
}
