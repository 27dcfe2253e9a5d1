/**
 * Tests of the checklist against the embedded cluster: every check passes, but for a list that can only shrink.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createServer, type Server } from "node:http";
import type { RunResult } from "@mr-redis/testing";
import { afterEach, expect, test } from "vitest";
import type { Result } from "../src/run.js";
import { type Cluster, conformance, startCluster } from "./cluster.js";

/** Checks that do not apply to the embedded cluster, with the reason that the program gives. */
const notApplicable: Readonly<Record<string, string>> = {};

/** What a test started, in the order of its ending. */
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

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
      ends.push(() => cluster.end());
      const restart = only.endsWith("C60")
        ? ["--agent-restart-command", await restartCommand(cluster)]
        : [];
      const args = ["--slack", "8", "--output", "json", "--only", only, ...restart];
      return conformance(cluster.master, args);
    }),
  );
  expect(outcomes.flatMap(problems)).toEqual([]);
  expect(outcomes.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
  const ids = outcomes.flatMap(({ stdout }) =>
    JSON.parse(stdout).results.map(({ id }: Result) => id),
  );
  expect(ids).toHaveLength(60);
});
