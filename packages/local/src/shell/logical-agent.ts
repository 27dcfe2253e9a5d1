/**
 * Owns one of the agents that share this process with their master: its life over crashes, returns and new beginnings,
 * and its end of the border. Not: the agent machine (agent-shell.ts), nor its seat (seats.ts).
 * Called by shell/local.ts, and by admin/ for faults.
 *
 * | state   | break link | cut off | crash   | told to end | return                        | renew       |
 * | ------- | ---------- | ------- | ------- | ----------- | ----------------------------- | ----------- |
 * | up      | registers  | cut off | crashed | ended       | -                             | -           |
 * | cut off | -          | -       | crashed | -           | up, registers                 | -           |
 * | crashed | -          | -       | -       | -           | up, recovers, then registers  | -           |
 * | ended   | -          | -       | -       | -           | -                             | up as a new one |
 * SPDX-License-Identifier: Apache-2.0
 */
import { rmSync } from "node:fs";
import type { Server } from "node:http";
import { join } from "node:path";
import { agentIdOf } from "../agent/books.js";
import { type Channel, createChannel } from "../border/link.js";
import type { AgentMessage, MasterMessage } from "../border/messages.js";
import type { Leftovers } from "../container/leftovers.js";
import type { ProcessName } from "../container/records.js";
import type { StreamPorts } from "../http/event-stream.js";
import { serveExecutor } from "../http/executor-endpoint.js";
import { closeServer, type Handler } from "../http/server.js";
import type { MachinePorts } from "../master/books.js";
import { attributesOf, type LocalOptions } from "../options.js";
import type { StubHost } from "../stub/host.js";
import type { AgentShell } from "./agent-shell.js";
import type { Log, MasterShell } from "./master-shell.js";
import { seatAgent } from "./seat-agent.js";
import { placeOf, type Seat, sortOne, takeSeat } from "./seats.js";

/** What a logical agent is made of. */
export interface LogicalAgentParts {
  readonly options: LocalOptions;
  readonly machine: MachinePorts;
  readonly streams: StreamPorts;
  readonly log: Log;
  readonly index: number;
  readonly parent: ProcessName | null;
  readonly stubs: StubHost | null;
  /** The leading master; null during an election. */
  readonly leader: () => MasterShell | null;
}

/** Where it stands; see the head of this file. */
export type LogicalAgentState = "up" | "cut-off" | "crashed" | "ended";

interface Link {
  readonly key: string;
  readonly master: MasterShell;
  readonly up: Channel<string>;
  readonly down: Channel<string>;
}

/** See the head of this file. */
export class LogicalAgent {
  readonly hostname: string;
  readonly #parts: LogicalAgentParts;
  #servers: Server[] = [];
  #seat: Seat | null = null;
  #shell: AgentShell | null = null;
  #link: Link | null = null;
  #linksCount = 0;
  #state: LogicalAgentState = "up";
  #crashedId = "";
  #isStopped = false;
  #registered: ((agentId: string) => void) | null = null;
  #ending: Promise<void> = Promise.resolve();

  constructor(parts: LogicalAgentParts) {
    this.#parts = parts;
    this.hostname = `agent-${parts.index + 1}`;
  }

  get state(): LogicalAgentState {
    return this.#state;
  }

  /** Empty before it registered for the first time; of a crashed program the one that it had, as the master knows it. */
  get id(): string {
    return this.#shell === null ? this.#crashedId : agentIdOf(this.#shell.agent.books);
  }

  /** Listens at its place, which nothing is served at yet. */
  async sit(): Promise<Seat> {
    const { options, index, machine, log } = this.#parts;
    const servers: Server[] = [];
    this.#servers = servers;
    const { tls } = options;
    const seatParts = { clock: machine.clock, log, tls };
    this.#seat = await takeSeat(placeOf(options, index), servers, seatParts);
    return this.#seat;
  }

  /** Takes its seat; resolves to its id once it is registered, or at once when it recovers and has one already. */
  start(seat: Seat, leftovers: Leftovers): Promise<string> {
    const { options, index, machine, streams, parent, stubs, log } = this.#parts;
    const info = { hostname: this.hostname, attributes: attributesOf(options, index) };
    const shell = seatAgent(
      { options, info, seat, parent, leftovers, stubs },
      machine,
      streams,
      (message) => this.#toMaster(message),
      log,
    );
    this.#shell = shell;
    this.#state = "up";
    this.#connect();
    return new Promise((resolve) => {
      this.#registered = resolve;
      shell.start();
      if (shell.agent.books.isRecovering) resolve(agentIdOf(shell.agent.books));
    });
  }

