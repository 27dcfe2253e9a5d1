/**
 * Owns putting master and agents together in one process: listeners, border, start and end.
 * Not: the command line (main.ts). Called by main.ts and, in-process, by tests of other packages.
 * Each agent listens on a port of its own at its own address (by default all at 127.0.0.1): an address for each
 * agent would need 127.x aliases, which macOS has not, and every client takes a port for granted.
 * SPDX-License-Identifier: Apache-2.0
 */
import { randomUUID } from "node:crypto";
import type { Server } from "node:http";
import { resolve } from "node:path";
import type { Clock } from "@mr-redis/core";
import { systemClock } from "@mr-redis/mesos";
import { agentIdOf } from "../agent/books.js";
import { type ChannelPorts, createChannel } from "../border/link.js";
import type { AgentMessage, MasterMessage } from "../border/messages.js";
import { collectGarbage } from "../container/garbage.js";
import type { Leftovers } from "../container/leftovers.js";
import type { ProcessName } from "../container/records.js";
import type { StreamPorts } from "../http/event-stream.js";
import { serveExecutor } from "../http/executor-endpoint.js";
import { closeServer, createHttpServer, type Handler, listen } from "../http/server.js";
import type { MachinePorts } from "../master/books.js";
import { stateView } from "../master/view.js";
import { attributesOf, completeOptions, type LocalOptions, mesosVersion } from "../options.js";
import { StubHost } from "../stub/host.js";
import type { AgentShell } from "./agent-shell.js";
import { takeGoneAgents } from "./gone-agents.js";
import { lockWorkDir } from "./lock.js";
import { addMasterRoutes, unreadyRoutes } from "./master-routes.js";
import { type Log, MasterShell } from "./master-shell.js";
import { seatAgent } from "./seat-agent.js";
import { parentOf, placeOf, type Seat, sortAll, takeSeat } from "./seats.js";

/** An agent that serves. */
export interface RunningAgent {
  readonly id: string;
  readonly hostname: string;
  readonly ip: string;
  readonly port: number;
  readonly workDir: string;
}

/** A master and its agents that serve. */
export interface RunningLocal {
  /** Port of the master. */
  readonly port: number;
  /** `http://127.0.0.1:5050` */
  readonly url: string;
  readonly masterId: string;
  readonly agents: readonly RunningAgent[];
  /** The same as GET /state. */
  state(): Readonly<Record<string, unknown>>;
  /** Ends every executor with all its processes, then the listeners. Idempotent. */
  close(): Promise<void>;
}

/** What may be handed in instead of the machine's. */
export interface LocalPorts {
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly newUuid?: () => string;
  readonly log?: Log;
}

interface Parts {
  readonly options: LocalOptions;
  readonly machine: MachinePorts;
  readonly streams: StreamPorts;
  readonly log: Log;
}

/**
 * Starts a master with its agents; resolves when they serve and are registered, or recover the executors that outlived
 * a killed run. Rejects with `port-taken` when a port is taken, `store-locked` when another one uses the work
 * directory. What of a killed run cannot go on is ended first.
 */
export async function startLocal(
  given: Partial<LocalOptions> & Pick<LocalOptions, "workDir">,
  ports: LocalPorts = {},
): Promise<RunningLocal> {
  const options = completeOptions({ ...given, workDir: resolve(given.workDir) });
  const machine: MachinePorts = {
    clock: ports.clock ?? systemClock,
    random: ports.random ?? Math.random,
    newUuid: ports.newUuid ?? randomUUID,
  };
  const channel: ChannelPorts = {
    clock: machine.clock,
    random: machine.random,
    jitter: options.jitter,
  };
  const streams: StreamPorts = { ...channel, isScrambled: options.scrambleStreams };
  const log: Log = ports.log ?? (() => undefined);
  const parts: Parts = { options, machine, streams, log };
  const unlock = lockWorkDir(options.workDir);
  const servers: Server[] = [];
  try {
    return await startAll(parts, servers, unlock);
  } catch (error) {
    await Promise.all(servers.map(closeServer));
    unlock();
    throw error;
  }
}

