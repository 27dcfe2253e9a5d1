/**
 * Owns the composition of the command line: the machine's streams, clock and environment. Called by bin/mrr.js.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFileSync } from "node:fs";
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

const manifest: unknown = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
);

process.exitCode = await runProgram({
  words: process.argv.slice(2),
  version: (manifest as { version: string }).version,
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
