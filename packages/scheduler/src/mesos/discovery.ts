/**
 * Owns how a process is found by others through Mesos: the labels and the DiscoveryInfo of its task.
 * Not: its role, which changes while a task does not (the executor tells it with TASK_RUNNING, role-labels.ts there).
 * Called by launch.ts. Source of the rules: Mesos v1 `Labels`, `DiscoveryInfo`, `Port`; docs/reference/discovery.md.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { LaunchOrder } from "@mr-redis/core";
import type { DiscoveryInfo, Labels } from "@mr-redis/mesos";

/** Name of the port under which a Redis is found: `_redis._<instance>._tcp.<framework>.mesos`. */
export const redisPortName = "redis";

/** `10.0.0.1:6380`, `[::1]:6380`. */
const endpointOf = ({ address, port }: LaunchOrder): string =>
  `${address.includes(":") ? `[${address}]` : address}:${port}`;

/** Labels of the task: what is true of the process as long as it lives. */
export const taskLabelsOf = (order: LaunchOrder): Labels => ({
  labels: [
    { key: "mr-redis.instance", value: order.instance },
    { key: "mr-redis.address", value: endpointOf(order) },
  ],
});

/**
 * The process under the name of its instance. Visibility CLUSTER: those who use a Redis are other frameworks of the
 * cluster, so FRAMEWORK would hide it from all of them; whether it may be seen from outside is nothing that a create
 * asks for, so EXTERNAL would say too much.
 */
export const discoveryOf = (order: LaunchOrder): DiscoveryInfo => ({
  visibility: "CLUSTER",
  name: order.instance,
  ports: { ports: [{ number: order.port, name: redisPortName, protocol: "tcp" }] },
  labels: taskLabelsOf(order),
});
