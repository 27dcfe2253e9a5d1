/**
 * Owns the text of `/metrics`: what is known of the whole and counters by route, in the format of Prometheus. Pure. Called by
 * admin.ts; docs/reference/metrics.md is held equal to its tables by a test.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Readiness } from "./readiness.js";
import type { RouteCounters, RouteState } from "./routes.js";

interface Metric<Of> {
  readonly name: string;
  readonly type: "counter" | "gauge";
  /** Base unit; "" for a plain number. */
  readonly unit: "seconds" | "bytes" | "";
  readonly labels: readonly string[];
  readonly help: string;
  /** null: it is not shown. */
  readonly value: (of: Of) => number | null;
}

const metric = <Of>(
  name: string,
  help: string,
  value: Metric<Of>["value"],
  labels: readonly string[] = [],
): Metric<Of> => ({
  name: `mr_redis_proxy_${name}`,
  type: name.endsWith("_total") ? "counter" : "gauge",
  unit: name.includes("_bytes") ? "bytes" : name.includes("_seconds") ? "seconds" : "",
  ...{ labels, help, value },
});

const topologyAgeSeconds = ({ follow, savedAtMs, nowMs }: Readiness["facts"]): number | null => {
  const knownAtMs = follow?.heardAtMs ?? savedAtMs;
  return follow === null || knownAtMs === null ? null : (nowMs - knownAtMs) / 1_000;
};

/** Of the proxy as a whole: what it knows, and from whom. */
const wholeMetrics: readonly Metric<Readiness["facts"]>[] = [
  metric("info", "How it works; always 1", () => 1, ["plane", "topology"]),
  metric("entries", "Entries of the configuration file", ({ entries }) => entries),
  metric("instances", "Instances of the scheduler", ({ instances }) => instances),
  metric(
    "instances_with_problems",
    "Instances that are not served as they should be",
    ({ problems }) => problems,
  ),
  metric("topology_age_seconds", "Since the scheduler was last heard", topologyAgeSeconds),
  metric("events_total", "Events of the scheduler", ({ follow }) => follow?.events ?? null),
  metric("streams_total", "Streams of events begun", ({ follow }) => follow?.streams ?? null),
  metric("polls_total", "Accounts read by pages", ({ follow }) => follow?.polls ?? null),
  metric(
    "unreadable_total",
    "Events and pages that could not be read",
    ({ follow }) => follow?.unreadable ?? null,
  ),
];

const ofRoute = (
  name: string,
  help: string,
  value: (state: RouteState) => number,
): Metric<RouteState> => metric(name, help, value, ["route", "redis_instance", "kind"]);

const counted = (key: keyof RouteCounters, name: string, help: string): Metric<RouteState> =>
  ofRoute(name, help, ({ counters }) => counters[key]);

const routeMetrics: readonly Metric<RouteState>[] = [
  ofRoute("listening", "1 where the address of the route is listened on", ({ problem }) =>
    problem === null ? 1 : 0,
  ),
  ofRoute("targets", "Redis servers that the route leads to", ({ route }) => route.targets.length),
  counted("accepted", "connections_total", "Connections of clients"),
  counted("open", "connections_open", "Connections that are carried now"),
  counted("waiting", "connections_waiting", "Connections that wait for a target"),
  counted("waits", "waits_total", "Connections that had to wait for a target"),
  counted("bytesUp", "client_bytes_total", "Bytes from clients"),
  counted("bytesDown", "server_bytes_total", "Bytes from Redis"),
  counted("cuts", "cuts_total", "Connections ended because their target lost its role"),
  counted("refusals", "refusals_total", "Connections refused: too many, or no target in time"),
];

/** All of them, in the order of their text. @internal */
export const proxyMetrics: readonly Omit<Metric<unknown>, "value">[] = [
  ...wholeMetrics,
  ...routeMetrics,
];

const escaped = (text: string): string =>
  text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

/**
 * The route always; of a followed one the instance and which of its addresses this is, too. Not `instance`: Prometheus gives
 * that label to who is scraped.
 */
const labels = ({ route: { name, kind } }: RouteState): string => {
  const route = `route="${escaped(name)}"`;
  if (kind === "static") return route;
  const instance = escaped(name.slice(0, -kind.length - 1));
  return `${route},redis_instance="${instance}",kind="${kind}"`;
};

const lines = ({ name, type, help }: (typeof proxyMetrics)[number], values: readonly string[]) =>
  values.length === 0
    ? []
    : [
        `# HELP ${name} ${help}`,
        `# TYPE ${name} ${type}`,
        ...values.map((value) => `${name}${value}`),
      ];

/** All routes, metric by metric; before them the proxy as a whole. */
export function metricsText(states: readonly RouteState[], { facts, body }: Readiness): string {
  const info = `{plane="${facts.plane}",topology="${String(body.topology)}"}`;
  return [
    ...wholeMetrics.flatMap((each) => {
      const value = each.value(facts);
      return lines(each, value === null ? [] : [`${each.labels.length > 0 ? info : ""} ${value}`]);
    }),
    ...routeMetrics.flatMap((each) =>
      lines(
        each,
        states.map((state) => `{${labels(state)}} ${each.value(state)}`),
      ),
    ),
  ]
    .map((line) => `${line}\n`)
    .join("");
}
