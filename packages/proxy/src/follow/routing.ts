/**
 * Owns the way from what is heard to what is served: every change of routes goes through here to the plane, in its order,
 * and what comes while the plane is busy goes together. Not: what is heard (follower.ts), what follows (topology.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock, InstanceEndpoints, Timer } from "@mr-redis/core";
import type { Log } from "../log.js";
import type { DataPlane, Route } from "../routes.js";
import type { FollowEvent } from "./follower.js";
import type { RouteChanges, Topology } from "./topology.js";

/**
 * Changes that a plane is given while it works on others. Some, since it may do the urgent part of one (whoever waits gets
 * the new master) beside the slow part of another; what comes beyond them goes together.
 */
const flightsMax = 8;

/** Between two looks for former replicas whose time is over. */
const expireMs = 1_000;

/** What the routing needs. */
export interface RoutingOptions {
  readonly plane: DataPlane;
  readonly topology: Topology;
  readonly clock: Clock;
  readonly log: Log;
  /** The topology is not what it was. */
  readonly touched: () => void;
}

/** See the head of this file. */
export class Routing {
  readonly #options: RoutingOptions;
  #changed = new Map<string, Route>();
  #removed = new Set<string>();
  /** Changes that the plane has and that are not live yet. */
  readonly #flights = new Set<Promise<void>>();
  #expiry: Timer | null = null;
  #isWhole = false;
  #isClosed = false;

  constructor(options: RoutingOptions) {
    this.#options = options;
  }

  /** Takes what the state file says; see `Topology.recall`. */
  recall(instances: readonly InstanceEndpoints[]): void {
    for (const instance of instances) this.#options.topology.recall(instance);
    this.#flush();
  }

  /** What was recalled counts; idempotent. */
  release(): void {
    this.#options.topology.release();
    this.#flush();
  }

  /** Takes what a scheduler says. */
  hear(events: readonly FollowEvent[]): void {
    const { topology, clock, touched } = this.#options;
    let isTouched = false;
    for (const event of events) {
      switch (event.type) {
        case "reset":
          topology.reset();
          break;
        case "unreadable":
          topology.unreadable();
          break;
        case "complete":
          // The first whole account is kept even when it names nobody: that is known then, too.
          if (topology.complete() || !this.#isWhole) isTouched = true;
          this.#isWhole = true;
          break;
        case "instance":
          if (topology.set(event.instance, clock.monotonicMs())) isTouched = true;
          break;
        case "removed":
          if (topology.remove(event.name)) isTouched = true;
      }
    }
    if (isTouched) touched();
    this.#flush();
    this.#expiry ??= clock.after(expireMs, () => this.#expire());
  }

  /** Changes routes that no scheduler gave, and those of the scheduler's that follow from it. */
  change(changes: RouteChanges): Promise<void> {
    this.#put(changes);
    this.#flush();
    return this.settled();
  }

  #put(changes: RouteChanges): void {
    for (const name of changes.removed) {
      this.#changed.delete(name);
      this.#removed.add(name);
    }
    for (const route of changes.changed) this.#changed.set(route.name, route);
  }

  /** Resolves when everything until now is live. */
  async settled(): Promise<void> {
    this.#send();
    while (this.#flights.size > 0) await Promise.all(this.#flights);
  }

  close(): void {
    this.#isClosed = true;
    this.#expiry?.cancel();
  }

  #expire(): void {
    const { topology, clock } = this.#options;
    this.#expiry = null;
    const isMore = topology.expire(clock.monotonicMs());
    this.#flush();
    if (isMore) this.#expiry = clock.after(expireMs, () => this.#expire());
  }

  #flush(): void {
    const { topology, log } = this.#options;
    const { problems, ...changes } = topology.take();
    for (const { name, problem } of problems) {
      if (problem === null) log.info({ instance: name }, "the instance has no problem any more");
      else log.error({ instance: name, problem }, "the instance is not served as it should be");
    }
    this.#put(changes);
    this.#send();
  }

  /** Gives the plane what is not given yet; the plane keeps the order. */
  #send(): void {
    const isAny = this.#changed.size > 0 || this.#removed.size > 0;
    if (!isAny || this.#isClosed || this.#flights.size >= flightsMax) return;
    const { plane, log } = this.#options;
    const changed = [...this.#changed.values()];
    const removed = [...this.#removed];
    this.#changed = new Map();
    this.#removed = new Set();
    const flight = plane
      .change(changed, removed)
      .catch((error: unknown) => {
        // A plane rejects for no single route, so this is its end or a defect: the next change is tried all the same.
        log.error({ err: error, changed: changed.length }, "the plane refused a change");
      })
      .then(() => {
        this.#flights.delete(flight);
        this.#send();
      });
    this.#flights.add(flight);
  }
}
