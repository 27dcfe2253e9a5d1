/**
 * Owns `mrr create`: the ancestor's clamps and success lines, a wait with a limit. Called by program.ts.
 * Not: what the scheduler allows. Source of lines and clamps: the ancestor's CLI, run and recorded.
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError } from "@mr-redis/core";
import type { ApiClient } from "../api/client.js";
import { type CreateBody, createInstance, type InstanceAnswer } from "../api/instances.js";
import type { Io } from "../io.js";
import { agentLines, waitText } from "../text/instance.js";
import { type CommandContext, requireName, withClient } from "./context.js";
import { type CreateFile, readCreateFile } from "./create-file.js";
import { type WaitOutcome, waitForStatus } from "./wait.js";

/** Least memory in MB; less is raised to it. */
const memoryMin = 100;

/** Most replicas; a number outside 0..max becomes 0. */
const slavesMax = 100;

/** The options of `mrr create` after parsing. */
export interface CreateOptions {
  readonly name: string | undefined;
  readonly memory: number | undefined;
  readonly slaves: number | undefined;
  readonly wait: boolean;
  readonly file: string | undefined;
  readonly distribution: number | undefined;
  /** As the scheduler takes them; they replace those of the file. */
  readonly constraints: readonly (readonly string[])[] | undefined;
  readonly fencing: string | undefined;
  readonly onUnreachable: string | undefined;
  readonly auth: true | undefined;
  readonly tls: true | undefined;
  readonly timeoutSeconds: number;
}

/** Values as they are sent, and what was changed on the way. */
export interface Clamped {
  readonly memory: number;
  readonly slaves: number;
  readonly notes: readonly string[];
}

/** The ancestor's clamps. What was not given is no clamp. */
export function clamp(memory: number | undefined, slaves: number | undefined): Clamped {
  const notes: string[] = [];
  const isLow = memory !== undefined && memory < memoryMin;
  if (isLow) notes.push(`memory ${memory} is raised to ${memoryMin}, the least there is`);
  const isOutside = slaves !== undefined && (slaves < 0 || slaves > slavesMax);
  if (isOutside) notes.push(`slaves ${slaves} is outside 0 to ${slavesMax}, so it becomes 0`);
  return {
    memory: isLow ? memoryMin : (memory ?? memoryMin),
    slaves: isOutside ? 0 : (slaves ?? 0),
    notes,
  };
}

/** What is asked for beyond the sizes; an option of the command line replaces that of the file. */
function wishesOf(
  options: CreateOptions,
  file: CreateFile,
): Omit<CreateBody, "name" | "memory" | "slaves"> {
  const wishes: CreateFile = {
    distribution: options.distribution ?? file.distribution,
    config: file.config,
    constraints: options.constraints ?? file.constraints,
    fencing: options.fencing ?? file.fencing,
    onUnreachable: options.onUnreachable ?? file.onUnreachable,
    auth: options.auth ?? file.auth,
    tls: options.tls ?? file.tls,
  };
  return Object.fromEntries(Object.entries(wishes).filter(([, value]) => value !== undefined));
}

/** Creates an instance; with `wait`, until it is RUNNING. */
export async function runCreate(context: CommandContext, options: CreateOptions): Promise<void> {
  const { io, isJson } = context;
  const name = requireName(options.name);
  const { memory, slaves, notes } = clamp(options.memory, options.slaves);
  for (const text of notes) io.stderr.write(`Note: ${text}.\n`);
  const file: CreateFile = options.file === undefined ? {} : await readCreateFile(io, options.file);
  const body: CreateBody = { name, memory, slaves, ...wishesOf(options, file) };
  await withClient(context, async (client) => {
    const say = (text: string): void => {
      if (!isJson) io.stdout.write(text);
    };
    say(`Attempting to Create a Redis Instance (${name}) with mem=${memory} slaves=${slaves}\n`);
    const accepted = await createInstance(client, body);
    say("Instance Creation accepted..");
    if (!options.wait) {
      say(`\nCheck $mrr status -n ${name} for status\n`);
      if (isJson) io.stdout.write(`${accepted.text}\n`);
      return;
    }
    const running = await waitUntilRunning(context, client, name, options.timeoutSeconds);
    say("\nInstance Created.\n");
    if (isJson) io.stdout.write(`${running.text}\n`);
  });
}

async function waitUntilRunning(
  { io, isJson }: CommandContext,
  client: ApiClient,
  name: string,
  timeoutSeconds: number,
): Promise<InstanceAnswer> {
  let outcome: WaitOutcome;
  try {
    outcome = await waitForStatus(io, client, {
      name,
      until: "RUNNING",
      limitMs: timeoutSeconds * 1_000,
      isQuiet: isJson,
    });
  } catch (error) {
    if (!isJson) io.stdout.write("\n");
    throw error;
  }
  if (outcome.type === "reached" && outcome.last.instance.status === "RUNNING") return outcome.last;
  if (!isJson) io.stdout.write("\n");
  throw notRunning(io, name, timeoutSeconds, outcome);
}

function notRunning(io: Io, name: string, timeoutSeconds: number, outcome: WaitOutcome): MrrError {
  if (outcome.type === "gone") {
    return new MrrError("instance-not-found", `${name} was deleted while it was created`);
  }
  if (outcome.last === null) {
    const text = `nothing was heard of ${name} for ${timeoutSeconds} s, though its creation was accepted`;
    return new MrrError("timeout", text);
  }
  const { instance } = outcome.last;
  const why = waitText(instance);
  const because = why === null ? "" : `: ${why}`;
  if (outcome.type === "limit") {
    for (const line of agentLines(instance)) io.stderr.write(`${line}\n`);
    const goesOn = `It goes on: mrr status -n ${name} shows it, mrr delete -n ${name} ends it`;
    const text = `${name} is still ${instance.status} after ${timeoutSeconds} s${because}. ${goesOn}`;
    return new MrrError("timeout", text);
  }
  if (instance.status === "FAILED") {
    return new MrrError("instance-failed", `${name} is FAILED${because}`);
  }
  return new MrrError("instance-deleted", `${name} was deleted while it was created`);
}
