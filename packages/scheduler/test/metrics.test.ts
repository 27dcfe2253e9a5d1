/**
 * Owns the proof that `/metrics` of schedulers tells what was done, that one that does not lead tells of itself alone, and
 * that the text is as Prometheus wants it. SPDX-License-Identifier: Apache-2.0
 */
import { eventually, type PrometheusMetric, parsePrometheus, sumOf } from "@mr-redis/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { measureProcess } from "../src/metrics/process.js";
import { allMetrics, clusterMetrics, instanceMetrics } from "../src/metrics/table.js";
import { machineClock } from "./machine-clock.js";
import { SchedulerHouse, type Tenant } from "./scheduler-house.js";

let house: SchedulerHouse;
const limit = { deadlineMs: 20_000 };

beforeEach(async () => {
  house = await SchedulerHouse.open();
});

afterEach(async () => {
  await house.close();
});

const metricsOf = async (tenant: Tenant): Promise<Map<string, PrometheusMetric>> => {
  const answer = await tenant.ask("GET", "/metrics");
  expect([answer.status, answer.headers["content-type"]]).toEqual([
    200,
    "text/plain; version=0.0.4; charset=utf-8",
  ]);
  return parsePrometheus(answer.text);
};

/** Waits until the sums of these samples are as given. */
const untilShown = (tenant: Tenant, wanted: Readonly<Record<string, number>>) =>
  eventually(async () => {
    const metrics = await metricsOf(tenant);
    const found = Object.keys(wanted).map((key) => {
      const [, name = "", pairs = ""] = /^(\w+)(?:\{(.*)\})?$/.exec(key) ?? [];
      const labels = [...pairs.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, is]) => [label, is]);
      return [key, sumOf(metrics, name, Object.fromEntries(labels))];
    });
    expect(Object.fromEntries(found)).toEqual(wanted);
    return metrics;
  }, limit);

const create = (tenant: Tenant, name: string) =>
  tenant.ask("POST", "/v2/instances", { name, memory: 100, slaves: 1 });

test("the leader tells of the cluster, the other one of itself alone", async () => {
  house.mesos.offers = true;
  const processMeter = measureProcess(machineClock);
  const first = await house.start({}, { processMeter });
  const second = await house.start();
  expect((await create(first, "a")).status).toBe(201);
  expect((await create(first, "a")).status).toBe(409);
  const metrics = await untilShown(first, {
    mr_redis_leader: 1,
    mr_redis_leader_term: 1,
    mr_redis_leadership_changes_total: 1,
    mr_redis_store_up: 1,
    mr_redis_mesos_connected: 1,
    mr_redis_mesos_subscriptions_total: 1,
    'mr_redis_instances{status="CREATING"}': 1,
    mr_redis_instances: 1,
    'mr_redis_processes{role="master",state="planned"}': 1,
    mr_redis_processes: 2,
    mr_redis_processes_ready: 0,
    mr_redis_executors: 1,
    mr_redis_instances_without_writer: 0,
    mr_redis_launches_total: 2,
    'mr_redis_mesos_calls_total{call="ACCEPT",outcome="accepted"}': 1,
    'mr_redis_store_commits_total{outcome="done"}': 3,
    'mr_redis_reconciliations_total{kind="implicit"}': 1,
    'mr_redis_http_requests_total{method="POST",route="/v2/instances",status="201"}': 1,
    'mr_redis_http_requests_total{method="POST",route="/v2/instances",status="409"}': 1,
    'mr_redis_http_errors_total{code="instance-exists"}': 1,
    redis_up: 0,
    'mr_redis_instance_replicas_wanted{redis_instance="a"}': 1,
    'redis_memory_max_bytes{redis_instance="a"}': 100 * 1024 * 1024,
  });
  expect(sumOf(metrics, "mr_redis_offers_received_total")).toBeGreaterThan(0);
  const known = allMetrics.map(({ name }) => name);
  expect([...metrics.keys()].filter((name) => !known.includes(name))).toEqual([]);
  expect(metrics.get("process_resident_memory_bytes")?.samples[0]?.value).toBeGreaterThan(1e6);
  processMeter.close();

  const standby = await untilShown(second, {
    mr_redis_leader: 0,
    mr_redis_leadership_changes_total: 0,
    mr_redis_mesos_connected: 0,
    mr_redis_store_up: 1,
  });
  const ofCluster = [...Object.values(clusterMetrics), ...Object.values(instanceMetrics)];
  expect(ofCluster.filter(({ name }) => standby.has(name))).toEqual([]);

  await first.close();
  await untilShown(second, {
    mr_redis_leader: 1,
    mr_redis_leader_term: 2,
    mr_redis_leadership_changes_total: 1,
    mr_redis_instances: 1,
  });
});

test("a store that does not answer is told by whoever notices it, and when it is back", async () => {
  const leader = await house.start();
  await untilShown(leader, { mr_redis_leader: 1, mr_redis_store_up: 1 });
  house.backend.fault = () => ({ lost: "request" });
  const refused = await create(leader, "a");
  expect([refused.status, refused.json.code]).toEqual([503, "store-unavailable"]);
  await untilShown(leader, { 'mr_redis_http_errors_total{code="store-unavailable"}': 1 });
  await eventually(async () => {
    const metrics = await metricsOf(leader);
    expect(sumOf(metrics, "mr_redis_store_up")).toBe(0);
    expect(sumOf(metrics, "mr_redis_store_commits_total", { outcome: "unknown" })).toBeGreaterThan(
      0,
    );
    expect(sumOf(metrics, "mr_redis_store_commit_retries_total")).toBeGreaterThan(0);
  }, limit);
  house.backend.fault = () => null;
  await untilShown(leader, { mr_redis_store_up: 1, mr_redis_instances: 1 });
});

test("requests cannot make new series: paths that nobody takes are one", async () => {
  const leader = await house.start();
  await untilShown(leader, { mr_redis_leader: 1 });
  for (let index = 0; index < 30; index += 1) await leader.ask("GET", `/v2/nothing-${index}`);
  await leader.ask("PROPFIND", "/v2/instances");
  const metrics = await untilShown(leader, {
    'mr_redis_http_requests_total{method="GET",route="none",status="404"}': 30,
  });
  const { samples = [] } = metrics.get("mr_redis_http_requests_total") ?? {};
  expect(samples.length).toBeLessThan(10);
});
