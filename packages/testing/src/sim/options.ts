/**
 * Owns what one run of the simulator is made of: sizes, limits and faults, all drawn from its seed.
 * Not: what happens in it (story.ts). Called by run.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { InstanceSpec, OnUnreachable, Runtime } from "@mr-redis/core";
import type { Random } from "../random.js";
import type { NetworkOptions } from "./network.js";
import { type ScriptName, scriptNames } from "./scripts.js";
import type { StoreFaults } from "./store.js";

/** Set-up of one run. Times are milliseconds. */
export interface SimOptions {
  readonly agents: number;
  readonly portsEach: number;
  readonly schedulers: number;
  readonly instances: readonly InstanceSpec[];
  readonly network: NetworkOptions;
  readonly storeFaults: StoreFaults;
  readonly leaderLeaseMs: number;
  readonly lagMs: number;
  readonly marginMs: number;
  readonly replicaSilenceMs: number;
  readonly executorSilenceMs: number;
  readonly masterLeaseMs: number;
  readonly replaceUnreachableMs: number;
  readonly resyncsMax: number;
  readonly launchTimeoutMs: number;
  /** The Mesos master gives an agent up that it does not hear for so long. */
  readonly agentTimeoutMs: number;
  /** A scheduler gives a session up of which it hears nothing for so long. */
  readonly heartbeatMs: number;
  readonly writeEveryMs: number;
  readonly transferMsMax: number;
  readonly loadMsMax: number;
  /** In writes: small ones make full syncs. */
  readonly backlog: number;
  /** Monotonic clocks run faster or slower by up to this share. */
  readonly clockRateMax: number;
  /** Steps of wall clocks that nobody has to notice. */
  readonly wallStepMsMax: number;
  readonly reviveIntervalMs: number;
  /** Passwords of instances with users are rotated about so often; null: never. */
  readonly rotateEveryMs: number | null;
  /** Processes in containers live on for a while when their executor ends. */
  readonly runtime: Runtime;
  /** Directed stories, in order; none: faults at random. */
  readonly scripts: readonly ScriptName[];
}

/** Lag limits must be whole seconds. */
const lags = [1_000, 2_000, 3_000] as const;

/** An instance with so many replicas. */
export const instanceOf = (
  slaves: number,
  onUnreachable: OnUnreachable = "replace",
): InstanceSpec => ({
  memoryMib: 100,
  masters: 1,
  slaves,
  distribution: null,
  config: {},
  fencing: "on",
  onUnreachable,
});

const drawInstance = (random: Random): InstanceSpec =>
  instanceOf(random.pick([0, 1, 1, 1, 2, 2, 2, 3]), random.pick(["replace", "replace", "wait"]));

function drawNetwork(random: Random): NetworkOptions {
  const wild = random.chance(0.6);
  return {
    lossShare: wild ? random.next() * 0.15 : 0,
    doubleShare: wild ? random.next() * 0.2 : 0,
    lateShare: wild ? random.next() * 0.1 : 0,
    lateMsMax: random.pick([100, 2_000, 20_000]),
    delayMsMin: 0.1,
    delayMsMax: random.pick([0.5, 2, 2, 20]),
  };
}

/** Two thirds of the runs are directed, for where random faults hardly ever lead. */
function drawScripts(random: Random): ScriptName[] {
  if (random.chance(0.33)) return [];
  const names = Array.from({ length: random.integer(1, 4) }, () => random.pick(scriptNames));
  // Cheap failovers, in the state that the others have left.
  return random.chance(0.8) ? [...names, "kill-again-and-again"] : names;
}

/** All of it from one stream. */
export function drawOptions(random: Random): SimOptions {
  const faulty = random.chance(0.4);
  // Of a stream of their own: what else a seed draws does not depend on them.
  const users = random.fork("users");
  const drawn = drawAll(random, faulty);
  return {
    ...drawn,
    instances: drawn.instances.map((spec) => (users.chance(0.4) ? { ...spec, auth: true } : spec)),
    rotateEveryMs: users.pick([null, 1_000, 5_000, 20_000]),
  };
}

function drawAll(random: Random, faulty: boolean): Omit<SimOptions, "rotateEveryMs"> {
  return {
    agents: random.integer(3, 5),
    portsEach: random.pick([4, 4, 8]),
    schedulers: random.integer(1, 2),
    instances: Array.from({ length: random.pick([1, 2, 2, 3]) }, () => drawInstance(random)),
    network: drawNetwork(random),
    storeFaults: {
      lostShare: faulty ? random.next() * 0.15 : 0,
      silentShare: faulty ? random.next() * 0.15 : 0,
      lateShare: faulty ? random.next() * 0.15 : 0,
    },
    leaderLeaseMs: random.pick([3_000, 6_000]),
    lagMs: random.pick(lags),
    marginMs: 300,
    replicaSilenceMs: random.pick([2_000, 5_000]),
    executorSilenceMs: 2_000,
    masterLeaseMs: random.pick([4_000, 8_000, 15_000]),
    replaceUnreachableMs: random.pick([5_000, 15_000, 30_000]),
    resyncsMax: 2,
    launchTimeoutMs: random.pick([10_000, 30_000]),
    agentTimeoutMs: random.pick([5_000, 15_000, 75_000]),
    heartbeatMs: random.pick([2_000, 15_000]),
    writeEveryMs: random.pick([20, 50, 200]),
    transferMsMax: random.pick([5, 50, 500, 3_000]),
    loadMsMax: random.pick([5, 50, 1_500]),
    backlog: random.pick([3, 100, 1_000_000]),
    clockRateMax: 0.0003,
    wallStepMsMax: random.pick([0, 0, 100]),
    reviveIntervalMs: random.pick([20, 100, 1_000]),
    runtime: random.pick(["process", "process", "container"]),
    scripts: drawScripts(random),
  };
}
