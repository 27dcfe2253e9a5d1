/**
 * Owns `npm start` on a clone with nothing installed: checks Node, installs, builds, finds a redis-server, runs `mrr up`.
 * Each step is skipped when nothing has changed for it, so that a second start takes no time.
 * Not: what `mrr up` does. Plain JavaScript without dependencies: it runs before anything is installed.
 * Called by the root script `start`; words after `--` go to `mrr up`.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureRedis } from "./redis.mjs";

const { env } = process;
const root = fileURLToPath(new URL("..", import.meta.url));
const inRoot = (path) => join(root, path);

/** Oldest Node that everything is tested on; `engines` of package.json says the same. */
const oldestNode = { major: 20, minor: 19 };

/** Exit codes of core's error table, which cannot be imported before it is built. */
const exitCodes = { config: 2, redis: 9, defect: 70 };

/** What was installed and built, so that a second start need not look twice. */
const stampFile = inRoot("node_modules/.mr-redis-start.json");

/** How often it is looked whether npm still lives: the bar for the end of everything is some seconds. */
const parentLookMs = 500;

const say = (line) => process.stdout.write(`${line}\n`);
const complain = (line) => process.stderr.write(`${line}\n`);

/** The program that runs now gets our signals; null between two steps. */
let current = null;
let endedBy = null;

function end(signal) {
  endedBy = endedBy ?? signal;
  if (current !== null) current.kill(signal);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => end(signal));

const signalNumbers = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };
const exitCodeOf = (code, signal) => code ?? 128 + (signalNumbers[signal] ?? 0);

/** Runs a program in the foreground; resolves with its exit code. */
function runProgram(command, args, stdin) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: [stdin, "inherit", "inherit"] });
    current = child;
    child.once("error", (error) => {
      current = null;
      complain(`${command}: ${error.message}`);
      resolve(exitCodes.defect);
    });
    child.once("exit", (code, signal) => {
      current = null;
      resolve(exitCodeOf(code, signal));
    });
  });
}

/** npm, the very one that runs this script where there is one. */
function runNpm(args) {
  const script = env.npm_execpath ?? "";
  const isScript = /\.c?js$/.test(script) && existsSync(script);
  return isScript
    ? runProgram(process.execPath, [script, ...args], "ignore")
    : runProgram("npm", args, "ignore");
}

function isNodeNewEnough() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  return major > oldestNode.major || (major === oldestNode.major && minor >= oldestNode.minor);
}

function readStamp() {
  try {
    return JSON.parse(readFileSync(stampFile, "utf8"));
  } catch {
    return {};
  }
}

/** Best effort: without a stamp the next start only takes longer. */
function writeStamp(stamp) {
  try {
    writeFileSync(stampFile, JSON.stringify(stamp));
  } catch {
    // a read-only tree
  }
}

const hashOf = (text) => createHash("sha256").update(text).digest("hex");

function changedAtMs(path) {
  try {
    return statSync(inRoot(path)).mtimeMs;
  } catch {
    return 0;
  }
}

/**
 * Installs when nothing is, or when the lock file says something else than what was installed. The lock file stays as
 * it is: npm would drop from it what its registry does not serve, and a start should leave no change in a clone.
 */
async function install() {
  const lockFile = inRoot("package-lock.json");
  const text = readFileSync(lockFile, "utf8");
  const lock = hashOf(text);
  // npm writes the first of these files at its end; without the second `npx mrr` would ask the registry.
  const noted = "node_modules/.package-lock.json";
  const isThere = existsSync(inRoot(noted)) && existsSync(inRoot("node_modules/.bin/mrr"));
  const isCurrent = changedAtMs(noted) >= changedAtMs("package-lock.json");
  if (isThere && (isCurrent || readStamp().lock === lock)) return 0;
  say("npm start: installing what package-lock.json names ...");
  const quiet = ["--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"];
  // The only script that does something compiles ZooKeeper's client, for which one machine needs no compiler: who asks for
  // that store is told what to do (`npm rebuild zookeeper`).
  const code = await runNpm(["install", "--include=dev", "--ignore-scripts", ...quiet]);
  if (readFileSync(lockFile, "utf8") !== text) writeFileSync(lockFile, text);
  if (code === 0) writeStamp({ ...readStamp(), lock });
  return code;
}

