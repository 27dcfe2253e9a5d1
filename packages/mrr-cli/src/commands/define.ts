/**
 * Owns the definition of every command: names, aliases, options, help texts and examples.
 * Not: what they do. Called by program.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { constraintOperators, problemsText, roles } from "@mr-redis/core";
import { type Command, InvalidArgumentError } from "commander";
import { anyWhole, parseWhole } from "../argv/number.js";
import { parseTruth } from "../argv/rewrite.js";
import { upDefaults } from "../up/defaults.js";
import { type UpStore, upStores } from "../up/options.js";
import { addConnectionCommand } from "./connection.js";
import type { CommandContext } from "./context.js";
import { runCreate } from "./create.js";
import { addFailoverCommands } from "./define-failover.js";
import { runDelete } from "./delete.js";
import { runInit } from "./init.js";
import { addRotateSecretCommand } from "./rotate-secret.js";
import { runList, runStatus } from "./status.js";
import { runToken } from "./token.js";
import { runUpgrade } from "./upgrade.js";
import { waitSecondsDefault } from "./wait.js";

/** Runs the action of `command`; a number that it resolves to is the exit code. */
export type Run = (
  command: Command,
  act: (context: CommandContext) => Promise<unknown>,
) => Promise<void>;

/** Longest `--timeout`: a day. */
const timeoutSecondsMax = 86_400;

const whole =
  (name: string, bounds: { readonly min: number; readonly max: number }) =>
  (text: string): number => {
    const value = parseWhole(name, text, bounds);
    if (!value.ok) throw new InvalidArgumentError(problemsText(value.problems));
    return value.value;
  };

function truth(text: string): boolean {
  const value = parseTruth(text);
  if (value === null) throw new InvalidArgumentError("It takes true or false.");
  return value;
}

/** `rack:SPREAD`, `zone:IN:z1,z2`, once for each constraint; what is allowed is said by the scheduler. */
function constraint(
  text: string,
  before: readonly (readonly string[])[] = [],
): readonly (readonly string[])[] {
  const [attribute = "", operator, ...values] = text.split(":");
  if (attribute === "" || operator === undefined) {
    throw new InvalidArgumentError("It takes ATTRIBUTE:OPERATOR or ATTRIBUTE:OPERATOR:VALUE.");
  }
  // A value may hold colons of its own.
  const value = values.length === 0 ? [] : [values.join(":")];
  return [...before, [attribute, operator, ...value]];
}

/** Adds all commands to `program`. */
export function addCommands(program: Command, run: Run): void {
  addInit(program, run);
  addCreate(program, run);
  addStatus(program, run);
  addList(program, run);
  addConnectionCommand(program, run);
  addRotateSecretCommand(program, run);
  addDelete(program, run);
  addFailoverCommands(program, run);
  addUpgrade(program, run);
  addToken(program, run);
  addUp(program, run);
  addHelp(program);
}

const initExamples = `
Examples:
  $ mrr init http://127.0.0.1:5656
  $ mrr init https://redis.example:5656 --token-file ~/.mrr-token --ca-file ca.pem
                                              remembers the two files as well
`;

function addInit(program: Command, run: Run): void {
  const command = program
    .command("init")
    .alias("i")
    .description("remember the scheduler that commands talk to")
    .argument("[url]", "http://HOST:PORT or https://HOST:PORT, or several with commas")
    .addHelpText("after", initExamples);
  command.action((url: string | undefined) => run(command, (context) => runInit(context, url)));
}

const tokenExamples = `
The token goes into a new file that only you can read; the line that is printed holds its hash only.

Examples:
  $ mrr token -n alice --role operate --out alice.token >> tokens
  $ mrr token -n proxy --out proxy.token >> tokens
                                              then, at the scheduler: "HTTPTokenFile": "tokens"
`;

function addToken(program: Command, run: Run): void {
  const command = program
    .command("token")
    .description("make a token for the API, and the line for the scheduler's HTTPTokenFile")
    .option("-n, --name <name>", "whose it is")
    .option("--role <role>", `${roles.join(", ")} (default: read)`)
    .option("--out <file>", "new file for the token")
    .addHelpText("after", tokenExamples);
  command.action(() =>
    run(command, ({ io }) => {
      const { name, role, out } = command.opts<{ name?: string; role?: string; out?: string }>();
      return runToken(io, { name, role, out });
    }),
  );
}

const waitOption = ["-w, --wait [true|false]", "return only when it is done", truth] as const;

const timeoutOption = [
  "--timeout <seconds>",
  "longest wait; exit code 10 after it",
  whole("--timeout", { min: 1, max: timeoutSecondsMax }),
  waitSecondsDefault,
] as const;

