/**
 * Owns the command line: its flags, their checks, and the help. All problems are reported at once.
 * Not: what the options do. Called by main.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { userInfo } from "node:os";
import { type Parsed, type Problem, parsed } from "@mr-redis/core";
import { parseMasterAddress } from "@mr-redis/mesos";

/** What a run is told. */
export interface Options {
  /** Scheduler endpoint of a master, not necessarily the leading one. */
  readonly master: URL;
  /** `host:port` of the agents that may be used; empty: all. */
  readonly agents: readonly string[];
  /** Ids of the checks to run; empty: all. */
  readonly only: readonly string[];
  readonly output: "text" | "json";
  /** Leave out what takes longer than half a minute. */
  readonly quick: boolean;
  readonly role: string;
  readonly principal: string;
  /** File with the principal's secret; null: no authentication. */
  readonly secretFile: string | null;
  /** User that executors run as. */
  readonly user: string;
  /** Host under which agents reach this program; null: the address from which the master is reached. */
  readonly advertise: string | null;
  /** Address that this program listens on; null: where `advertise` is an address of this machine that one, else all. */
  readonly bind: string | null;
  /** 0: any free port. */
  readonly listenPort: number;
  /** Node.js on the agents, as their shell finds it. */
  readonly node: string;
  /** Serve this program's own Node.js to the agents instead. */
  readonly serveNode: boolean;
  readonly caFile: string | null;
  /** Shell command that kills an agent with SIGKILL and starts it again at once. */
  readonly agentRestartCommand: string | null;
  /** Factor on every upper limit of time. */
  readonly slack: number;
}

/** What the command line asks for. */
export type Command =
  | { readonly type: "help" }
  | { readonly type: "list" }
  | { readonly type: "run"; readonly options: Options };

type Draft = { -readonly [Key in keyof Options]?: Options[Key] };

interface FlagRule {
  readonly name: string;
  readonly value: string | null;
  readonly help: string;
  /** Puts the value into the options, or says what is allowed. */
  readonly read: (text: string, into: Draft) => string | undefined;
}

type TextKey = {
  [Key in keyof Options]: string extends Options[Key] ? Key : never;
}[keyof Options];

const text =
  (key: TextKey) =>
  (value: string, into: Draft): string | undefined => {
    into[key] = value;
    return value === "" ? "must not be empty" : undefined;
  };

const flagRules: readonly FlagRule[] = [
  {
    name: "master",
    value: "URL",
    help: "A master: http://host:port or https://host:port; the leading one is found by redirects",
    read: (value, into) => {
      const master = parseMasterAddress(value);
      if (master.ok) into.master = master.value;
      return master.ok ? undefined : "must be host:port, http://host:port or https://host:port";
    },
  },
  {
    name: "agent",
    value: "URL",
    help: "An agent that may be used, once for each; at least two are needed for some checks (default: all)",
    read: (value, into) => {
      const agent = parseMasterAddress(value);
      if (agent.ok) into.agents = [...(into.agents ?? []), agent.value.host];
      return agent.ok ? undefined : "must be host:port or http://host:port";
    },
  },
  {
    name: "only",
    value: "LIST",
    help: "Run these checks alone: C21,C22 or C01-C20 (default: all 60)",
    read: readOnly,
  },
  {
    name: "output",
    value: "FORM",
    help: "text or json (default text)",
    read: (value, into) => {
      if (value !== "text" && value !== "json") return "must be text or json";
      into.output = value;
      return undefined;
    },
  },
  {
    name: "quick",
    value: null,
    help: "Leave out what takes longer than half a minute",
    read: (_value, into) => {
      into.quick = true;
      return undefined;
    },
  },
  {
    name: "role",
    value: "ROLE",
    help: "Role of the frameworks; nobody else should have it (default mesos-conformance)",
    read: text("role"),
  },
  {
    name: "principal",
    value: "NAME",
    help: "Principal of the frameworks (default mesos-conformance)",
    read: text("principal"),
  },
  {
    name: "secret-file",
    value: "FILE",
    help: "File with the principal's secret, for a cluster that authenticates (default: none)",
    read: text("secretFile"),
  },
  {
    name: "user",
    value: "USER",
    help: "User that executors run as; the agents must know it (default: yours)",
    read: text("user"),
  },
  {
    name: "advertise",
    value: "HOST",
    help: "Host under which agents reach this program (default: its address towards the master)",
    read: text("advertise"),
  },
  {
    name: "bind",
    value: "ADDRESS",
    help: "Address to listen on for agents (default: the advertised one, or all where that is no address)",
    read: text("bind"),
  },
  {
    name: "listen-port",
    value: "PORT",
    help: "Port to listen on for agents (default: any free one)",
    read: (value, into) => {
      into.listenPort = Number(value);
      const isValid = /^\d+$/.test(value) && into.listenPort <= 65_535;
      return isValid ? undefined : "must be a whole number from 0 to 65535";
    },
  },
  {
    name: "node",
    value: "PATH",
    help: "Node.js (20 or newer) on the agents, which the test executor needs (default node)",
    read: text("node"),
  },
  {
    name: "serve-node",
    value: null,
    help: "Agents have no Node.js: serve them the one that runs this program (same system and processor)",
    read: (_value, into) => {
      into.serveNode = true;
      return undefined;
    },
  },
  {
    name: "ca-file",
    value: "FILE",
    help: "Certificates (PEM) to trust for https (default: those of the system)",
    read: text("caFile"),
  },
  {
    name: "agent-restart-command",
    value: "COMMAND",
    help: "Shell command that ends an agent with kill -9 and starts it again within a second, for C60; MESOS_AGENT_ID, MESOS_AGENT_HOSTNAME and MESOS_AGENT_ENDPOINT name it (default: C60 is not applicable)",
    read: text("agentRestartCommand"),
  },
  {
    name: "slack",
    value: "FACTOR",
    help: "Factor on every upper limit of time, for slow machines (default 2)",
    read: (value, into) => {
      into.slack = Number(value);
      const isValid = value !== "" && into.slack >= 1 && into.slack <= 100;
      return isValid ? undefined : "must be a number from 1 to 100";
    },
  },
];

