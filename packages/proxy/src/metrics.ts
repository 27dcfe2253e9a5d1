/**
 * Owns the text of `/metrics`: what is known of the whole and counters by route, in the format of Prometheus. Pure. Called by admin.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Readiness } from "./readiness.js";
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

/** The route always; of a followed one the instance and which of its addresses this is, too. */
const labels = ({ route: { name, kind } }: RouteState): string => {
  const route = `route="${escaped(name)}"`;
  if (kind === "static") return route;
  return `${route},instance="${escaped(name.slice(0, -kind.length - 1))}",kind="${kind}"`;
};

const lines = (name: string, type: string, help: string, values: readonly string[]): string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} ${type}`,
  ...values.map((value) => `${name}${value}`),
];

/** Of the proxy as a whole: what it knows, and from whom. */
function topologyLines({ facts, body }: Readiness): string[] {
  const { follow, instances, problems, entries, plane, savedAtMs, nowMs } = facts;
  const of = (name: string, help: string, value: number | null, type = "gauge"): string[] =>
    value === null ? [] : lines(`mr_redis_proxy_${name}`, type, help, [` ${value}`]);
  const knownAtMs = follow?.heardAtMs ?? savedAtMs;
  const ageSeconds = follow === null || knownAtMs === null ? null : (nowMs - knownAtMs) / 1_000;
  return [
    ...lines("mr_redis_proxy_info", "gauge", "How it works; always 1", [
      `{plane="${plane}",topology="${String(body.topology)}"} 1`,
    ]),
    ...of("entries", "Entries of the configuration file", entries),
    ...of("instances", "Instances of the scheduler", instances),
    ...of("instances_with_problems", "Instances that are not served as they should be", problems),
    ...of("topology_age_seconds", "Since the scheduler was last heard", ageSeconds),
    ...of("events_total", "Events of the scheduler", follow?.events ?? null, "counter"),
    ...of("streams_total", "Streams of events begun", follow?.streams ?? null, "counter"),
    ...of("polls_total", "Accounts read by pages", follow?.polls ?? null, "counter"),
    ...of(
      "unreadable_total",
      "Events and pages that could not be read",
      follow?.unreadable ?? null,
      "counter",
    ),
  ];
}

/** All routes, metric by metric; before them the proxy as a whole. */
export const metricsText = (states: readonly RouteState[], readiness: Readiness): string =>
  [
    ...topologyLines(readiness),
    ...metrics.flatMap(({ name, type, help, value }) =>
      lines(
        name,
        type,
        help,
        states.map((state) => `{${labels(state)}} ${value(state)}`),
      ),
    ),
  ]
    .map((line) => `${line}\n`)
    .join("");
