/**
 * Owns one run of one child process: its start, its output, its readiness, its end.
 * Not: starting it again (supervisor.ts). Called by supervisor.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { BoundedLog } from "./bounded-log.js";
import { isReadyLine, LineCutter } from "./lines.js";

/** What is started. */
export interface ChildCommand {
  /** For people: `mrr-scheduler`. */
  readonly name: string;
  /** Program and words; the first may be setpriv. */
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly log: BoundedLog;
}

/** How a run ended. `lines`: the last lines that it wrote, for the error text. */
export interface ChildExit {
  readonly code: number | null;
  readonly signal: string | null;
  readonly wasReady: boolean;
  readonly lines: readonly string[];
}

/** Last lines kept of a run: the cause of a failed start is in them. */
const lastLinesMax = 20;

/** One run. */
export interface Child {
  readonly pid: number | null;
  /** Resolves at the line that says ready, with true; or at the end before it, with false. */
  readonly ready: Promise<boolean>;
  readonly exited: Promise<ChildExit>;
  signal(signal: NodeJS.Signals): void;
  /** SIGKILL for the process and its group. */
  kill(): void;
}

/**
 * Starts the program. It leads a process group of its own, so that a Ctrl-C of the terminal reaches only `mrr up`,
 * which ends its children in order. Its standard input is a pipe that ends when this process dies, in whatever way.
 */
export function startChild({ name, command, args, env, log }: ChildCommand): Child {
  const process_ = spawn(command, args, { env, detached: true, stdio: ["pipe", "pipe", "pipe"] });
  // A child that ends closes the pipe; nothing is ever written to it.
  process_.stdin.on("error", () => {});
  log.write(`--- ${new Date().toISOString()} ${name} starts: ${command} ${args.join(" ")}\n`);
  const lines: string[] = [];
  let wasReady = false;
  const { promise: ready, resolve: setReady } = promiseWithResolver<boolean>();
  const onLine = (line: string): void => {
    lines.push(line);
    if (lines.length > lastLinesMax) lines.shift();
    if (wasReady || !isReadyLine(line)) return;
    wasReady = true;
    setReady(true);
  };
  for (const stream of [process_.stdout, process_.stderr]) {
    const cutter = new LineCutter();
    stream.on("data", (chunk: Buffer) => {
      log.write(chunk);
      for (const line of cutter.add(chunk)) onLine(line);
    });
    stream.on("end", () => {
      for (const line of cutter.end()) onLine(line);
    });
    stream.on("error", () => {});
  }
  const exited = endOf(process_).then(({ code, signal, failure }) => {
    setReady(false);
    if (failure !== null) lines.push(failure);
    log.write(`--- ${new Date().toISOString()} ${name} ended: ${exitText({ code, signal })}\n`);
    return { code, signal, wasReady, lines };
  });
  return {
    pid: process_.pid ?? null,
    ready,
    exited,
    signal: (signal) => void process_.kill(signal),
    kill: () => killGroup(process_),
  };
}

function promiseWithResolver<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Time for the rest of the output after the end: a grandchild may hold the pipe for ever. */
const outputMsMax = 200;

interface End {
  readonly code: number | null;
  readonly signal: string | null;
  /** Why the program could not even be started. */
  readonly failure: string | null;
}

function endOf(process_: ChildProcess): Promise<End> {
  return new Promise((resolve) => {
    process_.on("error", (error) => {
      const isUnstarted = process_.pid === undefined;
      if (isUnstarted) resolve({ code: null, signal: null, failure: error.message });
    });
    process_.once("exit", (code, signal) => {
      const end = { code, signal, failure: null };
      const timer = setTimeout(() => resolve(end), outputMsMax);
      process_.once("close", () => {
        clearTimeout(timer);
        resolve(end);
      });
    });
  });
}

function killGroup(process_: ChildProcess): void {
  if (process_.pid === undefined) return;
  try {
    process.kill(-process_.pid, "SIGKILL");
  } catch {
    // All of them have ended.
  }
}

/** `exit code 1`, `signal SIGKILL`. */
export function exitText({ code, signal }: Pick<ChildExit, "code" | "signal">): string {
  if (code !== null) return `exit code ${code}`;
  return signal === null ? "it cannot be started" : `signal ${signal}`;
}
