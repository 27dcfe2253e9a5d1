/**
 * Tests of the metrics of real programs: what scheduler and proxy show before and after a failover agrees with what was done,
 * and a scheduler that is killed tells the same of the cluster when it is back.
 * Not: each metric by itself (packages/scheduler, packages/proxy).
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  eventually,
  freePortRange,
  type Program,
  type PrometheusMetric,
  parsePrometheus,
  redisCommand,
  type Site,
  startSite,
  sumOf,
} from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deadlineMs, endpointsOf, type RunningProxy, startProxy } from "./proxy-program.js";

type Metrics = Map<string, PrometheusMetric>;

interface ShownFailover {
  readonly kind: string;
  readonly bytesGivenUp: number | null;
  readonly writerlessMs: number | null;
}

let site: Site;
let scheduler: Program;
let proxy: RunningProxy;

beforeAll(async () => {
  const { first, last } = await freePortRange(10);
  const config = { ProxyPorts: `${first}-${last}` };
  site = await startSite({ agents: 3, redisPorts: 20, config });
  scheduler = await site.startScheduler();
  proxy = await startProxy({ schedulers: [site.endpoint], stateFile: "" });
}, 120_000);

afterAll(async () => {
  await proxy?.program.kill();
  await site?.destroy();
});

const scrape = async (url: string): Promise<Metrics> => {
  const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(20_000) });
  expect([answer.status, answer.headers.get("content-type")]).toEqual([
    200,
    "text/plain; version=0.0.4; charset=utf-8",
  ]);
  return parsePrometheus(await answer.text());
};

type Row = readonly [
  name: string,
  labels: Readonly<Record<string, string>>,
  is: number | ((value: number) => boolean),
];

/** Scrapes until every sum is as given. */
const untilShown = (url: string, rows: readonly Row[]): Promise<Metrics> =>
  eventually(
    async () => {
      const metrics = await scrape(url);
      const wrong = rows.flatMap(([name, labels, is]) => {
        const value = sumOf(metrics, name, labels);
        const isRight = typeof is === "number" ? value === is : is(value);
        return isRight ? [] : [`${name}${JSON.stringify(labels)} ${value}`];
      });
      expect(wrong).toEqual([]);
      return metrics;
    },
    { deadlineMs, what: "metrics" },
  );

const some = (value: number): boolean => value > 0;
const proxyUrl = (): string => `http://127.0.0.1:${proxy.httpPort}`;

/** What is true of the cluster as long as both instances run. */
const steady: readonly Row[] = [
  ["mr_redis_leader", {}, 1],
  ["mr_redis_store_up", {}, 1],
  ["mr_redis_mesos_connected", {}, 1],
  ["mr_redis_instances", { status: "RUNNING" }, 2],
  ["mr_redis_instances", {}, 2],
  ["mr_redis_instances_without_writer", {}, 0],
  ["mr_redis_processes", { role: "master", state: "running" }, 2],
  ["mr_redis_processes", { role: "replica", state: "running" }, 1],
  ["mr_redis_processes_ready", {}, 3],
  ["mr_redis_masters_without_quorum", {}, 0],
  ["mr_redis_masters_on_lease", {}, 1],
  ["mr_redis_failovers_in_progress", {}, 0],
  ["mr_redis_executors", { state: "silent" }, 0],
  ["mr_redis_placements_waiting", {}, 0],
  ["mr_redis_goals_waiting", {}, 0],
  ["mr_redis_event_readers", {}, 1],
  ["redis_up", {}, 2],
  ["redis_connected_slaves", { redis_instance: "pair" }, 1],
  ["redis_memory_max_bytes", { redis_instance: "alone" }, 50 * 1024 * 1024],
  ["redis_memory_used_bytes", { redis_instance: "alone" }, some],
];

