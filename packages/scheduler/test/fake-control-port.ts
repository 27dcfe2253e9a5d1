/**
 * Owns a control loop for tests of the API: instances in a map, commits that take a turn, and scripted failures.
 * Not: placement or Mesos; tests set statuses themselves.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type AgentView,
  type Because,
  type ConnectionUsers,
  type InstanceDocument,
  type InstanceEndpoints,
  type InstanceView,
  MrrError,
  type ProcessRecord,
  type ProcessReport,
  type ProcessView,
  type UpgradeView,
} from "@mr-redis/core";
import type {
  ConnectionView,
  ControlPort,
  CreateOutcome,
  CreateRequest,
  DeleteOutcome,
  EndpointsPage,
  FailoverOutcome,
  FailoverRequest,
  ListPage,
  ListQuery,
  RotationOutcome,
  RotationRequest,
  Stance,
  UpgradeAction,
} from "../src/api/port.js";
import { EventsHub, type EventsReader, type EventsSink } from "../src/events/hub.js";
import { machineClock } from "./machine-clock.js";

/** What every test looks for in answers that must not have it. */
export const secretText = "s3cr3t-of-a-process";

const choices = { fencing: "on", onUnreachable: "replace" } as const;

/** A document as a create leaves it. */
export const documentOf = (
  name: string,
  overrides: Partial<InstanceDocument> = {},
): InstanceDocument => ({
  version: 2,
  name,
  incarnation: `inc-${name}`,
  spec: { memoryMib: 200, masters: 1, slaves: 0, distribution: null, config: {}, ...choices },
  createdAtMs: Date.UTC(2026, 10, 22, 10, 0, 0),
  status: "CREATING",
  reason: null,
  wasRunning: false,
  epoch: 0,
  masterId: null,
  writeQuorum: 0,
  processes: [],
  failovers: [],
  deletedAtMs: null,
  ...overrides,
});

/** A process that runs. */
export const recordOf = (
  id: string,
  role: ProcessRecord["role"],
  address: string,
  port: number,
): ProcessRecord => ({
  id,
  role,
  state: "running",
  agentId: `agent-${address}`,
  hostname: `host-${address}`,
  executorId: "executor-1",
  address,
  port,
  memoryMib: 200,
  secret: secretText,
  replicaSecret: secretText,
  replicaUser: "replica-1",
  member: true,
  expelled: false,
  plannedAtMs: 0,
  plannedEpoch: 1,
  startId: "start-1",
  dataEpoch: 1,
});

/** A report with the given figures. */
export const reportOf = (
  record: ProcessRecord,
  stats: ProcessReport["stats"],
  overrides: Partial<ProcessReport> = {},
): ProcessReport => ({
  processId: record.id,
  startId: "start-1",
  pid: 42,
  phase: "serving",
  exit: null,
  stamp: { term: 1, counter: 1 },
  epoch: 1,
  role: record.role,
  writeQuorum: 0,
  closed: null,
  lagSecondsMax: 3,
  goodReplicas: -1,
  following: null,
  linkUp: record.role === "replica",
  loading: false,
  synced: true,
  dataEpoch: 1,
  diverged: false,
  offset: 10,
  replicationId: secretText.length.toString(),
  stats,
  ...overrides,
});

/** A 1 + 1 instance that runs, with the figures of the ancestor's own example. */
export function runningView(name: string, overrides: Partial<InstanceDocument> = {}): InstanceView {
  const master = recordOf(`${name}::m`, "master", "10.0.0.1", 6380);
  const slave = recordOf(`${name}::r`, "replica", "10.0.0.2", 6381);
  const processes: ProcessView[] = [
    {
      record: master,
      report: reportOf(master, {
        memoryUsedBytes: 1904432,
        uptimeSeconds: 1623,
        clients: 1,
        opsPerSecond: 0,
        lastIoSeconds: 0,
      }),
      ready: true,
    },
    {
      record: slave,
      report: reportOf(slave, {
        memoryUsedBytes: 834904,
        uptimeSeconds: 1619,
        clients: 2,
        opsPerSecond: 0,
        lastIoSeconds: 9,
      }),
      ready: true,
    },
  ];
  const document = documentOf(name, {
    spec: { memoryMib: 200, masters: 1, slaves: 1, distribution: null, config: {}, ...choices },
    status: "RUNNING",
    wasRunning: true,
    epoch: 1,
    masterId: master.id,
    processes: [master, slave],
    ...overrides,
  });
  return { document, processes, unplaced: null };
}