  /** The executor API, for the route that the master's listener has. */
  readonly serve: Handler = (request, response) => {
    if (this.#shell === null) return;
    return serveExecutor(this.#shell.endpoint, request, response);
  };

  /** The connection to the master breaks; what was on its way is lost. With a master it registers anew at once. */
  breakLink(): void {
    this.#disconnect();
    this.meetLeader();
  }

  /** Another master may lead: it registers there. */
  meetLeader(): void {
    if (this.#state !== "up") return;
    this.#disconnect();
    this.#connect();
    this.#shell?.handle({ type: "master-detected" });
  }

  /** Nothing passes between it and the master any more, and neither side is told. */
  cutOff(): void {
    if (this.#state === "up") this.#state = "cut-off";
  }

  /** Ends the connections of its executors' streams. */
  cutExecutors(): void {
    this.#shell?.cutStreams();
  }

  /** As kill -9: executors live on, the master sees the connection end, executors find nobody. */
  async crash(): Promise<void> {
    if (this.#state !== "up" && this.#state !== "cut-off") return;
    this.#crashedId = this.id;
    this.#state = "crashed";
    this.#shell?.abandon();
    this.#shell = null;
    this.#disconnect();
    await this.#closeServers();
  }

  /** The connection works again, or the program is started again; see the table above. */
  async comeBack(): Promise<void> {
    if (this.#state === "cut-off") {
      this.#state = "up";
      this.meetLeader();
    } else if (this.#state === "crashed") {
      const { machine, parent } = this.#parts;
      const seat = await this.sit();
      const leftovers = await sortOne(seat, parent, machine.clock);
      if (this.#isStopped) await this.#closeServers();
      else await this.start(seat, leftovers);
    }
  }

  /** After it was told to end: a new agent in its place, with an id of its own. */
  async renew(): Promise<void> {
    await this.#ending;
    if (this.#state !== "ended" || this.#isStopped) return;
    const seat = await this.sit();
    await this.start({ ...seat, record: null }, { living: new Map(), ended: new Set() });
  }

  /** Ends every executor with all its processes, and the listener. */
  async stop(): Promise<void> {
    // The master may say at the same time that it is over: once is enough.
    this.#state = "ended";
    this.#isStopped = true;
    await this.#ending;
    await this.#end();
  }

  async #end(): Promise<void> {
    await this.#shell?.stop(this.#parts.options.closeGraceMs);
    this.#shell = null;
    this.#disconnect();
    await this.#closeServers();
  }

  async #closeServers(): Promise<void> {
    const servers = this.#servers;
    this.#servers = [];
    await Promise.all(servers.map(closeServer));
  }

  /** The master said that it is over: nothing of it is kept. */
  async #endForGood(): Promise<void> {
    this.#state = "ended";
    await this.#end();
    const { workDir } = this.#seat ?? {};
    if (workDir !== undefined) rmSync(join(workDir, "meta"), { recursive: true, force: true });
  }

  #connect(): void {
    const master = this.#parts.leader();
    if (master === null) return;
    this.#linksCount += 1;
    const key = `${this.hostname} ${this.#linksCount}`;
    const { streams } = this.#parts;
    const down = createChannel<string>(streams, (text) => this.#masterSaid(JSON.parse(text)));
    const up = createChannel<string>(streams, (text) => {
      const message: AgentMessage = JSON.parse(text);
      if (this.#state !== "cut-off") master.agentSaid(key, message);
    });
    this.#link = { key, master, up, down };
    master.connectAgent(key, (message) => down.send(JSON.stringify(message)));
  }

  #disconnect(): void {
    const link = this.#link;
    if (link === null) return;
    this.#link = null;
    link.up.close();
    link.down.close();
    link.master.disconnectAgent(link.key);
  }

  #toMaster(message: AgentMessage): void {
    if (this.#state !== "cut-off") this.#link?.up.send(JSON.stringify(message));
  }

  #masterSaid(message: MasterMessage): void {
    if (this.#state === "cut-off") return;
    this.#shell?.masterSaid(message);
    if (message.type === "registered") this.#registered?.(message.agentId);
    if (message.type === "shutdown-agent" && this.#state === "up")
      this.#ending = this.#endForGood();
  }
}
