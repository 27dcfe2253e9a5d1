/**
 * Owns shells that wait to become a redis-server: made while nothing else happens, each in a directory of its own, so
 * that a launch costs one file and one write instead of a fork of this big program.
 * Not: their configuration and log (redis-process.ts), nor when there is time to make more (supervisor.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { type ChildProcess, spawn } from "node:child_process";
import { Socket } from "node:net";
import { pathDefault, type RedisBinary, setprivArguments } from "./redis-binary.js";
import { configFileName, makeDirectory, makeWorkPlace, removeDirectory } from "./work-directory.js";

/** Most shells that wait: what one create asks of one agent, and less than 1 MiB of memory of its own for each. */
export const sparesMax = 24;

/**
 * Becomes the redis-server $0 when a line comes: then the configuration is in its directory. Ends when the executor $1
 * is no longer its parent (it died before setpriv could tie both together), or when it ends before that line. The umask
 * is for what Redis writes there, such as the file of CONFIG REWRITE.
 * @internal
 */
export const spareScript = `umask 077
exec 2>&1
[ "$PPID" = "$1" ] && read -r _ <&1 && exec "$0" ${configFileName}`;

/** A shell that waits, or one that could not be started: then `child.pid` is undefined, and its "error" follows. */
export interface SpareShell {
  readonly child: ChildProcess;
  /** Its output, and the way to tell it to begin. */
  readonly socket: Socket;
  /** Absolute path of its working directory, of mode 0700. */
  readonly directory: string;
}

/** Makes a shell in a new directory. Throws when the connection cannot be made. */
function startShell(binary: RedisBinary, directory: string): SpareShell {
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
  if (!(stdout instanceof Socket)) {
    child.kill("SIGKILL");
    removeDirectory(directory);
    throw new Error(`no connection to ${program}`);
  }
  // A broken connection is the end of the process, which is heard as such.
  stdout.on("error", () => undefined);
  return { child, socket: stdout, directory };
}

/** Tells a shell to become its redis-server. */
export function becomeRedis(spare: SpareShell): void {
  spare.socket.end("\n");
}

/** Ends a shell, or what it became, and removes its directory at once. */
export function discardShell(spare: SpareShell): void {
  spare.child.kill("SIGKILL");
  spare.socket.destroy();
  removeDirectory(spare.directory);
}

/** Shells of one executor. */
export class SpareShells {
  /** Absolute path of the place of all working directories. */
  readonly place: string;
  readonly #waiting: SpareShell[] = [];
  readonly #countMax: number;
  #count = 0;
  #closed = false;
  /** One ended by itself: no more of them until a launch has shown that this is worth a try. */
  #hasFailed = false;

  /** `sandbox` is an absolute path. */
  constructor(sandbox: string, countMax = sparesMax) {
    this.place = makeWorkPlace(sandbox);
    this.#countMax = countMax;
  }

  get count(): number {
    return this.#waiting.length;
  }

  /** A shell that has waited, else a new one. Throws when none can be made, or after {@link close}. */
  take(binary: RedisBinary): SpareShell {
    if (this.#closed) throw new Error("the executor ends");
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

  /** Ends all that wait; none is made or given after it. */
  close(): void {
    this.#closed = true;
    for (const spare of this.#waiting.splice(0)) discardShell(spare);
  }

  #start(binary: RedisBinary): SpareShell {
    this.#count += 1;
    return startShell(binary, makeDirectory(this.place, String(this.#count)));
  }

  #drop(spare: SpareShell): void {
    const index = this.#waiting.indexOf(spare);
    if (index === -1) return;
    this.#waiting.splice(index, 1);
    this.#hasFailed = true;
    discardShell(spare);
  }
}