const createExamples = `
Examples:
  $ mrr create -n cache                       one Redis of 100 MB
  $ mrr create -n inst -m 200 -s 1 -w         a master and a replica, 200 MB each; waits
  $ mrr create -n big -m 100 -s 5 --distribution 2 -w
                                              at most two processes on one agent
  $ mrr create -n inst -s 2 --constraint rack:SPREAD --constraint zone:IN:z1,z2
                                              evenly over racks, in two zones only
  $ mrr create -n inst -f inst.json           {"Distribution": 2,
                                               "Constraints": [["rack", "SPREAD"]],
                                               "Config": {"maxmemory-policy": "allkeys-lru"}}
Less than 100 MB becomes 100; slaves outside 0 to 100 become 0.
`;

function addCreate(program: Command, run: Run): void {
  const command = program
    .command("create")
    .alias("c")
    .description("create a Redis instance")
    .option("-n, --name <name>", "name of the Redis instance")
    .option("-m, --memory <mb>", "memory in MB of each process", whole("--memory", anyWhole))
    .option("-s, --slaves <count>", "number of slaves (replicas)", whole("--slaves", anyWhole))
    .option(...waitOption)
    .option("-f, --file <path>", "JSON file with Distribution, Config, Constraints ...")
    .option(
      "--distribution <count>",
      "most processes of the instance on one agent",
      whole("--distribution", anyWhole),
    )
    .option(
      "--constraint <text>",
      `condition on agents, ATTRIBUTE:OPERATOR[:VALUE], of ${constraintOperators.join(", ")}; repeatable`,
      constraint,
    )
    .option(
      "--fencing <on|off>",
      "off: plain Redis, a cut-off master goes on writing (default: on)",
    )
    .option(
      "--on-unreachable <replace|wait>",
      "of a single whose agent is gone: a new and empty one, or wait for it (default: replace)",
    )
    .option("--auth", "with users of Redis and passwords: mrr connection shows them")
    .option("--tls", "with TLS between its redis-servers, and to clients")
    .option(...timeoutOption)
    .addHelpText("after", createExamples);
  command.action(() =>
    run(command, (context) => {
      const options = command.opts<{
        name?: string;
        memory?: number;
        slaves?: number;
        wait?: boolean;
        file?: string;
        distribution?: number;
        constraint?: readonly (readonly string[])[];
        fencing?: string;
        onUnreachable?: string;
        auth?: true;
        tls?: true;
        timeout: number;
      }>();
      return runCreate(context, {
        name: options.name,
        memory: options.memory,
        slaves: options.slaves,
        wait: options.wait === true,
        file: options.file,
        distribution: options.distribution,
        constraints: options.constraint,
        fencing: options.fencing,
        onUnreachable: options.onUnreachable,
        auth: options.auth,
        tls: options.tls,
        timeoutSeconds: options.timeout,
      });
    }),
  );
}

function addStatus(program: Command, run: Run): void {
  const command = program
    .command("status")
    .alias("s")
    .description("status of a Redis instance, or of all")
    .option("-n, --name <name>", "name of the Redis instance; without it: all")
    .addHelpText(
      "after",
      "\nExamples:\n  $ mrr status -n inst\n  $ mrr status -n inst --output json\n  $ mrr status\n",
    );
  command.action(() =>
    run(command, (context) => runStatus(context, command.opts<{ name?: string }>().name)),
  );
}

function addList(program: Command, run: Run): void {
  const command = program
    .command("list")
    .alias("l")
    .alias("ls")
    .description("list all instances")
    .option("--status <status>", "only those: CREATING, RUNNING, DEGRADED, FAILED, DELETED ...")
    .addHelpText("after", "\nExamples:\n  $ mrr list\n  $ mrr list --status DEGRADED\n");
  command.action(() =>
    run(command, (context) => runList(context, command.opts<{ status?: string }>().status)),
  );
}

function addDelete(program: Command, run: Run): void {
  const command = program
    .command("delete")
    .alias("d")
    .description("delete a Redis instance and its data")
    .option("-n, --name <name>", "name of the Redis instance")
    .option(...waitOption)
    .option(...timeoutOption)
    .addHelpText("after", "\nExamples:\n  $ mrr delete -n inst\n  $ mrr delete -n inst -w\n");
  command.action(() =>
    run(command, (context) => {
      const options = command.opts<{ name?: string; wait?: boolean; timeout: number }>();
      return runDelete(context, {
        name: options.name,
        wait: options.wait === true,
        timeoutSeconds: options.timeout,
      });
    }),
  );
}

const upgradeExamples = `
A scheduler with another executor starts it for new processes only; what runs stays on the old ones
until this is asked for. Then instance by instance moves, replicas first, with a temporary replica
where there is room; writes pause for a moment when the master hands over.

Examples:
  $ mrr upgrade                               starts; at once when nothing is behind
  $ mrr upgrade -w --timeout 3600             starts and waits
  $ mrr upgrade status
  $ mrr upgrade pause
  $ mrr upgrade resume
`;

