/**
 * Owns the command line of `mrr-local`: its flags, their checks, and the help. All problems are reported at once.
 * Not: what the options do (options.ts), nor the flags of `master` and `agent` (remote/). Called by main.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { type Parsed, type Problem, parsed } from "@mr-redis/core";
import { type FlagRule, flagsHelp, readDuration, readFlags, readWhole } from "./flag-rules.js";
import { agentsCountMax, type LocalOptions, stubOffer } from "./options.js";
import { type AgentCommand, agentHelpText, parseAgentFlags } from "./remote/agent-flags.js";
import { type MasterCommand, masterHelpText, parseMasterFlags } from "./remote/master-flags.js";

/** What the command line asks for. */
export type Command =
  | { readonly type: "help"; readonly text: string }
  | { readonly type: "version" }
  | {
      readonly type: "run";
      readonly options: Partial<LocalOptions> & Pick<LocalOptions, "workDir">;
      /** End when stdin ends: the parent is gone. */
      readonly exitWithParent: boolean;
      /** One program holds all executors and starts no redis-server. */
      readonly stubExecutors: boolean;
    }
  | Exclude<MasterCommand | AgentCommand, { readonly type: "help" }>;

type Draft = { -readonly [Key in keyof LocalOptions]?: LocalOptions[Key] } & {
  exitWithParent?: boolean;
  stubExecutors?: boolean;
};

const whole = readWhole<Draft>;
const duration = readDuration<Draft>;

