/**
 * Owns one route of the userspace plane: its listening socket, its clients and their number, the cutting of connections
 * whose target is one no more. Not: a client without a target (waiting.ts), the carrying of bytes (relay.ts), TLS
 * (secure.ts), nor which routes there are (local-plane.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { createServer, type Server, type Socket } from "node:net";
import type { Clock } from "@mr-redis/core";
import {
  type HostPort,
  notListening,
  type PlaneSettings,
  type Route,
  type RouteState,
  sameTarget,
} from "../routes.js";
import type { Tally } from "./carry.js";
import type { EarlyReaders } from "./early-readers.js";
import type { NodeStreams } from "./node-handles.js";
import { abort, Relay } from "./relay.js";
import type { SecureFront } from "./secure.js";
import { connectMsMax, keepAliveMs, Waiting } from "./waiting.js";

/** What all routes of a plane share. */
export interface PlaneShare {
  readonly clock: Clock;
  /** null: sockets are used by their public API alone. */
  readonly streams: NodeStreams | null;
  /** TLS to clients. */
  readonly secure: SecureFront;
  readonly readers: EarlyReaders;
  settings: PlaneSettings;
  /** Clients of all routes, and those among them that are told why they are refused. */
  clients: number;
  refusing: number;
  /** The kernel gave no connection (out of file descriptors, for one); the route goes on. */
  acceptFailed(route: Route, error: Error): void;
}

/** Connections that the kernel keeps before they are accepted: what a burst of reconnects after a failover needs. */
const backlog = 4_096;

/** Most clients at the same time that are told why they are refused; more are just ended: they would hold descriptors. */
const refusingMax = 256;

const errorText = (why: string): string =>
  `-ERR mr-redis proxy: ${why.replaceAll(/[\r\n]+/g, " ")}\r\n`;

const nothing = (): void => {};

/** See the head of this file. */
export class RouteListener {
  readonly #share: PlaneShare;
  readonly #server: Server;
  /** Clients in their TLS handshake, clients without a target, connections that are carried. */
  readonly #greeting = new Set<Socket>();
  readonly #waiting = new Set<Waiting>();
  readonly #relays = new Map<Relay, HostPort>();
  /** Clients that are told why they are refused. */
  readonly #refusing = new Set<Socket>();
  readonly #up: Tally = { bytes: 0 };
  readonly #down: Tally = { bytes: 0 };
  #route: Route;
  #turn = 0;
  #problem: string | null = notListening;
  #isClosed = false;
  #counts = { accepted: 0, waits: 0, cuts: 0, refusals: 0 };

