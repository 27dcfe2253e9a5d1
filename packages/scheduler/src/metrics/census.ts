/**
 * Owns the figures of one moment of the cluster, counted from what the decision core knows: a pass over all instances, in
 * parts, so that nothing waits for it. Not: what is counted as it happens (meter.ts). Called for a scrape of the scheduler
 * that leads.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Control, compareStamps, type InstanceView, viewOf } from "@mr-redis/core";
import { type Family, Shown } from "./series.js";
import { clusterMetrics, instanceMetrics, instancesShownMax } from "./table.js";

/** Instances that are counted before others get their turn: some milliseconds, ten of them before the code is warm. */
export const censusPart = 200;

/** What is counted. */
export interface CensusSource {
  readonly control: Control;
  /** Ascending. */
  readonly names: readonly string[];
  readonly readerCount: number;
}

type Cell = NonNullable<ReturnType<Control["cells"]["get"]>>;

const statuses = ["CREATING", "RUNNING", "DEGRADED", "FAILED", "DELETING", "DELETED"] as const;

/** Counts by one or two words. */
class Tally {
  readonly #counts = new Map<string, number>();

  constructor(known: readonly string[] = []) {
    for (const key of known) this.#counts.set(key, 0);
  }

  add(key: string, amount = 1): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + amount);
  }

  showIn(shown: Shown): void {
    for (const [key, count] of this.#counts) shown.set(count, ...key.split(" "));
  }
}