/** Where a made-up instance is: its master serves while the instance is RUNNING. */
export function endpointsOfView(view: InstanceView | undefined): InstanceEndpoints | null {
  if (view === undefined || view.document.status === "DELETED") return null;
  const { name, incarnation, spec, status, epoch, masterId } = view.document;
  const addresses = view.processes.map(({ record }) => ({
    processId: record.id,
    address: record.address,
    port: record.port,
  }));
  const isReady = status === "RUNNING";
  return {
    ...{ name, incarnation, status, epoch },
    type: spec.slaves > 0 ? "MS" : "S",
    writer: isReady ? "ready" : "none",
    master: isReady ? (addresses.find(({ processId }) => processId === masterId) ?? null) : null,
    replicas: addresses.filter(({ processId }) => processId !== masterId),
    proxy: { write: 20_000, read: spec.slaves > 0 ? 20_001 : null },
  };
}

/** See the head of the file. */
export class FakeControlPort implements ControlPort {
  readonly views = new Map<string, InstanceView>();
  readonly requests: CreateRequest[] = [];
  readonly #listeners = new Map<string, Set<(document: InstanceDocument | null) => void>>();
  agentViews: readonly AgentView[] = [];
  upgradeView: UpgradeView = {
    state: "off",
    version: "mr-redis-1",
    instances: 3,
    behind: 2,
    processesBehind: 4,
    current: null,
    left: [],
  };
  reason: string | null = null;
  standing: Stance = { type: "leading", stateAgeMs: 7 };
  /** Set: every change fails with it. */
  failure: MrrError | null = null;
  /** Set: every method throws it. */
  thrown: Error | null = null;
  /** Creates and removes settle only after this. */
  gate: Promise<void> = Promise.resolve();
  /** Answer to a failover of an instance that exists; null: accepted. */
  failoverOutcome: FailoverOutcome | null = null;
  readonly failovers: FailoverRequest[] = [];
  /** Answer to a rotation of an instance that exists; null: done. */
  rotationOutcome: RotationOutcome | null = null;
  readonly rotations: RotationRequest[] = [];
  /** The passwords of every instance; null: none has any. */
  users: ConnectionUsers | null = null;
  tls: ConnectionView["tls"] = null;
  /** Set: no instance has ports at proxies, and this is why. */
  proxyProblem: Because | null = null;
  /** Replaced by tests that need other limits. */
  hub = new EventsHub({
    clock: machineClock,
    source: (name) => endpointsOfView(this.views.get(name)),
    names: [],
    stream: "stream",
  });
  #createdCount = 0;

