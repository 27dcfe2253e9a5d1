/**
 * Owns one route of the userspace plane: its listening socket, its clients, their waiting for a target, the cutting of
 * connections whose target is one no more. Not: the carrying of bytes (relay.ts), nor which routes there are (plane.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { createConnection, createServer, type Server, type Socket } from "node:net";
import type { Clock, Timer } from "@mr-redis/core";
import { type HostPort, hostPortText, type Route, type RouteState, sameTarget } from "../routes.js";
import { Relay } from "./relay.js";

/** Limits of one route. */
export interface ListenerLimits {
  /** Most clients at the same time; more are refused with a reply. */
  readonly clientsMax: number;
  /** Longest wait of a client for a target that takes it. */
  readonly targetWaitMs: number;
  /** Longest try to connect to a target: a host that is off answers nothing. */
  readonly connectMsMax: number;
}

/** Defaults: as many clients as Redis takes by default; a failover that is slow takes seconds. */
export const listenerLimits: ListenerLimits = {
  clientsMax: 10_000,
  targetWaitMs: 10_000,
  connectMsMax: 2_000,
};

/** Between two tries to connect: a redis-server that starts is there within some of them. */
const retryMs = 50;

/** Connections that the kernel keeps before they are accepted: what a burst of reconnects after a failover needs. */
const backlog = 4_096;

/** What a client may say before it has a target: it is read so that its end is noticed. A larger command is left unread. */
const earlyBytesMax = 64 * 1024;

/** A client that has no target yet. */
interface Waiting {
  readonly client: Socket;
  readonly early: Buffer[];
  earlyBytes: number;
  readonly endMs: number;
  timer: Timer | null;
  connecting: Socket | null;
  /** Counted once for a client. */
  isCounted: boolean;
  why: string;
}

/** See the head of this file. */
export class RouteListener {
  readonly #clock: Clock;
  #limits: ListenerLimits;
  readonly #server: Server;
  readonly #waiting = new Set<Waiting>();
  readonly #relays = new Map<Relay, HostPort>();
  #route: Route;
  #turn = 0;
  #problem: string | null = "not listening yet";
  #isClosed = false;
  #counts = { accepted: 0, bytesUp: 0, bytesDown: 0, cuts: 0, refusals: 0, waits: 0 };

