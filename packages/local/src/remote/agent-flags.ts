/**
 * Owns the command line of `mrr-local agent`: flags, checks, help. Not: what they do (agent.ts). Called by flags.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { hostname } from "node:os";
import { type Parsed, type Problem, parsed } from "@mr-redis/core";
import {
  type FlagRule,
  flagsHelp,
  isIpAddress,
  readDuration,
  readFlags,
  readWhole,
} from "../flag-rules.js";
import { type AgentOptions, agentDefaults } from "./agent.js";
import {
  type ReadText,
  readAttributes,
  readDomain,
  readMaster,
  readResources,
} from "./agent-texts.js";
import { readSecret, secretVariable } from "./handshake.js";

type Draft = { -readonly [Key in keyof AgentOptions]?: AgentOptions[Key] } & {
  secretFile?: string;
  exitWithParent?: boolean;
};

const whole = readWhole<Draft>;
const duration = readDuration<Draft>;

/** Puts what `read` makes of the text into `key`. */
const text =
  <Key extends keyof Draft>(key: Key, read: (text: string) => ReadText<NonNullable<Draft[Key]>>) =>
  (given: string, into: Draft): string | undefined => {
    const outcome = read(given);
    if (!outcome.ok) return outcome.rule;
    into[key] = outcome.value as Draft[Key];
    return undefined;
  };

const filled =
  (rule: string, isFit: (text: string) => boolean = (given) => given !== "") =>
  (given: string): ReadText<string> =>
    isFit(given) ? { ok: true, value: given } : { ok: false, rule };

const rules: readonly FlagRule<Draft>[] = [
  {
    name: "master",
    value: "HOST:PORT",
    help: "Where `mrr-local master` is (default 127.0.0.1:5050)",
    read: text("master", readMaster),
  },
  {
    name: "work-dir",
    value: "DIR",
    help: "Sandboxes and records; one running agent for each (default .mrr-local-agent)",
    read: text("workDir", filled("must name a directory")),
  },
  {
    name: "ip",
    value: "ADDRESS",
    help: "IPv4 address to listen on and to be reached at, also by Redis clients (default 127.0.0.1)",
    read: text("ip", filled("must be an IPv4 address of this machine", isIpAddress)),
  },
  {
    name: "port",
    value: "PORT",
    help: "Port of the executor API; 0 takes a free one, kept over restarts (default 5051)",
    read: whole("port", 0, 65_535),
  },
  {
    name: "hostname",
    value: "NAME",
    help: "Name of the agent in offers (default: the machine's)",
    read: text("hostname", filled("must not be empty")),
  },
  {
    name: "resources",
    value: "LIST",
    help: "cpus:4;mem:2048;disk:10240;ports:[31000-32000] (default for what is not named: the machine's)",
    read: text("resources", readResources),
  },
  {
    name: "attributes",
    value: "LIST",
    help: "rack:r1;zone:z1 (default none)",
    read: text("attributes", readAttributes),
  },
  {
    name: "domain",
    value: "REGION/ZONE",
    help: "Fault domain of the agent; the master must have one, too (default none)",
    read: text("domain", readDomain),
  },
  {
    name: "secret-file",
    value: "FILE",
    help: "File whose first line is the secret of the master",
    read: text("secretFile", filled("must name a file")),
  },
  {
    name: "launcher",
    value: "KIND",
    help: "linux: nothing outlives an executor; posix: a child with a session of its own does (default linux)",
    read: (given, into) => {
      if (given !== "linux" && given !== "posix") return "must be linux or posix";
      into.launcher = given;
      return undefined;
    },
  },
  {
    name: "registration-backoff-factor",
    value: "TIME",
    help: "Longest pause before the second try for the master; doubles up to 16 times (default 1s)",
    read: duration("registrationBackoffMs", 10, 60_000),
  },
  {
    name: "executor-registration-timeout",
    value: "TIME",
    help: "Within which an executor must subscribe, fetching included (default 1m)",
    read: duration("registrationTimeoutMs", 100),
  },
  {
    name: "executor-shutdown-grace-period",
    value: "TIME",
    help: "Between SHUTDOWN and the end of an executor that names no own grace (default 5s)",
    read: duration("shutdownGraceMs", 0),
  },
  {
    name: "executor-reregistration-timeout",
    value: "TIME",
    help: "Within which executors must come back to a restarted agent; at most 15s (default 2s)",
    read: duration("reregistrationTimeoutMs", 100, 15_000),
  },
  {
    name: "recovery-timeout",
    value: "TIME",
    help: "After which executors end themselves when the agent is gone (default 15m)",
    read: duration("recoveryTimeoutMs", 100),
  },
  {
    name: "update-retry",
    value: "TIME",
    help: "Before an unacknowledged update is repeated; doubles up to 10m (default 10s)",
    read: duration("updateRetryMs", 10),
  },
  {
    name: "close-grace",
    value: "TIME",
    help: "How long the end of the agent waits for executors before it kills them (default 5s)",
    read: duration("closeGraceMs", 0),
  },
  {
    name: "exit-with-parent",
    value: null,
    help: "End, with all executors, when stdin reaches its end; no executor goes on under another parent",
    read: (_given, into) => {
      into.exitWithParent = true;
      return undefined;
    },
  },
];

