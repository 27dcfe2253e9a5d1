/**
 * Owns the options of the embedded master and agents: defaults, limits, and how the agents share the machine.
 * Not: the command line (flags.ts). Called by shell/local.ts, flags.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { availableParallelism, totalmem } from "node:os";
import type { Attribute, Resource, ValueRange } from "@mr-redis/mesos";
import type { Jitter } from "./border/link.js";
import type { Launcher } from "./container/processes.js";
import type { ServerTls } from "./http/server.js";

/** Most logical agents of one process: each has a listener and a port range of its own. */
export const agentsCountMax = 100;

/** All options; what is left out has the default that {@link completeOptions} gives. */
export interface LocalOptions {
  /** Where sandboxes and records are; made when missing. One running master for each. */
  readonly workDir: string;
  /** Port of the master; 0 takes a free one. Default 5050. */
  readonly port: number;
  /** Address that the master and the agents listen on. Default 127.0.0.1. */
  readonly bind: string;
  /** Default 3. */
  readonly agentsCount: number;
  /** CPUs of each agent: bookkeeping only, nothing is enforced. Default: those of the machine, at least 8. */
  readonly agentCpus: number;
  /** Memory of each agent in MB. Default: an equal share of the machine's, 1 GB set aside. */
  readonly agentMemoryMb: number;
  /** Disk of each agent in MB, bookkeeping only. Default 10240. */
  readonly agentDiskMb: number;
  /** Ports to be offered, shared out among the agents in blocks: they live on one machine. Default 31000-32000. */
  readonly ports: ValueRange;
  /** `shared`: all agents at the bind address. `distinct`: agent K at 127.0.0.(K + 1) (Linux). Default shared. */
  readonly agentAddresses: "shared" | "distinct";
  /** First port of the agents' own listeners: agent K has `agentPort + K - 1`; 0 (default): any free one, kept over restarts. */
  readonly agentPort: number;
  /** Attributes of each agent; `{agent}` becomes its number. Default none. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Master and agents speak TLS and nothing else, all with this certificate. Default null: plain HTTP. */
  readonly tls: ServerTls | null;
  /** Percent of everything that each agent has, reserved for a role by its operator. Default null: nothing. */
  readonly reserve: { readonly role: string; readonly percent: number } | null;
  /** What survives the end of an executor. Default linux: nothing. */
  readonly launcher: Launcher;
  /** Default 15 s. */
  readonly heartbeatIntervalMs: number;
  /** Default 1 s. */
  readonly allocationIntervalMs: number;
  /** First pause before an unacknowledged update is repeated; it doubles up to `updateRetryMsMax`. Default 10 s. */
  readonly updateRetryMs: number;
  /** Default 10 min. */
  readonly updateRetryMsMax: number;
  /** An executor must subscribe within this time after its launch began, fetching included. Default 1 min. */
  readonly registrationTimeoutMs: number;
  /** Grace of executors that do not name their own. Default 5 s. */
  readonly shutdownGraceMs: number;
  /** After a restart, executors that do not subscribe again within this time are destroyed. Default 2 s, at most 15 s. */
  readonly reregistrationTimeoutMs: number;
  /** MESOS_RECOVERY_TIMEOUT: executors end themselves when the agent is away for longer. Default 5 s. */
  readonly recoveryTimeoutMs: number;
  /** MESOS_SUBSCRIPTION_BACKOFF_MAX. Default 2 s. */
  readonly subscriptionBackoffMsMax: number;
  /** Every event and message is held for a random time in this range, its order kept. Default 0 to 2 ms. */
  readonly jitter: Jitter;
  /** Test mode: event streams are cut at random bytes. Default false. */
  readonly scrambleStreams: boolean;
  /** Longest time that closing waits for executors. Default 5 s. */
  readonly closeGraceMs: number;
  /** Executors may not outlive this process: what was started under another is ended at a restart. Default null: none. */
  readonly parentPid: number | null;
  /**
   * File of the program that holds all executors and starts no redis-server; null (default): executors are real. With
   * it the defaults of `agentCpus`, `agentMemoryMb` and `ports` are {@link stubOffer}.
   */
  readonly stubProgram: string | null;
  /** Port of the admin API, on 127.0.0.1 whatever `bind` is; 0: any free one; null (default): there is none. */
  readonly adminPort: number | null;
}

/** What agents with stub executors offer by default: nothing of it is used. */
export const stubOffer = {
  agentCpus: 10_000,
  agentMemoryMb: 10_000_000,
  ports: { begin: 10_000, end: 65_000 },
} as const;

/** The version that SUBSCRIBED and /version give: the Mesos release whose protocol is spoken. */
export const mesosVersion = "1.11.0";

