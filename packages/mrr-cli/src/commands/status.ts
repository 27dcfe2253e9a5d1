/**
 * Owns `mrr status` and `mrr list`. Not: how an instance looks (text/). Called by program.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ApiClient } from "../api/client.js";
import { readConnection } from "../api/connection.js";
import { listInstances, readInstance } from "../api/instances.js";
import type { Instance, InstancePage } from "../api/types.js";
import { addressLines } from "../text/connection.js";
import { instanceText } from "../text/instance.js";
import { instanceTable } from "../text/table.js";
import { type CommandContext, requireName, tellStateAge, withClient } from "./context.js";

/** Shows one instance, in whatever state it is. */
async function showOne(context: CommandContext, name: string): Promise<void> {
  const { io, isJson } = context;
  await withClient(context, async (client) => {
    const { instance, text } = await readInstance(client, requireName(name));
    const addresses = isJson ? [] : await addressLinesOf(client, instance);
    io.stdout.write(isJson ? `${text}\n` : instanceText(instance, addresses));
    await tellStateAge(io, client);
  });
}

/** What is said of its address; nothing of a deleted one, nor where the scheduler cannot tell any more. */
async function addressLinesOf(client: ApiClient, instance: Instance): Promise<readonly string[]> {
  if (!instance.hasConnection || instance.status === "DELETED") return [];
  try {
    return addressLines((await readConnection(client, instance.name)).connection);
  } catch {
    // The status was answered, and is what was asked for: the address of one that goes meanwhile is not missed.
    return [];
  }
}

/** Shows all instances as a table, or those of one status. */
export async function runList(context: CommandContext, status: string | undefined): Promise<void> {
  await withClient(context, async (client) => {
    showPage(context, await listInstances(client, status?.toUpperCase()), status);
    await tellStateAge(context.io, client);
  });
}

function showPage(
  { io, isJson }: CommandContext,
  page: InstancePage,
  status: string | undefined,
): void {
  if (isJson) {
    io.stdout.write(`${JSON.stringify({ instances: page.raw, next: page.next })}\n`);
    return;
  }
  if (page.instances.length === 0) {
    const what = status === undefined ? "instance" : `instance with the status ${status}`;
    io.stderr.write(`There is no ${what}. Create one: mrr create -n inst -m 200 -s 1 -w\n`);
    return;
  }
  io.stdout.write(instanceTable(page.instances));
  if (page.next !== null) io.stderr.write("Note: there are more instances than are shown.\n");
}

/** One instance when a name is given, else all. */
export function runStatus(context: CommandContext, name: string | undefined): Promise<void> {
  return name === undefined ? runList(context, undefined) : showOne(context, name);
}