  constructor(route: Route, share: PlaneShare) {
    this.#route = route;
    this.#share = share;
    this.#server = createServer({
      ...{ allowHalfOpen: true, pauseOnConnect: true, noDelay: true },
      ...{ keepAlive: true, keepAliveInitialDelay: keepAliveMs },
    });
    this.#server.on("connection", (client) => this.#accept(client));
  }

  get route(): Route {
    return this.#route;
  }

  get problem(): string | null {
    return this.#problem;
  }

  /** Resolves when it listens, or when it is known that it cannot; `problem` says which. May be called again then. */
  listen(): Promise<void> {
    const { host, port } = this.#route.listen;
    const server = this.#server;
    return new Promise((resolve) => {
      const done = (problem: string | null): void => {
        server.removeListener("error", failed);
        server.removeListener("listening", listening);
        if (problem === null) {
          server.on("error", (error) => this.#share.acceptFailed(this.#route, error));
        }
        this.#problem = problem;
        resolve();
      };
      const failed = (error: Error): void => done(error.message);
      const listening = (): void => done(null);
      server.once("error", failed);
      server.once("listening", listening);
      server.listen({ ...(host === "" ? {} : { host }), port, backlog });
    });
  }

  /** The same address with other targets. Connections to those that are none any more are cut. */
  retarget(route: Route): void {
    this.#route = route;
    for (const [relay, target] of this.#relays) {
      if (this.#isLeft(target)) continue;
      this.#counts.cuts += 1;
      relay.cut();
    }
    for (const waiting of [...this.#waiting]) waiting.look();
  }

  state(): RouteState {
    return {
      route: this.#route,
      problem: this.#problem,
      counters: {
        ...this.#counts,
        open: this.#relays.size,
        waiting: this.#waiting.size + this.#greeting.size,
        bytesUp: this.#up.bytes,
        bytesDown: this.#down.bytes,
      },
    };
  }

  /** Ends the listening and every connection. */
  close(): Promise<void> {
    this.#isClosed = true;
    // One that does not go would hold up the end, and all changes behind it.
    for (const client of [...this.#greeting, ...this.#refusing]) client.destroy();
    for (const waiting of [...this.#waiting]) waiting.drop();
    for (const relay of this.#relays.keys()) relay.cut();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  /** Whether a connection to this target goes on. */
  #isLeft(target: HostPort): boolean {
    const { targets, kept } = this.#route;
    return (
      targets.some((each) => sameTarget(each, target)) ||
      kept.some((each) => sameTarget(each, target))
    );
  }

  #accept(client: Socket): void {
    const share = this.#share;
    const { clientsMax, clientsTotalMax } = share.settings;
    const tls = this.#route.passesTls === true ? null : share.settings.tls;
    this.#counts.accepted += 1;
    client.on("error", nothing);
    const count = this.#relays.size + this.#waiting.size + this.#greeting.size;
    const isOne = count < clientsMax && share.clients < clientsTotalMax;
    if (!isOne) {
      // A reply needs a handshake before it, which costs more than one client too many may.
      if (tls === null) this.#refuse(client, "max number of clients reached");
      else this.#end(client);
      return;
    }
    share.clients += 1;
    client.once("close", () => {
      share.clients -= 1;
    });
    if (tls === null) this.#receive(client);
    else {
      this.#greeting.add(client);
      share.secure.greet(client, (secure) => {
        this.#greeting.delete(client);
        if (secure !== null) this.#receive(secure);
      });
    }
  }

  #receive(client: Socket): void {
    const waiting: Waiting = new Waiting(
      client,
      {
        clock: this.#share.clock,
        readers: this.#share.readers,
        nextTarget: () => this.#nextTarget(),
        isTarget: (target) => this.#route.targets.some((each) => sameTarget(each, target)),
        waits: () => {
          this.#counts.waits += 1;
        },
        joined: (joined, early, target, address) => {
          this.#waiting.delete(waiting);
          this.#join(joined, early, target, address);
        },
        gaveUp: (refused, why) => {
          this.#waiting.delete(waiting);
          this.#refuse(refused, `${this.#route.name}: ${why}; try again later`);
        },
        left: () => this.#waiting.delete(waiting),
      },
      this.#share.settings.targetWaitMs,
    );
    this.#waiting.add(waiting);
    waiting.start();
  }

  #nextTarget(): HostPort | undefined {
    const { targets } = this.#route;
    const target = targets[this.#turn % Math.max(1, targets.length)];
    this.#turn += 1;
    return target;
  }

  #join(client: Socket, early: readonly Buffer[], target: Socket, address: HostPort): void {
    const { clock, streams } = this.#share;
    const relay: Relay = new Relay({
      ...{ client, target, early, clock, streams },
      up: this.#up,
      down: this.#down,
      ended: () => this.#relays.delete(relay),
    });
    this.#relays.set(relay, address);
  }

  #end(client: Socket): void {
    this.#counts.refusals += 1;
    abort(client);
  }

  /** A reply that every Redis client shows as an error, then the end. */
  #refuse(client: Socket, why: string): void {
    const share = this.#share;
    // In the clear it would be the first thing that a client hears which asks for TLS.
    const isMute = this.#route.passesTls === true;
    if (isMute || this.#isClosed || share.refusing >= refusingMax) {
      this.#end(client);
      return;
    }
    this.#counts.refusals += 1;
    share.refusing += 1;
    this.#refusing.add(client);
    // Bytes that nobody read would turn the end into a reset, which may overtake the reply.
    client.removeAllListeners("data");
    client.on("data", nothing);
    client.resume();
    client.end(errorText(why));
    const limit = share.clock.after(connectMsMax, () => client.destroy());
    client.once("close", () => {
      share.refusing -= 1;
      this.#refusing.delete(client);
      limit.cancel();
    });
    if (client.readableEnded) client.destroySoon();
    else client.once("end", () => client.destroySoon());
  }
}
