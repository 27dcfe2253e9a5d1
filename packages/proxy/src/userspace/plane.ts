/**
 * Owns the userspace data plane: one listener for each route, on every system that has Node.
 * Not: one route (listener.ts). Called by main.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock } from "@mr-redis/core";
import {
  type DataPlane,
  hostPortText,
  type PlaneMaker,
  type PlaneSettings,
  type Route,
  type RouteState,
} from "../routes.js";
import { type ListenerLimits, listenerLimits, RouteListener } from "./listener.js";

/** See the head of this file. */
export class UserspacePlane implements DataPlane {
  readonly kind = "userspace";
  readonly #clock: Clock;
  #limits: ListenerLimits;
  /** By listening address: a route that keeps it is not disturbed by a change of its name. */
  readonly #listeners = new Map<string, RouteListener>();
  /** Changes are made one after the other. */
  #last: Promise<void> = Promise.resolve();

  constructor(clock: Clock, limits: Partial<ListenerLimits> = {}) {
    this.#clock = clock;
    this.#limits = { ...listenerLimits, ...limits };
  }

  apply(routes: readonly Route[]): Promise<void> {
    this.#last = this.#last.then(() => this.#apply(routes));
    return this.#last;
  }

  change(changed: readonly Route[], removed: readonly string[]): Promise<void> {
    this.#last = this.#last.then(() => {
      const names = new Set([...removed, ...changed.map(({ name }) => name)]);
      const present = [...this.#listeners.values()].map((listener) => listener.state().route);
      return this.#apply([...present.filter(({ name }) => !names.has(name)), ...changed]);
    });
    return this.#last;
  }

  configure({ clientsMax, targetWaitMs }: PlaneSettings): void {
    this.#limits = { ...this.#limits, clientsMax, targetWaitMs };
    for (const listener of this.#listeners.values()) listener.limit(this.#limits);
  }

  async states(): Promise<readonly RouteState[]> {
    return [...this.#listeners.values()].map((listener) => listener.state());
  }

  async close(): Promise<void> {
    await this.apply([]);
  }

  async #apply(routes: readonly Route[]): Promise<void> {
    const wanted = new Map(routes.map((route) => [hostPortText(route.listen), route]));
    const gone = [...this.#listeners].filter(([key]) => !wanted.has(key));
    for (const [key] of gone) this.#listeners.delete(key);
    await Promise.all(gone.map(([, listener]) => listener.close()));
    const made: Promise<void>[] = [];
    for (const [key, route] of wanted) {
      const present = this.#listeners.get(key);
      // One that could not listen is tried again: whoever held the port may have gone.
      if (present !== undefined && present.state().problem === null) present.retarget(route);
      else {
        const listener = new RouteListener(route, this.#clock, this.#limits);
        this.#listeners.set(key, listener);
        made.push(listener.listen());
      }
    }
    await Promise.all(made);
  }
}

/** A plane of Node sockets; it works everywhere. */
export const openUserspacePlane: PlaneMaker = async ({ clock, settings }) => {
  const { clientsMax, targetWaitMs } = settings;
  return new UserspacePlane(clock, { clientsMax, targetWaitMs });
};
