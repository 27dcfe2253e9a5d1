/**
 * Owns the command line of `mrr-local master`: flags, checks, help. Not: what they do (master.ts). Called by flags.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Parsed, type Problem, parsed } from "@mr-redis/core";
import {
  type FlagRule,
  flagsHelp,
  isIpAddress,
  readDuration,
  readFlags,
  readWhole,
} from "../flag-rules.js";
import { isLoopbackAddress } from "../http/page-guard.js";
import { readDomain } from "./agent-texts.js";
import { readSecret, secretVariable } from "./handshake.js";
import { type MasterOptions, masterDefaults } from "./master.js";

type Draft = { -readonly [Key in keyof MasterOptions]?: MasterOptions[Key] } & {
  secretFile?: string;
};

const whole = readWhole<Draft>;
const duration = readDuration<Draft>;

const rules: readonly FlagRule<Draft>[] = [
  {
    name: "work-dir",
    value: "DIR",
    help: "Its list of agents; one running master for each (default .mrr-local-master)",
    read: (text, into) => {
      into.workDir = text;
      return text === "" ? "must name a directory" : undefined;
    },
  },
  {
    name: "ip",
    value: "ADDRESS",
    help: "IPv4 address to listen on, and what schedulers are told (default 127.0.0.1)",
    read: (text, into) => {
      into.ip = text;
      return isIpAddress(text) ? undefined : "must be an IPv4 address of this machine";
    },
  },
  {
    name: "port",
    value: "PORT",
    help: "Port for schedulers and agents; 0 takes a free one (default 5050)",
    read: whole("port", 0, 65_535),
  },
  {
    name: "hostname",
    value: "NAME",
    help: "What schedulers are told beside the address (default: the address)",
    read: (text, into) => {
      into.hostname = text;
      return text === "" ? "must not be empty" : undefined;
    },
  },
  {
    name: "domain",
    value: "REGION/ZONE",
    help: "Fault domain of the master; without one it refuses agents that have one (default none)",
    read: (text, into) => {
      const outcome = readDomain(text);
      if (!outcome.ok) return outcome.rule;
      into.domain = outcome.value;
      return undefined;
    },
  },
  {
    name: "secret-file",
    value: "FILE",
    help: "File whose first line agents must know; needed beyond loopback",
    read: (text, into) => {
      into.secretFile = text;
      return text === "" ? "must name a file" : undefined;
    },
  },
  {
    name: "agent-ping-timeout",
    value: "TIME",
    help: "Within which an agent must answer a ping (default 15s)",
    read: duration("agentPingTimeoutMs", 50, 15 * 60_000),
  },
  {
    name: "max-agent-ping-timeouts",
    value: "N",
    help: "So many pings missed make an agent unreachable (default 5)",
    read: whole("agentPingTimeoutsMax", 1, 1_000),
  },
  {
    name: "agent-reregister-timeout",
    value: "TIME",
    help: "Time for agents to come back to a restarted master, then unreachable (default 10m)",
    read: duration("agentReregisterTimeoutMs", 100),
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
];

/** What `mrr-local master` is to do. */
export type MasterCommand =
  | { readonly type: "help" }
  | { readonly type: "version" }
  | { readonly type: "master"; readonly options: MasterOptions };

/** Reads the arguments behind `master`; `environment` may hold the secret. */
export function parseMasterFlags(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Parsed<MasterCommand> {
  const draft: Draft = {};
  const flags = readFlags(args, rules, draft);
  if (flags.type !== "flags") return parsed({ type: flags.type });
  const problems: Problem[] = [...flags.problems];
  const { secretFile, ...given } = draft;
  const read = readSecret(secretFile, environment);
  if (!read.ok) {
    const path = secretFile === undefined ? secretVariable : "--secret-file";
    problems.push({ path, rule: read.rule });
  }
  const secret = read.ok ? read.secret : null;
  const options: MasterOptions = { ...masterDefaults, ...given, secret };
  if (read.ok && secret === null && !isLoopbackAddress(options.ip)) {
    const rule = `must be given, or ${secretVariable} set, when the master listens beyond loopback: who links as an agent gets tasks with their secrets`;
    problems.push({ path: "--secret-file", rule });
  }
  return problems.length > 0 ? { ok: false, problems } : parsed({ type: "master", options });
}

/** What `mrr-local master --help` prints. */
export const masterHelpText =
  (): string => `mrr-local master: a Mesos-compatible master whose agents are programs of their own.

It serves the Mesos v1 scheduler HTTP API, and takes links of \`mrr-local agent\` on the same port.
Agents may run on other machines; a real Mesos agent cannot join. One master, no standby: while it
is away nothing is decided, and everything that runs goes on. Started again, it learns from its
agents what runs.

  echo some-long-random-text > secret && chmod 600 secret
  mrr-local master --ip 10.0.0.1 --work_dir /var/lib/mrr-master --secret-file secret
  mrr-local agent  --ip 10.0.0.2 --master 10.0.0.1:5050 --work_dir /var/lib/mrr-agent --secret-file secret

An agent that does not answer --max_agent_ping_timeouts pings in a row is unreachable: schedulers hear
TASK_UNREACHABLE, and hear of the same tasks again when it comes back. A broken link alone only
takes its offers back.

The secret (--secret-file, or ${secretVariable}) keeps strangers from linking as an agent; it does not
encrypt, and the APIs for schedulers and executors have no authentication. Keep all ports of
master and agents inside a network that you trust.

When it serves it prints one JSON line on stdout, {"msg":"ready","port":...}; its log is JSON lines on
stderr. SIGINT and SIGTERM end it and nothing else. Flags may be written with dashes or
underscores, times as 500ms, 5s, 15secs, 10mins.

Options:
${flagsHelp(rules)}
  --version                      Print the version and exit
  --help                         Print this and exit
`;
