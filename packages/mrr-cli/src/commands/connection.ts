/**
 * Owns `mrr connection`: its definition and what it does. Not: how the way to an instance looks (text/connection.ts).
 * Called by define.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError } from "@mr-redis/core";
import type { Command } from "commander";
import { readConnection } from "../api/connection.js";
import { connectionText } from "../text/connection.js";
import { type CommandContext, requireName, tellStateAge, withClient } from "./context.js";
import type { Run } from "./define.js";

const help = `
The address is that of the proxy (mrr-proxy; \`mrr up\` runs one). It stays the same as long as the instance
lives and follows the master by itself: connections to a master that is none any more are cut, new ones
wait for the next. Reconnect, and go on. Replicas are read at an address of their own.
"Master now" and "Replica now" are the redis-servers themselves; they change with each failover.

Examples:
  $ mrr connection -n inst
  $ $(mrr connection -n inst --json | jq -r .redisCli) set foo bar
  $ REDIS_URL=$(mrr connection -n inst --json | jq -r .url) npm start
  $ mrr connection -n inst --ca > ca.crt    (with TLS)
  $ export REDISCLI_AUTH=$(mrr connection -n inst --json | jq -r .password)    (with users, for redis-cli)
  In Node.js: new Redis(connection.ioredis), of the JSON that --json prints
`;

/** Shows how clients get to an instance. */
export async function runConnection(
  context: CommandContext,
  wanted: string | undefined,
): Promise<void> {
  const { io, isJson } = context;
  const name = requireName(wanted);
  await withClient(context, async (client) => {
    const { connection, text } = await readConnection(client, name);
    io.stdout.write(isJson ? `${text}\n` : connectionText(connection));
    await tellStateAge(io, client);
  });
}

/** Prints whom clients of an instance with TLS trust; a file made of it is what redis-cli wants. */
export async function runAuthority(
  context: CommandContext,
  wanted: string | undefined,
): Promise<void> {
  const name = requireName(wanted);
  await withClient(context, async (client) => {
    const { connection } = await readConnection(client, name);
    if (connection.ca !== null) {
      context.io.stdout.write(connection.ca);
      return;
    }
    throw new MrrError(
      "invalid-request",
      connection.tls
        ? `${name}: the certificates are those of RedisTLSDirectory on the agents; its ca.crt is to be trusted`
        : `${name} does not speak TLS`,
    );
  });
}

/** Adds the command to `program`. */
export function addConnectionCommand(program: Command, run: Run): void {
  const command = program
    .command("connection")
    .description("how clients get to a Redis instance: an address that follows its master")
    .option("-n, --name <name>", "name of the Redis instance")
    .option("--json", "the same as --output json")
    .option("--ca", "with TLS: the certificate of the authority to trust (PEM), and nothing else")
    .addHelpText("after", help);
  command.action(() =>
    run(command, (context) => {
      const { name, ca, json } = command.opts<{ name?: string; ca?: true; json?: true }>();
      if (ca === true) return runAuthority(context, name);
      return runConnection({ ...context, isJson: context.isJson || json === true }, name);
    }),
  );
}