const flagRules: readonly FlagRule<Draft>[] = [
  {
    name: "work-dir",
    value: "DIR",
    help: "Sandboxes and records; one running mrr-local for each (default .mrr-local)",
    read: (text, into) => {
      into.workDir = text;
      return text === "" ? "must name a directory" : undefined;
    },
  },
  {
    name: "port",
    value: "PORT",
    help: "Port of the master; 0 takes a free one (default 5050)",
    read: whole("port", 0, 65_535),
  },
  {
    name: "bind",
    value: "ADDRESS",
    help: "IPv4 address to listen on; there is no authentication (default 127.0.0.1)",
    read: (text, into) => {
      into.bind = text;
      return /^\d{1,3}(\.\d{1,3}){3}$/.test(text) ? undefined : "must be an IPv4 address";
    },
  },
  {
    name: "agents",
    value: "N",
    help: "Number of logical agents (default 3)",
    read: whole("agentsCount", 1, agentsCountMax),
  },
  {
    name: "agent-cpus",
    value: "CPUS",
    help: "CPUs that each agent offers; bookkeeping only (default: the machine's, at least 8)",
    read: (text, into) => {
      const value = Number(text);
      const isValid = text !== "" && value >= 0.01 && value <= 10_000;
      if (isValid) into.agentCpus = value;
      return isValid ? undefined : "must be a number from 0.01 to 10000";
    },
  },
  {
    name: "agent-memory",
    value: "MB",
    help: "Memory that each agent offers (default: an equal share of the machine's, 1 GB set aside)",
    read: whole("agentMemoryMb", 32, 100_000_000),
  },
  {
    name: "agent-disk",
    value: "MB",
    help: "Disk that each agent offers; bookkeeping only (default 10240)",
    read: whole("agentDiskMb", 0, 100_000_000),
  },
  {
    name: "ports",
    value: "FIRST-LAST",
    help: "Ports to offer, shared out among the agents (default 31000-32000)",
    read: readPorts,
  },
  {
    name: "agent-port",
    value: "PORT",
    help: "First port of the agents' own listeners; 0 takes free ones, kept over restarts (default 0)",
    read: whole("agentPort", 0, 65_000),
  },
  {
    name: "agent-addresses",
    value: "KIND",
    help: "shared: all agents at the bind address; distinct: agent K at 127.0.0.(K+1), Linux only (default shared)",
    read: (text, into) => {
      if (text !== "shared" && text !== "distinct") return "must be shared or distinct";
      into.agentAddresses = text;
      return undefined;
    },
  },
  {
    name: "attributes",
    value: "LIST",
    help: "Attributes of each agent, {agent} is its number: rack:r{agent};zone:z1 (default none)",
    read: readAttributes,
  },
  {
    name: "reserve",
    value: "ROLE:PERCENT",
    help: "Part of everything that each agent has, reserved for a role: team/db:50 (default nothing)",
    read: (text, into) => {
      const match = /^([\w.-]+(?:\/[\w.-]+)*):(\d{1,3})$/.exec(text);
      const percent = Number(match?.[2]);
      const isValid = percent >= 1 && percent <= 100;
      if (isValid) into.reserve = { role: match?.[1] ?? "", percent };
      return isValid ? undefined : "must be ROLE:PERCENT with a PERCENT from 1 to 100";
    },
  },
  {
    name: "launcher",
    value: "KIND",
    help: "linux: nothing outlives an executor; posix: a child with a session of its own does (default linux)",
    read: (text, into) => {
      if (text !== "linux" && text !== "posix") return "must be linux or posix";
      into.launcher = text;
      return undefined;
    },
  },
  {
    name: "heartbeat-interval",
    value: "TIME",
    help: "Between two HEARTBEATs of a scheduler's stream (default 15s)",
    read: duration("heartbeatIntervalMs", 10),
  },
  {
    name: "allocation-interval",
    value: "TIME",
    help: "Between two rounds of offers (default 1s)",
    read: duration("allocationIntervalMs", 10),
  },
  {
    name: "update-retry",
    value: "TIME",
    help: "Before an unacknowledged update is repeated; doubles up to 10m (default 10s)",
    read: duration("updateRetryMs", 10),
  },
  {
    name: "registration-timeout",
    value: "TIME",
    help: "Within which an executor must subscribe, fetching included (default 1m)",
    read: duration("registrationTimeoutMs", 100),
  },
  {
    name: "shutdown-grace",
    value: "TIME",
    help: "Between SHUTDOWN and the end of an executor that names no own grace (default 5s)",
    read: duration("shutdownGraceMs", 0),
  },
  {
    name: "executor-reregistration-timeout",
    value: "TIME",
    help: "Within which executors must come back to a restarted mrr-local; at most 15s (default 2s)",
    read: duration("reregistrationTimeoutMs", 100, 15_000),
  },
  {
    name: "recovery-timeout",
    value: "TIME",
    help: "After which executors end themselves when mrr-local is gone (default 5s)",
    read: duration("recoveryTimeoutMs", 100),
  },
  {
    name: "close-grace",
    value: "TIME",
    help: "How long the end of mrr-local waits for executors before it kills them (default 5s)",
    read: duration("closeGraceMs", 0),
  },
  {
    name: "jitter",
    value: "TIME",
    help: "Longest random delay of events and messages, whose order is kept (default 2ms)",
    read: (text, into) => {
      const draft: Draft = {};
      const problem = duration("shutdownGraceMs", 0)(text, draft);
      if (problem === undefined) into.jitter = { minMs: 0, maxMs: draft.shutdownGraceMs ?? 0 };
      return problem;
    },
  },
  {
    name: "exit-with-parent",
    value: null,
    help: "End, with all executors, when stdin reaches its end; no executor goes on under another parent",
    read: (_text, into) => {
      into.exitWithParent = true;
      return undefined;
    },
  },
  {
    name: "tls-file",
    value: "FILE",
    help: "Certificate and key (PEM) with which master and agents speak TLS, and nothing else (default none)",
    read: readTlsFile,
  },
  {
    name: "admin-port",
    value: "PORT",
    help: "For tests: serve the admin API, which makes faults, on this port of 127.0.0.1 (default none)",
    read: (text, into) => {
      const port = Number(text);
      const isValid = /^\d+$/.test(text) && port <= 65_535;
      if (isValid) into.adminPort = port;
      return isValid ? undefined : "must be a whole number from 0 to 65535";
    },
  },
  {
    name: "stub-executors",
    value: null,
    help: "For tests and benches: one program answers for all executors, no redis-server is started",
    read: (_text, into) => {
      into.stubExecutors = true;
      return undefined;
    },
  },
];

function readPorts(text: string, into: Draft): string | undefined {
  const match = /^(\d+)-(\d+)$/.exec(text);
  const begin = Number(match?.[1]);
  const end = Number(match?.[2]);
  const isValid = begin >= 1 && end <= 65_535 && begin <= end;
  if (isValid) into.ports = { begin, end };
  return isValid ? undefined : "must be FIRST-LAST with 1 <= FIRST <= LAST <= 65535";
}

/** Certificate and key may stand in any order. */
function readTlsFile(path: string, into: Draft): string | undefined {
  try {
    const text = readFileSync(path, "utf8");
    createSecureContext({ cert: text, key: text });
    into.tls = { certificate: text, key: text };
    return undefined;
  } catch (error) {
    return `must be a file with a certificate and its key: ${(error as Error).message}`;
  }
}

