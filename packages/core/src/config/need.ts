/**
 * Owns how much of Mesos' resources a configuration asks for: for one redis-server, for one executor.
 * Not: where they come from (placement/). Called by the scheduler's main, which hands them to control/.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ProcessNeed } from "../placement/types.js";
import type { Config } from "./table.js";

/**
 * Memory of a redis-server with `maxmemory` of `memoryMib`, in thousandths of MiB: `maxmemory` and the larger of
 * the two headrooms. Client buffers, fragmentation and the copy-on-write of a fork live in the headroom.
 */
export function redisMemoryNeedMilli(
  config: Pick<Config, "redisMemoryOverheadMib" | "redisMemoryOverheadPercent">,
  memoryMib: number,
): number {
  const percent = Math.ceil((memoryMib * config.redisMemoryOverheadPercent) / 100);
  return (memoryMib + Math.max(config.redisMemoryOverheadMib, percent)) * 1000;
}

/** What one redis-server with `maxmemory` of `memoryMib` needs besides its port. */
export const redisNeed = (config: Config, memoryMib: number): ProcessNeed => ({
  cpusMilli: config.redisCpusMilli,
  memMilliMib: redisMemoryNeedMilli(config, memoryMib),
});

/** What the executor needs, once for each agent. */
export const executorNeed = (config: Config): ProcessNeed => ({
  cpusMilli: config.executorCpusMilli,
  memMilliMib: config.executorMemoryMib * 1000,
});
