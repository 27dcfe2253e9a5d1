/**
 * Owns `mrr delete`. Called by program.ts. Source of the success line (spelling included): the ancestor's CLI.
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError } from "@mr-redis/core";
import type { ApiClient } from "../api/client.js";
import { deleteInstance } from "../api/instances.js";
import { waitText } from "../text/instance.js";
import { type CommandContext, requireName, withClient } from "./context.js";
import { type WaitOutcome, waitForStatus } from "./wait.js";

/** The options of `mrr delete` after parsing. */
export interface DeleteOptions {
  readonly name: string | undefined;
  readonly wait: boolean;
  readonly timeoutSeconds: number;
}

/** Asks for the end of an instance; with `wait`, until nothing of it runs. */
export async function runDelete(context: CommandContext, options: DeleteOptions): Promise<void> {
  const { io, isJson } = context;
  const name = requireName(options.name);
  await withClient(context, async (client) => {
    const accepted = await deleteInstance(client, name);
    if (!isJson) io.stdout.write("Instance Deletion initated..");
    if (!options.wait) {
      io.stdout.write(isJson ? `${accepted.text}\n` : "\n");
      return;
    }
    const text = await waitUntilDeleted(context, client, name, options.timeoutSeconds);
    // A record that is already gone has no JSON any more: the last that was seen is shown.
    io.stdout.write(isJson ? `${text ?? accepted.text}\n` : "\nInstance Deleted.\n");
  });
}

async function waitUntilDeleted(
  { io, isJson }: CommandContext,
  client: ApiClient,
  name: string,
  timeoutSeconds: number,
): Promise<string | null> {
  let outcome: WaitOutcome | null = null;
  try {
    const limitMs = timeoutSeconds * 1_000;
    outcome = await waitForStatus(io, client, { name, until: "DELETED", limitMs, isQuiet: isJson });
  } finally {
    const isDone = outcome !== null && outcome.type !== "limit";
    if (!isDone && !isJson) io.stdout.write("\n");
  }
  if (outcome.type === "gone") return null;
  if (outcome.type === "reached") return outcome.last.text;
  const instance = outcome.last?.instance ?? null;
  const why = instance === null ? null : waitText(instance);
  const because = why === null ? "" : `: ${why}`;
  const status = instance?.status ?? "of unknown status";
  const text = `${name} is still ${status} after ${timeoutSeconds} s${because}. Its end goes on`;
  throw new MrrError("timeout", text);
}
