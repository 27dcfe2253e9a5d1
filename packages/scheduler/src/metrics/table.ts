/**
 * Owns the table of the scheduler's metrics: names, types, units, labels and meaning. What is not in it cannot be shown.
 * Not: their values (meter.ts, census.ts, process.ts). docs/reference/metrics.md is held equal to it by a test.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Metric } from "./series.js";

type Labels = readonly string[];

const metric =
  (type: Metric["type"]) =>
  (name: string, unit: Metric["unit"], labels: Labels, help: string): Metric => ({
    ...{ name, type, unit, labels, help },
  });
const counter = metric("counter");
const gauge = metric("gauge");
const histogram = metric("histogram");

/**
 * Most instances that have series of their own, the first ones by name: with 7 series each they are the larger part of an
 * answer of 0.4 MB. All others are in the sums.
 */
export const instancesShownMax = 1_000;

/** What every scheduler shows of itself, whether it leads or not. */
export const ownMetrics = {
  buildInfo: gauge(
    "mr_redis_build_info",
    "",
    ["version", "node"],
    "Version of mr-redis and of Node.js; always 1",
  ),
  leader: gauge("mr_redis_leader", "", [], "1 while this scheduler leads, else 0"),
  leaderTerm: gauge(
    "mr_redis_leader_term",
    "",
    [],
    "Term of this scheduler's last reign; absent before its first one",
  ),
  leadershipChanges: counter(
    "mr_redis_leadership_changes_total",
    "",
    ["change"],
    "Reigns of this scheduler that began and that ended",
  ),
  storeUp: gauge("mr_redis_store_up", "", [], "1 while the store answers, else 0"),
  storeConfirmedAge: gauge(
    "mr_redis_store_confirmed_age_seconds",
    "seconds",
    [],
    "Since the store last confirmed that what this scheduler knows counts; absent where it never led, or another one leads",
  ),
  storeCommits: counter(
    "mr_redis_store_commits_total",
    "",
    ["outcome"],
    "Documents given to the store, by what became of them",
  ),
  storeCommitRetries: counter(
    "mr_redis_store_commit_retries_total",
    "",
    [],
    "Documents given to the store again because the outcome was not known",
  ),
  storeCommitDuration: histogram(
    "mr_redis_store_commit_duration_seconds",
    "seconds",
    [],
    "Time that the store took for a call with one or more documents",
  ),
  mesosConnected: gauge(
    "mr_redis_mesos_connected",
    "",
    [],
    "1 while this scheduler is subscribed to a Mesos master, else 0",
  ),
  mesosSubscriptions: counter(
    "mr_redis_mesos_subscriptions_total",
    "",
    [],
    "Subscriptions to Mesos masters that began",
  ),
  mesosCalls: counter(
    "mr_redis_mesos_calls_total",
    "",
    ["call", "outcome"],
    "Calls to the Mesos master; lost ones may have arrived",
  ),
  failovers: counter(
    "mr_redis_failovers_total",
    "",
    ["kind", "result"],
    "Failovers that were stored; promoted: a replica is master, empty: there was none, so a new and empty process is, cancelled: a planned one was given up",
  ),
  failoverWriterless: histogram(
    "mr_redis_failover_writerless_seconds",
    "seconds",
    ["kind"],
    "From the first sign of a failover until its new master was seen to accept writes",
  ),
  failoverBytesGivenUp: counter(
    "mr_redis_failover_given_up_bytes_total",
    "bytes",
    [],
    "Bytes of replication that old masters had and new ones have not, as far as is known",
  ),
  failoversOfUnknownLoss: counter(
    "mr_redis_failovers_with_unknown_loss_total",
    "",
    [],
    "Failovers of which nobody can tell how many bytes were given up",
  ),
  goalsSent: counter(
    "mr_redis_goals_sent_total",
    "",
    [],
    "Goals sent to executors, repetitions included",
  ),
  goalDuration: histogram(
    "mr_redis_goal_in_force_seconds",
    "seconds",
    [],
    "From the first sending of a goal until its executor reported it, or a later one, in force",
  ),
  reports: counter(
    "mr_redis_reports_received_total",
    "",
    [],
    "Reports of processes that executors sent",
  ),
  reportBatches: counter(
    "mr_redis_report_batches_received_total",
    "",
    [],
    "Messages of executors with reports",
  ),
  messagesRejected: counter(
    "mr_redis_messages_rejected_total",
    "",
    [],
    "Messages of executors that were thrown away because they could not be read",
  ),
  taskUpdates: counter(
    "mr_redis_task_updates_total",
    "",
    ["state"],
    "Task updates of Mesos, by state",
  ),
  offersReceived: counter("mr_redis_offers_received_total", "", [], "Offers of Mesos"),
  offersRescinded: counter(
    "mr_redis_offers_rescinded_total",
    "",
    [],
    "Offers that Mesos took back",
  ),
  offersDeclined: counter(
    "mr_redis_offers_declined_total",
    "",
    ["reason"],
    "Offers given back unused; idle: nothing waited for a place, no-fit: what waited did not fit",
  ),
  revives: counter("mr_redis_revives_total", "", [], "Times that Mesos was asked for offers"),
  launches: counter("mr_redis_launches_total", "", [], "Processes launched"),
  launchesFailed: counter(
    "mr_redis_launches_failed_total",
    "",
    [],
    "Processes whose launch Mesos certainly did not take",
  ),
  kills: counter(
    "mr_redis_kills_total",
    "",
    [],
    "Times that Mesos was asked to end a task, repetitions included",
  ),
  reconciliations: counter(
    "mr_redis_reconciliations_total",
    "",
    ["kind"],
    "Questions to Mesos what runs; implicit: everything, explicit: tasks that it was silent about",
  ),
  httpRequests: counter(
    "mr_redis_http_requests_total",
    "",
    ["method", "route", "status"],
    "Requests that were answered; route as in the API, none where no route takes it",
  ),
  httpDuration: histogram(
    "mr_redis_http_request_duration_seconds",
    "seconds",
    ["route"],
    "Time until a request was answered, waits that it asked for included",
  ),
  httpErrors: counter(
    "mr_redis_http_errors_total",
    "",
    ["code"],
    "Requests that ended with an error, by its code; rate-limited, unauthenticated and forbidden are the refusals",
  ),
  httpConnections: gauge("mr_redis_http_connections", "", [], "Open connections to the HTTP API"),
  httpBusy: gauge(
    "mr_redis_http_connections_busy",
    "",
    [],
    "Those of which a request is being answered, streams and waits included",
  ),
  httpEvicted: counter(
    "mr_redis_http_connections_evicted_total",
    "",
    [],
    "Idle connections that were closed because there were too many",
  ),
  eventLoopLag: histogram(
    "mr_redis_event_loop_lag_seconds",
    "seconds",
    [],
    "The longest time that the program was busy or stopped without a pause, of each second",
  ),
  cpu: counter("process_cpu_seconds_total", "seconds", [], "CPU time of user and system"),
  residentMemory: gauge("process_resident_memory_bytes", "bytes", [], "Resident memory"),
  startTime: gauge("process_start_time_seconds", "seconds", [], "Start of the program, since 1970"),
  heapUsed: gauge("nodejs_heap_size_used_bytes", "bytes", [], "Heap of V8 in use"),
  heapTotal: gauge("nodejs_heap_size_total_bytes", "bytes", [], "Heap of V8"),
} as const satisfies Record<string, Metric>;

