/**
 * Owns one redis-server as an operating system process: its configuration, start, log and end.
 * Not: when it starts and ends (core/supervise), nor the shell that becomes it (spare-shells.ts), nor talking to it
 * (redis-client.ts). Called by supervisor.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
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
import type { RedisBinary } from "./redis-binary.js";
import { becomeRedis, discardShell, type SpareShell, type SpareShells } from "./spare-shells.js";
import { removeDirectory, writeConfiguration, writeTls } from "./work-directory.js";

/** What a spawn needs. */
export interface SpawnRequest {
  readonly order: LaunchOrder;
  /** Names its log. */
  readonly startId: string;
  readonly binary: RedisBinary;
  readonly spares: SpareShells;
  /** Absolute path. */
  readonly sandbox: string;
  readonly executorSecret: Secret;
  readonly filesMax: number;
  /** For an order with `tls`: certificate with its key, and authorities (PEM); else null. */
  readonly identity: { readonly pair: string; readonly ca: string } | null;
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
  /** Path of its working directory, to be removed after its end. */
  readonly directory: string;
  /** No effect once it was reaped: its pid is not touched again. */
  signal(name: "SIGTERM" | "SIGKILL"): void;
}

/** After the exit, its last words may still be in the pipe; a child of it may hold the pipe open. */
const drainMs = 20;

/** Directory of the logs below the sandbox: they outlive their processes. */
export const logDirectory = "logs";

/** A word that is safe as part of a file name. @internal */
export const fileWord = (text: string): string =>
  text.replace(/[^A-Za-z0-9_.-]/g, "_").slice(0, 63);

/** A shell in whose directory the configuration of this process lies. Throws when there can be none. */
function takeShell(request: SpawnRequest): SpareShell {
  const { binary, executorSecret, filesMax, identity } = request;
  const spare = request.spares.take(binary);
  const { directory } = spare;
  const { version } = binary;
  try {
    const tls = identity === null ? {} : { tls: writeTls(directory, identity) };
    const options = { version, directory, executorSecret, filesMax, ...tls };
    writeConfiguration(directory, renderRedisConfig(request.order, options));
  } catch (error) {
    discardShell(spare);
    throw error;
  }
  return spare;
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
  const { order, sandbox, startId } = request;
  const logName = `${fileWord(order.instance)}.${fileWord(startId)}.log`;
  const logPath = join(sandbox, logDirectory, logName);
  try {
    const spare = takeShell(request);
    const { child, socket, directory } = spare;
    const log = openProcessLog(logPath, clock, (line) => {
      const hint = logHint(line);
      if (hint !== null) listener.hinted(hint);
    });
    let ended = false;
    socket.on("data", (chunk: Buffer) => log.write(chunk));
    child.on("error", (error) => {
      if (ended || child.pid !== undefined) return;
      ended = true;
      log.close();
      removeDirectory(directory);
      listener.failed(`it could not be started: ${error.message}`);
    });
    child.on("exit", (code, signal) => {
      const finish = (): void => {
        if (ended) return;
        ended = true;
        timer.cancel();
        socket.destroy();
        listener.exited(code, signal, log.lines());
        log.close();
      };
      const timer = clock.after(drainMs, finish);
      child.on("close", finish);
    });
    if (child.pid === undefined) return null;
    becomeRedis(spare);
    return { pid: child.pid, logPath, directory, signal: (name) => void child.kill(name) };
  } catch (error) {
    listener.failed(`it could not be started: ${(error as Error).message}`);
    return null;
  }
}
