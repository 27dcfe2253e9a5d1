/**
 * Owns one redis-server in a container, from the missing image to the removed container.
 * Not: when it starts and ends (core/supervise), what runs first in it (guard.ts), nor talking to it (redis-client.ts).
 * Until the guard was told to begin no redis-server can run, so a failure is an end. From then on only the engine's word that
 * the container has ended is one, or its word that there is none and the time in which the guard ends it.
 * SPDX-License-Identifier: Apache-2.0
 */
import { constants } from "node:os";
import type { Duplex } from "node:stream";
import {
  assert,
  type Clock,
  guardLookSeconds,
  isVersionAtLeast,
  type LaunchOrder,
  type LogHint,
  logHint,
  parseRedisVersion,
  type RedisVersion,
  redisVersionMin,
} from "@mr-redis/core";
import { openProcessLog, type ProcessLog } from "../process-log.js";
import type { TlsPaths } from "../work-directory.js";
import { type ContainerSpec, type Engine, EngineError, engineText } from "./engine.js";
import { createFrameReader } from "./frames.js";
import { type Guard, guardWord } from "./guard.js";

/** Longest wait for the guard's first words: it asks the redis-server for its version. */
const helloMsMax = 10_000;

/** Between two questions to an engine that does not answer, or knows less than it should. */
const askAgainMs = 1_000;

/** A guard that was told to end its process does so within its look and a moment. */
const guardEndsMs = (guardLookSeconds + 2) * 1_000;

/** What the image turned out to have. */
export interface ImageFacts {
  readonly version: RedisVersion;
  /** Hard limit of open files in the container. */
  readonly filesMax: number;
}

/** What one container needs beside its order. */
export interface ContainerRequest {
  readonly order: LaunchOrder;
  readonly startId: string;
  /** Path of its log. */
  readonly logPath: string;
  /** Path of its working directory on the host. */
  readonly directory: string;
  /** What files of that directory are called in the container, its user's from now on. */
  readonly pathsOf: (paths: TlsPaths) => TlsPaths;
  readonly spec: ContainerSpec;
  /** Writes its configuration into its working directory. */
  readonly configure: (facts: ImageFacts) => void;
  /** Sees that the image is there, and waits for its turn; the answer ends the turn. */
  readonly prepare: (
    tell: (text: string | null) => void,
    signal: AbortSignal,
  ) => Promise<() => void>;
}

/** What a process in a container tells. `failed` or `exited` is the last, and comes once. */
export interface ContainerListener {
  /** What its start waits for; null: nothing that takes long. */
  noted(text: string | null): void;
  spawned(pid: number): void;
  failed(text: string): void;
  hinted(hint: LogHint): void;
  exited(
    code: number | null,
    signal: string | null,
    log: readonly string[],
    cause: string | null,
  ): void;
}

/** What runs containers. */
export interface ContainerHost {
  readonly engine: Engine;
  readonly guard: Guard;
  readonly clock: Clock;
  readonly note: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

const signalNames = new Map(Object.entries(constants.signals).map(([name, code]) => [code, name]));

/** Shells tell of a signal by 128 and its number. */
export function endOf(exitCode: number | null): { code: number | null; signal: string | null } {
  const signal = signalNames.get((exitCode ?? 0) - 128);
  return signal === undefined ? { code: exitCode, signal: null } : { code: null, signal };
}

/** A redis-server in a container; see the head of this file. */
export class ContainerProcess {
  /** Process id of the container's first process on the host; 0 before there is one. */
  pid = 0;
  readonly logPath: string;
  readonly directory: string;
  /** Resolves when nothing of it is left with the engine. */
  readonly removed: Promise<void>;
  readonly #request: ContainerRequest;
  readonly #listener: ContainerListener;
  readonly #host: ContainerHost;
  readonly #abort = new AbortController();
  readonly #log: ProcessLog;
  /** Lines of the guard that wait for who asked for them. */
  readonly #said: string[] = [];
  #heard: (() => void) | null = null;
  /** Process id of the redis-server in its container. */
  #innerPid = 0;
  #id: string | null = null;
  #stream: Duplex | null = null;
  #begun = false;

