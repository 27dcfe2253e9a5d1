/**
 * Tests of the checklist against the embedded cluster: every check passes, but for a list that can only shrink. Clocks
 * of the cluster run fast where the protocol does not say how fast they are.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
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
import { afterEach, expect, test } from "vitest";
import type { Result } from "../src/run.js";

/** Checks that do not apply to the embedded cluster, with the reason that the program gives. */
const notApplicable: Readonly<Record<string, string>> = {};

/** Longest run of one part, on a machine that is ten times slower than usual. */
const deadlineMs = 220_000;

const program = (name: string): string =>
  join(repositoryRoot(), "packages", name, "dist", "main.js");

/** What a test started, in the order of its ending. */
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A cluster on a fixed port, which can be killed and started again. */
interface Cluster {
  readonly master: string;
  restart(): Promise<void>;
}

async function startCluster(): Promise<Cluster> {
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
  ends.push(async () => {
    await local.stop();
    const left = await sweepProcesses(workDir);
    rmSync(workDir, { recursive: true, force: true });
    expect(left.map(({ commandLine }) => commandLine)).toEqual([]);
  });
  return {
    master: `http://127.0.0.1:${port}`,
    async restart() {
      local.signal("SIGKILL");
      await local.exited;
      local = await start();
    },
  };
}

/** The shell command that restarts a cluster: it asks this process, which holds its programs. */
async function restartCommand(cluster: Cluster): Promise<string> {
  const server: Server = createServer((_request, response) => {
    cluster.restart().then(
      () => response.end(),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(async () => void server.close().closeAllConnections());
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const script = `fetch("http://127.0.0.1:${port}").then((answer) => process.exit(answer.ok ? 0 : 1))`;
  return `'${process.execPath}' -e '${script}'`;
}

function conformance(cluster: Cluster, args: readonly string[]): Promise<RunResult> {
  const flags = ["--master", cluster.master, "--node", process.execPath, "--slack", "8"];
  return run({
    command: process.execPath,
    args: [program("mesos-conformance"), ...flags, ...args],
    deadlineMs,
  });
}

/** Outcomes of a run in JSON that are not as they should be. */
function problems(result: RunResult): readonly string[] {
  if (result.exitCode === null) return [`not done in time:\n${result.stderr}`];
  const { results }: { results: readonly Result[] } = JSON.parse(result.stdout);
  return results.flatMap(({ id, outcome, reason, evidence, trace }) => {
    const expected = notApplicable[id];
    if (expected !== undefined) {
      return outcome === "not-applicable" && reason === expected ? [] : [`${id}: ${outcome} now`];
    }
    if (outcome === "pass") return evidence.length > 0 ? [] : [`${id}: no evidence`];
    return [[`${id}: ${outcome} ${reason}`, ...evidence, ...trace.slice(-20)].join("\n  ")];
  });
}

/** Parts of the checklist, each for a cluster of its own, so that they run side by side. */
const parts = ["C01-C28", "C29-C46", "C47-C60"];

test("every check passes against the embedded cluster", async () => {
  const outcomes = await Promise.all(
    parts.map(async (only) => {
      const cluster = await startCluster();
      const restart = only.endsWith("C60")
        ? ["--agent-restart-command", await restartCommand(cluster)]
        : [];
      return conformance(cluster, ["--output", "json", "--only", only, ...restart]);
    }),
  );
  expect(outcomes.flatMap(problems)).toEqual([]);
  expect(outcomes.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
  const ids = outcomes.flatMap(({ stdout }) =>
    JSON.parse(stdout).results.map(({ id }: Result) => id),
  );
  expect(ids).toHaveLength(60);
});