async function startAll(
  parts: Parts,
  servers: Server[],
  unlock: () => void,
): Promise<RunningLocal> {
  const { options, machine, log } = parts;
  const routes = unreadyRoutes();
  const masterServer = createHttpServer(options.bind, routes, log);
  servers.push(masterServer);
  const port = await listen(masterServer, options.port, options.bind);
  const seats: Seat[] = [];
  for (let index = 0; index < options.agentsCount; index += 1) {
    seats.push(await takeSeat(placeOf(options, index), servers, { clock: machine.clock, log }));
  }
  const parent = parentOf(options);
  const leftovers = await sortAll(options.workDir, seats, parent, { clock: machine.clock, log });
  const master = new MasterShell(
    {
      allocationIntervalMs: options.allocationIntervalMs,
      heartbeatIntervalMs: options.heartbeatIntervalMs,
      address: { ip: options.bind, port, hostname: options.bind },
      version: mesosVersion,
    },
    machine,
    parts.streams,
    log,
  );
  for (const { record } of seats) {
    if (record !== null) master.handle({ type: "agent-recovered", agentId: record.agentId });
  }
  for (const agentId of takeGoneAgents(options, log)) {
    master.handle({ type: "agent-recovered", agentId });
    master.handle({ type: "agent-gone", agentId });
  }
  addMasterRoutes(routes, master);
  master.start();
  const stubs =
    options.stubProgram === null ? null : new StubHost(options.stubProgram, options.workDir);
  const agents: { shell: AgentShell; running: RunningAgent }[] = [];
  for (const [index, seat] of seats.entries()) {
    agents.push(await startAgent(parts, { master, seat, index, parent, leftovers, routes, stubs }));
  }
  const workDirs = seats.map(({ workDir }) => workDir);
  const stopCollecting = collectGarbage(workDirs, machine.clock, log);
  return {
    port,
    url: `http://${options.bind}:${port}`,
    masterId: master.master.books.masterId,
    agents: agents.map(({ running }) => running),
    state: () => stateView(master.master.books),
    close: closeOnce(async () => {
      stopCollecting();
      await Promise.all(agents.map(({ shell }) => shell.stop(options.closeGraceMs)));
      await stubs?.stop();
      master.stop();
      await Promise.all(servers.map(closeServer));
      unlock();
    }),
  };
}

function closeOnce(close: () => Promise<void>): () => Promise<void> {
  let closing: Promise<void> | null = null;
  return () => {
    closing ??= close();
    return closing;
  };
}

interface AgentParts {
  readonly master: MasterShell;
  readonly seat: Seat;
  readonly index: number;
  readonly parent: ProcessName | null;
  readonly leftovers: Leftovers;
  readonly stubs: StubHost | null;
  /** Of the master. */
  readonly routes: Map<string, Handler>;
}

async function startAgent(
  parts: Parts,
  { master, seat, index, parent, leftovers, routes, stubs }: AgentParts,
): Promise<{ shell: AgentShell; running: RunningAgent }> {
  const { options, machine, streams, log } = parts;
  const hostname = `agent-${index + 1}`;
  const link = connect(parts, master, hostname);
  const info = { hostname, attributes: attributesOf(options, index) };
  const shell = seatAgent(
    { options, info, seat, parent, leftovers, stubs },
    machine,
    streams,
    link.toMaster,
    log,
  );
  const serve: Handler = (request, response) => serveExecutor(shell.endpoint, request, response);
  routes.set(`/slave(${index + 1})/api/v1/executor`, serve);
  const id = await link.register(shell);
  return { shell, running: { id, hostname, ...seat.endpoint, workDir: seat.workDir } };
}

/** The border between the master and one agent: two channels that carry JSON and nothing else. */
function connect(parts: Parts, master: MasterShell, key: string) {
  let registered: ((agentId: string) => void) | null = null;
  let agent: AgentShell | null = null;
  const down = createChannel<string>(parts.streams, (text) => {
    const message: MasterMessage = JSON.parse(text);
    agent?.masterSaid(message);
    if (message.type === "registered") registered?.(message.agentId);
  });
  const up = createChannel<string>(parts.streams, (text) => {
    const message: AgentMessage = JSON.parse(text);
    master.agentSaid(key, message);
  });
  master.connectAgent(key, (message) => down.send(JSON.stringify(message)));
  return {
    toMaster: (message: AgentMessage) => up.send(JSON.stringify(message)),
    /** Resolves to the agent's id: once it is registered, or at once when it recovers and has one already. */
    register(shell: AgentShell): Promise<string> {
      agent = shell;
      return new Promise((resolveId) => {
        registered = resolveId;
        shell.start();
        const { books } = shell.agent;
        if (books.isRecovering) resolveId(agentIdOf(books));
      });
    },
  };
}
