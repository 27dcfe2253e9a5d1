/**
 * Owns the userspace data plane: one listener for each route, on every system that has Node.
 * Not: one route (listener.ts). Called by main.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock } from "@mr-redis/core";
import { type DataPlane, hostPortText, type Route, type RouteState } from "../routes.js";
import { type ListenerLimits, listenerLimits, RouteListener } from "./listener.js";

/** See the head of this file. */
export class UserspacePlane implements DataPlane {
  readonly #clock: Clock;
  readonly #limits: ListenerLimits;
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

  states(): readonly RouteState[] {
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
