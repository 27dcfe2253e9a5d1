/**
 * Owns shells that wait to become a redis-server: made while nothing else happens, each in a directory of its own, so
 * that a launch costs one write instead of a fork of this big program.
 * Not: what is written to them, nor their log (redis-process.ts), nor when there is time to make more (supervisor.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, rmdirSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { pathDefault, type RedisBinary, setprivArguments } from "./redis-binary.js";

/** Most shells that wait: what one create asks of one agent, and less than 1 MiB of memory of its own for each. */
export const sparesMax = 24;

/** Directory of the working directories below the sandbox. */
export const workDirectory = "work";

/**
 * Becomes the redis-server $0 when a first line comes; what follows it is the configuration. Ends when the executor $1
 * is no longer its parent (it died before setpriv could tie both together), or when it ends before that line.
 * @internal
 */
export const spareScript = 'exec 0<&1 2>&1\n[ "$PPID" = "$1" ] && read -r _ && exec "$0" -';

/** A shell that waits, or one that could not be started: then `child.pid` is undefined, and its "error" follows. */
export interface SpareShell {
  readonly child: ChildProcess;
  /** Its standard input and output in one. */
  readonly socket: Socket;
  /** Absolute path of its working directory, of mode 0700. */
  readonly directory: string;
}

/** Makes a shell in a new directory. Throws when the directory or the connection cannot be made. */
function startShell(binary: RedisBinary, directory: string): SpareShell {
  mkdirSync(directory, { mode: 0o700 });
  const shell = ["/bin/sh", "-c", spareScript, binary.path, String(process.pid)];
  const [program = "", ...args] =
    binary.setpriv === null ? shell : [binary.setpriv, ...setprivArguments, ...shell];
  const child = spawn(program, args, {
    cwd: directory,
    env: { PATH: pathDefault },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const { stdout } = child;
  child.on("error", () => undefined);
  // Node makes a Unix socket of every pipe to a child, and none where files ran out.
  if (!(stdout instanceof Socket)) throw new Error(`no connection to ${program}`);
  // A broken connection is the end of the process, which is heard as such.
  stdout.on("error", () => undefined);
  return { child, socket: stdout, directory };
}

/** Removes the directory of a process that has ended. Idempotent. */
export function removeDirectory(directory: string): void {
  try {
    // Nearly always empty.
    rmdirSync(directory);
  } catch {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Shells of one executor. */
export class SpareShells {
  readonly #sandbox: string;
  readonly #waiting: SpareShell[] = [];
  readonly #countMax: number;
  #count = 0;
  #closed = false;
  /** One ended by itself: no more of them until a launch has shown that this is worth a try. */
  #hasFailed = false;

  /** `sandbox` is an absolute path. */
  constructor(sandbox: string, countMax = sparesMax) {
    this.#sandbox = join(sandbox, workDirectory);
    this.#countMax = countMax;
    mkdirSync(this.#sandbox, { recursive: true, mode: 0o700 });
  }

  get count(): number {
    return this.#waiting.length;
  }

  /** A shell that has waited, else a new one. Throws when none can be made. */
  take(binary: RedisBinary): SpareShell {
    this.#hasFailed = false;
    return this.#waiting.shift() ?? this.#start(binary);
  }

  /** Makes one more; false when there are enough, or something is wrong with them. */
  add(binary: RedisBinary): boolean {
    if (this.#closed || this.#hasFailed || this.#waiting.length >= this.#countMax) return false;
    const spare = this.#start(binary);
    this.#waiting.push(spare);
    const gone = (): void => this.#drop(spare);
    spare.child.on("error", gone);
    spare.child.on("exit", gone);
    return spare.child.pid !== undefined;
  }

  /** Ends all that wait; none is made after it. */
  close(): void {
    this.#closed = true;
    for (const { child } of this.#waiting) child.kill("SIGKILL");
  }

  #start(binary: RedisBinary): SpareShell {
    this.#count += 1;
    return startShell(binary, join(this.#sandbox, String(this.#count)));
  }

  #drop(spare: SpareShell): void {
    const index = this.#waiting.indexOf(spare);
    if (index === -1) return;
    this.#waiting.splice(index, 1);
    this.#hasFailed = true;
    spare.socket.destroy();
    removeDirectory(spare.directory);
  }
}
