/**
 * Owns what the command line takes from the machine: streams, clock, environment.
 * Not: the version, which each composition finds in its own way. Called by main.ts and single-main.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { homedir } from "node:os";
import type { Output } from "./io.js";
import { runProgram } from "./program.js";
import { systemClock } from "./system-clock.js";

/** Exit code of a program whose reader went away (`mrr list | head -1`), as the shell shows SIGPIPE. */
const exitCodePipe = 141;

const outputOf = (stream: NodeJS.WriteStream): Output => {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(exitCodePipe);
    throw error;
  });
  return { write: (text) => void stream.write(text), isTerminal: stream.isTTY === true };
};

/** Runs the command line of this process. Returns the exit code; never rejects. */
export const runHere = (version: string): Promise<number> =>
  runProgram({
    words: process.argv.slice(2),
    version,
    io: {
      stdout: outputOf(process.stdout),
      stderr: outputOf(process.stderr),
      env: process.env,
      cwd: process.cwd(),
      homeDirectory: homedir(),
      userId: process.getuid?.() ?? null,
      clock: systemClock,
    },
  });
