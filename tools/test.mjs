/**
 * Owns running every ring of tests on a clone with nothing installed: install, build, lint, types, rings, summary.
 * Not: the tests, nor which files belong to a ring (scripts of the root package.json).
 * Plain JavaScript without dependencies: it runs before anything is installed. Called by `npm test` and .ci/run.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureRedis } from "./redis.mjs";
import { ensureServers, headersOfNode, isClientBuilt } from "./servers.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

/** A step that only passes or fails; the scripts are those of the root package.json. */
const checks = [
  { name: "build", script: "build", secondsMax: 180 },
  { name: "lint", script: "lint", secondsMax: 60 },
  { name: "types", script: "typecheck", secondsMax: 120 },
  // Says loudly that nobody was asked where the registry does not answer, and passes then.
  { name: "audit", script: "audit", secondsMax: 120 },
];

/** Files of the end-to-end tests that make clusters of their own, by the begin of their names. */
const clusterTests = [
  "constraints",
  "discovery",
  "failover",
  "fault-",
  "framework-",
  "leases",
  "master-list",
  "network-",
  "tls-",
  "upgrade",
];

/**
 * A ring of tests, run by vitest, which counts them (simulator and fuzzer count for themselves). One after the other: they
 * measure times. Only what computes on one core and measures nothing has another one of its kind `beside` it.
 */
const rings = [
  { name: "unit", script: "unit", secondsMax: 240 },
  { name: "conformance", script: "conformance", secondsMax: 480 },
  // 60 s of fresh seeds, the seeds that failed once, and every broken rule.
  { name: "sim", script: "sim", arguments: ["--ci"], secondsMax: 300, beside: "fuzz" },
  // 60 s of damaged inputs for every parser that reads from outside, after those that failed once.
  { name: "fuzz", script: "fuzz", arguments: ["--ci"], secondsMax: 300 },
  {
    name: "e2e",
    script: "e2e",
    arguments: clusterTests.map((name) => `--exclude=**/${name}*`),
    secondsMax: 800,
  },
  {
    name: "cluster",
    script: "e2e",
    arguments: clusterTests.map((name) => `src/${name}`),
    secondsMax: 900,
  },
  // The main job again, on the stores that have a server.
  { name: "etcd", script: "e2e:etcd", secondsMax: 400 },
  { name: "zookeeper", script: "e2e:zookeeper", secondsMax: 400 },
  // The main job, kills and failovers again, with TLS and tokens, and all that instances can ask for of them.
  { name: "secure", script: "e2e:secure", secondsMax: 240 },
  // Left out by itself, loudly, where no Docker engine starts.
  { name: "images", script: "test:images", secondsMax: 300 },
  { name: "clone", script: "e2e:clone", secondsMax: 420 },
];

/** Time for npm to install: a slow registry, not a dead one. */
const installSecondsMax = 300;

/** @typedef {{ name: string, passed: number, failed: number, skipped: number, seconds: number, failures?: string[] }} Outcome */

const say = (line) => process.stdout.write(`${line}\n`);

const environment = {
  ...process.env,
  TURBO_TELEMETRY_DISABLED: "1",
  // Colours and redrawn lines make a mess of CI logs.
  ...(process.stdout.isTTY ? {} : { NO_COLOR: "1", CI: process.env.CI ?? "1" }),
};

/** The process groups that run now; ended when this program is. */
const running = new Set();

function endGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch {
    // it has just ended
  }
}

function endAll() {
  for (const pid of running) endGroup(pid, "SIGKILL");
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    endAll();
    say(`stopped by ${signal}`);
    process.exit(1);
  });
}
process.on("exit", endAll);

/** Runs a command in a process group of its own; false when it fails or takes too long. */
function runStep(command, args, secondsMax, variables = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...environment, ...variables },
      stdio: ["ignore", "inherit", "inherit"],
      detached: true,
    });
    const { pid } = child;
    if (pid !== undefined) running.add(pid);
    const timer = setTimeout(() => {
      say(`${command} ${args.join(" ")} took longer than ${secondsMax} s and was stopped`);
      if (pid !== undefined) endGroup(pid, "SIGKILL");
    }, secondsMax * 1_000);
    const end = (isDone) => {
      clearTimeout(timer);
      if (pid !== undefined) running.delete(pid);
      resolve(isDone);
    };
    child.once("error", (error) => {
      say(`${command}: ${error.message}`);
      end(false);
    });
    child.once("exit", (code) => end(code === 0));
  });
}

function changedAtMs(file) {
  try {
    return statSync(join(root, file)).mtimeMs;
  } catch {
    return 0;
  }
}

/** npm notes in this file what it has installed. */
const isInstalled = () =>
  changedAtMs("node_modules/.package-lock.json") >= changedAtMs("package-lock.json");