/** What `mrr-local agent` is to do. */
export type AgentCommand =
  | { readonly type: "help" }
  | { readonly type: "version" }
  | { readonly type: "agent"; readonly options: AgentOptions; readonly exitWithParent: boolean };

/** Reads the arguments behind `agent`; `environment` may hold the secret. */
export function parseAgentFlags(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Parsed<AgentCommand> {
  const draft: Draft = {};
  const flags = readFlags(args, rules, draft);
  if (flags.type !== "flags") return parsed({ type: flags.type });
  const problems: Problem[] = [...flags.problems];
  const { secretFile, exitWithParent = false, ...given } = draft;
  const read = readSecret(secretFile, environment);
  if (!read.ok) {
    const path = secretFile === undefined ? secretVariable : "--secret-file";
    problems.push({ path, rule: read.rule });
  }
  if (problems.length > 0) return { ok: false, problems };
  const secret = read.ok ? read.secret : null;
  const options = { ...agentDefaults(hostname()), ...given, secret };
  return parsed({ type: "agent", options, exitWithParent });
}

/** What `mrr-local agent --help` prints. */
export const agentHelpText =
  (): string => `mrr-local agent: an agent of \`mrr-local master\`, on this machine, under an address of its own.

It offers this machine's resources, starts real executor processes, and serves them the Mesos v1
executor HTTP API at --ip and --port. A real Mesos master cannot use it. Start the master first or
later; an agent tries for ever.

  mrr-local agent --ip 10.0.0.2 --master 10.0.0.1:5050 --work_dir /var/lib/mrr-agent \\
    --resources 'cpus:8;mem:16384;ports:[6380-6480]' --attributes 'rack:r1;zone:z1' --secret-file secret

Several agents on one machine need a --work_dir, a --port and ports to offer of their own.

When it is registered it prints one JSON line on stdout, {"msg":"ready","port":...,"agentId":...}; its log is
JSON lines on stderr. SIGINT and SIGTERM end it with every executor and Redis on it. After kill -9 the executors
of checkpointing frameworks live on, and the next start with the same --work_dir, --ip, --port and
--resources takes them over; what cannot be taken over it ends before it serves.

While there is no link to the master everything goes on; after the master's ping timeouts it counts
as unreachable, and with the link it comes back with all its tasks. An agent that an operator has
marked gone ends everything on it and itself; it needs a new --work_dir to join again.

The secret (--secret-file, or ${secretVariable}) is that of the master. The executor API has no authentication.

Options:
${flagsHelp(rules)}
  --version                      Print the version and exit
  --help                         Print this and exit
`;
