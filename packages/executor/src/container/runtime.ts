/**
 * Owns the container runtime of one executor: engine, image, guard, leftovers, and the containers' specifications.
 * Not: one container's course (container-process.ts). Loaded only where processes run in containers.
 * SPDX-License-Identifier: Apache-2.0
 */
import { lchownSync } from "node:fs";
import { basename, join } from "node:path";
import {
  type Clock,
  type LaunchOrder,
  redisMemoryNeedMilli,
  renderRedisConfig,
  type Secret,
  type Timer,
} from "@mr-redis/core";
import { fileWord } from "../redis-process.js";
import {
  configFileName,
  makeDirectory,
  type TlsPaths,
  workDirectory,
  writeConfiguration,
  writeTls,
} from "../work-directory.js";
import { type ContainerListener, ContainerProcess, type ImageFacts } from "./container-process.js";
import type { ContainerSpec, Engine } from "./engine.js";
import { engineText } from "./engine.js";
import { type Guard, guardMount, guardScript, startGuard } from "./guard.js";
import { ImageKeeper } from "./image.js";
import { containerLabels, type EndedLeftover, endLeftovers, type Owner } from "./leftovers.js";

/** What the scheduler chose for containers. */
export interface ContainerSettings {
  readonly image: string;
  /** Absolute path of the engine's socket. */
  readonly socket: string;
  readonly pullTimeoutMs: number;
  readonly cpusMilli: number;
  readonly redisMemoryOverheadMib: number;
  readonly redisMemoryOverheadPercent: number;
  /** Names of the server in the image; the first that is there. */
  readonly program: string;
}

/** What a runtime is made of. */
export interface ContainerRuntimeOptions {
  readonly settings: ContainerSettings;
  readonly owner: Owner;
  readonly engine: Engine;
  readonly clock: Clock;
  /** Absolute path. */
  readonly sandbox: string;
  readonly executorSecret: Secret;
  /** Of the executor: uid and gid. */
  readonly user: { readonly uid: number; readonly gid: number };
  readonly note: (message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** Hears of each process that an ended executor had left and that is no more. */
  readonly onLeftover: (leftover: EndedLeftover) => void;
}

/** A process to be started. */
export interface ContainerLaunch {
  readonly order: LaunchOrder;
  readonly startId: string;
  /** Path of its log. */
  readonly logPath: string;
  /** For an order with `tls`: certificate with its key, and authorities (PEM); else null. */
  readonly identity: { readonly pair: string; readonly ca: string } | null;
}

/** Where a container has its working directory. */
const dataMount = "/data";

/** Containers that are being started at a time: each costs the engine some hundred milliseconds of work. */
const startsMax = 8;

/** From one look for leftovers to the next, and after one that failed. */
const sweepEveryMs = 30_000;
const sweepAgainMs = 1_000;

/** Launches wait so long for the first look at most: a leftover may hold a port, which then is the reason of a failure. */
const firstSweepMsMax = 15_000;

/**
 * Redis-servers of an executor that runs as root run as this user and group: of the range that Debian and others give to nobody
 * (30000 to 59999).
 */
const redisUser = 56_379;

const mib = 1024 * 1024;

/** Mesos counts a CPU as 1,024 shares as well; the engine takes no less than 2. */
const sharesOf = (cpusMilli: number): number =>
  Math.max(2, Math.round((cpusMilli * 1_024) / 1_000));

/** See the head of this file. */
export class ContainerRuntime {
  readonly #options: ContainerRuntimeOptions;
  readonly #images: ImageKeeper;
  readonly #guard: Guard;
  readonly #user: { readonly uid: number; readonly gid: number };
  readonly #turns: (() => void)[] = [];
  #starting = 0;
  #count = 0;
  #sweepTimer: Timer | null = null;
  #closed = false;
  readonly #live = new Set<Promise<void>>();
  readonly #firstSweep: Promise<void>;
  #swept: () => void = () => undefined;