function readAttributes(text: string, into: Draft): string | undefined {
  const pairs = text.split(";").filter((pair) => pair !== "");
  const entries = pairs.map((pair) => [pair.split(":", 1)[0] ?? "", pair] as const);
  if (entries.some(([name, pair]) => name === "" || !pair.includes(":"))) {
    return "must look like name:value;name:value";
  }
  into.attributes = Object.fromEntries(
    entries.map(([name, pair]) => [name, pair.slice(name.length + 1)]),
  );
  return undefined;
}

/** Reads the arguments; the first may be a sub-command. `environment` may hold the secret of its links. */
export function parseCommandLine(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
): Parsed<Command> {
  switch (args[0]) {
    case "master":
      return withHelp(parseMasterFlags(args.slice(1), environment), masterHelpText);
    case "agent":
      return withHelp(parseAgentFlags(args.slice(1), environment), agentHelpText);
    default:
      return withHelp(parseRunFlags(args), helpText);
  }
}

/** A wish for help with the text that fulfils it. */
function withHelp<One extends { readonly type: string }>(
  outcome: Parsed<One | { readonly type: "help" }>,
  text: () => string,
): Parsed<Exclude<One, { readonly type: "help" }> | { readonly type: "help"; text: string }> {
  if (!outcome.ok) return outcome;
  const { value } = outcome;
  return value.type === "help"
    ? parsed({ type: "help", text: text() })
    : parsed(value as Exclude<One, { readonly type: "help" }>);
}

type RunCommand = Exclude<Command, { readonly type: "help" | "master" | "agent" }>;

function parseRunFlags(args: readonly string[]): Parsed<RunCommand | { readonly type: "help" }> {
  const draft: Draft = {};
  const read = readFlags(args, flagRules, draft);
  if (read.type !== "flags") return parsed({ type: read.type });
  const problems = [...read.problems, ...portProblems(draft), ...tlsProblems(draft)];
  if (problems.length > 0) return { ok: false, problems };
  const { exitWithParent, stubExecutors, workDir, ...options } = draft;
  return parsed({
    type: "run",
    options: { ...options, workDir: workDir ?? ".mrr-local" },
    exitWithParent: exitWithParent ?? false,
    stubExecutors: stubExecutors ?? false,
  });
}

/** The one program of all stub executors speaks plain HTTP. */
const tlsProblems = ({ tls, stubExecutors }: Draft): readonly Problem[] =>
  tls !== undefined && tls !== null && stubExecutors === true
    ? [{ path: "--tls-file", rule: "must not be given with --stub-executors" }]
    : [];

/** Every agent needs a port at least. */
function portProblems(draft: Draft): readonly Problem[] {
  const ports =
    draft.ports ?? (draft.stubExecutors ? stubOffer.ports : { begin: 31_000, end: 32_000 });
  const count = draft.agentsCount ?? 3;
  return ports.end - ports.begin + 1 >= count
    ? []
    : [{ path: "--ports", rule: `must hold at least one port for each of the ${count} agents` }];
}

/** What `--help` prints. */
export function helpText(): string {
  return `mrr-local: a Mesos-compatible master with logical agents, for one machine.

It serves the Mesos v1 scheduler and executor HTTP APIs and starts real executor processes:
point any v1 framework at http://127.0.0.1:5050. For development, tests and small sites; it has
no authentication, so it listens on loopback. \`mrr up\` starts it for you.

  mrr-local --agents 3 --ports 6380-6480
  curl http://127.0.0.1:5050/state

When it serves it prints one JSON line on stdout, {"msg":"ready","port":...,"agents":[...]};
its log is JSON lines on stderr. SIGINT and SIGTERM end it with every executor. After kill -9 the
executors of checkpointing frameworks live on, and the next start on the same work directory takes
them over; what cannot be taken over it ends before it serves.

With --stub-executors the executors' sessions, tasks, goals and reports are real ones, but behind them is
one program without any redis-server: 10,000 tasks on 100 agents fit into it. What agents offer is
made up then, unless it is given; stub executors do not outlive mrr-local.

Master and agents as programs of their own, on one machine or several:
  mrr-local master --help
  mrr-local agent --help

Options:
${flagsHelp(flagRules)}
  --version                      Print the version and exit
  --help                         Print this and exit
`;
}
