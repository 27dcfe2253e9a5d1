/**
 * Owns what Mesos is told about the framework, its principal included: made of the configuration.
 * Not: when it is told (reign.ts). Source of the rules: Mesos v1 `FrameworkInfo` and its capabilities.
 * SPDX-License-Identifier: Apache-2.0
 */
import { hostname, userInfo } from "node:os";
import { type Config, MrrError } from "@mr-redis/core";
import type { FrameworkInfo } from "@mr-redis/mesos";

/** The Unix user that runs the executors. Throws MrrError `config-invalid` where it is to be our own, which has no name. */
export function userOf(config: Config): string {
  if (config.userName !== "") return config.userName;
  try {
    return userInfo().username;
  } catch (cause) {
    // In a container, say: a number that no file gives a name.
    const text =
      "UserName is empty, and the user of this scheduler has no name: name a user of the agents";
    throw new MrrError("config-invalid", text, { cause });
  }
}

/**
 * The framework. MULTI_ROLE: offers and resources name the role that they are allocated to. PARTITION_AWARE: a task on an
 * agent that is cut off is unreachable, not lost. TASK_KILLING_STATE: a task that ends says so. RESERVATION_REFINEMENT:
 * reservations come as a stack, also those of a parent role. REGION_AWARE: agents of other regions are offered, too.
 * Checkpoint: executors outlive their agent's process; the timeout: everything outlives the scheduler.
 */
export const frameworkInfoOf = (config: Config): FrameworkInfo => ({
  user: userOf(config),
  name: config.frameworkName,
  roles: [config.role],
  checkpoint: true,
  failover_timeout: config.failoverTimeoutSeconds,
  hostname: hostname(),
  capabilities: [
    { type: "MULTI_ROLE" },
    { type: "PARTITION_AWARE" },
    { type: "TASK_KILLING_STATE" },
    { type: "RESERVATION_REFINEMENT" },
    { type: "REGION_AWARE" },
  ],
  ...(config.principal === "" ? {} : { principal: config.principal }),
});