test("the figures of scheduler and proxy agree with what was done", async () => {
  for (const [name, slaves] of [
    ["pair", 1],
    ["alone", 0],
  ] as const) {
    const wish = { name, memory: 50, slaves };
    expect((await site.api("POST", "/v2/instances?wait=60", wish)).status).toBe(201);
  }
  expect((await site.api("GET", "/v2/nothing")).status).toBe(404);
  await untilShown(site.endpoint, [
    ...steady,
    ["mr_redis_launches_total", {}, (value) => value >= 3],
    ["mr_redis_http_requests_total", { method: "POST", route: "/v2/instances", status: "201" }, 2],
    ["mr_redis_http_requests_total", { route: "none", status: "404" }, 1],
    ["mr_redis_store_commits_total", { outcome: "done" }, some],
    ["mr_redis_offers_received_total", {}, some],
    ["mr_redis_reports_received_total", {}, some],
    ["mr_redis_messages_rejected_total", {}, 0],
    ["process_resident_memory_bytes", {}, some],
    ["process_cpu_seconds_total", {}, some],
    ["mr_redis_event_loop_lag_seconds_count", {}, some],
  ]);

  const { proxy: ports, master } = await endpointsOf(site, "pair");
  const write = ports?.write ?? 0;
  await eventually(async () => expect(await redisCommand(write, "SET key value")).toBe("+OK"), {
    deadlineMs,
  });
  await untilShown(proxyUrl(), [
    ["mr_redis_proxy_instances", {}, 2],
    ["mr_redis_proxy_connections_total", { route: "pair/write", redis_instance: "pair" }, some],
    ["mr_redis_proxy_targets", { redis_instance: "pair", kind: "write" }, 1],
    ["mr_redis_proxy_connections_total", { redis_instance: "alone" }, 0],
  ]);

  const dead = site.redisServers().find(({ port }) => port === master?.port);
  process.kill(dead?.pid ?? Number.NaN, "SIGKILL");
  await untilShown(site.endpoint, [
    ...steady,
    ["mr_redis_failovers_total", { kind: "death", result: "promoted" }, some],
    ["mr_redis_launches_total", {}, (value) => value >= 4],
    ["mr_redis_goals_sent_total", {}, some],
    ["mr_redis_goal_in_force_seconds_count", {}, some],
    ["mr_redis_task_updates_total", { state: "TASK_FAILED" }, some],
  ]);
  // A machine that stands still may have had more of them than the one that was asked for.
  await eventually(
    async () => {
      const answer = await site.api("GET", "/v2/instances/pair/failovers");
      const { failovers } = answer.json as { readonly failovers: readonly ShownFailover[] };
      const metrics = await scrape(site.endpoint);
      const of = (name: string): number => sumOf(metrics, name);
      const sum = (figure: (each: ShownFailover) => number | null): number =>
        failovers.reduce((total, each) => total + (figure(each) ?? 0), 0);
      expect(failovers.map(({ kind }) => kind)).toContain("death");
      expect(of("mr_redis_failovers_total")).toBe(failovers.length);
      expect(of("mr_redis_failover_given_up_bytes_total")).toBe(
        sum(({ bytesGivenUp }) => bytesGivenUp),
      );
      expect(of("mr_redis_failover_writerless_seconds_sum")).toBeCloseTo(
        sum(({ writerlessMs }) => writerlessMs) / 1_000,
        6,
      );
    },
    { deadlineMs, what: "failovers in metrics are those of the API" },
  );
});

test("a scheduler that was killed tells the same of the cluster, and counts anew", async () => {
  scheduler.signal("SIGKILL");
  await scheduler.exited;
  scheduler = await site.startScheduler();
  await untilShown(site.endpoint, [
    ...steady,
    ["mr_redis_leadership_changes_total", { change: "began" }, 1],
    ["mr_redis_leader_term", {}, (term) => term >= 2],
    ["mr_redis_launches_total", {}, (value) => value < 3],
    ["mr_redis_reconciliations_total", { kind: "implicit" }, some],
  ]);
});