/** What the scheduler that leads shows of the cluster; no other one does, so that sums over all schedulers are right. */
export const clusterMetrics = {
  instances: gauge("mr_redis_instances", "", ["status"], "Instances"),
  instancesWithoutWriter: gauge(
    "mr_redis_instances_without_writer",
    "",
    [],
    "Instances that ran once, are not being deleted, and have no master now that is known to accept writes",
  ),
  processes: gauge("mr_redis_processes", "", ["role", "state"], "Processes with a record"),
  processesReady: gauge(
    "mr_redis_processes_ready",
    "",
    ["role"],
    "Processes that do what they are for: masters that accept writes, replicas in sync",
  ),
  mastersWithoutQuorum: gauge(
    "mr_redis_masters_without_quorum",
    "",
    [],
    "Masters of fenced instances with replicas whose writes wait for no replica at the moment",
  ),
  mastersOnLease: gauge(
    "mr_redis_masters_on_lease",
    "",
    [],
    "Masters that accept writes only as long as the scheduler confirms them",
  ),
  mastersClosed: gauge(
    "mr_redis_masters_closed",
    "",
    [],
    "Masters that their executor has closed for writes",
  ),
  failoversInProgress: gauge(
    "mr_redis_failovers_in_progress",
    "",
    [],
    "Failovers that have begun and are not decided",
  ),
  agents: gauge("mr_redis_agents", "", [], "Agents that the scheduler has heard of"),
  executors: gauge(
    "mr_redis_executors",
    "",
    ["state"],
    "Executors with processes; silent: longer than ExecutorSilenceMs",
  ),
  offersHeld: gauge("mr_redis_offers_held", "", [], "Offers held right now"),
  placementsWaiting: gauge(
    "mr_redis_placements_waiting",
    "",
    ["reason"],
    "Processes that have no place, by the reason",
  ),
  goalsWaiting: gauge(
    "mr_redis_goals_waiting",
    "",
    [],
    "Processes of which the last goal sent is not known to be in force",
  ),
  commitsWaiting: gauge(
    "mr_redis_store_commits_waiting",
    "",
    [],
    "Instances with a change that the store has not confirmed yet",
  ),
  eventReaders: gauge("mr_redis_event_readers", "", [], "Streams of events, of proxies mostly"),
  instancesLeftOut: gauge(
    "mr_redis_instances_left_out",
    "",
    [],
    `Instances without series of their own, because there are more than ${instancesShownMax.toLocaleString("en")}`,
  ),
} as const satisfies Record<string, Metric>;

/** Of each of the first {@link instancesShownMax} instances; where redis_exporter has the same, under its names. */
export const instanceMetrics = {
  redisUp: gauge(
    "redis_up",
    "",
    ["redis_instance"],
    "1 while the instance has a master that is known to accept writes, else 0",
  ),
  replicasReady: gauge("redis_connected_slaves", "", ["redis_instance"], "Replicas in sync"),
  replicasWanted: gauge(
    "mr_redis_instance_replicas_wanted",
    "",
    ["redis_instance"],
    "Replicas asked for",
  ),
  memoryUsed: gauge(
    "redis_memory_used_bytes",
    "bytes",
    ["redis_instance"],
    "Memory in use at the master",
  ),
  memoryMax: gauge(
    "redis_memory_max_bytes",
    "bytes",
    ["redis_instance"],
    "Memory that each process may use (maxmemory)",
  ),
  clients: gauge(
    "redis_connected_clients",
    "",
    ["redis_instance"],
    "Connections of clients at all of its processes",
  ),
  operations: gauge(
    "redis_instantaneous_ops_per_sec",
    "",
    ["redis_instance"],
    "Commands per second at all of its processes",
  ),
} as const satisfies Record<string, Metric>;

/** All of them, in the order of their text. */
export const allMetrics: readonly Metric[] = [
  ...Object.values(ownMetrics),
  ...Object.values(clusterMetrics),
  ...Object.values(instanceMetrics),
];
