/**
 * Owns the places of the agents at a start: work directory, address, record; and what a killed run left in them.
 * Not: the agents themselves (agent-shell.ts), nor processes (container/). Called by shell/local.ts and remote/.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readdirSync } from "node:fs";
import type { Server } from "node:http";
import { basename, join } from "node:path";
import type { Clock } from "@mr-redis/core";
import type { Resource } from "@mr-redis/mesos";
import { recoveringText } from "../agent/executor-calls.js";
import { type AgentRecord, isContinued, type RecoveredAgent } from "../agent/record.js";
import type { AgentEndpoint } from "../border/messages.js";
import { type Leftovers, sortLeftovers } from "../container/leftovers.js";
import { seeProcess } from "../container/processes.js";
import type { ContainerRecord, ProcessName } from "../container/records.js";
import { answerText } from "../http/answer.js";
import { createHttpServer, type Handler, listen, type ServerTls } from "../http/server.js";
import { addressOf, type LocalOptions, resourcesOf } from "../options.js";
import { readAgentRecord } from "./agent-file.js";
import type { Log } from "./master-shell.js";

/** The paths of the executor API. */
export const executorPaths = ["/api/v1/executor", "/slave(1)/api/v1/executor"];

/** Where an agent is to be, and what it offers there. */
export interface Place {
  readonly workDir: string;
  readonly ip: string;
  /** Port to listen on; 0: the one it had before, or (that being taken) any free one. */
  readonly port: number;
  readonly resources: readonly Resource[];
}

/** An agent that listens and is not there yet. */
export interface Seat {
  readonly workDir: string;
  readonly endpoint: AgentEndpoint;
  readonly resources: readonly Resource[];
  readonly record: AgentRecord | null;
  /** Answers 503 until it is set. */
  readonly routes: Map<string, Handler>;
}

const answerRecovering: Handler = (request, response) => {
  request.resume();
  answerText(response, 503, recoveringText);
};

/** The place of agent `index` of the agents that share this process. */
export const placeOf = (options: LocalOptions, index: number): Place => ({
  workDir: join(options.workDir, `agent-${index + 1}`),
  ip: addressOf(options, index),
  port: options.agentPort === 0 ? 0 : options.agentPort + index,
  resources: resourcesOf(options, index),
});

/** What a seat is taken with; `tls` null (default): plain HTTP. */
export interface SeatParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly tls?: ServerTls | null;
}

/** Listens at the address of a place; the server is added to `servers`. */
export async function takeSeat(
  place: Place,
  servers: Server[],
  { clock, log, tls = null }: SeatParts,
): Promise<Seat> {
  const { workDir, ip, resources } = place;
  const record = readAgentRecord(workDir);
  const routes = new Map(executorPaths.map((path) => [path, answerRecovering]));
  const server = createHttpServer(ip, routes, log, tls);
  servers.push(server);
  const port = await listenAgent(server, place, record, clock);
  return { workDir, endpoint: { ip, port }, resources, record, routes };
}

/** Tries for a port that executors know, and pause between them: a stranger's short connection may hold it. */
const formerPortTriesMax = 20;
const formerPortPauseMs = 50;

/** The port of the agent: as asked, or the one it had before, or (that being taken) any free one. */
async function listenAgent(
  server: Server,
  { ip, port: askedPort }: Place,
  record: AgentRecord | null,
  clock: Clock,
): Promise<number> {
  if (askedPort !== 0) return listen(server, askedPort, ip);
  const formerPort = record?.port ?? 0;
  const hasExecutors = record?.frameworks.some(({ executors }) => executors.length > 0) ?? false;
  for (let tries = hasExecutors ? formerPortTriesMax : 1; tries > 0; tries -= 1) {
    const port = await listen(server, formerPort, ip).catch(() => null);
    if (port !== null) return port;
    if (tries > 1) await new Promise<void>((done) => clock.after(formerPortPauseMs, done));
  }
  return listen(server, 0, ip);
}

/** The process that executors may not outlive; null when there is none or it cannot be seen. */
export function parentOf({ parentPid }: Pick<LocalOptions, "parentPid">): ProcessName | null {
  const seen = parentPid === null ? null : seeProcess(parentPid);
  return seen === null ? null : { pid: seen.pid, startTicks: seen.startTicks };
}

/**
 * Containers on the record of an agent that goes on as it was stay, all others end; also of agents that are no more.
 * `root` holds the work directories of the agents.
 */
export async function sortAll(
  root: string,
  seats: readonly Seat[],
  parent: ProcessName | null,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<Leftovers> {
  const names = readdirSync(root).filter((name) => /^agent-\d+$/.test(name));
  const known = new Map(seats.map((seat) => [basename(seat.workDir), knownIn(seat)]));
  const mayLive = (workDir: string, record: ContainerRecord): boolean =>
    (known.get(basename(workDir))?.has(record.containerId) ?? false) && isChildOf(record, parent);
  const workDirs = names.map((name) => join(root, name));
  const leftovers = await sortLeftovers(workDirs, mayLive, clock);
  const livingCount = [...leftovers.living.values()].flat().length;
  const endedCount = leftovers.ended.size;
  if (livingCount + endedCount > 0) {
    log("executors of a killed run", { takenOver: livingCount, ended: endedCount });
  }
  return leftovers;
}

/** As {@link sortAll} for one agent that comes back while the others go on. */
export async function sortOne(
  seat: Seat,
  parent: ProcessName | null,
  clock: Clock,
): Promise<Leftovers> {
  const known = knownIn(seat);
  const mayLive = (_workDir: string, record: ContainerRecord): boolean =>
    known.has(record.containerId) && isChildOf(record, parent);
  return sortLeftovers([seat.workDir], mayLive, clock);
}

const isChildOf = (record: ContainerRecord, parent: ProcessName | null): boolean =>
  record.parent?.pid === parent?.pid && record.parent?.startTicks === parent?.startTicks;

/** Ids of the containers that an agent knows and can go on with. */
function knownIn({ resources, endpoint, record }: Seat): ReadonlySet<string> {
  if (record === null) return new Set();
  if (!isContinued(record, resources, endpoint)) return new Set();
  const executors = record.frameworks.flatMap((framework) => framework.executors);
  return new Set(executors.map((executor) => executor.containerId));
}

/** What an agent starts from. */
export const recoveredAgent = (
  record: AgentRecord,
  living: readonly ContainerRecord[],
  { ended }: Leftovers,
): RecoveredAgent => ({
  record,
  living: new Map(living.map(({ containerId, leaderPid }) => [containerId, leaderPid ?? 0])),
  ended,
});
