/**
 * Owns starting real programs for tests: bounded logs, waiting for their readiness, an end that nothing survives.
 * Not: what is started (redis-server.ts, mrr-up.ts). Called by launchers and tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type ChildProcess, spawn } from "node:child_process";
import { eventually } from "./eventually.js";

/** Output kept of each stream: enough for the cause of a failure, small beside the test's own memory. */
export const capturedBytesMax = 1024 * 1024;

/** How a program ended. */
export interface ProgramExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What to start. The environment is the caller's own unless `env` is given (then only that). */
export interface LaunchOptions {
  readonly command: string;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly stdin?: string;
}

/** Process groups that this test process started and that are not known to have ended. */
const groups = new Set<number>();

/** Installed once: whatever ends the test run, it takes along what it started. */
let hasExitHook = false;

function endGroupsAtExit(): void {
  if (hasExitHook) return;
  hasExitHook = true;
  process.on("exit", () => {
    for (const pid of groups) signalGroup(pid, "SIGKILL");
  });
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The last {@link capturedBytesMax} characters of a stream. */
class Capture {
  #text = "";

  add(chunk: string): void {
    const text = this.#text + chunk;
    this.#text = text.length > capturedBytesMax ? text.slice(-capturedBytesMax) : text;
  }

  get text(): string {
    return this.#text;
  }
}

/** A program that was started in a process group of its own. */
export class Program {
  readonly pid: number;
  readonly exited: Promise<ProgramExit>;
  #exit: ProgramExit | null = null;
  readonly #out = new Capture();
  readonly #err = new Capture();
  readonly #name: string;

  /** @internal use {@link launch} */
  constructor(child: ChildProcess, name: string) {
    if (child.pid === undefined) throw new Error(`${name} was not started`);
    this.pid = child.pid;
    this.#name = name;
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => this.#out.add(chunk));
    child.stderr?.setEncoding("utf8").on("data", (chunk: string) => this.#err.add(chunk));
    this.exited = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
  }

  get stdout(): string {
    return this.#out.text;
  }

  get stderr(): string {
    return this.#err.text;
  }

  /** How it ended, or null while it runs. */
  get exit(): ProgramExit | null {
    return this.#exit;
  }

  /** Both streams, for the message of a failed test. */
  get log(): string {
    return `--- ${this.#name} stdout\n${this.stdout}\n--- ${this.#name} stderr\n${this.stderr}`;
  }

  /** Waits until `check` does not throw; fails at once when the program ends before. */
  async waitFor<T>(
    check: () => T | Promise<T>,
    options: { deadlineMs?: number; what: string },
  ): Promise<T> {
    const outcome = await eventually(async () => {
      if (this.#exit !== null) return { ended: this.#exit };
      return { value: await check() };
    }, options).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.log}`, { cause: error });
    });
    if ("value" in outcome) return outcome.value;
    throw new Error(
      `${this.#name} ended before ${options.what}: ${JSON.stringify(outcome.ended)}\n${this.log}`,
    );
  }

  /** Waits for the JSON log line whose `msg` is "ready" and returns it. */
  waitReady(deadlineMs?: number): Promise<Readonly<Record<string, unknown>>> {
    const find = (): Readonly<Record<string, unknown>> => {
      for (const line of `${this.stdout}\n${this.stderr}`.split("\n")) {
        const value = parseLine(line);
        if (value?.msg === "ready") return value;
      }
      throw new Error("no line says ready");
    };
    const limit = deadlineMs === undefined ? {} : { deadlineMs };
    return this.waitFor(find, { what: `${this.#name} says ready`, ...limit });
  }

  /** Sends a signal to this process alone. */
  signal(signal: NodeJS.Signals): void {
    if (this.#exit === null) process.kill(this.pid, signal);
  }

  /** What a terminal does at Ctrl-C: SIGINT to the whole process group. */
  interrupt(): void {
    signalGroup(this.pid, "SIGINT");
  }

  /** kill -9 of the whole group; resolves when this process has ended. */
  async kill(): Promise<ProgramExit> {
    signalGroup(this.pid, "SIGKILL");
    const exit = await this.exited;
    groups.delete(this.pid);
    return exit;
  }

  /** SIGTERM, and after `deadlineMs` SIGKILL for the group. */
  async stop(deadlineMs = 5_000): Promise<ProgramExit> {
    this.signal("SIGTERM");
    const timer = setTimeout(() => signalGroup(this.pid, "SIGKILL"), deadlineMs);
    const exit = await this.exited;
    clearTimeout(timer);
    groups.delete(this.pid);
    return exit;
  }
}

function parseLine(line: string): Record<string, unknown> | null {
  if (!line.startsWith("{")) return null;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Starts a program in a process group of its own. */
export function launch(options: LaunchOptions): Promise<Program> {
  endGroupsAtExit();
  const child = spawn(options.command, [...(options.args ?? [])], {
    cwd: options.cwd,
    env: options.env ?? process.env,
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.on("error", () => {});
  child.stdin.end(options.stdin ?? "");
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("spawn", () => {
      const program = new Program(child, options.command);
      groups.add(program.pid);
      resolve(program);
    });
  });
}

/** What a program that runs to its end did. */
export interface RunResult {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

/** Starts a program and waits for its end; at `deadlineMs` (30 s) its group is killed. */
export async function run(options: LaunchOptions & { deadlineMs?: number }): Promise<RunResult> {
  const startMs = performance.now();
  const child = spawn(options.command, [...(options.args ?? [])], {
    cwd: options.cwd,
    env: options.env ?? process.env,
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  });
  endGroupsAtExit();
  const [out, err] = [new Capture(), new Capture()];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => out.add(chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => err.add(chunk));
  child.stdin.on("error", () => {});
  child.stdin.end(options.stdin ?? "");
  const { pid } = child;
  if (pid !== undefined) groups.add(pid);
  const timer = setTimeout(() => {
    if (pid !== undefined) signalGroup(pid, "SIGKILL");
  }, options.deadlineMs ?? 30_000);
  const exit = await new Promise<ProgramExit>((resolve, reject) => {
    child.once("error", reject);
    // "close", not "exit": the streams have been read to their end.
    child.once("close", (code, signal) => resolve({ code, signal: signal }));
  }).finally(() => clearTimeout(timer));
  if (pid !== undefined) groups.delete(pid);
  const tookMs = Math.round(performance.now() - startMs);
  return { exitCode: exit.code, signal: exit.signal, stdout: out.text, stderr: err.text, tookMs };
}
