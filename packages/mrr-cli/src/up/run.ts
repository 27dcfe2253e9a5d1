/**
 * Owns the life of `mrr up`: start in order, watch, tell, end in order. Called by commands/define.ts.
 * Not: the single steps (prepare.ts, supervisor.ts, texts.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { resolve } from "node:path";
import { errorTable } from "@mr-redis/core";
import { createApiClient } from "../api/client.js";
import { clientLimits } from "../api/exchange.js";
import { listInstances } from "../api/instances.js";
import { type AccessFiles, noAccess, resolveAccess } from "../endpoint/access.js";
import { resolveEndpoint } from "../endpoint/resolve.js";
import type { Io } from "../io.js";
import { type BoundedLog, openLog } from "./bounded-log.js";
import { writeChildren } from "./leftovers.js";
import type { UpOptions } from "./options.js";
import { apiUrl, localArguments, proxyArguments, schedulerArguments } from "./plan.js";
import { type Prepared, prepareUp } from "./prepare.js";
import { childEnvironment, findLauncher, findPrograms, type ProgramPaths } from "./programs.js";
import { waitUntilReady } from "./readiness.js";
import { listenForStop, type StopRequest } from "./signals.js";
import { type GivenUp, Supervisor } from "./supervisor.js";
import { failureText, readyText, resumedText, storeText } from "./texts.js";

/** Time for the scheduler to end by itself: it closes connections and its store. */
const schedulerStopMs = 5_000;

/** Time for `mrr-local` to end executors and redis-servers. */
const localStopMs = 10_000;

/** Time for `mrr-proxy` to end: it cuts its clients, whose redis-servers end with it. */
const proxyStopMs = 5_000;

/** The programs, in the order in which they start. */
interface Programs {
  readonly local: Supervisor;
  readonly scheduler: Supervisor;
  /** null: not wanted. */
  readonly proxy: Supervisor | null;
}

type Logs = Readonly<Record<keyof Programs, BoundedLog>>;

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
  const { localLog, schedulerLog, proxyLog } = prepared.paths;
  const logs: Logs = {
    local: openLog(localLog),
    scheduler: openLog(schedulerLog),
    proxy: openLog(proxyLog),
  };
  const programs = await createPrograms(io, prepared, logs, options.access ?? {});
  const { local, scheduler, proxy } = programs;
  const all = proxy === null ? [local, scheduler] : [local, scheduler, proxy];
  const givenUp = Promise.race(all.map((program) => program.givenUp));
  let isEnding = false;
  const startAll = async (): Promise<void> => {
    await local.start();
    await scheduler.start();
    // Until the scheduler is ready there is nothing to follow, and it needs the cores more.
    const startProxy = async () => proxy?.start();
    const access = options.access ?? {};
    await sayReady(io, prepared, { startMs, access, startProxy }, () => isEnding);
  };
  try {
    const asked = stop.asked.then(() => "asked" as const);
    // To be ready is no end: only a failure on the way to it is.
    const failure = startAll().then(() => new Promise<never>(() => {}));
    const end: GivenUp | "asked" = await Promise.race([asked, givenUp, failure]);
    if (end === "asked") return 0;
    const from = options.config === undefined ? "" : `, made from ${options.config}`;
    const config = end.name === scheduler.name ? prepared.paths.configFile + from : null;
    const log = end.name === local.name ? logs.local : logs.proxy;
    io.stderr.write(failureText(end, (config === null ? log : logs.scheduler).path, config));
    return exitCodeOf(end);
  } finally {
    isEnding = true;
    await endInOrder(io, programs, stop);
    for (const log of Object.values(logs)) log.close();
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
  { plan, paths, merged }: Prepared,
  logs: Logs,
  access: AccessFiles,
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
  const supervise = (program: keyof ProgramPaths, words: readonly string[]): Supervisor => {
    const log = logs[program];
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
    local: supervise("local", localArguments(plan, paths)),
    scheduler: supervise("scheduler", schedulerArguments(plan, paths)),
    proxy:
      plan.proxy === null
        ? null
        : supervise(
            "proxy",
            proxyArguments(plan.proxy, merged.config, paths, absolute(io, access)),
          ),
  };
}

/** The same files, wherever a program is started. */
const absolute = (io: Io, { tokenFile, caFile }: AccessFiles): AccessFiles => ({
  ...(tokenFile === undefined ? {} : { tokenFile: resolve(io.cwd, tokenFile) }),
  ...(caFile === undefined ? {} : { caFile: resolve(io.cwd, caFile) }),
});

/** What is known while everything starts. */
interface Starting {
  readonly startMs: number;
  readonly access: AccessFiles;
  readonly startProxy: () => Promise<void>;
}

/** Waits until creates are carried out, and tells where everything is. */
async function sayReady(
  io: Io,
  prepared: Prepared,
  { startMs, access: files, startProxy }: Starting,
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
    await startProxy();
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

/** The scheduler first, or it would see its processes die and try to replace them; forced: all at once. */
async function endInOrder(
  io: Io,
  { local, scheduler, proxy }: Programs,
  stop: StopRequest,
): Promise<void> {
  const hasChildren = [local, scheduler, proxy].some((program) => (program?.pid ?? null) !== null);
  if (hasChildren) io.stderr.write("Ending everything; a second Ctrl-C does not wait.\n");
  void stop.forced.then(() => {
    scheduler.kill();
    proxy?.kill();
    local.kill();
  });
  await Promise.all([scheduler.stop(schedulerStopMs), proxy?.stop(proxyStopMs)]);
  await local.stop(localStopMs);
}
