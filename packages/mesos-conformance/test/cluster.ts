/**
 * Owns an embedded cluster for the tests of this folder, and the program run against it.
 * Called by local.test.ts, liar.test.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  freePort,
  freePortRange,
  launch,
  type Program,
  type RunResult,
  repositoryRoot,
  run,
  sweepProcesses,
} from "@mr-redis/testing";
import { expect } from "vitest";

/** Longest run, on a machine that is ten times slower than usual. */
const deadlineMs = 220_000;

/** The built program of a package. */
export const program = (name: string): string =>
  join(repositoryRoot(), "packages", name, "dist", "main.js");

/** A cluster of two agents on fixed ports, which can be killed and started again. */
export interface Cluster {
  readonly master: string;
  /** kill -9, and a start on the same ports and records. */
  restart(): Promise<void>;
  /** Ends it; fails when a process was left behind. */
  end(): Promise<void>;
}

/** Starts one whose clocks run fast where the protocol does not say how fast they are. */
export async function startCluster(): Promise<Cluster> {
  const workDir = mkdtempSync(join(tmpdir(), "mrr-conformance-"));
  const port = await freePort();
  const { first } = await freePortRange(2);
  const flags = {
    "work-dir": workDir,
    port,
    "agent-port": first,
    agents: 2,
    "agent-cpus": 4,
    "agent-memory": 2048,
    "allocation-interval": "200ms",
    "heartbeat-interval": "1s",
    "update-retry": "1s",
    "executor-reregistration-timeout": "4s",
    "close-grace": "1s",
  };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const start = async (): Promise<Program> => {
    const local = await launch({ command: process.execPath, args: [program("local"), ...args] });
    await local.waitReady(deadlineMs);
    return local;
  };
  let local = await start();
  return {
    master: `http://127.0.0.1:${port}`,
    async restart() {
      local.signal("SIGKILL");
      await local.exited;
      local = await start();
    },
    async end() {
      await local.stop();
      const left = await sweepProcesses(workDir);
      rmSync(workDir, { recursive: true, force: true });
      expect(left.map(({ commandLine }) => commandLine)).toEqual([]);
    },
  };
}

/** Runs the program against a master, to its end. */
export function conformance(master: string, args: readonly string[]): Promise<RunResult> {
  const flags = ["--master", master, "--node", process.execPath];
  return run({
    command: process.execPath,
    args: [program("mesos-conformance"), ...flags, ...args],
    deadlineMs,
  });
}
