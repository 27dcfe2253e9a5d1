/**
 * Owns the API's view of one reign's decision core: requests become events and wait for their reply, reads come from memory.
 * Not: HTTP (api/), nor who reigns (front.ts). Made by reign.ts; reads go on when the reign has ended.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type AgentView,
  agentViews,
  type Clock,
  type Control,
  type ControlHappening,
  connectionUsersOf,
  endpointsOf,
  firstBehind,
  type InstanceDocument,
  type InstanceEndpoints,
  type InstanceView,
  MrrError,
  NameIndex,
  pageOf,
  type Reply,
  type UpgradeView,
  viewNamed,
  viewOf,
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
} from "./api/port.js";
import { EventsHub, type EventsReader, type EventsSink } from "./events/hub.js";
import type { CensusSource } from "./metrics/census.js";

/** Longest wait for the store behind one request; the store's own limit is shorter. */
const replyMsMax = 15_000;

/** Most requests that wait for the store at the same time; more means that it does not answer. */
const repliesWaitingMax = 10_000;

/** What the port is made of. */
export interface LoopPortOptions {
  readonly control: Control;
  readonly clock: Clock;
  readonly post: (happening: ControlHappening) => void;
  /** Tells the events of this reign from those of every other (events/hub.ts). */
  readonly stream: string;
  /** The authority that signs certificates for Redis; null: certificates come from a directory of the agents. */
  readonly redisTls: RedisTls | null;
}

/** What is told of the authority that signs certificates for Redis. */
export interface RedisTls {
  /** PEM; null until it was made. */
  readonly ca: string | null;
  /** Makes it; rejects where that cannot be done now. */
  prepare(): Promise<void>;
}

/** The port over a running loop. */
export class LoopPort implements Omit<ControlPort, "stance" | "ready" | "changeUpgrade"> {
  readonly #options: LoopPortOptions;
  readonly #names = new NameIndex();
  readonly #waiting = new Map<string, (reply: Reply) => void>();
  readonly #listeners = new Map<string, Set<(document: InstanceDocument | null) => void>>();
  readonly #changed = new Set<string>();
  readonly #hub: EventsHub;
  #requests = 0;
  /** Why nothing can be changed any more; null while the reign lasts. */
  #ended: string | null = null;

  constructor(options: LoopPortOptions) {
    this.#options = options;
    const { control, clock, stream } = options;
    const source = (name: string): InstanceEndpoints | null => {
      const cell = control.cells.get(name);
      return cell === undefined ? null : endpointsOf(cell);
    };
    this.#hub = new EventsHub({ clock, stream, source, names: control.cells.keys() });
  }

