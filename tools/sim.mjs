/**
 * Owns the start of the simulator: bundles it from the sources, so that no build is needed, and keeps the corpus of
 * seeds that failed once (sim.corpus.txt). Not: the simulator (packages/testing/src/sim).
 * Called by `npm run sim` and by tools/test.mjs.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawnSync } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const corpusFile = join(root, "tools/sim.corpus.txt");

const say = (line) => process.stdout.write(`${line}\n`);

/** The simulator as one module; its sources are read anew each time. */
async function load() {
  const directory = mkdtempSync(join(tmpdir(), "mrr-sim-"));
  try {
    const outfile = join(directory, "sim.mjs");
    await build({
      entryPoints: [join(root, "packages/testing/src/sim/main.ts")],
      bundle: true,
      platform: "node",
      format: "esm",
      conditions: ["mr-redis-source"],
      outfile,
      sourcemap: "inline",
      logLevel: "error",
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A seed for each line; the rest of the line says what it found. */
const corpus = readFileSync(corpusFile, "utf8")
  .split("\n")
  .map((line) => /^\d+/.exec(line)?.[0])
  .filter((seed) => seed !== undefined)
  .map(Number);

function keep(seed, text) {
  if (corpus.includes(seed)) return;
  appendFileSync(corpusFile, `${seed} ${text}\n`);
  say(`seed ${seed} is now in tools/sim.corpus.txt`);
}

/**
 * Where fresh seeds begin. For CI each state of the sources has seeds of its own, and always the same: what fails there
 * fails again, and a repeated run does not pass by luck.
 */
function drawSeed() {
  if (args.includes("--ci")) {
    const git = spawnSync("git", ["rev-parse", "HEAD:packages"], { cwd: root, encoding: "utf8" });
    if (git.status === 0) return Number.parseInt(git.stdout.slice(0, 12), 16) % 1_000_000_000;
  }
  return Date.now() % 1_000_000_000;
}

const args = process.argv.slice(2);
const report = args.find((word) => word.startsWith("--outputFile.json="));
const { main } = await load();
process.exitCode = main(
  args.filter((word) => !word.startsWith("--reporter") && word !== report),
  { say, corpus, keep, drawSeed },
);
if (report !== undefined) {
  const failed = process.exitCode === 0 ? 0 : 1;
  const counts = {
    numPassedTests: 1 - failed,
    numFailedTests: failed,
    numPendingTests: 0,
    numTodoTests: 0,
  };
  writeFileSync(
    report.slice(report.indexOf("=") + 1),
    JSON.stringify({ ...counts, testResults: [] }),
  );
}
