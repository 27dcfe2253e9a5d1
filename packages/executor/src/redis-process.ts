/**
 * Owns one redis-server as an operating system process: its directory, configuration file, spawn, log and end.
 * Not: when it starts and ends (core/supervise), nor talking to it (redis-client.ts). Called by supervisor.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawn } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Clock,
  type LaunchOrder,
  type LogHint,
  logHint,
  renderRedisConfig,
  type Secret,
} from "@mr-redis/core";
import { openProcessLog } from "./process-log.js";
import { pathDefault, type RedisBinary, setprivArguments } from "./redis-binary.js";

/** What a spawn needs. */
export interface SpawnRequest {
  readonly order: LaunchOrder;
  /** Names the directory below the sandbox. */
  readonly startId: string;
  readonly binary: RedisBinary;
  /** Absolute path. */
  readonly sandbox: string;
  readonly executorSecret: Secret;
  readonly replicaLagSecondsMax: number;
  readonly filesMax: number;
}

/** What a spawned process tells. Each but `hinted` is called once; `failed` instead of all others. */
export interface SpawnListener {
  failed(text: string): void;
  hinted(hint: LogHint): void;
  exited(code: number | null, signal: string | null, log: readonly string[]): void;
}

/** A spawned redis-server. */
export interface RedisProcess {
  readonly pid: number;
  /** Path of its log; `<path>.1` is the part before. */
  readonly logPath: string;
  /** No effect once it was reaped: its pid is not touched again. */
  signal(name: "SIGTERM" | "SIGKILL"): void;
}

/** After the exit, its last words may still be in the pipe; a child of it may hold the pipe open. */
const drainMs = 20;

/** Directory of the logs below the sandbox: they outlive their processes. */
export const logDirectory = "logs";

/** A word that is safe as part of a file name. */
const fileWord = (text: string): string => text.replace(/[^A-Za-z0-9_.-]/g, "_").slice(0, 63);

/** Working directory of a process: made for this start, removed after it. */
export const workDirectory = (sandbox: string, startId: string): string => join(sandbox, startId);

/** Removes what a start left in the sandbox, except its log. Idempotent. */
export const removeWorkDirectory = (sandbox: string, startId: string): void =>
  rmSync(workDirectory(sandbox, startId), { recursive: true, force: true });

function prepare(request: SpawnRequest): { readonly directory: string; readonly file: string } {
  const directory = workDirectory(request.sandbox, request.startId);
  mkdirSync(directory, { mode: 0o700 });
  const file = join(directory, "redis.conf");
  const text = renderRedisConfig(request.order, {
    version: request.binary.version,
    directory,
    executorSecret: request.executorSecret,
    replicaLagSecondsMax: request.replicaLagSecondsMax,
    filesMax: request.filesMax,
  });
  // The file holds secrets, so they are on no command line and nobody else can read them.
  writeFileSync(file, text, { mode: 0o600, flag: "wx" });
  return { directory, file };
}

/**
 * Starts a redis-server that dies with this process. Not detached: it stays in the executor's group and session, so
 * that the agent's own clean-up finds it. Null after `listener.failed`.
 */
export function spawnRedis(
  request: SpawnRequest,
  listener: SpawnListener,
  clock: Clock,
): RedisProcess | null {
  const { binary, order, sandbox, startId } = request;
  const logName = `${fileWord(order.instance)}.${fileWord(startId)}.log`;
  const logPath = join(sandbox, logDirectory, logName);
  try {
    const { directory, file } = prepare(request);
    const guarded = binary.setpriv !== null;
    const program = guarded ? binary.setpriv : binary.path;
    const args = guarded ? [...setprivArguments, binary.path, file] : [file];
    const log = openProcessLog(logPath, (line) => {
      const hint = logHint(line);
      if (hint !== null) listener.hinted(hint);
    });
    const child = spawn(program, args, {
      cwd: directory,
      env: { PATH: pathDefault },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let ended = false;
    child.stdout.on("data", (chunk: Buffer) => log.write(chunk));
    child.stderr.on("data", (chunk: Buffer) => log.write(chunk));
    child.on("error", (error) => {
      if (ended || child.pid !== undefined) return;
      ended = true;
      log.close();
      listener.failed(`${program} could not be started: ${error.message}`);
    });
    child.on("exit", (code, signal) => {
      const finish = (): void => {
        if (ended) return;
        ended = true;
        timer.cancel();
        child.stdout.destroy();
        child.stderr.destroy();
        listener.exited(code, signal, log.lines());
        log.close();
      };
      const timer = clock.after(drainMs, finish);
      child.on("close", finish);
    });
    if (child.pid === undefined) return null;
    return { pid: child.pid, logPath, signal: (name) => void child.kill(name) };
  } catch (error) {
    listener.failed(`its directory could not be made: ${(error as Error).message}`);
    return null;
  }
}
