/**
 * Owns what Mesos is told about the framework, its principal included: made of the configuration.
 * Not: when it is told (reign.ts). Source of the rules: Mesos v1 `FrameworkInfo` and its capabilities.
 * SPDX-License-Identifier: Apache-2.0
 */
import { hostname, userInfo } from "node:os";
import type { Config } from "@mr-redis/core";
import type { FrameworkInfo } from "@mr-redis/mesos";

/** The Unix user that runs the executors. */
export const userOf = (config: Config): string =>
  config.userName === "" ? userInfo().username : config.userName;

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