const mebibyte = 1024 * 1024;

/** Memory of the machine that agents may offer: all but 1 GB, or half where there is less than 2 GB. */
function offeredMemoryMb(): number {
  const totalMb = Math.floor(totalmem() / mebibyte);
  return totalMb >= 2048 ? totalMb - 1024 : Math.floor(totalMb / 2);
}

/** The options with every default filled in. */
export function completeOptions(
  given: Partial<LocalOptions> & Pick<LocalOptions, "workDir">,
): LocalOptions {
  const agentsCount = given.agentsCount ?? 3;
  return {
    port: 5050,
    bind: "127.0.0.1",
    agentCpus: Math.max(8, availableParallelism()),
    agentMemoryMb: Math.floor(offeredMemoryMb() / agentsCount),
    agentDiskMb: 10_240,
    ports: { begin: 31_000, end: 32_000 },
    agentAddresses: "shared",
    agentPort: 0,
    attributes: {},
    reserve: null,
    tls: null,
    launcher: "linux",
    heartbeatIntervalMs: 15_000,
    allocationIntervalMs: 1_000,
    updateRetryMs: 10_000,
    updateRetryMsMax: 600_000,
    registrationTimeoutMs: 60_000,
    shutdownGraceMs: 5_000,
    reregistrationTimeoutMs: 2_000,
    recoveryTimeoutMs: 5_000,
    subscriptionBackoffMsMax: 2_000,
    jitter: { minMs: 0, maxMs: 2 },
    scrambleStreams: false,
    closeGraceMs: 5_000,
    parentPid: null,
    stubProgram: null,
    adminPort: null,
    ...((given.stubProgram ?? null) === null ? {} : stubOffer),
    ...given,
    agentsCount,
  };
}

/** The block of ports of agent `index` (0-based): blocks are equal, the last has the rest. */
export function portsOf(options: LocalOptions, index: number): ValueRange {
  const { begin, end } = options.ports;
  const size = Math.floor((end - begin + 1) / options.agentsCount);
  const first = begin + index * size;
  return { begin: first, end: index === options.agentsCount - 1 ? end : first + size - 1 };
}

/** What agent `index` offers, in the order in which a real agent lists it. */
export function resourcesOf(options: LocalOptions, index: number): readonly Resource[] {
  const scalar = (name: string, value: number): Resource => ({
    name,
    type: "SCALAR",
    scalar: { value },
  });
  const ports = portsOf(options, index);
  const resources: readonly Resource[] = [
    scalar("cpus", options.agentCpus),
    scalar("mem", options.agentMemoryMb),
    scalar("disk", options.agentDiskMb),
    ...(ports.begin > ports.end
      ? []
      : [{ name: "ports", type: "RANGES", ranges: { range: [ports] } } as const]),
  ];
  const { reserve } = options;
  return reserve === null ? resources : resources.flatMap((each) => partly(each, reserve));
}

/** The reserved part and the rest; a part with nothing in it is left out. */
function partly(
  resource: Resource,
  { role, percent }: { readonly role: string; readonly percent: number },
): readonly Resource[] {
  const reserved = { ...resource, reservations: [{ type: "STATIC", role }] } as const;
  const [ports] = resource.ranges?.range ?? [];
  if (ports !== undefined) {
    const count = Math.floor(((ports.end - ports.begin + 1) * percent) / 100);
    const parts = [
      { ...reserved, ranges: { range: [{ begin: ports.begin, end: ports.begin + count - 1 }] } },
      { ...resource, ranges: { range: [{ begin: ports.begin + count, end: ports.end }] } },
    ];
    return parts.filter(({ ranges }) => ranges.range.every(({ begin, end }) => begin <= end));
  }
  const total = resource.scalar?.value ?? 0;
  const part = Math.floor(total * percent * 10) / 1000;
  const rest = Math.round((total - part) * 1000) / 1000;
  const parts = [
    { ...reserved, scalar: { value: part } },
    { ...resource, scalar: { value: rest } },
  ];
  return parts.filter(({ scalar: { value } }) => value > 0);
}

/** The attributes of agent `index`; a value that is a number is a SCALAR, as with a real agent. */
export function attributesOf(options: LocalOptions, index: number): readonly Attribute[] {
  return Object.entries(options.attributes).map(([name, template]) => {
    const value = template.replaceAll("{agent}", String(index + 1));
    return /^\d+(\.\d+)?$/.test(value)
      ? { name, type: "SCALAR", scalar: { value: Number(value) } }
      : { name, type: "TEXT", text: { value } };
  });
}

/** The address of agent `index`. */
export const addressOf = (options: LocalOptions, index: number): string =>
  options.agentAddresses === "shared" ? options.bind : `127.0.0.${index + 2}`;