function addUpgrade(program: Command, run: Run): void {
  const command = program
    .command("upgrade")
    .description("move running instances to the present executor")
    .argument("[action]", "start (the default), status, pause or resume")
    .option(...waitOption)
    .option(...timeoutOption)
    .addHelpText("after", upgradeExamples);
  command.action((action: string | undefined) =>
    run(command, (context) => {
      const options = command.opts<{ wait?: boolean; timeout: number }>();
      return runUpgrade(context, {
        action,
        wait: options.wait === true,
        timeoutSeconds: options.timeout,
      });
    }),
  );
}

const upExamples = `
Runs in the foreground; Ctrl-C ends everything that it started. Instances are remembered in the
data directory; their data is not: at the next start they come back with empty processes.

Examples:
  $ mrr up
  $ mrr up --agents 5 --ports 7000-7999 --data-dir /var/tmp/mrr
  $ mrr up --store etcd --store-endpoint 127.0.0.1:2379
  $ mrr up --http-port 5700                   then: export MRR_ENDPOINT=http://127.0.0.1:5700
`;

function addUp(program: Command, run: Run): void {
  const port = (name: string) => whole(name, { min: 1, max: 65_535 });
  const { agents, ports, httpPort, artifactPort, mesosPort, proxyHttpPort, dataDir } = upDefaults;
  const command = program
    .command("up")
    .description("start mr-redis on this machine: agents, scheduler, API and proxy")
    .option(
      "--agents <count>",
      "number of logical agents",
      whole("--agents", upDefaults.agentsRange),
      agents,
    )
    .option("--agent-cpus <cpus>", "cpus of each agent; may be more than there are", decimal)
    .option(
      "--agent-memory <mb>",
      "memory of each agent for Redis (default: the machine's, shared out)",
      whole("--agent-memory", upDefaults.agentMemoryRange),
    )
    .option(
      "--attributes <list>",
      "attributes of each agent, {agent} is its number: 'rack:r{agent};zone:z1'",
      attributes,
    )
    .option("--ports <first-last>", "ports for Redis, shared out among the agents", ports)
    .option("--http-port <port>", `port of the API (default: ${httpPort})`, port("--http-port"))
    .option(
      "--artifact-port <port>",
      `port where agents fetch the executor (default: ${artifactPort})`,
      port("--artifact-port"),
    )
    .option(
      "--mesos-port <port>",
      "port of the local Mesos master",
      port("--mesos-port"),
      mesosPort,
    )
    .option(
      "--proxy-ports <first-last>",
      "ports that the proxy serves, given to instances for life (default: 20000-29999)",
    )
    .option(
      "--proxy-http-port <port>",
      "port of the proxy's metrics and admin routes",
      port("--proxy-http-port"),
      proxyHttpPort,
    )
    .option("--no-proxy", "start none; another one may follow this scheduler")
    .option("--data-dir <dir>", "where instances are remembered and logs lie", dataDir)
    .option(
      "--config <file>",
      "configuration file of the scheduler, merged with what is needed here",
    )
    .option("--store <store>", `where the state is kept: ${upStores.join(", ")}`, storeName)
    .option("--store-endpoint <list>", "servers of etcd or ZooKeeper: HOST:PORT,HOST:PORT")
    .option("--store-user <name>", "user there; its password comes from MRR_DB_PASSWORD")
    .option(
      "--new-framework",
      "when Mesos has removed the framework: begin anew, all instances new and empty",
    )
    .option("--exit-with-parent", "end when standard input ends (for programs that start this one)")
    .addHelpText("after", upExamples);
  command.action(() =>
    run(command, async ({ io, access }) => {
      const { runUp } = await import("../up/run.js");
      return runUp(io, { ...command.opts(), access });
    }),
  );
}

function storeName(text: string): UpStore {
  const store = upStores.find((known) => known === text.toLowerCase());
  if (store !== undefined) return store;
  throw new InvalidArgumentError(
    `It takes ${upStores.slice(0, -1).join(", ")} or ${upStores.at(-1)}.`,
  );
}

function attributes(text: string): string {
  if (/^[^:;]+:[^;]*(;[^:;]+:[^;]*)*$/.test(text)) return text;
  throw new InvalidArgumentError("It takes NAME:VALUE, or several with semicolons.");
}

function decimal(text: string): number {
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && value >= 0.1 && value <= upDefaults.agentCpusMax) return value;
  throw new InvalidArgumentError(`It takes a number from 0.1 to ${upDefaults.agentCpusMax}.`);
}

function addHelp(program: Command): void {
  program
    .command("help")
    .alias("h")
    .description("show help, or the help of one command")
    .argument("[command]", "a command")
    .action((name: string | undefined) => {
      if (name === undefined) return program.help();
      const command = program.commands.find(
        (candidate) => candidate.name() === name || candidate.aliases().includes(name),
      );
      if (command !== undefined) return command.help();
      const names = program.commands.map((known) => known.name()).join(", ");
      return program.error(`error: unknown command '${name}'; there are ${names}`);
    });
}
