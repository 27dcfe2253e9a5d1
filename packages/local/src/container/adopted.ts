/**
 * Owns a container that a former run of this program started: seeing its end, and its complete end on demand.
 * Not: its start (container.ts), nor whether it is taken over (leftovers.ts). Called by shell/agent-shell.ts.
 * Its executor is no child of this process: its end is seen by looking, and its exit status cannot be known.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock, Timer } from "@mr-redis/core";
import type { ContainerReport } from "./container.js";
import { type ContainerTrace, endProcesses, type Launcher, seeProcess } from "./processes.js";
import { type ContainerRecord, forgetContainer } from "./records.js";
import type { UnixUser } from "./user.js";

/** Between two looks at the executor; the end of its stream is a hint to look at once. */
export const lookIntervalMs = 100;

/** Wait status of a process that was somebody else's child. */
const unknownStatus = -1;

/** What a container that is taken over needs. */
export interface AdoptedContext {
  readonly workDir: string;
  readonly launcher: Launcher;
  readonly clock: Clock;
  readonly report: (report: ContainerReport) => void;
  readonly log: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** A container that outlived the program that started it. */
export class AdoptedContainer {
  readonly #record: ContainerRecord;
  readonly #context: AdoptedContext;
  #timer: Timer | null = null;
  #isEnding = false;

  constructor(record: ContainerRecord, context: AdoptedContext) {
    this.#record = record;
    this.#context = context;
  }

  get directory(): string {
    return this.#record.directory;
  }

  get user(): UnixUser | null {
    return this.#record.user ?? null;
  }

  /** Begins to watch it, or looks at once; its end is reported. */
  look(): void {
    if (this.#isEnding) return;
    this.#timer?.cancel();
    const { leaderPid, leaderStartTicks } = this.#record;
    const leader = leaderPid === null ? null : seeProcess(leaderPid);
    if (leader?.startTicks === leaderStartTicks) {
      this.#timer = this.#context.clock.after(lookIntervalMs, () => this.look());
    } else this.destroy();
  }

  /** Its agent is dead: it is left alone. */
  abandon(): void {
    this.#isEnding = true;
    this.#timer?.cancel();
  }

  /** Ends it with everything in it; the end is reported once it is complete. */
  destroy(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#timer?.cancel();
    const { launcher, clock, log } = this.#context;
    const { containerId, leaderPid, leaderStartTicks, directory } = this.#record;
    const trace: ContainerTrace = { leaderPid, leaderStartTicks, directories: [directory] };
    endProcesses(trace, launcher, clock).then(
      (left) => {
        const pids = left.map((seen) => seen.pid);
        if (pids.length > 0) log("processes of a container do not end", { containerId, pids });
        this.#end();
      },
      (error: unknown) => {
        log("ending a container failed", { containerId, error: String(error) });
        this.#end();
      },
    );
  }

  #end(): void {
    const { containerId } = this.#record;
    forgetContainer(this.#context.workDir, containerId);
    this.#context.report({ type: "container-ended", containerId, status: unknownStatus });
  }
}
