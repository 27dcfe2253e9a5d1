/**
 * Owns running `nft` and `conntrack`: each call has a time limit and a limit of its output, its text goes in by stdin, no
 * shell is between. Not: what they are told (rules.ts, flows.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";

/** Longest time of a call: thousands of elements need well under a second, also on a busy host. */
const toolMsMax = 10_000;

/** Most output of a call: a listing of a hundred thousand connections. */
const toolBytesMax = 32 * 1024 * 1024;

/** Longest error text that is passed on. */
const errorCharsMax = 300;

/** What a call has given. */
export interface ToolResult {
  readonly isOk: boolean;
  readonly stdout: string;
  /** In one line, bounded. Empty for what went well. */
  readonly problem: string;
  /** The whole of stderr. */
  readonly stderr: string;
}

/** Runs programs of the host. */
export type ToolRunner = (
  command: "nft" | "conntrack",
  args: readonly string[],
  stdin?: string,
) => Promise<ToolResult>;

/** Service managers often leave these out of PATH, and the tools are there. */
const systemPaths = "/usr/sbin:/sbin:/usr/local/sbin";

const lineOf = (text: string): string =>
  text.trim().replaceAll(/\s+/g, " ").slice(0, errorCharsMax);

function start(command: string, args: readonly string[]): ChildProcessWithoutNullStreams {
  const { PATH = "/usr/bin:/bin" } = process.env;
  return spawn(command, args, {
    env: { PATH: `${PATH}:${systemPaths}`, LC_ALL: "C" },
    stdio: ["pipe", "pipe", "pipe"],
    timeout: toolMsMax,
    killSignal: "SIGKILL",
  });
}

/** The real one. Never rejects. */
export const runTool: ToolRunner = (command, args, stdin = "") =>
  new Promise<ToolResult>((resolve) => {
    const child = start(command, args);
    child.once("error", (error: NodeJS.ErrnoException) => {
      const problem = error.code === "ENOENT" ? `${command} is not installed` : error.message;
      resolve({ isOk: false, stdout: "", stderr: "", problem });
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let bytes = 0;
    const keep = (list: Buffer[]) => (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > toolBytesMax) child.kill("SIGKILL");
      else list.push(chunk);
    };
    child.stdout.on("data", keep(out));
    child.stderr.on("data", keep(err));
    // It may end before it has read everything; its exit tells why.
    child.stdin.on("error", () => {});
    child.once("close", (code, signal) => {
      const stderr = Buffer.concat(err).toString("utf8");
      const stdout = Buffer.concat(out).toString("utf8");
      const ended = signal === null ? `ended with ${code}` : `was ended by ${signal}`;
      const problem = code === 0 ? "" : `${command} ${ended}: ${lineOf(stderr)}`;
      resolve({ isOk: code === 0, stdout, stderr, problem });
    });
    child.stdin.end(stdin);
  }).catch((error: Error) => {
    // Without memory or file descriptors there is no child, or one without streams.
    const problem = `${command} cannot be started: ${error.message}`;
    return { isOk: false, stdout: "", stderr: "", problem };
  });
