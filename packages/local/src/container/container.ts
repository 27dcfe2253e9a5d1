/**
 * Owns one container: sandbox, fetching, the executor's process, and its complete end.
 * Not: which executor and why (agent/). Called by shell/agent-shell.ts.
 * The executor leads a session of its own, without a terminal; its output goes to files, so it does not need this
 * process. When it exits, however, everything that it left behind is killed before the end is reported.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, closeSync, openSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { type Clock, MrrError } from "@mr-redis/core";
import type { CommandInfo } from "@mr-redis/mesos";
import type { ContainerPlan } from "../agent/effects.js";
import { type EnvironmentInput, executorEnvironment } from "./environment.js";
import { FetchError, fetchAll } from "./fetcher.js";
import {
  type ContainerTrace,
  endProcesses,
  killNow,
  type Launcher,
  seeProcess,
} from "./processes.js";
import { forgetContainer, type ProcessName, recordContainer } from "./records.js";
import { type ContainerPlace, makeSandbox, sandboxOf } from "./sandbox.js";
import { chownAll, findUser, type UnixUser } from "./user.js";

/** What the agent hears of a container. After `failed` or `ended` nothing follows. */
export type ContainerReport =
  | { readonly type: "container-started"; readonly containerId: string; readonly pid: number }
  | { readonly type: "container-failed"; readonly containerId: string; readonly problem: string }
  | { readonly type: "container-ended"; readonly containerId: string; readonly status: number };

/** What a container needs besides its plan. */
export interface ContainerContext {
  readonly workDir: string;
  readonly launcher: Launcher;
  readonly clock: Clock;
  readonly environment: Omit<
    EnvironmentInput,
    "directory" | "command" | "frameworkId" | "executorId"
  >;
  /** Run executors as the user that the framework names (needs root). */
  readonly switchUser: boolean;
  /** The process that no container may outlive, if there is one. */
  readonly parent: ProcessName | null;
  readonly report: (report: ContainerReport) => void;
  readonly log: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** Raw wait status of a process that could not be executed at all: exit code 1. */
const executeFailedStatus = 256;

/** A container from its plan to its end. */
export class Container {
  readonly #plan: ContainerPlan;
  readonly #context: ContainerContext;
  readonly #abort = new AbortController();
  #child: ChildProcess | null = null;
  #trace: ContainerTrace | null = null;
  #isOver = false;
  /** The sandbox. */
  readonly directory: string;
  /** The user that it runs as, when that is not the one of this process. */
  user: UnixUser | null = null;