/** What vitest counted; a file that could not even be loaded counts as one failed test. */
function countTests(file, isDone) {
  let report;
  try {
    report = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const isFailed = ({ status }) => status === "failed";
  const unloaded = report.testResults.filter(
    (result) => isFailed(result) && !result.assertionResults.some(isFailed),
  );
  const failures = [
    ...unloaded.map(({ name, message }) => failureText(name, "could not be loaded", message)),
    ...report.testResults.flatMap(({ name, assertionResults }) =>
      assertionResults
        .filter(isFailed)
        .map(({ fullName, failureMessages }) => failureText(name, fullName, failureMessages[0])),
    ),
  ];
  const passed = report.numPassedTests;
  const failed = report.numFailedTests + unloaded.length;
  // An error outside of any test, or a run that was stopped: nothing was counted, and yet it failed.
  const isUncounted = failed === 0 && (!isDone || passed === 0);
  const skipped = report.numPendingTests + report.numTodoTests;
  return { passed, failed: isUncounted ? 1 : failed, skipped, failures };
}

/** Most of the begin, and of the end, of a message in the summary; the whole stands where the test ran. */
const failureLettersMax = 1_500;

/** A failed test for the summary: where, what, and its message. */
function failureText(file, name, message = "") {
  const isLong = message.length > 2 * failureLettersMax;
  const told = isLong
    ? `${message.slice(0, failureLettersMax)}\n[...]\n${message.slice(-failureLettersMax)}`
    : message;
  return `${relative(root, file)} > ${name}\n  ${told.replaceAll("\n", "\n  ")}`;
}

async function timed(name, run) {
  say(`\n=== ${name}`);
  const startMs = performance.now();
  const counts = await run();
  const seconds = (performance.now() - startMs) / 1_000;
  return { name, skipped: 0, ...counts, seconds };
}

const asCounts = (isDone) => ({ passed: isDone ? 1 : 0, failed: isDone ? 0 : 1 });

async function install() {
  const redis = ensureRedis(say);
  say(redis.ok ? `redis-server ${redis.version} (${redis.file})` : redis.text);
  if (!redis.ok) return asCounts(false);
  const servers = ensureServers(root, say);
  if (!servers.ok) {
    say(servers.text);
    return asCounts(false);
  }
  if (isInstalled() && isClientBuilt(root)) return asCounts(true);
  const args = ["ci", "--prefer-offline", "--no-audit", "--no-fund"];
  if (!(await runStep("npm", args, installSecondsMax, headersOfNode()))) return asCounts(false);
  // npm keeps the time of an older tree where nothing changed; this file is what isInstalled looks at.
  utimesSync(join(root, "node_modules/.package-lock.json"), new Date(), new Date());
  return asCounts(true);
}

async function runRing(ring, directory) {
  const file = join(directory, `${ring.name}.json`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
  const isDone = await runStep(
    "npm",
    ["run", "--silent", ring.script, "--", ...(ring.arguments ?? []), ...reporters],
    ring.secondsMax,
  );
  return countTests(file, isDone);
}

/** Runs what was asked for (all when nothing was), in order; a failed install or build ends it. */
async function runAll(wanted) {
  const outcomes = [await timed("install", install)];
  const isWanted = ({ name }) => wanted.length === 0 || wanted.includes(name);
  for (const check of checks) {
    if (outcomes.some(({ name, failed }) => failed > 0 && ["install", "build"].includes(name)))
      break;
    if (check.name !== "build" && !isWanted(check)) continue;
    const run = () => runStep("npm", ["run", "--silent", check.script], check.secondsMax);
    outcomes.push(await timed(check.name, async () => asCounts(await run())));
  }
  if (outcomes.some(({ name, failed }) => failed > 0 && ["install", "build"].includes(name))) {
    return outcomes;
  }
  const directory = mkdtempSync(join(tmpdir(), "mrr-test-"));
  try {
    const waiting = rings.filter(isWanted);
    for (let ring = waiting.shift(); ring !== undefined; ring = waiting.shift()) {
      const { beside } = ring;
      const index = waiting.findIndex((other) => other.name === beside);
      const together = [ring, ...(index < 0 ? [] : waiting.splice(index, 1))];
      const runs = together.map((each) => timed(each.name, () => runRing(each, directory)));
      outcomes.push(...(await Promise.all(runs)));
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return outcomes;
}

/** The failed tests, a line for each step and, last, the sum: `N passed, N failed`. */
function summarise(outcomes) {
  const failures = outcomes.flatMap((outcome) => outcome.failures ?? []);
  if (failures.length > 0) say(`\n=== failed tests\n${failures.join("\n")}`);
  say("\n=== summary");
  for (const { name, passed, failed, skipped, seconds } of outcomes) {
    const rest = skipped > 0 ? `, ${skipped} skipped` : "";
    say(
      `${name.padEnd(12)} ${seconds.toFixed(1).padStart(6)} s  ${passed} passed, ${failed} failed${rest}`,
    );
  }
  const sum = (key) => outcomes.reduce((total, outcome) => total + outcome[key], 0);
  say(`${sum("passed")} passed, ${sum("failed")} failed`);
  return sum("failed");
}

const known = [...checks, ...rings].map(({ name }) => name);
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  say(`unknown: ${unknown.join(", ")}; there are ${known.join(", ")}`);
  process.exitCode = 2;
} else {
  process.exitCode = summarise(await runAll(wanted)) === 0 ? 0 : 1;
}
