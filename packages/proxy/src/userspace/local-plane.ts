/**
 * Owns the userspace data plane within one process: a listener for each route, made and changed by name.
 * Not: one route (listener.ts), nor several processes (workers.ts). Called by plane.ts and by each worker (worker.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError, type Timer } from "@mr-redis/core";
import {
  type DataPlane,
  hostPortText,
  type PlaneOptions,
  type PlaneSettings,
  type Route,
  type RouteState,
  retryProblemMs,
} from "../routes.js";
import { EarlyReaders } from "./early-readers.js";
import { type PlaneShare, RouteListener } from "./listener.js";
import { type NodeStreams, nodeStreams } from "./node-handles.js";
import { SecureFront } from "./secure.js";

/** Between two words about connections that could not be accepted: a shortage would fill the log. */
const acceptWarnMs = 10_000;

const samePlace = (a: Route, b: Route): boolean =>
  hostPortText(a.listen) === hostPortText(b.listen);

/** See the head of this file. */
export class LocalPlane implements DataPlane {
  readonly kind = "userspace";
  readonly #options: Omit<PlaneOptions, "workers">;
  readonly #share: PlaneShare;
  readonly #listeners = new Map<string, RouteListener>();
  /** Names of routes that are not served. */
  readonly #problems = new Set<string>();
  /** Changes are made one after the other. */
  #last: Promise<void> = Promise.resolve();
  #retry: Timer | null = null;
  #warnedMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  /** `streams`: null for the public API alone. Throws MrrError `config-invalid` when the certificate cannot be used. */
  constructor(options: Omit<PlaneOptions, "workers">, streams: NodeStreams | null = nodeStreams) {
    this.#options = options;
    const { clock, settings } = options;
    const secure = new SecureFront(clock);
    const problem = secure.use(settings.tls);
    if (problem !== null) {
      throw new MrrError("config-invalid", `the certificate for clients: ${problem}`);
    }
    this.#share = {
      ...{ clock, streams, secure, settings, clients: 0, refusing: 0 },
      readers: new EarlyReaders(),
      acceptFailed: (route, error) => this.#acceptFailed(route, error),
    };
  }

  apply(routes: readonly Route[]): Promise<void> {
    const names = new Set(routes.map(({ name }) => name));
    return this.#then(() => {
      const removed = [...this.#listeners.keys()].filter((name) => !names.has(name));
      return this.#change(routes, removed);
    });
  }

  change(changed: readonly Route[], removed: readonly string[]): Promise<void> {
    return this.#then(() => this.#change(changed, removed));
  }

  configure(settings: PlaneSettings): void {
    const problem = this.#share.secure.use(settings.tls);
    if (problem === null) {
      this.#share.settings = settings;
      return;
    }
    this.#share.settings = { ...settings, tls: this.#share.settings.tls };
    this.#options.watcher.log("warn", "The new certificate cannot be used; the old one stays", {
      problem,
    });
  }

  async states(): Promise<readonly RouteState[]> {
    return [...this.#listeners.values()].map((listener) => listener.state());
  }

  close(): Promise<void> {
    return this.#then(async () => {
      this.#isClosed = true;
      this.#retry?.cancel();
      await this.#change([], [...this.#listeners.keys()]);
    });
  }

  #then(step: () => Promise<void>): Promise<void> {
    const done = this.#last.then(step);
    // What comes next is made whatever became of this one.
    this.#last = done.catch(() => {});
    return done;
  }

  async #change(changed: readonly Route[], removed: readonly string[]): Promise<void> {
    const moved: Route[] = [];
    for (const route of changed) {
      const present = this.#listeners.get(route.name);
      if (present === undefined) continue;
      // Cuts wait for nothing, not for the end of other listeners either.
      if (samePlace(present.route, route)) present.retarget(route);
      else moved.push(route);
    }
    const ends = [...removed, ...moved.map(({ name }) => name)];
    await Promise.all(ends.map((name) => this.#remove(name)));
    if (this.#isClosed) return;
    await Promise.all(changed.map((route) => this.#set(route)));
    this.#scheduleRetry();
  }

  async #remove(name: string): Promise<void> {
    const listener = this.#listeners.get(name);
    this.#listeners.delete(name);
    this.#problems.delete(name);
    await listener?.close();
  }

  async #set(route: Route): Promise<void> {
    const present = this.#listeners.get(route.name);
    if (present !== undefined) {
      if (present.problem !== null) await this.#listen(present);
      return;
    }
    const listener = new RouteListener(route, this.#share);
    this.#listeners.set(route.name, listener);
    await this.#listen(listener);
  }

  async #listen(listener: RouteListener): Promise<void> {
    const { name } = listener.route;
    await listener.listen();
    const { problem, route } = listener;
    const isNews = (problem !== null) !== this.#problems.has(name);
    if (problem === null) this.#problems.delete(name);
    else this.#problems.add(name);
    if (isNews) this.#options.watcher.problem(route, problem);
  }

  /** Whoever holds the address of a route may have gone. */
  #scheduleRetry(): void {
    if (this.#retry !== null || this.#problems.size === 0 || this.#isClosed) return;
    this.#retry = this.#options.clock.after(retryProblemMs, () => {
      this.#retry = null;
      this.#then(async () => {
        if (this.#isClosed) return;
        await Promise.all([...this.#problems].map((name) => this.#listenAgain(name)));
        this.#scheduleRetry();
      });
    });
  }

  async #listenAgain(name: string): Promise<void> {
    const listener = this.#listeners.get(name);
    if (listener !== undefined) await this.#listen(listener);
  }

  #acceptFailed(route: Route, error: Error): void {
    const { clock, watcher } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#warnedMs < acceptWarnMs) return;
    this.#warnedMs = nowMs;
    const fields = { route: route.name, problem: error.message };
    watcher.log("warn", "A connection could not be accepted", fields);
  }
}