/** Counts of one pass. */
class Census {
  readonly #source: CensusSource;
  readonly #statuses = new Tally(statuses);
  readonly #processes = new Tally();
  readonly #ready = new Tally(["master", "replica"]);
  readonly #waiting = new Tally();
  /** By agent and executor: whether it is silent. */
  readonly #executors = new Map<string, Map<string, boolean>>();
  readonly #counts = {
    ...{ withoutWriter: 0, withoutQuorum: 0, onLease: 0, closed: 0, failovers: 0 },
    ...{ goals: 0, commits: 0, shown: 0, leftOut: 0 },
  };
  readonly #instance = {
    up: new Shown(instanceMetrics.redisUp),
    replicasReady: new Shown(instanceMetrics.replicasReady),
    replicasWanted: new Shown(instanceMetrics.replicasWanted),
    memoryUsed: new Shown(instanceMetrics.memoryUsed),
    memoryMax: new Shown(instanceMetrics.memoryMax),
    clients: new Shown(instanceMetrics.clients),
    operations: new Shown(instanceMetrics.operations),
  };

  constructor(source: CensusSource) {
    this.#source = source;
  }

  count(cell: Cell): void {
    if (cell.commit !== null) this.#counts.commits += 1;
    if (cell.stored === null) return;
    const view = viewOf(cell);
    const { document, processes } = view;
    this.#statuses.add(document.status);
    for (const { record, report, ready } of processes) {
      this.#processes.add(`${record.role} ${record.state}`);
      if (ready) this.#ready.add(record.role);
      if (report !== null && report.closed !== null) this.#counts.closed += 1;
      const sent = cell.sentGoals.get(record.id);
      const inForce =
        sent === undefined || (report && compareStamps(report.stamp, sent.stamp) >= 0);
      if (!inForce) this.#counts.goals += 1;
      this.#executor(record);
    }
    if (cell.unplaced !== null) {
      this.#waiting.add(cell.unplaced.because.code, cell.unplaced.missing);
    }
    if (document.status === "DELETED" || document.status === "DELETING") return;
    if (cell.failover !== null) this.#counts.failovers += 1;
    if (cell.leased !== null) this.#counts.onLease += 1;
    const { fencing, slaves } = document.spec;
    if (document.masterId !== null && fencing === "on" && slaves > 0 && cell.writeQuorum === 0) {
      this.#counts.withoutQuorum += 1;
    }
    const isUp = masterOf(view)?.ready === true;
    if (document.wasRunning && !isUp) this.#counts.withoutWriter += 1;
    this.#show(view, isUp);
  }

  families(): readonly Family[] {
    const { control, readerCount } = this.#source;
    const counts = this.#counts;
    const one = (metric: (typeof clusterMetrics)[keyof typeof clusterMetrics], value: number) => {
      const shown = new Shown(metric);
      shown.set(value);
      return shown;
    };
    const tallied = (
      metric: (typeof clusterMetrics)[keyof typeof clusterMetrics],
      tally: Tally,
    ) => {
      const shown = new Shown(metric);
      tally.showIn(shown);
      return shown;
    };
    return [
      tallied(clusterMetrics.instances, this.#statuses),
      one(clusterMetrics.instancesWithoutWriter, counts.withoutWriter),
      tallied(clusterMetrics.processes, this.#processes),
      tallied(clusterMetrics.processesReady, this.#ready),
      one(clusterMetrics.mastersWithoutQuorum, counts.withoutQuorum),
      one(clusterMetrics.mastersOnLease, counts.onLease),
      one(clusterMetrics.mastersClosed, counts.closed),
      one(clusterMetrics.failoversInProgress, counts.failovers),
      one(clusterMetrics.agents, control.agents.list().length),
      tallied(clusterMetrics.executors, this.#executorTally()),
      one(clusterMetrics.offersHeld, control.heldOffers().length),
      tallied(clusterMetrics.placementsWaiting, this.#waiting),
      one(clusterMetrics.goalsWaiting, counts.goals),
      one(clusterMetrics.commitsWaiting, counts.commits),
      one(clusterMetrics.eventReaders, readerCount),
      one(clusterMetrics.instancesLeftOut, counts.leftOut),
      ...Object.values(this.#instance),
    ];
  }

  /** Asked once for each executor, not for each of its processes. */
  #executor(record: Parameters<Control["isSilent"]>[0]): void {
    const { agentId, executorId } = record;
    const present = this.#executors.get(agentId);
    const known = present ?? new Map<string, boolean>();
    if (present === undefined) this.#executors.set(agentId, known);
    if (!known.has(executorId)) known.set(executorId, this.#source.control.isSilent(record));
  }

  #executorTally(): Tally {
    const tally = new Tally(["heard", "silent"]);
    for (const executors of this.#executors.values()) {
      for (const isSilent of executors.values()) tally.add(isSilent ? "silent" : "heard");
    }
    return tally;
  }

  #show(view: InstanceView, isUp: boolean): void {
    if (this.#counts.shown >= instancesShownMax) {
      this.#counts.leftOut += 1;
      return;
    }
    this.#counts.shown += 1;
    const { name, spec, masterId } = view.document;
    const { processes } = view;
    const stats = processes.flatMap(({ report }) => report?.stats ?? []);
    const sum = (of: (each: (typeof stats)[number]) => number): number =>
      stats.reduce((total, each) => total + of(each), 0);
    const replicas = processes.filter(({ record, ready }) => record.id !== masterId && ready);
    const used = masterOf(view)?.report?.stats?.memoryUsedBytes;
    this.#instance.up.set(isUp ? 1 : 0, name);
    this.#instance.replicasReady.set(replicas.length, name);
    this.#instance.replicasWanted.set(spec.slaves, name);
    if (used !== undefined) this.#instance.memoryUsed.set(used, name);
    this.#instance.memoryMax.set(spec.memoryMib * 1024 * 1024, name);
    this.#instance.clients.set(
      sum(({ clients }) => clients),
      name,
    );
    this.#instance.operations.set(
      sum(({ opsPerSecond }) => opsPerSecond),
      name,
    );
  }
}

const masterOf = ({ document, processes }: InstanceView) =>
  processes.find(({ record }) => record.id === document.masterId);

/** Counts everything; `rest` is waited for between the parts. */
export async function takeCensus(
  source: CensusSource,
  rest: () => Promise<void>,
): Promise<readonly Family[]> {
  const census = new Census(source);
  for (const [index, name] of source.names.entries()) {
    if (index > 0 && index % censusPart === 0) await rest();
    const cell = source.control.cells.get(name);
    if (cell !== undefined) census.count(cell);
  }
  return census.families();
}
