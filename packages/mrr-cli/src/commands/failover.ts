/**
 * Owns `mrr failover` and `mrr failovers`. Not: how a record looks (text/failover.ts). Called by program.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError } from "@mr-redis/core";
import type { ApiClient } from "../api/client.js";
import { listFailovers, requestFailover } from "../api/instances.js";
import type { Failover } from "../api/types.js";
import { isRetryable } from "../failure.js";
import { pause } from "../io.js";
import { failoverText } from "../text/failover.js";
import { type CommandContext, requireName, tellStateAge, withClient } from "./context.js";

/** Default of `--timeout`: a planned one gives up by itself before that. */
export const failoverSecondsDefault = 60;

/** Between two looks for the record. */
const pollMs = 100;

/** Names of the steps with which a failover is over. */
const lastSteps: readonly string[] = ["master-verified", "cancelled"];

/** The options of `mrr failover` after parsing. */
export interface FailoverOptions {
  readonly name: string | undefined;
  readonly to: string | null;
  readonly force: boolean;
  readonly timeoutSeconds: number;
}

/** Asks for another master, waits for the end of it and shows its record. */
export async function runFailover(
  context: CommandContext,
  options: FailoverOptions,
): Promise<void> {
  const { io, isJson } = context;
  const name = requireName(options.name);
  await withClient(context, async (client) => {
    const { to, force } = options;
    const epoch = await requestFailover(client, name, { to, force });
    if (!isJson) io.stdout.write(`Failover of ${name} accepted; it begins reign ${epoch}.\n`);
    const record = await waitForRecord(context, client, name, epoch, options.timeoutSeconds);
    if (isJson) io.stdout.write(`${JSON.stringify(record)}\n`);
    else io.stdout.write(failoverText(record));
    if (record.steps.some((step) => step.name === "cancelled")) {
      throw new MrrError("failover-refused", `It was cancelled: ${record.because}`);
    }
  });
}

async function waitForRecord(
  { io }: CommandContext,
  client: ApiClient,
  name: string,
  epoch: number,
  timeoutSeconds: number,
): Promise<Failover> {
  const endMs = io.clock.monotonicMs() + timeoutSeconds * 1_000;
  for (;;) {
    const record = await findRecord(client, name, epoch);
    if (record !== null) return record;
    if (io.clock.monotonicMs() >= endMs) {
      const text = `There is no end of the failover of ${name} after ${timeoutSeconds} s. See \`mrr status -n ${name}\``;
      throw new MrrError("timeout", text);
    }
    await pause(io.clock, pollMs);
  }
}

/** The record of that reign, once it is over; null as long as it is not. */
async function findRecord(
  client: ApiClient,
  name: string,
  epoch: number,
): Promise<Failover | null> {
  try {
    const { failovers } = await listFailovers(client, name);
    const record = failovers.findLast((each) => each.epoch >= epoch);
    if (record === undefined) return null;
    return record.steps.some((step) => lastSteps.includes(step.name)) ? record : null;
  } catch (error) {
    // A scheduler that restarts meanwhile goes on with it.
    if (isRetryable(error)) return null;
    throw error;
  }
}

/** Shows the last failovers of an instance, oldest first. */
export async function runFailovers(
  context: CommandContext,
  wanted: string | undefined,
): Promise<void> {
  const { io, isJson } = context;
  const name = requireName(wanted);
  await withClient(context, async (client) => {
    const { failovers, text } = await listFailovers(client, name);
    if (isJson) io.stdout.write(`${text}\n`);
    else if (failovers.length === 0) io.stderr.write(`${name} has had no failover.\n`);
    else io.stdout.write(failovers.map(failoverText).join("\n"));
    await tellStateAge(io, client);
  });
}
