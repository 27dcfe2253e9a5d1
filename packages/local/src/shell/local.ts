/**
 * Owns putting master and agents together in one process: listeners, border, start and end.
 * Not: the command line (main.ts). Called by main.ts and, in-process, by tests of other packages.
 * Each agent listens on a port of its own at its own address (by default all at 127.0.0.1): an address for each
 * agent would need 127.x aliases, which macOS has not, and every client takes a port for granted.
 * SPDX-License-Identifier: Apache-2.0
 */
import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import { assert, type Clock } from "@mr-redis/core";
import { systemClock } from "@mr-redis/mesos";
import { MessageFaults } from "../admin/message-faults.js";
import { type RunningAdmin, startAdmin } from "../admin/server.js";
import type { ChannelPorts } from "../border/link.js";
import { collectGarbage } from "../container/garbage.js";
import type { StreamPorts } from "../http/event-stream.js";
import type { MachinePorts } from "../master/books.js";
import { stateView } from "../master/view.js";
import { completeOptions, type LocalOptions } from "../options.js";
import { StubHost } from "../stub/host.js";
import { takeGoneAgents } from "./gone-agents.js";
import { lockWorkDir } from "./lock.js";
import { LogicalAgent } from "./logical-agent.js";
import type { Log } from "./master-shell.js";
import { Masters } from "./masters.js";
import { parentOf, type Seat, sortAll } from "./seats.js";

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
  /** Of the first master. */
  readonly masterId: string;
  /** Of the admin API; null without one. */
  readonly adminPort: number | null;
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

/** What is to be ended when the start fails. */
interface Started {
  masters: Masters | null;
  readonly agents: LogicalAgent[];
  admin: RunningAdmin | null;
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
  const started: Started = { masters: null, agents: [], admin: null };
  try {
    return await startAll(parts, started, unlock);
  } catch (error) {
    await started.admin?.close();
    await Promise.all(started.agents.map((agent) => agent.stop()));
    await started.masters?.close();
    unlock();
    throw error;
  }
}

async function startAll(parts: Parts, started: Started, unlock: () => void): Promise<RunningLocal> {
  const { options, machine, log } = parts;
  const faults = options.adminPort === null ? null : new MessageFaults(machine.clock, Math.random);
  const masters = new Masters({ ...parts, faults });
  started.masters = masters;
  const port = await masters.listen(options.port);
  const stubs =
    options.stubProgram === null ? null : new StubHost(options.stubProgram, options.workDir);
  const parent = parentOf(options);
  const leader = () => masters.leader;
  const seats: Seat[] = [];
  for (let index = 0; index < options.agentsCount; index += 1) {
    const agent = new LogicalAgent({ ...parts, index, parent, stubs, leader });
    started.agents.push(agent);
    seats.push(await agent.sit());
  }
  const leftovers = await sortAll(options.workDir, seats, parent, { clock: machine.clock, log });
  const master = masters.create();
  for (const { record } of seats) {
    if (record !== null) master.handle({ type: "agent-recovered", agentId: record.agentId });
  }
  for (const agentId of takeGoneAgents(options, log)) {
    master.handle({ type: "agent-recovered", agentId });
    master.handle({ type: "agent-gone", agentId });
  }
  masters.serve();
  const agents: RunningAgent[] = [];
  for (const [index, seat] of seats.entries()) {
    const agent = started.agents[index];
    assert(agent !== undefined, "every seat is an agent's");
    const id = await agent.start(seat, leftovers);
    masters.routes.set(`/slave(${index + 1})/api/v1/executor`, agent.serve);
    agents.push({ id, hostname: agent.hostname, ...seat.endpoint, workDir: seat.workDir });
  }
  started.admin =
    faults === null
      ? null
      : await startAdmin({ ...parts, faults, masters, agents: started.agents });
  const workDirs = seats.map(({ workDir }) => workDir);
  const stopCollecting = collectGarbage(workDirs, machine.clock, log);
  return {
    port,
    url: `http://${options.bind}:${port}`,
    masterId: master.master.books.masterId,
    adminPort: started.admin?.port ?? null,
    agents,
    state: () => stateView((masters.leader ?? master).master.books),
    close: closeOnce(async () => {
      stopCollecting();
      await started.admin?.close();
      await Promise.all(started.agents.map((agent) => agent.stop()));
      await stubs?.stop();
      await masters.close();
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
