/**
 * Owns an agent as a program of its own (`mrr-local agent`): its seat, its executor API, its link to the master, start
 * and end. Not: the master (master.ts), the command line (agent-flags.ts). Called by main.ts and tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import { randomUUID } from "node:crypto";
import type { Server } from "node:http";
import { join, resolve } from "node:path";
import type { Clock, Timer } from "@mr-redis/core";
import { type Attribute, type DomainInfo, type Resource, systemClock } from "@mr-redis/mesos";
import { collectGarbage } from "../container/garbage.js";
import { closeServer } from "../http/server.js";
import type { MachinePorts } from "../master/books.js";
import { completeOptions, type LocalOptions, resourcesOf } from "../options.js";
import type { AgentShell } from "../shell/agent-shell.js";
import { lockWorkDir } from "../shell/lock.js";
import type { Log } from "../shell/master-shell.js";
import { seatAgent } from "../shell/seat-agent.js";
import { parentOf, sortAll, takeSeat } from "../shell/seats.js";
import { MasterLink } from "./master-link.js";

/** Options that an agent shares with those of `mrr-local` without a sub-command. */
type SharedOptions = Pick<
  LocalOptions,
  | "launcher"
  | "recoveryTimeoutMs"
  | "subscriptionBackoffMsMax"
  | "registrationTimeoutMs"
  | "shutdownGraceMs"
  | "updateRetryMs"
  | "updateRetryMsMax"
  | "reregistrationTimeoutMs"
  | "closeGraceMs"
  | "parentPid"
  | "jitter"
>;

/** All options of an agent of its own process. */
export interface AgentOptions extends SharedOptions {
  /** Sandboxes and records; made when missing. One running agent for each. */
  readonly workDir: string;
  readonly master: { readonly host: string; readonly port: number };
  readonly secret: string | null;
  /** Where it listens and what offers say: redis-servers are reached there. */
  readonly ip: string;
  /** Default 5051; 0 takes a free one and keeps it over restarts. */
  readonly port: number;
  readonly hostname: string;
  /** What replaces the defaults, by name; those are of the machine: all CPUs, its memory less 1 GB, ports 31000-32000. */
  readonly resources: readonly Resource[];
  readonly attributes: readonly Attribute[];
  readonly domain: DomainInfo | null;
  /** Longest pause before the second try for the master; it doubles. Default 1 s. */
  readonly registrationBackoffMs: number;
}

/** As a real agent: executors of one that is gone wait so long for its return. */
const recoveryTimeoutMsDefault = 15 * 60_000;

/** The defaults of what need not be given. */
export function agentDefaults(hostname: string): AgentOptions {
  const shared = completeOptions({ workDir: "", agentsCount: 1 });
  return {
    ...shared,
    recoveryTimeoutMs: recoveryTimeoutMsDefault,
    workDir: ".mrr-local-agent",
    master: { host: "127.0.0.1", port: 5050 },
    secret: null,
    ip: "127.0.0.1",
    port: 5051,
    hostname,
    resources: [],
    attributes: [],
    domain: null,
    registrationBackoffMs: 1_000,
  };
}

/** The machine's resources, replaced by what is given of the same name. */
function completeResources(given: readonly Resource[]): readonly Resource[] {
  const names = new Set(given.map(({ name }) => name));
  const defaults = resourcesOf(completeOptions({ workDir: "", agentsCount: 1 }), 0);
  return [...given, ...defaults.filter(({ name }) => !names.has(name))];
}

/** An agent that serves executors, and looks for its master or has it. */
export interface RunningAgentProgram {
  readonly port: number;
  readonly workDir: string;
  /** The agent's id, once it is registered for the first time in this process. */
  readonly registered: Promise<string>;
  /** The master has told the agent to end: it was marked gone. */
  readonly dismissed: Promise<void>;
  /**
   * Ends every executor with all its processes, then the agent. The master is told first, so that it launches nothing
   * there meanwhile; schedulers hear how their tasks ended. Idempotent.
   */
  close(): Promise<void>;
}