const checkId = (number: number): string => `C${String(number).padStart(2, "0")}`;

function readOnly(value: string, into: Draft): string | undefined {
  const ids: string[] = [];
  for (const part of value.split(",")) {
    const match = /^C?(\d{1,2})(?:-C?(\d{1,2}))?$/i.exec(part.trim());
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? first);
    if (!(first >= 1 && last <= 60 && first <= last)) return "must look like C21,C22 or C01-C20";
    for (let number = first; number <= last; number += 1) ids.push(checkId(number));
  }
  into.only = [...(into.only ?? []), ...ids];
  return undefined;
}

/** Reads the arguments; a flag's value may follow after `=` or as the next argument. */
export function parseCommandLine(args: readonly string[]): Parsed<Command> {
  const draft: Draft = {};
  const problems: Problem[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? "";
    if (arg === "--help" || arg === "-h") return parsed({ type: "help" });
    if (arg === "--list") return parsed({ type: "list" });
    const match = /^--([a-z-]+)(?:=(.*))?$/s.exec(arg);
    const rule = flagRules.find((one) => one.name === match?.[1]);
    if (rule === undefined) {
      problems.push({ path: arg, rule: "is not known; see --help" });
      continue;
    }
    if (rule.value === null) {
      rule.read("", draft);
      continue;
    }
    const value = match?.[2] ?? args[index + 1];
    if (match?.[2] === undefined) index += 1;
    const problem = value === undefined ? `needs a value: ${rule.value}` : rule.read(value, draft);
    if (problem !== undefined) problems.push({ path: `--${rule.name}`, rule: problem });
  }
  const { master } = draft;
  if (master === undefined && !problems.some(({ path }) => path === "--master")) {
    problems.push({ path: "--master", rule: "is needed" });
  }
  if (problems.length > 0 || master === undefined) return { ok: false, problems };
  return parsed({ type: "run", options: { ...defaults(), ...draft, master } });
}

const defaults = (): Omit<Options, "master"> => ({
  agents: [],
  only: [],
  output: "text",
  quick: false,
  role: "mesos-conformance",
  principal: "mesos-conformance",
  secretFile: null,
  user: userInfo().username,
  advertise: null,
  bind: null,
  listenPort: 0,
  node: "node",
  serveNode: false,
  caFile: null,
  agentRestartCommand: null,
  slack: 2,
});

/** What `--help` prints. */
export function helpText(): string {
  const flags = flagRules.map((rule) => {
    const flag = `--${rule.name}${rule.value === null ? "" : ` ${rule.value}`}`;
    return `  ${flag.padEnd(32)} ${rule.help}`;
  });
  return `mesos-conformance: proves that a Mesos master and its agents do what a v1 framework relies on.

It acts as a framework and as an executor over the public APIs, and reports each of 60 checks as pass, fail or
not applicable, with what was sent and what was observed. It starts tasks of some MB on the agents, reserves
resources for its role and frees all of it again, also at Ctrl-C. No other framework should be active.
About two minutes, which Mesos spends in its own intervals.

  npm run mesos-conformance -- --master http://10.0.0.1:5050
  npm run mesos-conformance -- --master 127.0.0.1:5050 --only C21-C33 --output json

Exit code: 0 every check passed or was not applicable, 1 a check failed, 2 the run could not be made.

Options:
${flags.join("\n")}
  --list                           Print the checks and exit
  --help                           Print this and exit
`;
}
