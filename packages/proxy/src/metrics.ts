/**
 * Owns the text of `/metrics`: counters by route, in the format of Prometheus. Pure. Called by admin.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { RouteCounters, RouteState } from "./routes.js";

interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly value: (state: RouteState) => number;
}

const counter = (key: keyof RouteCounters, name: string, help: string): Metric => ({
  name: `mr_redis_proxy_${name}`,
  type: name.endsWith("_total") ? "counter" : "gauge",
  help,
  value: ({ counters }) => counters[key],
});

const metrics: readonly Metric[] = [
  {
    name: "mr_redis_proxy_listening",
    type: "gauge",
    help: "1 where the address of the route is listened on",
    value: ({ problem }) => (problem === null ? 1 : 0),
  },
  {
    name: "mr_redis_proxy_targets",
    type: "gauge",
    help: "Redis servers that the route leads to",
    value: ({ route }) => route.targets.length,
  },
  counter("accepted", "connections_total", "Connections of clients"),
  counter("open", "connections_open", "Connections that are carried now"),
  counter("waiting", "connections_waiting", "Connections that wait for a target"),
  counter("waits", "waits_total", "Connections that had to wait for a target"),
  counter("bytesUp", "client_bytes_total", "Bytes from clients"),
  counter("bytesDown", "server_bytes_total", "Bytes from Redis"),
  counter("cuts", "cuts_total", "Connections ended because their target lost its role"),
  counter("refusals", "refusals_total", "Connections refused: too many, or no target in time"),
];

const escaped = (text: string): string =>
  text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

/** All routes, metric by metric. */
export const metricsText = (states: readonly RouteState[]): string =>
  metrics
    .flatMap(({ name, type, help, value }) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...states.map((state) => `${name}{route="${escaped(state.route.name)}"} ${value(state)}`),
    ])
    .map((line) => `${line}\n`)
    .join("");