  constructor(request: ContainerRequest, listener: ContainerListener, host: ContainerHost) {
    this.#request = request;
    this.#listener = listener;
    this.#host = host;
    this.logPath = request.logPath;
    this.directory = request.directory;
    this.#log = openProcessLog(request.logPath, host.clock, (line) => this.#line(line));
    this.removed = this.#live();
  }

  /** What `innerPid`, as the redis-server tells it, is on the host; 0: of somebody else. */
  pidOf(innerPid: number): number {
    return innerPid === this.#innerPid ? this.pid : 0;
  }

  /** Files of its directory, as the redis-server finds them. */
  pathsOf(paths: TlsPaths): TlsPaths {
    return this.#request.pathsOf(paths);
  }

  /** SIGKILL needs no engine: the guard sees to it as well. */
  signal(name: "SIGTERM" | "SIGKILL"): void {
    if (name === "SIGKILL") this.#host.guard.end(this.#request.startId);
    if (this.#id === null) return;
    this.#host.engine.kill(this.#id, name).catch((error: unknown) => {
      const { processId } = this.#request.order;
      this.#host.note("container not signalled", { processId, name, error: engineText(error) });
    });
  }

  /** Ends a start that has not come to a process yet; it fails then. */
  cancel(): void {
    this.#abort.abort(new EngineError("its start was given up"));
  }