  /** Begins to guard and to look for leftovers. Throws when the sandbox cannot be written. */
  constructor(options: ContainerRuntimeOptions) {
    const { engine, clock, settings, sandbox, note, user } = options;
    this.#options = options;
    this.#user = user.uid === 0 ? { uid: redisUser, gid: redisUser } : user;
    this.#images = new ImageKeeper(engine, clock, settings.image, settings.pullTimeoutMs);
    this.#guard = startGuard(join(sandbox, "guard"), clock, (error) =>
      note("guard not renewed", { error: engineText(error) }),
    );
    this.#firstSweep = new Promise((resolve) => {
      this.#swept = resolve;
      clock.after(firstSweepMsMax, resolve);
    });
    void this.#sweep();
  }

  /** Starts a redis-server. Never throws: what goes wrong is told to the listener. */
  start(launch: ContainerLaunch, listener: ContainerListener): ContainerProcess {
    const { order, startId, logPath, identity } = launch;
    this.#count += 1;
    const { sandbox, executorSecret, engine, clock, note } = this.#options;
    const place = join(sandbox, workDirectory);
    const name = `c${this.#count}`;
    const directory = join(place, name);
    const pathsOf = ({ pair, ca }: TlsPaths): TlsPaths => {
      this.#give(pair);
      this.#give(ca);
      return { pair: join(dataMount, basename(pair)), ca: join(dataMount, basename(ca)) };
    };
    const configure = ({ version, filesMax }: ImageFacts): void => {
      const tls = identity === null ? {} : { tls: pathsOf(writeTls(directory, identity)) };
      const options = { version, directory: dataMount, executorSecret, filesMax, ...tls };
      writeConfiguration(directory, renderRedisConfig(order, options));
      this.#give(join(directory, configFileName));
    };
    const prepare = async (
      tell: (text: string | null) => void,
      signal: AbortSignal,
    ): Promise<() => void> => {
      makeDirectory(place, name);
      this.#give(directory);
      await this.#firstSweep;
      await this.#images.ensure(tell, signal);
      return this.#turn();
    };
    const spec = this.#specOf(order, startId, directory);
    const request = { order, startId, logPath, directory, spec, configure, prepare, pathsOf };
    const host = { engine, clock, guard: this.#guard, note };
    const process = new ContainerProcess(request, listener, host);
    this.#live.add(process.removed);
    void process.removed.then(() => this.#live.delete(process.removed));
    return process;
  }

  /** Resolves when all containers are removed that were started. */
  async removed(): Promise<void> {
    while (this.#live.size > 0) await Promise.all(this.#live);
  }

  /** Whatever runs has been killed; what is left ends by itself. */
  close(): void {
    this.#closed = true;
    this.#sweepTimer?.cancel();
    this.#guard.close();
  }

  /** To whom the redis-server runs as; never what a link leads to, for the directory belongs to it. */
  #give(path: string): void {
    if (this.#options.user.uid === 0) lchownSync(path, this.#user.uid, this.#user.gid);
  }

  async #turn(): Promise<() => void> {
    if (this.#starting >= startsMax) {
      await new Promise<void>((resolve) => this.#turns.push(resolve));
    } else this.#starting += 1;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      const next = this.#turns.shift();
      if (next === undefined) this.#starting -= 1;
      else next();
    };
  }

  #specOf(order: LaunchOrder, startId: string, directory: string): ContainerSpec {
    const { settings, owner } = this.#options;
    const { instance, processId } = order;
    const needMilli = redisMemoryNeedMilli(settings, order.memoryMib);
    const { framework, agent, executor, run, ...labels } = containerLabels;
    return {
      name: `mr-redis.${fileWord(instance)}.${fileWord(startId)}`,
      image: settings.image,
      labels: {
        [framework]: owner.frameworkId,
        [agent]: owner.agentId,
        [executor]: owner.executorId,
        [run]: owner.runId,
        [labels.instance]: instance,
        [labels.process]: processId,
        [labels.start]: startId,
      },
      command: [
        "/bin/sh",
        "-c",
        guardScript,
        "guard",
        settings.program,
        this.#guard.endFile(startId),
      ],
      user: `${this.#user.uid}:${this.#user.gid}`,
      mounts: [
        { from: directory, to: dataMount, isReadOnly: false },
        { from: this.#guard.directory, to: guardMount, isReadOnly: true },
      ],
      directory: dataMount,
      memoryBytes: Math.round((needMilli * mib) / 1_000),
      cpuShares: sharesOf(settings.cpusMilli),
    };
  }

  /** Looks for what is left, again soon while that fails. */
  async #sweep(): Promise<void> {
    const { engine, owner, clock, note, onLeftover } = this.#options;
    let again = sweepEveryMs;
    try {
      await endLeftovers(engine, owner, () => clock.nowMs(), onLeftover);
    } catch (error) {
      note("leftovers not ended", { error: engineText(error) });
      again = sweepAgainMs;
    }
    // One that fails is no reason to wait: what is wrong with the engine is the reason of the start, then.
    this.#swept();
    if (this.#closed) return;
    this.#sweepTimer = clock.after(again, () => void this.#sweep());
  }
}
