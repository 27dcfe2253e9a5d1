/**
 * Owns `mrr rotate-secret`: its definition and what it does. Not: the passwords (`mrr connection` shows them).
 * Called by define.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { rotationGraceMsMax } from "@mr-redis/core";
import { type Command, InvalidArgumentError } from "commander";
import { requestRotation } from "../api/rotation.js";
import { parseWhole } from "../argv/number.js";
import { printable } from "../io.js";
import { type CommandContext, requireName, withClient } from "./context.js";
import type { Run } from "./define.js";

const help = `
The users of an instance that was created with --auth get new passwords; \`mrr connection\` shows them. The old ones
are accepted until the grace is over. No connection is cut: a password is looked at when a client logs in.
Asked for again within 30 seconds while the grace lasts, it makes no other passwords; a shorter --grace then ends it
sooner.

Examples:
  $ mrr rotate-secret -n inst                 the old passwords are accepted for SecretGraceS, an hour by default
  $ mrr rotate-secret -n inst --grace 86400   for a day
  $ mrr rotate-secret -n inst --grace 0       no longer: somebody knows them
`;

const graceSecondsMax = rotationGraceMsMax / 1_000;

function seconds(text: string): number {
  const value = parseWhole("--grace", text, { min: 0, max: graceSecondsMax });
  if (value.ok) return value.value;
  throw new InvalidArgumentError(`It takes a whole number from 0 to ${graceSecondsMax}.`);
}

/** Has other passwords made, and says until when the old ones are good. */
export async function runRotateSecret(
  context: CommandContext,
  options: { readonly name: string | undefined; readonly graceSeconds: number | null },
): Promise<void> {
  const { io, isJson } = context;
  const name = requireName(options.name);
  await withClient(context, async (client) => {
    const { rotation, text } = await requestRotation(client, name, options.graceSeconds);
    if (isJson) {
      io.stdout.write(`${text}\n`);
      return;
    }
    const { previousUntil, pending } = rotation;
    io.stdout.write(`The users of ${name} have new passwords: see \`mrr connection -n ${name}\`\n`);
    io.stdout.write(
      previousUntil === null
        ? "The old ones are accepted no more.\n"
        : `The old ones are accepted until ${printable(previousUntil)}\n`,
    );
    for (const id of pending) io.stdout.write(`Not heard of yet = ${printable(id)}\n`);
  });
}

/** Adds the command to `program`. */
export function addRotateSecretCommand(program: Command, run: Run): void {
  const command = program
    .command("rotate-secret")
    .description("give the users of a Redis instance new passwords; nobody is cut")
    .option("-n, --name <name>", "name of the Redis instance")
    .option(
      "--grace <seconds>",
      "how long the old passwords are accepted as well; 0: no longer",
      seconds,
    )
    .addHelpText("after", help);
  command.action(() =>
    run(command, (context) => {
      const { name, grace } = command.opts<{ name?: string; grace?: number }>();
      return runRotateSecret(context, { name, graceSeconds: grace ?? null });
    }),
  );
}
