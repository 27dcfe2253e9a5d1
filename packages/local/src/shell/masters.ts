/**
 * Owns which master leads: the listeners of masters, the election of another one, and what that one knows of agents.
 * Not: the master itself (master-shell.ts), nor its agents. Called by shell/local.ts, and by admin/ for faults.
 * A new master has a new id. As with a real one the registry outlives its predecessor (which agents were there, cannot be
 * reached, are gone, drain, or are to be away); frameworks, tasks, filters and suppression do not.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Server } from "node:http";
import { assert } from "@mr-redis/core";
import type { MessageFaults } from "../admin/message-faults.js";
import type { StreamPorts } from "../http/event-stream.js";
import { closeServer, createHttpServer, type Handler, listen } from "../http/server.js";
import type { AgentBook, MachinePorts } from "../master/books.js";
import { type LocalOptions, mesosVersion } from "../options.js";
import {
  addMasterRoutes,
  setLeaderless,
  setRecovering,
  setRedirecting,
  unreadyRoutes,
} from "./master-routes.js";
import { type Log, MasterShell } from "./master-shell.js";

/** What masters are made of. */
export interface MastersParts {
  readonly options: LocalOptions;
  readonly machine: MachinePorts;
  readonly streams: StreamPorts;
  readonly log: Log;
  readonly faults: MessageFaults | null;
}

/** How a master is replaced. */
export interface Election {
  /** `cut`: as a killed one, its connections end. `finished`: its streams end with the final chunk, connections stay. */
  readonly end: "cut" | "finished";
  /** Number of the listener that the next leader has; 0 is the first. */
  readonly to: number;
  /** How long nobody leads (503). */
  readonly electionMs: number;
  /** How long the new one then says that it recovers (503). */
  readonly recoveryMs: number;
}

interface Listener {
  readonly server: Server;
  readonly routes: Map<string, Handler>;
  readonly port: number;
}

/** See the head of this file. */
export class Masters {
  readonly #parts: MastersParts;
  readonly #listeners: Listener[] = [];
  #leader: MasterShell | null = null;
  #leading = 0;
  #isClosed = false;
  #gate: { readonly opening: Promise<void>; readonly open: () => void } | null = null;

  constructor(parts: MastersParts) {
    this.#parts = parts;
  }

  /** Null during an election. */
  get leader(): MasterShell | null {
    return this.#leader;
  }

  /** Number of the listener that the leader has, or had last. */
  get leading(): number {
    return this.#leading;
  }

  /** Ports of all listeners. */
  get ports(): readonly number[] {
    return this.#listeners.map(({ port }) => port);
  }

  /** Routes of the first listener. */
  get routes(): Map<string, Handler> {
    const [first] = this.#listeners;
    assert(first !== undefined, "there is a listener");
    return first.routes;
  }

  /** One more place where a master may lead; the first one is where it does. Redirects while another one leads. */
  async listen(port: number): Promise<number> {
    const { options, log } = this.#parts;
    const routes = unreadyRoutes();
    const server = createHttpServer(options.bind, routes, log, options.tls);
    const listener = { server, routes, port: await listen(server, port, options.bind) };
    this.#listeners.push(listener);
    if (this.#listeners.length > 1) this.#route();
    return listener.port;
  }

  /** The master that leads at listener `to`, which does not serve yet. */
  create(to = 0): MasterShell {
    const { options, machine, streams, log, faults } = this.#parts;
    const listener = this.#listeners[to];
    assert(listener !== undefined, "a master has a listener");
    this.#leading = to;
    this.#leader = new MasterShell(
      {
        allocationIntervalMs: options.allocationIntervalMs,
        heartbeatIntervalMs: options.heartbeatIntervalMs,
        address: { ip: options.bind, port: listener.port, hostname: options.bind },
        version: mesosVersion,
      },
      machine,
      streams,
      log,
      faults,
    );
    return this.#leader;
  }

  /** From now on it serves, and makes offers. */
  serve(): void {
    this.#route();
    this.#leader?.start();
  }

  /** Ends the leader and puts another one in its place; resolves when that serves. False when one is being elected. */
  async elect({ end, to, electionMs, recoveryMs }: Election): Promise<boolean> {
    const old = this.#leader;
    if (old === null) return false;
    const { clock } = this.#parts.machine;
    const { agents, offerTimeoutMs } = old.master.books;
    this.#leader = null;
    this.#openGate();
    this.#route();
    if (end === "finished") old.streams.closeAll();
    else this.#listeners[this.#leading]?.server.closeAllConnections();
    old.stop();
    if (electionMs > 0) await new Promise<void>((done) => clock.after(electionMs, done));
    if (this.#isClosed) return false;
    const next = this.create(to);
    for (const agent of agents.values()) remember(next, agent);
    next.handle({ type: "set-offer-timeout", timeoutMs: offerTimeoutMs });
    this.#route(setRecovering);
    if (recoveryMs > 0) await new Promise<void>((done) => clock.after(recoveryMs, done));
    if (this.#isClosed) return false;
    this.serve();
    return true;
  }

  /** Requests to the leader wait for `ms`, and are answered late. */
  holdCalls(ms: number): void {
    this.#openGate();
    let open = (): void => undefined;
    const opening = new Promise<void>((resolve) => {
      open = resolve;
    });
    this.#gate = { opening, open };
    this.#parts.machine.clock.after(ms, open);
    void opening.then(() => {
      if (this.#gate?.open === open) this.#gate = null;
    });
  }

  #openGate(): void {
    this.#gate?.open();
    this.#gate = null;
  }

  #route(setLeading?: (routes: Map<string, Handler>) => void): void {
    const leader = this.#leader;
    const { bind } = this.#parts.options;
    for (const [index, { routes }] of this.#listeners.entries()) {
      if (leader === null) setLeaderless(routes);
      else if (index !== this.#leading) {
        setRedirecting(routes, `${bind}:${this.#listeners[this.#leading]?.port}`);
      } else if (setLeading !== undefined) setLeading(routes);
      else addMasterRoutes(routes, leader, () => this.#gate?.opening ?? null);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#openGate();
    this.#leader?.stop();
    await Promise.all(this.#listeners.map(({ server }) => closeServer(server)));
  }
}

/** What the registry says of an agent. */
function remember(master: MasterShell, { id, state, drain, unavailability }: AgentBook): void {
  master.handle({ type: "agent-recovered", agentId: id });
  if (state === "unreachable") master.handle({ type: "agent-unreachable", agentId: id });
  if (state === "gone") master.handle({ type: "agent-gone", agentId: id });
  if (drain !== null) master.handle({ type: "drain-agent", agentId: id, ...drain });
  if (unavailability !== null) {
    master.handle({ type: "schedule-maintenance", agentId: id, unavailability });
  }
}
