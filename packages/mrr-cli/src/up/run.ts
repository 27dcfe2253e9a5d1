/**
 * Owns the life of `mrr up`: start in order, watch, tell, end in order. Called by commands/define.ts.
 * Not: the single steps (prepare.ts, supervisor.ts, texts.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { errorTable } from "@mr-redis/core";
import { createApiClient } from "../api/client.js";
import { clientLimits } from "../api/exchange.js";
import { listInstances } from "../api/instances.js";
import { type AccessFiles, noAccess, resolveAccess } from "../endpoint/access.js";
import { resolveEndpoint } from "../endpoint/resolve.js";
import type { Io } from "../io.js";
import { openLog } from "./bounded-log.js";
import { writeChildren } from "./leftovers.js";
import type { UpOptions } from "./options.js";
import { apiUrl, localArguments, schedulerArguments } from "./plan.js";
import { type Prepared, prepareUp } from "./prepare.js";
import { childEnvironment, findLauncher, findPrograms } from "./programs.js";
import { waitUntilReady } from "./readiness.js";
import { listenForStop, type StopRequest } from "./signals.js";
import { type GivenUp, Supervisor } from "./supervisor.js";
import { failureText, readyText, resumedText, storeText } from "./texts.js";

/** Time for the scheduler to end by itself: it closes connections and its store. */
const schedulerStopMs = 5_000;

/** Time for `mrr-local` to end executors and redis-servers. */
const localStopMs = 10_000;

/** The two programs, in the order in which they start. */
interface Programs {
  readonly local: Supervisor;
  readonly scheduler: Supervisor;
}

/**
 * Starts everything and stays until it is asked to end (0), or until a program cannot be kept running (its exit code).
 * Throws MrrError when nothing could be started.
 */
export async function runUp(io: Io, options: UpOptions): Promise<number> {
  const startMs = io.clock.monotonicMs();
  // Before anything is started: a Ctrl-C in between must not leave half of it.
  const stop = listenForStop(io, options.exitWithParent === true);
  try {
    const prepared = await prepareUp(io, options);
    try {
      return await superviseUntilEnd(io, options, prepared, stop, startMs);
    } finally {
      prepared.release();
    }
  } finally {
    stop.close();
  }
}

async function superviseUntilEnd(
  io: Io,
  options: UpOptions,
  prepared: Prepared,
  stop: StopRequest,
  startMs: number,
): Promise<number> {
  const logs = [openLog(prepared.paths.localLog), openLog(prepared.paths.schedulerLog)] as const;
  const programs = await createPrograms(io, prepared, logs);
  const { local, scheduler } = programs;
  const givenUp = Promise.race([local.givenUp, scheduler.givenUp]);
  let isEnding = false;
  const startAll = async (): Promise<void> => {
    await local.start();
    await scheduler.start();
    await sayReady(io, prepared, { startMs, access: options.access ?? {} }, () => isEnding);
  };
  try {
    const asked = stop.asked.then(() => "asked" as const);
    // To be ready is no end: only a failure on the way to it is.
    const failure = startAll().then(() => new Promise<never>(() => {}));
    const end: GivenUp | "asked" = await Promise.race([asked, givenUp, failure]);
    if (end === "asked") return 0;
    const from = options.config === undefined ? "" : `, made from ${options.config}`;
    const isLocal = end.name === local.name;
    const config = isLocal ? null : prepared.paths.configFile + from;
    io.stderr.write(failureText(end, logs[isLocal ? 0 : 1].path, config));
    return exitCodeOf(end);
  } finally {
    isEnding = true;
    await endInOrder(io, programs, stop);
    for (const log of logs) log.close();
  }
}

/** A program's own exit code, where it says something to a caller. */
function exitCodeOf({ exit }: GivenUp): number {
  const known = new Set<number>(Object.values(errorTable).map(({ exitCode }) => exitCode));
  const { code } = exit;
  return code !== null && known.has(code) ? code : errorTable.internal.exitCode;
}

async function createPrograms(
  io: Io,
  { plan, paths }: Prepared,
  [localLog, schedulerLog]: readonly [ReturnType<typeof openLog>, ReturnType<typeof openLog>],
): Promise<Programs> {
  const scripts = findPrograms(io.env);
  const launcher = await findLauncher(io.env.PATH);
  const supervisors: Supervisor[] = [];
  const events = {
    say: (text: string) => io.stderr.write(`${text}.\n`),
    childChanged: () => {
      const pids = supervisors.flatMap(({ pid }) => (pid === null ? [] : [pid]));
      writeChildren(paths.childrenFile, pids);
    },
  };
  const { command, args } = launcher;
  const supervise = (
    program: keyof typeof scripts,
    words: readonly string[],
    log: ReturnType<typeof openLog>,
  ): Supervisor => {
    const line = {
      name: `mrr-${program}`,
      command,
      args: [...args, scripts[program], ...words],
      env: childEnvironment(io.env, program),
      log,
    };
    const supervisor = new Supervisor(line, io.clock, events);
    supervisors.push(supervisor);
    return supervisor;
  };
  return {
    local: supervise("local", localArguments(plan, paths), localLog),
    scheduler: supervise("scheduler", schedulerArguments(paths), schedulerLog),
  };
}

/** Waits until creates are carried out, and tells where everything is. */
async function sayReady(
  io: Io,
  prepared: Prepared,
  { startMs, access: files }: { readonly startMs: number; readonly access: AccessFiles },
  isEnding: () => boolean,
): Promise<void> {
  const { plan, paths, redis, merged } = prepared;
  const url = apiUrl(merged.config);
  const endpoint = { urls: [url], source: "mrr up" };
  // What is for other schedulers is no reason to end this one.
  const access = await resolveAccess(io, files, endpoint).catch(() => noAccess);
  const client = createApiClient(endpoint, clientLimits, access);
  try {
    if (!(await waitUntilReady(io, client, isEnding))) return;
    const tookMs = io.clock.monotonicMs() - startMs;
    const isDefaultEndpoint = await isDefault(io, url);
    const store = storeText(merged.config);
    const text = readyText({ tookMs, apiUrl: url, isDefaultEndpoint, plan, paths, redis, store });
    const page = await listInstances(client).catch(() => null);
    io.stdout.write(text + (resumedText(page?.instances ?? []) ?? ""));
  } finally {
    client.close();
  }
}

async function isDefault(io: Io, url: string): Promise<boolean> {
  try {
    return (await resolveEndpoint(io, undefined)).urls.join() === url;
  } catch {
    return false;
  }
}

/** The scheduler first, or it would see its processes die and try to replace them; forced: both at once. */
async function endInOrder(
  io: Io,
  { local, scheduler }: Programs,
  stop: StopRequest,
): Promise<void> {
  const hasChildren = local.pid !== null || scheduler.pid !== null;
  if (hasChildren) io.stderr.write("Ending everything; a second Ctrl-C does not wait.\n");
  void stop.forced.then(() => {
    scheduler.kill();
    local.kill();
  });
  await scheduler.stop(schedulerStopMs);
  await local.stop(localStopMs);
}