  constructor(route: Route, clock: Clock, limits: ListenerLimits) {
    this.#route = route;
    this.#clock = clock;
    this.#limits = limits;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
    this.#server.on("connection", (client) => this.#accept(client));
    // Out of file descriptors, for one: the client sees its connection end, others go on.
    this.#server.on("error", (error) => {
      this.#problem = error.message;
    });
  }

  /** Resolves when it listens, or when it is known that it cannot; the state says which. */
  listen(): Promise<void> {
    const { host, port } = this.#route.listen;
    return new Promise((resolve) => {
      const done = (problem: string | null): void => {
        this.#server.removeListener("error", failed);
        this.#problem = problem;
        resolve();
      };
      const failed = (error: Error): void => done(error.message);
      this.#server.once("error", failed);
      this.#server.listen({ ...(host === "" ? {} : { host }), port, backlog }, () => done(null));
    });
  }

  /** The same address with other targets. Connections to those that are none any more are cut. */
  retarget(route: Route): void {
    this.#route = route;
    for (const [relay, target] of this.#relays) {
      if ([...route.targets, ...route.kept].some((each) => sameTarget(each, target))) continue;
      this.#counts.cuts += 1;
      relay.cut();
    }
    for (const waiting of this.#waiting) {
      if (waiting.connecting !== null) continue;
      waiting.timer?.cancel();
      this.#connect(waiting);
    }
  }

  limit(limits: ListenerLimits): void {
    this.#limits = limits;
  }

  state(): RouteState {
    const open = this.#relays.size;
    const waiting = this.#waiting.size;
    return {
      route: this.#route,
      problem: this.#problem,
      counters: { ...this.#counts, open, waiting },
    };
  }

  /** Ends the listening and every connection. */
  close(): Promise<void> {
    this.#isClosed = true;
    for (const waiting of [...this.#waiting]) this.#drop(waiting);
    for (const relay of this.#relays.keys()) relay.cut();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #accept(client: Socket): void {
    this.#counts.accepted += 1;
    const { clientsMax, targetWaitMs } = this.#limits;
    client.on("error", () => {});
    if (this.#relays.size + this.#waiting.size >= clientsMax) {
      this.#refuse(client, "max number of clients reached");
      return;
    }
    const waiting: Waiting = {
      client,
      early: [],
      earlyBytes: 0,
      endMs: this.#clock.monotonicMs() + targetWaitMs,
      timer: null,
      connecting: null,
      isCounted: false,
      why: "there is no master",
    };
    this.#waiting.add(waiting);
    client.on("data", (chunk: Buffer) => {
      waiting.early.push(chunk);
      waiting.earlyBytes += chunk.length;
      if (waiting.earlyBytes >= earlyBytesMax) client.pause();
    });
    client.once("close", () => this.#drop(waiting));
    client.resume();
    this.#connect(waiting);
  }

  #connect(waiting: Waiting): void {
    if (!this.#waiting.has(waiting)) return;
    waiting.timer = null;
    const leftMs = waiting.endMs - this.#clock.monotonicMs();
    if (leftMs <= 0) {
      this.#waiting.delete(waiting);
      this.#refuse(waiting.client, `${this.#route.name}: ${waiting.why}; try again later`);
      return;
    }
    const { targets } = this.#route;
    const target = targets[this.#turn % Math.max(1, targets.length)];
    this.#turn += 1;
    if (target === undefined) {
      waiting.why = this.#route.kind === "read" ? "no replica is ready" : "there is no master";
      this.#count(waiting);
      waiting.timer = this.#clock.after(leftMs, () => this.#connect(waiting));
      return;
    }
    const connecting = createConnection({
      host: target.host,
      port: target.port,
      allowHalfOpen: true,
      noDelay: true,
    });
    waiting.connecting = connecting;
    const timeoutMs = Math.min(leftMs, this.#limits.connectMsMax);
    const limit = this.#clock.after(timeoutMs, () =>
      connecting.destroy(new Error(`no answer within ${Math.round(timeoutMs)} ms`)),
    );
    const failed = (error: Error): void => {
      limit.cancel();
      waiting.connecting = null;
      waiting.why = `${hostPortText(target)} cannot be reached (${error.message})`;
      if (!this.#waiting.has(waiting)) return;
      this.#count(waiting);
      waiting.timer = this.#clock.after(retryMs, () => this.#connect(waiting));
    };
    connecting.once("error", failed);
    connecting.once("connect", () => {
      limit.cancel();
      connecting.removeListener("error", failed);
      this.#join(waiting, connecting, target);
    });
  }

  #count(waiting: Waiting): void {
    if (waiting.isCounted) return;
    waiting.isCounted = true;
    this.#counts.waits += 1;
  }

  #join(waiting: Waiting, target: Socket, address: HostPort): void {
    if (!this.#waiting.delete(waiting)) {
      target.destroy();
      return;
    }
    waiting.connecting = null;
    const isCurrent = this.#route.targets.some((each) => sameTarget(each, address));
    if (!isCurrent) {
      // It lost its role while the connection was made.
      target.destroy();
      this.#waiting.add(waiting);
      this.#connect(waiting);
      return;
    }
    const { client, early } = waiting;
    client.pause();
    client.removeAllListeners("data");
    const relay = new Relay(client, target, early, {
      bytesUp: (count) => {
        this.#counts.bytesUp += count;
      },
      bytesDown: (count) => {
        this.#counts.bytesDown += count;
      },
      ended: () => this.#relays.delete(relay),
    });
    this.#relays.set(relay, address);
  }

  /** A reply that every Redis client shows as an error, then the end. */
  #refuse(client: Socket, text: string): void {
    if (this.#isClosed) {
      client.destroy();
      return;
    }
    this.#counts.refusals += 1;
    // Bytes that nobody read would turn the end into a reset, which may overtake the reply.
    client.removeAllListeners("data");
    client.on("data", () => {});
    client.resume();
    client.end(`-ERR mr-redis proxy: ${text.replaceAll(/[\r\n]+/g, " ")}\r\n`);
    const limit = this.#clock.after(this.#limits.connectMsMax, () => client.destroy());
    client.once("close", () => limit.cancel());
    if (client.readableEnded) client.destroySoon();
    else client.once("end", () => client.destroySoon());
  }

  #drop(waiting: Waiting): void {
    if (!this.#waiting.delete(waiting)) return;
    waiting.timer?.cancel();
    waiting.connecting?.destroy();
    waiting.client.destroy();
  }
}
