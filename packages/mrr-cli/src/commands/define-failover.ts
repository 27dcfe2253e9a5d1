/**
 * Owns the definition of `mrr failover` and `mrr failovers`: options, help texts and examples.
 * Not: what they do (failover.ts). Called by define.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Command, InvalidArgumentError } from "commander";
import { parseWhole } from "../argv/number.js";
import type { Run } from "./define.js";
import { failoverSecondsDefault, runFailover, runFailovers } from "./failover.js";

const failoverHelp = `
Without --force it is a planned one: writes are paused, the new master gets everything that the old one has, and then
takes over. No write is lost. It is refused when the replica is not in sync.
With --force the old master is not asked, and a process that cannot be reached is given up with what only it has.

Examples:
  $ mrr failover -n inst                      to the best replica
  $ mrr failover -n inst --to inst::0f8f...   to this process (ids: mrr status -n inst --output json)
  $ mrr failover -n inst --force              although writes may be lost by it
`;

/** Longest `--timeout`: an hour. */
const timeoutSecondsMax = 3_600;

function seconds(text: string): number {
  const value = parseWhole("--timeout", text, { min: 1, max: timeoutSecondsMax });
  if (value.ok) return value.value;
  throw new InvalidArgumentError(`It takes a whole number from 1 to ${timeoutSecondsMax}.`);
}

/** Adds both commands to `program`. */
export function addFailoverCommands(program: Command, run: Run): void {
  const failover = program
    .command("failover")
    .description("make a replica the master of its instance")
    .option("-n, --name <name>", "name of the Redis instance")
    .option(
      "--to <process>",
      "id of the process that is to be master; without it: the best replica",
    )
    .option("--force", "also when writes may be lost by it")
    .option(
      "--timeout <seconds>",
      "longest wait for the end; exit code 10 after it",
      seconds,
      failoverSecondsDefault,
    )
    .addHelpText("after", failoverHelp);
  failover.action(() =>
    run(failover, (context) => {
      const options = failover.opts<{
        name?: string;
        to?: string;
        force?: boolean;
        timeout: number;
      }>();
      return runFailover(context, {
        name: options.name,
        to: options.to ?? null,
        force: options.force === true,
        timeoutSeconds: options.timeout,
      });
    }),
  );
  const failovers = program
    .command("failovers")
    .description("what the last failovers of an instance did, and why")
    .option("-n, --name <name>", "name of the Redis instance")
    .addHelpText(
      "after",
      "\nExamples:\n  $ mrr failovers -n inst\n  $ mrr failovers -n inst --output json\n",
    );
  failovers.action(() =>
    run(failovers, (context) => runFailovers(context, failovers.opts<{ name?: string }>().name)),
  );
}
