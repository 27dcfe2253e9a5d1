/**
 * Owns the program of stub executors as mrr-local sees it: its start, its end, and a container for each executor in it.
 * Not: the program (main.ts). Called by shell/local.ts and shell/agent-shell.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import type { ContainerPlan } from "../agent/effects.js";
import type { ContainerContext, ContainerReport } from "../container/container.js";
import { executorEnvironment } from "../container/environment.js";
import { sandboxOf } from "../container/sandbox.js";
import { lineOf, lineReader, type StubNote, type StubOrder } from "./protocol.js";

/** One process for all stub executors; it is started with the first, and again after it has ended. */
export class StubHost {
  readonly #program: string;
  readonly #workDir: string;
  readonly #ended = new Map<string, (status: number) => void>();
  #child: ChildProcess | null = null;

  /** `program`: the file to run. `workDir`: by it the process can be told from others. */
  constructor(program: string, workDir: string) {
    this.#program = program;
    this.#workDir = workDir;
  }

  /** Begins an executor; gives the id of the process that holds it. `ended` is called once. */
  start(
    containerId: string,
    environment: Readonly<Record<string, string>>,
    ended: (status: number) => void,
  ): number {
    this.#child ??= this.#spawn();
    this.#ended.set(containerId, ended);
    this.#send({ type: "start", containerId, environment });
    return this.#child.pid ?? 0;
  }

  /** Ends an executor at once. */
  end(containerId: string): void {
    this.#send({ type: "end", containerId });
  }

  /** Ends the program; resolves when it is gone. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGKILL");
    await gone;
  }

  #send(order: StubOrder): void {
    this.#child?.stdin?.write(lineOf(order));
  }

  #spawn(): ChildProcess {
    const child = spawn(process.execPath, [this.#program, "--work-dir", this.#workDir], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    // What was written to a process that has just ended is answered by its exit.
    child.stdin.on("error", () => undefined);
    child.stdout.setEncoding("utf8");
    child.stdout.on(
      "data",
      lineReader<StubNote>((note) => this.#over(note.containerId, note.status)),
    );
    child.once("error", () => this.#gone(child, 256));
    child.once("exit", (code, signal) =>
      this.#gone(child, signal === null ? (code ?? 0) * 256 : constants.signals[signal]),
    );
    return child;
  }

  #over(containerId: string, status: number): void {
    const ended = this.#ended.get(containerId);
    this.#ended.delete(containerId);
    ended?.(status);
  }

  #gone(child: ChildProcess, status: number): void {
    if (this.#child !== child) return;
    this.#child = null;
    for (const containerId of [...this.#ended.keys()]) this.#over(containerId, status);
  }
}

/** One executor of the program, in the place of a container. Nothing is fetched, and there is no sandbox. */
export class StubContainer {
  readonly #host: StubHost;
  readonly #plan: ContainerPlan;
  readonly #context: ContainerContext;
  /** Where its sandbox would be. */
  readonly directory: string;
  readonly user = null;

  constructor(host: StubHost, plan: ContainerPlan, context: ContainerContext) {
    this.#host = host;
    this.#plan = plan;
    this.#context = context;
    this.directory = sandboxOf(context.workDir, {
      agentId: context.environment.agentId,
      frameworkId: plan.framework.id?.value ?? "",
      executorId: plan.executor.executor_id.value,
      containerId: plan.containerId,
    });
  }

  start(): void {
    const { containerId, executor, framework } = this.#plan;
    const environment = executorEnvironment({
      ...this.#context.environment,
      frameworkId: framework.id?.value ?? "",
      executorId: executor.executor_id.value,
      directory: this.directory,
      command: executor.command,
    });
    const report = (one: ContainerReport) => this.#context.report(one);
    const pid = this.#host.start(containerId, environment, (status) =>
      report({ type: "container-ended", containerId, status }),
    );
    report({ type: "container-started", containerId, pid });
  }

  destroy(): void {
    this.#host.end(this.#plan.containerId);
  }

  /** Its agent is dead, and it does not outlive that. */
  abandon(): void {
    this.destroy();
  }
}