/**
 * Starts an agent; resolves when its executor API serves, whether or not there is a master. Rejects with `port-taken`,
 * `store-locked` when another one uses the work directory. What of a killed run cannot go on is ended first.
 */
export async function startAgent(
  options: AgentOptions,
  { log = () => undefined }: { readonly log?: Log } = {},
): Promise<RunningAgentProgram> {
  const root = resolve(options.workDir);
  const unlock = lockWorkDir(root);
  const servers: Server[] = [];
  try {
    return await startSeated({ ...options, workDir: root }, servers, unlock, log);
  } catch (error) {
    await Promise.all(servers.map(closeServer));
    unlock();
    throw error;
  }
}

async function startSeated(
  options: AgentOptions,
  servers: Server[],
  unlock: () => void,
  log: Log,
): Promise<RunningAgentProgram> {
  const machine: MachinePorts = { clock: systemClock, random: Math.random, newUuid: randomUUID };
  const { clock } = machine;
  const { ip, port, hostname, attributes, domain, jitter } = options;
  const workDir = join(options.workDir, "agent-1");
  const resources = completeResources(options.resources);
  const seat = await takeSeat({ workDir, ip, port, resources }, servers, { clock, log });
  const parent = parentOf(options);
  const leftovers = await sortAll(options.workDir, [seat], parent, { clock, log });
  const info = { hostname, attributes, ...(domain === null ? {} : { domain }) };
  const streams = { ...machine, jitter, isScrambled: false };
  const registered = signal<string>();
  const dismissed = signal<void>();
  const leaveNoted = signal<void>();
  let delivered: () => void = () => undefined;
  const link: MasterLink = new MasterLink(
    { ...options.master, secret: options.secret, backoffMs: options.registrationBackoffMs },
    machine,
    {
      opened: () => shell.handle({ type: "master-detected" }),
      said: (message) => {
        shell.masterSaid(message);
        if (message.type === "registered") registered.happened(message.agentId);
        if (message.type === "shutdown-agent") dismissed.happened();
        if (message.type === "leave-noted") leaveNoted.happened();
        if (isDelivered(shell)) delivered();
      },
    },
    log,
  );
  const shell: AgentShell = seatAgent(
    { options, info, seat, parent, leftovers, stubs: null },
    machine,
    streams,
    (message) => link.send(message),
    log,
  );
  shell.start();
  link.start();
  const stopCollecting = collectGarbage([workDir], clock, log);
  const close = async () => {
    stopCollecting();
    if (link.isOpen) {
      link.send({ type: "leaving" });
      await within(clock, leaveNoted.promise);
    }
    await shell.stop(options.closeGraceMs, async () => {
      const all = new Promise<void>((done) => {
        delivered = done;
      });
      if (link.isOpen && !isDelivered(shell)) await within(clock, all);
    });
    link.stop();
    await Promise.all(servers.map(closeServer));
    unlock();
  };
  let closing: Promise<void> | null = null;
  return {
    port: seat.endpoint.port,
    workDir,
    registered: registered.promise,
    dismissed: dismissed.promise,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

/** Longest wait of an agent that ends for its master and the scheduler: they may be gone, too. */
const lastWordsMsMax = 2_000;

/** Waits, but not for ever. */
async function within(clock: Clock, event: Promise<void>): Promise<void> {
  let timer: Timer | null = null;
  const late = new Promise<void>((done) => {
    timer = clock.after(lastWordsMsMax, done);
  });
  await Promise.race([event, late]);
  (timer as Timer | null)?.cancel();
}

/** True when the scheduler has acknowledged every update. */
const isDelivered = ({ agent }: AgentShell): boolean =>
  [...agent.books.updates.values()].every(({ pending }) => pending.length === 0);

/** A promise with what fulfils it. */
function signal<Value>(): { promise: Promise<Value>; happened: (value: Value) => void } {
  let happened: (value: Value) => void = () => undefined;
  const promise = new Promise<Value>((resolvePromise) => {
    happened = resolvePromise;
  });
  return { promise, happened: (value) => happened(value) };
}
