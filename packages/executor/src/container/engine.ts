/**
 * Owns what this package needs of a container engine, as a port, and how its failures are told.
 * Not: any engine (dockerode-engine.ts), nor when it is asked (container-process.ts, image.ts, leftovers.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Duplex } from "node:stream";

/** A container to be made. It has the network of the host, no capabilities, and a root file system that it cannot write. */
export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Program and arguments; nothing of the image's own is run. */
  readonly command: readonly string[];
  /** `uid:gid` */
  readonly user: string;
  /** Absolute paths: on the host, and in the container. */
  readonly mounts: readonly {
    readonly from: string;
    readonly to: string;
    readonly isReadOnly: boolean;
  }[];
  /** Its working directory, in the container. */
  readonly directory: string;
  readonly memoryBytes: number;
  readonly cpuShares: number;
}

/** How a container is. */
export interface ContainerState {
  /** It has processes, or may have some: paused and restarting ones count. */
  readonly isRunning: boolean;
  readonly exitCode: number | null;
  /** The kernel killed one of its processes because the limit of memory was reached. */
  readonly isOutOfMemory: boolean;
  /** Process id of its first process on the host; 0 when it does not run. */
  readonly pid: number;
  /** Wall clock of its end; 0 when it has not ended, or nobody knows. */
  readonly finishedAtMs: number;
}

/** A container of which only this much is known. */
export interface ListedContainer {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** How far a pull has come. */
export interface PullStep {
  readonly layer: string;
  readonly bytes: number;
  readonly bytesAll: number;
}

/** A container engine. Each call ends in bounded time but `pull` (by its signal) and `ended`; rejects with {@link EngineError}. */
export interface Engine {
  hasImage(image: string): Promise<boolean>;
  /** Fetches an image; resolves when the engine says no more. */
  pull(image: string, onStep: (step: PullStep) => void, signal: AbortSignal): Promise<void>;
  /** Its id. */
  create(spec: ContainerSpec): Promise<string>;
  /** Input, and output in frames (frames.ts). Its end is the end of the container's input. */
  attach(id: string): Promise<Duplex>;
  start(id: string): Promise<void>;
  /** Resolves when it has ended; rejects when that cannot be heard any more. Called before the start. */
  ended(id: string): Promise<void>;
  /** Null: there is no such container. */
  look(id: string): Promise<ContainerState | null>;
  kill(id: string, signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** Ends it if it runs, and removes it. One that is not there counts as removed. */
  remove(id: string): Promise<void>;
  /** All containers with this label, those that have ended too. */
  list(label: string): Promise<readonly ListedContainer[]>;
}

/** Longest text of an engine that is passed on. */
const textMax = 300;

/** A call that failed; its message is a sentence for people. */
export class EngineError extends Error {
  /** HTTP status of the answer; null: there was none. */
  readonly status: number | null;

  constructor(text: string, status: number | null = null) {
    super(text.replace(/\s+/g, " ").slice(0, textMax));
    this.name = "EngineError";
    this.status = status;
  }
}

/** What a call threw, as a sentence. */
export const engineText = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
