/**
 * Owns putting master and agents together in one process: listeners, border, start and end.
 * Not: the command line (main.ts). Called by main.ts and, in-process, by tests of other packages.
 * Each agent listens on a port of its own at its own address (by default all at 127.0.0.1): an address for each
 * agent would need 127.x aliases, which macOS has not, and every client takes a port for granted.
 * SPDX-License-Identifier: Apache-2.0
 */
import { randomUUID } from "node:crypto";
import { readdirSync } from "node:fs";
import type { Server } from "node:http";
import { join, resolve } from "node:path";
import type { Clock } from "@mr-redis/core";
import { type ChannelPorts, createChannel } from "../border/link.js";
import type { AgentMessage, MasterMessage } from "../border/messages.js";
import { collectGarbage } from "../container/garbage.js";
import { endLeftovers } from "../container/leftovers.js";
import { answerEmpty, answerJson, answerRedirect } from "../http/answer.js";
import type { StreamPorts } from "../http/event-stream.js";
import { serveExecutor } from "../http/executor-endpoint.js";
import { serveScheduler } from "../http/scheduler-endpoint.js";
import { closeServer, createHttpServer, type Handler, listen } from "../http/server.js";
import type { MachinePorts } from "../master/books.js";
import { stateView } from "../master/view.js";
import {
  addressOf,
  attributesOf,
  completeOptions,
  type LocalOptions,
  mesosVersion,
  resourcesOf,
} from "../options.js";
import { readAgentRecord } from "./agent-file.js";
import { AgentShell } from "./agent-shell.js";
import { lockWorkDir } from "./lock.js";
import { type Log, MasterShell } from "./master-shell.js";
import { systemClock } from "./system-clock.js";

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
 * Starts a master with its agents; resolves when they serve and are registered. Rejects with `port-taken` when a
 * port is taken, `store-locked` when another one uses the work directory. What a killed run left in the work
 * directory is ended first.
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
  const workDirs = Array.from({ length: options.agentsCount }, (_, index) =>
    agentDirOf(options, index),
  );
  // Also of agents that this run does not have any more.
  const former = readdirSync(options.workDir).filter((name) => /^agent-\d+$/.test(name));
  const count = await endLeftovers(
    former.map((name) => join(options.workDir, name)),
    machine.clock,
  );
  if (count > 0) log("ended executors of a killed run", { count });
  const routes = new Map<string, Handler>();
  const masterServer = createHttpServer(routes, log);
  servers.push(masterServer);
  const port = await listen(masterServer, options.port, options.bind);
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
  const agents: { shell: AgentShell; running: RunningAgent }[] = [];
  for (let index = 0; index < options.agentsCount; index += 1) {
    agents.push(await startAgent(parts, master, index, servers, routes));
  }
  addMasterRoutes(routes, master);
  master.start();
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
      master.stop();
      await Promise.all(servers.map(closeServer));
      unlock();
    }),
  };
}

/** The work directory of agent `index`. */
const agentDirOf = (options: LocalOptions, index: number): string =>
  join(options.workDir, `agent-${index + 1}`);

function closeOnce(close: () => Promise<void>): () => Promise<void> {
  let closing: Promise<void> | null = null;
  return () => {
    closing ??= close();
    return closing;
  };
}

async function startAgent(
  parts: Parts,
  master: MasterShell,
  index: number,
  servers: Server[],
  masterRoutes: Map<string, Handler>,
): Promise<{ shell: AgentShell; running: RunningAgent }> {
  const { options, machine, streams, log } = parts;
  const number = index + 1;
  const workDir = agentDirOf(options, index);
  const routes = new Map<string, Handler>();
  const server = createHttpServer(routes, log);
  servers.push(server);
  const ip = addressOf(options, index);
  const record = readAgentRecord(workDir);
  const port = await listenAgent(server, options, index, ip, record?.port ?? 0);
  const hostname = `agent-${number}`;
  const link = connect(parts, master, hostname);
  const shell = new AgentShell(
    {
      info: {
        hostname,
        port,
        resources: resourcesOf(options, index),
        attributes: attributesOf(options, index),
      },
      endpoint: { ip, port },
      workDir,
      launcher: options.launcher,
      switchUser: process.getuid?.() === 0,
      recoveryTimeoutMs: options.recoveryTimeoutMs,
      subscriptionBackoffMsMax: options.subscriptionBackoffMsMax,
      settings: {
        registrationTimeoutMs: options.registrationTimeoutMs,
        shutdownGraceMs: options.shutdownGraceMs,
        executorHeartbeatMs: 30 * 60_000,
        updateRetryMs: options.updateRetryMs,
        updateRetryMsMax: options.updateRetryMsMax,
      },
      record,
    },
    machine,
    streams,
    link.toMaster,
    log,
  );
  const serve: Handler = (request, response) => serveExecutor(shell.endpoint, request, response);
  for (const path of ["/api/v1/executor", "/slave(1)/api/v1/executor"]) routes.set(path, serve);
  routes.set("/health", (_request, response) => answerEmpty(response));
  masterRoutes.set(`/slave(${number})/api/v1/executor`, serve);
  const id = await link.register(shell);
  return { shell, running: { id, hostname, ip, port, workDir } };
}

/** The port of the agent: as asked, or the one it had before, or (that being taken) any free one. */
async function listenAgent(
  server: Server,
  options: LocalOptions,
  index: number,
  ip: string,
  formerPort: number,
): Promise<number> {
  if (options.agentPort !== 0) return listen(server, options.agentPort + index, ip);
  return listen(server, formerPort, ip).catch(() => listen(server, 0, ip));
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
    register(shell: AgentShell): Promise<string> {
      agent = shell;
      return new Promise((resolveId) => {
        registered = resolveId;
        shell.start();
      });
    },
  };
}

function addMasterRoutes(routes: Map<string, Handler>, master: MasterShell): void {
  const serve: Handler = (request, response) => serveScheduler(master.endpoint, request, response);
  for (const path of ["/api/v1/scheduler", "/master/api/v1/scheduler"]) routes.set(path, serve);
  const { ip, port } = master.master.books.settings.address;
  for (const prefix of ["", "/master"]) {
    routes.set(`${prefix}/redirect`, (_request, response) =>
      answerRedirect(response, `${ip}:${port}`),
    );
    routes.set(`${prefix}/health`, (_request, response) => answerEmpty(response));
    routes.set(`${prefix}/version`, (_request, response) =>
      answerJson(response, { version: mesosVersion, program: "mrr-local" }),
    );
    routes.set(`${prefix}/state`, (_request, response) =>
      answerJson(response, stateView(master.master.books)),
    );
  }
}