  async #live(): Promise<void> {
    let ended: Promise<void>;
    try {
      ({ ended } = await this.#start());
    } catch (error) {
      await this.#fail(engineText(error));
      return;
    }
    const end = await this.#end(ended);
    await pause(this.#host.clock, drainMs);
    this.#stream?.destroy();
    this.#listener.exited(end.code, end.signal, this.#log.lines(), end.cause);
    this.#log.close();
    await this.#remove();
  }

  /** From nothing to a redis-server; the promise of its end, as far as that can be heard. */
  async #start(): Promise<{ readonly ended: Promise<void> }> {
    const { engine } = this.#host;
    const { signal } = this.#abort;
    const { prepare, spec, configure } = this.#request;
    const done = await prepare((text) => this.#listener.noted(text), signal);
    try {
      signal.throwIfAborted();
      const id = await engine.create(spec);
      this.#id = id;
      const { cut } = await this.#attach(id);
      const ended = Promise.race([engine.ended(id), cut]);
      // It is waited for later; until then the start tells what is wrong.
      ended.catch(() => undefined);
      await engine.start(id);
      configure(factsOf(await this.#next(ended)));
      signal.throwIfAborted();
      this.#begun = true;
      this.#stream?.write("\n");
      await this.#begin(id, ended);
      return { ended };
    } finally {
      done();
    }
  }

  /** Resolves when its output has ended, and time enough has passed to hear of its end as well: else the engine was lost. */
  async #attach(id: string): Promise<{ readonly cut: Promise<void> }> {
    const stream = await this.#host.engine.attach(id);
    this.#stream = stream;
    stream.on(
      "data",
      createFrameReader((bytes) => this.#log.write(bytes)),
    );
    // A broken connection ends the container, which is heard as such.
    stream.on("error", () => undefined);
    const closed = new Promise<void>((resolve) => {
      stream.on("end", resolve);
      stream.on("close", resolve);
    });
    return { cut: closed.then(() => pause(this.#host.clock, askAgainMs)) };
  }

  /** After the word to begin: whatever fails now, only an end is an end. */
  async #begin(id: string, ended: Promise<void>): Promise<void> {
    try {
      const line = await this.#next(ended);
      this.#innerPid = Number(/^pid (\d{1,9})$/.exec(line)?.[1] ?? 0);
      this.pid = (await this.#host.engine.look(id))?.pid ?? 0;
    } catch (error) {
      const { processId } = this.#request.order;
      this.#host.note("container not known", { processId, error: engineText(error) });
    }
    // Without its number on the host it is known by the one that it has in there.
    if (this.pid === 0) this.pid = this.#innerPid;
    if (this.pid === 0) this.signal("SIGKILL");
    else this.#listener.spawned(this.pid);
  }

  #line(line: string): void {
    if (line.startsWith(guardWord)) {
      if (this.#said.length < 4) this.#said.push(line.slice(guardWord.length).trim());
      this.#heard?.();
      return;
    }
    const hint = logHint(line);
    if (hint !== null) this.#listener.hinted(hint);
  }

  /** The guard's next line; rejects when the container ends first, or says nothing. */
  async #next(ended: Promise<void>): Promise<string> {
    const { clock } = this.#host;
    const gone = async (): Promise<never> => {
      await ended;
      // Its last words may be on their way.
      await pause(clock, drainMs);
      const said = this.#said[0] ?? this.#log.lines().at(-1);
      throw new EngineError(
        `the container has ended at once${said === undefined ? "" : `: ${said}`}`,
      );
    };
    const late = new Promise<never>((_resolve, reject) => {
      const text = `nothing was heard of the container for ${helloMsMax} ms`;
      clock.after(helloMsMax, () => reject(new EngineError(text)));
    });
    const heard = new Promise<void>((resolve) => {
      this.#heard = resolve;
      if (this.#said.length > 0) resolve();
    });
    const over = Promise.race([gone(), late, heard]);
    await over;
    return this.#said.shift() ?? "";
  }

  /** Waits for the end; asks until somebody knows. */
  async #end(
    ended: Promise<void>,
  ): Promise<{ code: number | null; signal: string | null; cause: string | null }> {
    const { engine, clock, guard, note } = this.#host;
    const { startId, order, spec } = this.#request;
    await ended.catch(() => undefined);
    for (let tries = 0; ; tries += 1) {
      try {
        const state = this.#id === null ? null : await engine.look(this.#id);
        if (state === null) {
          guard.end(startId);
          await pause(clock, guardEndsMs);
          return { code: null, signal: null, cause: "its container was removed by somebody else" };
        }
        if (!state.isRunning) {
          const mib = Math.round(spec.memoryBytes / 1024 / 1024);
          const cause = state.isOutOfMemory ? `out of memory: its container has ${mib} MiB` : null;
          return { ...endOf(state.exitCode), cause };
        }
      } catch (error) {
        if (tries === 0) {
          note("container engine away", { processId: order.processId, error: engineText(error) });
        }
      }
      await pause(clock, askAgainMs);
    }
  }

  async #fail(text: string): Promise<void> {
    assert(!this.#begun, "from the word to begin on nothing of a start fails");
    this.#stream?.destroy();
    this.#log.close();
    this.#listener.failed(text);
    await this.#remove();
  }

  /** Until it is gone, or the executor is. */
  async #remove(): Promise<void> {
    if (this.#id === null) return;
    for (let tries = 0; tries < removalsMax; tries += 1) {
      try {
        await this.#host.engine.remove(this.#id);
        return;
      } catch (error) {
        if (tries === 0) this.#host.note("container not removed", { error: engineText(error) });
      }
      await pause(this.#host.clock, askAgainMs);
    }
  }
}

/** After this many tries the next executor of the agent removes it. */
const removalsMax = 60;

/** After the end its last words may be on their way. */
const drainMs = 20;

const pause = (clock: Clock, ms: number): Promise<void> =>
  new Promise((resolve) => void clock.after(ms, resolve));

/** Open files where there is no limit. */
const filesUnlimited = 1_048_576;

/** The guard's first line: limit of open files, then what `redis-server --version` says. */
function factsOf(line: string): ImageFacts {
  const [files = "", ...rest] = line.split(" ");
  const version = parseRedisVersion(rest.join(" "));
  if (!version.ok) throw new EngineError(`redis-missing: the image has no redis-server: ${line}`);
  const [major, minor] = redisVersionMin;
  if (!isVersionAtLeast(version.value, major, minor)) {
    const { program, text } = version.value;
    throw new EngineError(
      `redis-too-old: the image has ${program} ${text}, needed is ${major}.${minor} or later`,
    );
  }
  return {
    version: version.value,
    filesMax: /^\d{1,9}$/.test(files) ? Number(files) : filesUnlimited,
  };
}