  get listenerCount(): number {
    return [...this.#listeners.values()].reduce((sum, set) => sum + set.size, 0);
  }

  put(view: InstanceView): void {
    this.views.set(view.document.name, view);
    this.#tell(view.document.name, view);
  }

  drop(name: string): void {
    this.views.delete(name);
    this.#tell(name, null);
  }

  stance(): Stance {
    return this.standing;
  }

  ready(): { ok: boolean; reason: string | null } {
    this.#check();
    return { ok: this.reason === null, reason: this.reason };
  }

  async create(request: CreateRequest): Promise<CreateOutcome> {
    this.#check();
    this.requests.push(request);
    const known = this.views.get(request.name);
    if (known !== undefined && known.document.status !== "DELETED") {
      return { type: "exists", view: known };
    }
    if (this.failure !== null) return { type: "failed", error: this.failure };
    this.#createdCount += 1;
    const view: InstanceView = {
      document: documentOf(request.name, {
        incarnation: `inc-${this.#createdCount}`,
        spec: request.spec,
      }),
      processes: [],
      unplaced: null,
    };
    this.views.set(request.name, view);
    await this.gate;
    return { type: known === undefined ? "created" : "recreated", view };
  }

  async remove(name: string): Promise<DeleteOutcome> {
    this.#check();
    const view = this.views.get(name);
    if (view === undefined) return { type: "not-found" };
    if (view.document.status === "DELETED") return { type: "already-deleted" };
    if (this.failure !== null) return { type: "failed", error: this.failure };
    await this.gate;
    const next = { ...view, document: { ...view.document, status: "DELETING" as const } };
    this.put(next);
    return { type: "accepted", view: next };
  }

  async failover(request: FailoverRequest): Promise<FailoverOutcome> {
    this.#check();
    this.failovers.push(request);
    const view = this.views.get(request.name);
    if (view === undefined) return { type: "not-found" };
    return this.failoverOutcome ?? { type: "accepted", epoch: view.document.epoch + 1, view };
  }

  async rotate(request: RotationRequest): Promise<RotationOutcome> {
    this.#check();
    this.rotations.push(request);
    const view = this.views.get(request.name);
    if (view === undefined) return { type: "not-found" };
    return this.rotationOutcome ?? { type: "rotated", pending: [], view };
  }

  view(name: string): InstanceView | null {
    this.#check();
    return this.views.get(name) ?? null;
  }

  list({ after, limit, status }: ListQuery): ListPage {
    this.#check();
    const all = [...this.views.values()]
      .filter(({ document }) => after === null || document.name > after)
      .filter(({ document }) => status === null || document.status === status)
      .sort((a, b) => (a.document.name < b.document.name ? -1 : 1));
    const instances = all.slice(0, limit);
    const next = all.length > limit ? (instances.at(-1)?.document.name ?? null) : null;
    return { instances, next };
  }

  connection(name: string): ConnectionView | null {
    this.#check();
    const view = this.views.get(name);
    if (view === undefined) return null;
    const endpoints = endpointsOfView(view);
    const { users, tls } = this;
    if (this.proxyProblem === null || endpoints === null) {
      return { endpoints, problem: null, users, tls };
    }
    return { endpoints: { ...endpoints, proxy: null }, problem: this.proxyProblem, users, tls };
  }

  endpoints(query: Pick<ListQuery, "after" | "limit">): EndpointsPage {
    const { instances, next } = this.list({ ...query, status: null });
    return {
      instances: instances.flatMap(({ document }) => this.hub.show(document.name) ?? []),
      next,
      lastEventId: this.standing.type === "leading" ? this.hub.lastEventId : null,
    };
  }

  follow(sink: EventsSink, lastEventId: string | null): EventsReader {
    this.#check();
    return this.hub.follow(sink, lastEventId);
  }

  *listRunning(): Iterable<InstanceView> {
    this.#check();
    for (const view of this.views.values()) {
      if (["RUNNING", "DEGRADED", "DELETING"].includes(view.document.status)) yield view;
    }
  }

  agents(): readonly AgentView[] {
    this.#check();
    return this.agentViews;
  }

  upgrade(): UpgradeView {
    this.#check();
    return this.upgradeView;
  }

  async changeUpgrade(action: UpgradeAction): Promise<UpgradeView> {
    this.#check();
    if (this.failure !== null) throw this.failure;
    const state = action === "pause" ? "paused" : "running";
    this.upgradeView = { ...this.upgradeView, state };
    return this.upgradeView;
  }

  watch(name: string, listener: (document: InstanceDocument | null) => void): () => void {
    this.#check();
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set);
    set.add(listener);
    return () => set.delete(listener);
  }

  #tell(name: string, view: InstanceView | null): void {
    this.hub.changed(name);
    this.hub.flush();
    for (const listener of [...(this.#listeners.get(name) ?? [])]) listener(view?.document ?? null);
  }

  #check(): void {
    if (this.thrown !== null) throw this.thrown;
  }
}

/** The error of a store that is down. */
export const storeDown = (): MrrError =>
  new MrrError("store-unavailable", "The store does not answer.");
