/**
 * Owns a master as a program of its own (`mrr-local master`): listener, registry of agents, links, start and end.
 * Not: agents (agent.ts), the command line (master-flags.ts). Called by main.ts and tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import { type DomainInfo, systemClock } from "@mr-redis/mesos";
import type { Jitter } from "../border/link.js";
import { closeServer, createHttpServer, listen } from "../http/server.js";
import type { MachinePorts } from "../master/books.js";
import { mesosVersion } from "../options.js";
import { lockWorkDir } from "../shell/lock.js";
import { addMasterRoutes, unreadyRoutes } from "../shell/master-routes.js";
import { type Log, MasterShell } from "../shell/master-shell.js";
import { AgentLinks } from "./agent-links.js";
import { AgentRegistry } from "./registry.js";

/** All options of a master of its own process. */
export interface MasterOptions {
  /** Where the list of agents is; made when missing. One running master for each. Default .mrr-local-master. */
  readonly workDir: string;
  /** Where it listens, and what it tells schedulers. Default 127.0.0.1. */
  readonly ip: string;
  /** Default 5050; 0 takes a free one. */
  readonly port: number;
  /** What it calls itself. Default: its address. */
  readonly hostname: string | null;
  /** Its fault domain; null: none, and agents that have one are refused, as by a real master. Default null. */
  readonly domain: DomainInfo | null;
  /** What agents must know to link; null (only on loopback): nothing. */
  readonly secret: string | null;
  /** Default 15 s. */
  readonly agentPingTimeoutMs: number;
  /** Default 5: with the above, an agent that is silent for 75 s is unreachable. */
  readonly agentPingTimeoutsMax: number;
  /** Time for agents to come back to a master that was started again; then they are unreachable. Default 10 min. */
  readonly agentReregisterTimeoutMs: number;
  /** Default 15 s. */
  readonly heartbeatIntervalMs: number;
  /** Default 1 s. */
  readonly allocationIntervalMs: number;
  /** Of events to schedulers. Default 0 to 2 ms. */
  readonly jitter: Jitter;
}

/** The defaults: those of Mesos. */
export const masterDefaults: MasterOptions = {
  workDir: ".mrr-local-master",
  ip: "127.0.0.1",
  port: 5050,
  hostname: null,
  domain: null,
  secret: null,
  agentPingTimeoutMs: 15_000,
  agentPingTimeoutsMax: 5,
  agentReregisterTimeoutMs: 600_000,
  heartbeatIntervalMs: 15_000,
  allocationIntervalMs: 1_000,
  jitter: { minMs: 0, maxMs: 2 },
};

/** A master that serves. */
export interface RunningMaster {
  readonly port: number;
  readonly masterId: string;
  /** Ends it; agents and executors go on. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts a master; resolves when it serves. Rejects with `port-taken`, `store-locked` when another one uses the work
 * directory, `store-corrupt` when its list of agents cannot be read.
 */
export async function startMaster(
  given: Partial<MasterOptions>,
  { log = () => undefined }: { readonly log?: Log } = {},
): Promise<RunningMaster> {
  const options = { ...masterDefaults, ...given };
  const workDir = resolve(options.workDir);
  const unlock = lockWorkDir(workDir);
  const routes = unreadyRoutes();
  const server = createHttpServer(options.ip, routes, log);
  try {
    const registry = new AgentRegistry(workDir);
    const port = await listen(server, options.port, options.ip);
    const machine: MachinePorts = {
      clock: systemClock,
      random: Math.random,
      newUuid: randomUUID,
    };
    const { heartbeatIntervalMs, allocationIntervalMs, jitter, ip } = options;
    const address = { ip, port, hostname: options.hostname ?? ip };
    const master = new MasterShell(
      { allocationIntervalMs, heartbeatIntervalMs, address, version: mesosVersion },
      machine,
      { ...machine, jitter, isScrambled: false },
      log,
    );
    const links = new AgentLinks(
      {
        address: ip,
        secret: options.secret,
        hasDomain: options.domain !== null,
        pingTimeoutMs: options.agentPingTimeoutMs,
        pingTimeoutsMax: options.agentPingTimeoutsMax,
        reregisterTimeoutMs: options.agentReregisterTimeoutMs,
      },
      machine.clock,
      master,
      registry,
      log,
    );
    links.start(server);
    addMasterRoutes(routes, master);
    master.start();
    let closing: Promise<void> | null = null;
    const close = async () => {
      links.stop();
      master.stop();
      await closeServer(server);
      unlock();
    };
    return {
      port,
      masterId: master.master.books.masterId,
      close: () => {
        closing ??= close();
        return closing;
      },
    };
  } catch (error) {
    await closeServer(server);
    unlock();
    throw error;
  }
}
