/**
 * Owns the defaults and limits of `mrr up`, each with its reason. Loaded with the command line: keep it small.
 * Not: what is made of them (plan.ts). Called by commands/define.ts and plan.ts.
 * SPDX-License-Identifier: Apache-2.0
 */

/** Defaults and limits of the options. */
export const upDefaults = {
  /** The smallest number with which every example of placement means something. */
  agents: 3,
  /** Each agent has its own address in 127.0.0.0/8 and its own executor. */
  agentsRange: { min: 1, max: 100 },
  /** Logical, so they may exceed the machine's; a bound against slips of the finger. */
  agentCpusMax: 10_000,
  /** From one small Redis and its executor to the largest machines. */
  agentMemoryRange: { min: 256, max: 16 * 1024 * 1024 },
  /** From the ancestor's first port on: 1 + 50 and 70 singles with four times as much room for replacements. */
  ports: "6380-6979",
  httpPort: 5656,
  artifactPort: 5454,
  mesosPort: 5050,
  /** The ancestor's proxy had its admin routes there. */
  proxyHttpPort: 7979,
  dataDir: ".mrr",
} as const;

/** Memory that agents do not offer: what the system and the programs of mr-redis use themselves. */
export const reservedMib = 512;

/** Least `maxmemory` of an instance; by it the default cpus are made to suffice as long as the memory does. */
export const smallestRedisMib = 100;