  async create(request: CreateRequest): Promise<CreateOutcome> {
    // What keeps it from being made now keeps no instance from being created: its launches ask again.
    if (request.spec.tls === true && this.#ended === null) {
      await this.#options.redisTls?.prepare().catch(() => {});
    }
    const reply = await this.#ask((requestId) => ({
      type: "create-requested",
      requestId,
      name: request.name,
      spec: request.spec,
    }));
    const cell = this.#options.control.cells.get(request.name);
    const created = reply.type === "created" || reply.type === "exists";
    if (reply.type === "create-refused") {
      return { type: "failed", error: new MrrError(reply.code, reply.text) };
    }
    if (!created || cell === undefined) return { type: "failed", error: storeError(reply) };
    const type = reply.type === "exists" ? "exists" : reply.recreated ? "recreated" : "created";
    return { type, view: viewOf(cell) };
  }

  async remove(name: string): Promise<DeleteOutcome> {
    const reply = await this.#ask((requestId) => ({ type: "delete-requested", requestId, name }));
    if (reply.type === "not-found" || reply.type === "already-deleted") return { type: reply.type };
    const cell = this.#options.control.cells.get(name);
    if (reply.type !== "delete-accepted" || cell === undefined) {
      return { type: "failed", error: storeError(reply) };
    }
    return { type: "accepted", view: viewOf(cell) };
  }

  async failover(request: FailoverRequest): Promise<FailoverOutcome> {
    const reply = await this.#ask((requestId) => ({
      type: "failover-requested",
      requestId,
      ...request,
    }));
    if (reply.type === "not-found") return { type: "not-found" };
    if (reply.type === "failover-refused") {
      if (reply.code === "not-found") return { type: "not-found" };
      return { type: "refused", code: reply.code, text: reply.text };
    }
    const cell = this.#options.control.cells.get(request.name);
    if (reply.type !== "failover-accepted" || cell === undefined) {
      return { type: "failed", error: storeError(reply) };
    }
    return { type: "accepted", epoch: reply.epoch, view: viewOf(cell) };
  }

  async rotate(request: RotationRequest): Promise<RotationOutcome> {
    const reply = await this.#ask((requestId) => ({
      type: "rotation-requested",
      requestId,
      ...request,
    }));
    if (reply.type === "not-found") return { type: "not-found" };
    if (reply.type === "rotation-refused") {
      return { type: "refused", code: reply.code, text: reply.text };
    }
    const cell = this.#options.control.cells.get(request.name);
    if (reply.type !== "rotated" || cell === undefined) {
      return { type: "failed", error: storeError(reply) };
    }
    return { type: "rotated", pending: reply.pending, view: viewOf(cell) };
  }

  view(name: string): InstanceView | null {
    return viewNamed(this.#options.control, name);
  }

  list(query: ListQuery): ListPage {
    const { control } = this.#options;
    return pageOf(control, this.#names.names(control), query);
  }

  *listRunning(): Iterable<InstanceView> {
    const { control } = this.#options;
    for (const name of this.#names.names(control)) {
      const cell = control.cells.get(name);
      if (cell === undefined || cell.stored === null) continue;
      const { status } = cell.document;
      if (status === "RUNNING" || status === "DEGRADED" || status === "DELETING")
        yield viewOf(cell);
    }
  }

  connection(name: string): ConnectionView | null {
    const { control } = this.#options;
    const cell = control.cells.get(name);
    if (cell === undefined || cell.stored === null) return null;
    const problem = control.proxyPorts.problemOf(cell.stored);
    const endpoints = endpointsOf(cell);
    const users = endpoints === null ? null : connectionUsersOf(cell, control.settings.rules);
    const tls =
      cell.stored.spec.tls === undefined ? null : { ca: this.#options.redisTls?.ca ?? null };
    return { endpoints, problem, users, tls };
  }

  endpoints({ after, limit }: Pick<ListQuery, "after" | "limit">): EndpointsPage {
    const names = this.#names.names(this.#options.control);
    const lastEventId = this.#ended === null ? this.#hub.lastEventId : null;
    const instances: InstanceEndpoints[] = [];
    for (let index = firstBehind(names, after); index < names.length; index += 1) {
      const instance = this.#hub.show(names[index] ?? "");
      if (instance === null) continue;
      if (instances.length === limit) {
        return { instances, next: instances.at(-1)?.name ?? null, lastEventId };
      }
      instances.push(instance);
    }
    return { instances, next: null, lastEventId };
  }

  follow(sink: EventsSink, lastEventId: string | null): EventsReader {
    return this.#hub.follow(sink, lastEventId);
  }

  agents(): readonly AgentView[] {
    return agentViews(this.#options.control);
  }

  upgrade(): UpgradeView {
    return this.#options.control.upgrades.view();
  }

  watch(name: string, listener: (document: InstanceDocument | null) => void): () => void {
    if (this.#ended !== null) {
      listener(null);
      return () => {};
    }
    const listeners = this.#listeners.get(name) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(name, listeners);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(name) === listeners) {
        this.#listeners.delete(name);
      }
    };
  }

  /** What is counted up for `/metrics`; its cells are those of now, also while they are looked at. */
  census(): CensusSource {
    const { control } = this.#options;
    return { control, names: this.#names.names(control), readerCount: this.#hub.readerCount };
  }

  /** The end of the reign: what waits is answered now, whatever became of it; reads go on. */
  end(because: string): void {
    if (this.#ended !== null) return;
    this.#ended = because;
    for (const settle of [...this.#waiting.values()])
      settle({ type: "store-failed", text: because });
    const listeners = [...this.#listeners.values()].flatMap((set) => [...set]);
    this.#listeners.clear();
    for (const listener of listeners) listener(null);
    this.#hub.end();
  }

  /** The answer to a request; one that nobody waits for any more is dropped. */
  replied(requestId: string, reply: Reply): void {
    this.#waiting.get(requestId)?.(reply);
  }

  viewChanged(name: string): void {
    if (this.#listeners.has(name)) this.#changed.add(name);
    this.#hub.changed(name);
  }

  /** Tells the watchers and those who follow events, once for all changes of a turn. */
  turnEnded(): void {
    this.#hub.flush();
    if (this.#changed.size === 0) return;
    const names = [...this.#changed];
    this.#changed.clear();
    for (const name of names) {
      const cell = this.#options.control.cells.get(name);
      const document = cell === undefined || cell.stored === null ? null : cell.document;
      for (const listener of [...(this.#listeners.get(name) ?? [])]) listener(document);
    }
  }

  #ask(happening: (requestId: string) => ControlHappening): Promise<Reply> {
    if (this.#ended !== null) {
      throw new MrrError("store-unavailable", `Nothing can be changed now: ${this.#ended}`);
    }
    if (this.#waiting.size >= repliesWaitingMax) {
      throw new MrrError("store-unavailable", "too many requests wait for the store");
    }
    this.#requests += 1;
    const requestId = `request-${this.#requests}`;
    return new Promise((resolve) => {
      const settle = (reply: Reply): void => {
        timer.cancel();
        this.#waiting.delete(requestId);
        resolve(reply);
      };
      const timer = this.#options.clock.after(replyMsMax, () =>
        settle({ type: "store-failed", text: "the store did not answer in time" }),
      );
      this.#waiting.set(requestId, settle);
      this.#options.post(happening(requestId));
    });
  }
}

const storeError = (reply: Reply): MrrError =>
  new MrrError(
    "store-unavailable",
    reply.type === "store-failed"
      ? `the store did not confirm: ${reply.text}; look at the status to see what became of it`
      : "the instance has gone meanwhile",
  );