/** Path, size and time of every file below `directory` that `isWanted`. */
function listFiles(directory, isWanted, into) {
  let entries;
  try {
    entries = readdirSync(inRoot(directory), { withFileTypes: true });
  } catch {
    return;
  }
  for (const entry of entries) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory()) listFiles(path, isWanted, into);
    else if (isWanted(path)) listFile(path, into);
  }
}

function listFile(path, into) {
  try {
    const { size, mtimeMs } = statSync(inRoot(path));
    into.push(`${path} ${size} ${mtimeMs}`);
  } catch {
    into.push(`${path} -`);
  }
}

const isSource = (path) => path.endsWith(".ts") && !path.endsWith(".test.ts");

/** What the build reads and what it wrote, each as one short text that differs when anything does. */
function fingerprints() {
  const sources = [];
  const outputs = [];
  for (const path of ["package.json", "package-lock.json", "tsconfig.json", "tsconfig.base.json"]) {
    listFile(path, sources);
  }
  listFile("turbo.json", sources);
  for (const { name } of readdirSync(inRoot("packages"), { withFileTypes: true })) {
    const home = `packages/${name}`;
    for (const file of ["package.json", "tsconfig.json", "turbo.json", "bundle.mjs"]) {
      listFile(`${home}/${file}`, sources);
    }
    listFiles(`${home}/src`, isSource, sources);
    listFiles(`${home}/dist`, (path) => path.endsWith(".js"), outputs);
    listFiles(`${home}/bundle`, () => true, outputs);
  }
  const sum = (lines) => hashOf(lines.sort().join("\n"));
  return { sources: sum(sources), outputs: sum(outputs) };
}

/** Builds when a source is not the one of the last build, or an output not the one that it wrote. */
async function build() {
  const stamp = readStamp();
  const before = fingerprints();
  if (stamp.sources === before.sources && stamp.outputs === before.outputs) return 0;
  say("npm start: building ...");
  const code = await runNpm(["run", "--silent", "build"]);
  // The sources as they were before: a change during the build is built next time.
  if (code === 0) writeStamp({ ...readStamp(), ...before, outputs: fingerprints().outputs });
  return code;
}

/** A redis-server, unless a configuration file may name one: then `mrr up` judges it. */
function findRedis(words) {
  const found = ensureRedis((line) => say(`npm start: ${line}`));
  if (found.ok || words.some((word) => /^--?config(=|$)/.test(word))) return 0;
  complain(`npm start: ${found.text}`);
  return exitCodes.redis;
}

/** The parent of a process on Linux, by /proc; null elsewhere and when it is gone. */
function parentOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
    return { name, parent: Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) };
  } catch {
    return null;
  }
}

/**
 * Ends as by SIGTERM when the npm that runs this script has ended: it passes a SIGTERM to its shell only, and a kill -9
 * of it reaches nobody else. Between npm and this script there may be a shell, which outlives the latter. Started
 * otherwise, the end of a parent means nothing.
 */
function watchNpm() {
  if (env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const shell = parentOf(parent);
  const isShell = shell !== null && /^(sh|dash|bash|ash|zsh|ksh)$/.test(shell.name);
  const isThere = () =>
    process.ppid === parent && (!isShell || parentOf(parent)?.parent === shell.parent);
  const timer = setInterval(() => {
    if (isThere()) return;
    clearInterval(timer);
    end("SIGTERM");
  }, parentLookMs);
  timer.unref();
}

/** Runs `mrr up` until it ends. Its standard input is a pipe: it ends with this process, whatever ends that. */
function runUp(words) {
  const script = inRoot("packages/mrr-cli/bin/mrr.js");
  const args = [script, "up", "--exit-with-parent", ...words];
  const ended = runProgram(process.execPath, args, "pipe");
  current.stdin.on("error", () => {});
  return ended;
}

async function main(words) {
  if (!isNodeNewEnough()) {
    const wanted = `${oldestNode.major}.${oldestNode.minor}`;
    complain(`npm start: Node ${wanted} or later is needed, this is ${process.versions.node}`);
    return exitCodes.config;
  }
  watchNpm();
  for (const step of [install, build, () => findRedis(words)]) {
    const code = await step();
    if (endedBy !== null) return exitCodeOf(null, endedBy);
    if (code !== 0) return code;
  }
  return runUp(words);
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    complain(`npm start: ${error instanceof Error ? error.stack : error}`);
    process.exitCode = exitCodes.defect;
  },
);