  constructor(plan: ContainerPlan, context: ContainerContext) {
    this.#plan = plan;
    this.#context = context;
    this.directory = sandboxOf(context.workDir, this.#place());
  }

  /** Starts it; the outcome is reported. */
  async start(): Promise<void> {
    try {
      makeSandbox(this.#context.workDir, this.#place());
      await this.#prepare();
      this.#abort.signal.throwIfAborted();
      this.#spawn();
    } catch (error) {
      if (this.#abort.signal.aborted) this.#end(-1);
      else this.#fail(error);
    }
  }

  /** Ends it with everything in it; the end is reported once it is complete. */
  destroy(): void {
    if (this.#isOver) return;
    this.#abort.abort();
    const pid = this.#child?.pid;
    // The rest follows when the executor's exit is seen.
    if (pid !== undefined) killNow(-pid);
  }

  /** Its agent is dead: what runs is left alone, what does not run yet never will. */
  abandon(): void {
    this.#abort.abort();
  }

  #place(): ContainerPlace {
    const plan = this.#plan;
    return {
      agentId: this.#context.environment.agentId,
      frameworkId: plan.framework.id?.value ?? "",
      executorId: plan.executor.executor_id.value,
      containerId: plan.containerId,
    };
  }

  async #prepare(): Promise<void> {
    const { directory } = this;
    const { executor, framework } = this.#plan;
    const { container, command } = executor;
    if (container?.docker !== undefined || container?.mesos?.image !== undefined) {
      throw new FetchError("container images are not supported");
    }
    const secret = (command?.environment?.variables ?? []).find((one) => one.type === "SECRET");
    if (secret !== undefined) throw new FetchError("variables of type SECRET are not supported");
    if (this.#context.switchUser) this.user = await findUser(command?.user ?? framework.user);
    const { clock } = this.#context;
    await fetchAll(command?.uris ?? [], { directory, clock, signal: this.#abort.signal });
    if (this.user !== null) await chownAll(directory, this.user);
  }

  #spawn(): void {
    const { directory, user } = this;
    const { executor } = this.#plan;
    const command: CommandInfo = executor.command ?? {};
    const place = this.#place();
    const { frameworkId, executorId } = place;
    const env = executorEnvironment({
      ...this.#context.environment,
      frameworkId,
      executorId,
      directory,
      command: executor.command,
    });
    const stdout = openSync(join(directory, "stdout"), "a", 0o644);
    const stderr = openSync(join(directory, "stderr"), "a", 0o644);
    const [file, args, argv0] = argvOf(command);
    let child: ChildProcess;
    try {
      child = spawn(file, args, {
        cwd: directory,
        env,
        detached: true,
        stdio: ["ignore", stdout, stderr],
        ...(argv0 === undefined ? {} : { argv0 }),
        ...(user === null ? {} : { uid: user.uid, gid: user.gid }),
      });
    } finally {
      closeSync(stdout);
      closeSync(stderr);
    }
    this.#child = child;
    child.once("error", (error) => {
      appendFileSync(join(directory, "stderr"), `Failed to execute command: ${error.message}\n`);
      if (child.pid === undefined) this.#end(executeFailedStatus);
    });
    child.once("exit", (code, signal) => this.#exited(code, signal));
    const { pid } = child;
    if (pid === undefined) return;
    const leaderStartTicks = seeProcess(pid)?.startTicks ?? null;
    this.#trace = { leaderPid: pid, leaderStartTicks, directories: [directory] };
    const { parent } = this.#context;
    const record = { ...place, leaderPid: pid, leaderStartTicks, directory, user, parent };
    recordContainer(this.#context.workDir, record);
    this.#context.report({ type: "container-started", containerId: place.containerId, pid });
  }

  #exited(code: number | null, signal: NodeJS.Signals | null): void {
    const status = signal === null ? (code ?? 0) * 256 : constants.signals[signal];
    if (this.#trace === null) {
      this.#end(status);
      return;
    }
    const { launcher, clock } = this.#context;
    const ending = endProcesses(this.#trace, launcher, clock);
    ending.then(
      (left) => {
        if (left.length > 0) {
          const pids = left.map((seen) => seen.pid);
          this.#context.log("processes of a container do not end", { ...this.#place(), pids });
        }
        this.#end(status);
      },
      (error: unknown) => {
        this.#context.log("ending a container failed", { error: String(error) });
        this.#end(status);
      },
    );
  }

  #end(status: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { containerId } = this.#plan;
    forgetContainer(this.#context.workDir, containerId);
    this.#context.report({ type: "container-ended", containerId, status });
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { containerId } = this.#plan;
    const cause = error instanceof Error ? error.message : String(error);
    const problem =
      error instanceof FetchError
        ? `Failed to fetch all URIs for container '${containerId}': ${cause}`
        : error instanceof MrrError
          ? cause
          : `Failed to prepare the sandbox: ${cause}`;
    this.#context.report({ type: "container-failed", containerId, problem });
  }
}

/** Program, arguments and argv[0]: `sh -c value`, or the value itself with the arguments, whose first is argv[0]. */
function argvOf(command: CommandInfo): [string, readonly string[], string | undefined] {
  const value = command.value ?? "";
  if (command.shell ?? true) return ["/bin/sh", ["-c", value], "sh"];
  const [argv0, ...args] = command.arguments ?? [];
  return [value, args, argv0];
}
