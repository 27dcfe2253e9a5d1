/**
 * Owns what goes wrong in a run: faults drawn from its seed, one after the other, each with its end.
 * Not: directed sequences (scripts.ts), nor what must hold meanwhile (checks.ts). Called by run.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Random } from "../random.js";
import type { Agent } from "./agent.js";
import type { NodeId } from "./network.js";
import type { Redis } from "./redis.js";
import type { World } from "./world.js";

/** Durations of faults in milliseconds: shorter and longer than every limit. */
const durations = [20, 300, 1_200, 3_000, 6_000, 12_000] as const;

/** How likely which fault is, in one run: some runs have only a few kinds. */
export type FaultWeights = Readonly<Record<FaultName, number>>;

/** What can go wrong. */
export const faultNames = [
  "kill-master",
  "kill-replica",
  "kill-executor",
  "freeze-redis",
  "freeze-host",
  "cut-agent",
  "cut-agent-from-mesos",
  "cut-agents",
  "cut-one-way",
  "cut-scheduler-from-mesos",
  "cut-scheduler-from-store",
  "kill-scheduler",
  "freeze-scheduler",
  "mesos-failover",
  "planned-failover",
  "delete-and-create",
  "power-off",
  "step-wall",
  "heal",
] as const;

export type FaultName = (typeof faultNames)[number];

/** Hand-made: what happens often is likely, what changes everything is rare. */
const usual: FaultWeights = {
  "kill-master": 10,
  "kill-replica": 5,
  "kill-executor": 2,
  "freeze-redis": 3,
  "freeze-host": 1.5,
  "cut-agent": 4,
  "cut-agent-from-mesos": 4,
  "cut-agents": 3,
  "cut-one-way": 3,
  "cut-scheduler-from-mesos": 1.5,
  "cut-scheduler-from-store": 1.5,
  "kill-scheduler": 2,
  "freeze-scheduler": 1.5,
  "mesos-failover": 0.7,
  "planned-failover": 3,
  "delete-and-create": 0.3,
  "power-off": 0.7,
  "step-wall": 0.5,
  heal: 3,
};

/** The weights of one run: of each kind none, the usual, or three times as much. */
export function drawWeights(random: Random): FaultWeights {
  const weights = { ...usual } as Record<FaultName, number>;
  for (const name of faultNames) weights[name] *= random.pick([0, 1, 1, 3]);
  return weights;
}

/** See the head of this file. */
export class Story {
  readonly world: World;
  readonly random: Random;
  readonly #weights: FaultWeights;
  readonly #sum: number;

  constructor(world: World, random: Random, weights: FaultWeights) {
    this.world = world;
    this.random = random;
    this.#weights = weights;
    this.#sum = faultNames.reduce((sum, name) => sum + weights[name], 0);
  }

  /** One fault. */
  step(): void {
    if (this.#sum === 0) return;
    let draw = this.random.next() * this.#sum;
    for (const name of faultNames) {
      draw -= this.#weights[name];
      if (draw >= 0) continue;
      this.fault(name);
      return;
    }
  }

  /** This fault, somewhere; it ends by itself. */
  fault(name: FaultName): void {
    this.world.note(`fault: ${name}`);
    this.#faults[name]();
  }

  readonly #faults: Readonly<Record<FaultName, () => void>> = {
    "kill-master": () => this.#killRedis(this.masters()),
    "kill-replica": () => this.#killRedis(this.world.living().filter((r) => r.role === "replica")),
    "kill-executor": () => this.agent().killExecutor(),
    "freeze-redis": () => {
      const redis = this.#pick(this.world.living());
      if (redis === null) return;
      redis.freeze();
      this.later(() => {
        // With its host it goes on later, and not before its executor.
        if (this.world.agents[redis.node]?.frozen !== true) redis.thaw();
      });
    },
    "freeze-host": () => this.freezeHost(this.agent(), this.duration()),
    "cut-agent": () => this.cutAgent(this.agent()),
    "cut-agent-from-mesos": () => this.cut(this.agent().node, this.world.mesos.node),
    "cut-agents": () => this.cut(this.agent().node, this.agent().node),
    "cut-one-way": () => this.#cutOneWay(),
    "cut-scheduler-from-mesos": () => {
      this.cut(this.random.pick(this.world.schedulers).node, this.world.mesos.node);
    },
    "cut-scheduler-from-store": () => {
      this.cut(this.random.pick(this.world.schedulers).node, this.world.store.node);
    },
    "kill-scheduler": () => {
      const scheduler = this.random.pick(this.world.schedulers);
      scheduler.kill();
      this.later(() => scheduler.start());
    },
    "freeze-scheduler": () => {
      const scheduler = this.random.pick(this.world.schedulers);
      scheduler.freeze();
      this.later(() => scheduler.thaw());
    },
    "mesos-failover": () => this.world.mesos.failOver(this.duration()),
    "planned-failover": () => {
      const name = this.#pick([...this.world.promised.keys()]);
      if (name !== null) this.world.request("failover", name, null);
    },
    "delete-and-create": () => this.#deleteAndCreate(),
    "power-off": () => this.powerOff(this.agent()),
    "step-wall": () => {
      const { wallStepMsMax } = this.world.options;
      this.world.stepWall(this.agent().node, (this.random.next() * 2 - 1) * wallStepMsMax);
    },
    heal: () => this.world.network.healAll(),
  };

  agent(): Agent {
    return this.random.pick(this.world.agents);
  }

  /** Masters as Redis sees it. */
  masters(): Redis[] {
    return this.world.living().filter(({ role }) => role === "master");
  }

  duration(): number {
    return this.random.pick(durations) * (0.5 + this.random.next());
  }

  later(run: () => void, afterMs = this.duration()): void {
    this.world.clock.after(afterMs, run);
  }

  #pick<T>(list: readonly T[]): T | null {
    return list.length === 0 ? null : this.random.pick(list);
  }

  #killRedis(list: readonly Redis[]): void {
    this.#pick(list)?.die("SIGKILL", null);
  }

  /** Both ways, for a while. */
  cut(a: NodeId, b: NodeId, forMs = this.duration()): void {
    const { network } = this.world;
    network.cut(a, b);
    network.cut(b, a);
    this.later(() => {
      network.heal(a, b);
      network.heal(b, a);
    }, forMs);
  }

  #cutOneWay(): void {
    const { network, mesos } = this.world;
    const from = this.agent().node;
    const to = this.random.chance(0.5) ? mesos.node : this.agent().node;
    const [a, b] = this.random.chance(0.5) ? [from, to] : [to, from];
    network.cut(a, b);
    this.later(() => network.heal(a, b));
  }

  /** From everybody. */
  cutAgent(agent: Agent, forMs = this.duration()): void {
    this.cut(agent.node, this.world.mesos.node, forMs);
    for (const other of this.world.agents) this.cut(agent.node, other.node, forMs);
  }

  freezeHost(agent: Agent, forMs: number): void {
    if (agent.frozen || !agent.powered) return;
    agent.freeze();
    this.world.agentSilent(agent);
    this.later(() => {
      agent.thaw();
      this.world.mesos.agentBack(agent);
    }, forMs);
  }

  powerOff(agent: Agent): void {
    agent.powerOff();
    this.world.agentSilent(agent);
    this.later(() => agent.powerOn());
  }

  #deleteAndCreate(): void {
    const { world } = this;
    const name = this.#pick([...world.promised.keys()]);
    const spec = name === null ? null : (world.promised.get(name) ?? null);
    if (name === null || spec === null) return;
    if (!world.request("delete", name, null)) return;
    this.later(() => world.request("create", name, spec));
  }
}
