/**
 * Owns the start of the fuzzer: bundles it with every package's test/fuzz-targets.ts from the sources, runs it in a
 * worker with little memory, ends it when an input never ends, and keeps the inputs that failed (tools/fuzz.corpus).
 * Not: the fuzzer (packages/testing/src/fuzz). Called by `npm run fuzz` and by tools/test.mjs.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

const usage = `npm run fuzz                     60 s of fresh inputs for every parser, after those that failed once
npm run fuzz -- --seed N         the same inputs again
npm run fuzz -- --seconds S      so long
npm run fuzz -- --runs R         at most R inputs for each parser
npm run fuzz -- --only NAME      parsers whose name begins so
npm run fuzz -- --ci             what CI runs: a seed for each state of the sources`;

const root = fileURLToPath(new URL("..", import.meta.url));
const corpusDirectory = join(root, "tools/fuzz.corpus");

/** An input that takes so long never ends: 500 ms are too long already. */
const hangMsMax = 20_000;

/** An input that waits instead of computing; far above what a busy machine needs. */
const standstillMsMax = 120_000;

/** Memory of the worker: an input of 48 KiB may become a thousand times as large and no more. */
const heapMibMax = 512;

/** As the main thread of Node has: what is nested deeply must not end a program. */
const stackMib = 1;

/** Bytes of the longest input that the watcher is told. */
const sharedBytes = 64 * 1024;

const say = (line) => process.stdout.write(`${line}\n`);

/** Inputs that failed once: one file for each, in a folder of the target. */
const folderOf = (target) => join(corpusDirectory, target.replace("/", "-"));

function corpusOf(target) {
  const folder = folderOf(target);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => readFileSync(join(folder, name)));
}

function keep({ target, input, what }) {
  mkdirSync(folderOf(target), { recursive: true });
  const name = createHash("sha256").update(input).digest("hex").slice(0, 12);
  writeFileSync(join(folderOf(target), `${name}.bin`), input);
  say(`  kept as tools/fuzz.corpus/${target.replace("/", "-")}/${name}.bin (${what})`);
}

/** The fuzzer and all targets as one module. */
async function bundle(outfile) {
  const { build } = await import("esbuild");
  const files = readdirSync(join(root, "packages"))
    .map((name) => join(root, "packages", name, "test/fuzz-targets.ts"))
    .filter((file) => existsSync(file));
  const imports = files.map(
    (file, index) => `import { fuzzTargets as t${index} } from ${JSON.stringify(file)};`,
  );
  const all = files.map((_, index) => `t${index}`).join(", ");
  const fuzzer = JSON.stringify(join(root, "packages/testing/src/fuzz/main.ts"));
  await build({
    stdin: {
      contents: [
        ...imports,
        `export { main } from ${fuzzer};`,
        `export const all = [${all}];`,
      ].join("\n"),
      resolveDir: root,
    },
    bundle: true,
    platform: "node",
    format: "esm",
    conditions: ["mr-redis-source"],
    external: ["zookeeper", "classic-level", "esbuild"],
    banner: {
      js: 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);',
    },
    outfile,
    sourcemap: "inline",
    logLevel: "error",
  });
}

function wishOf(args) {
  const wish = { seed: null, seconds: 60, runs: null, only: "", report: null };
  for (let index = 0; index < args.length; index += 1) {
    const word = args[index];
    const number = /^--(seed|seconds|runs)$/.exec(word)?.[1];
    if (number !== undefined) {
      index += 1;
      if (!/^\d{1,9}$/.test(args[index] ?? "")) return `${word} needs a number`;
      wish[number] = Number(args[index]);
    } else if (word === "--only") {
      index += 1;
      wish.only = args[index] ?? "";
    } else if (word.startsWith("--outputFile.json="))
      wish.report = word.slice(word.indexOf("=") + 1);
    else if (word === "--ci") wish.seed ??= seedOfSources();
    else if (!word.startsWith("--reporter")) return `unknown: ${word}`;
  }
  return { ...wish, seed: wish.seed ?? Date.now() % 1_000_000_000 };
}

/** What fails for a state of the sources fails again for it. */
function seedOfSources() {
  const git = spawnSync("git", ["rev-parse", "HEAD:packages"], { cwd: root, encoding: "utf8" });
  return git.status === 0 ? Number.parseInt(git.stdout.slice(0, 12), 16) % 1_000_000_000 : null;
}

/** Time that this process computed: a machine that does something else makes no input slow. */
function spentMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Runs the worker to its end; the result, or what ended it. */
function watch(file, wish) {
  const shared = new SharedArrayBuffer(sharedBytes + 16);
  const head = new Int32Array(shared, 0, 4);
  const input = new Uint8Array(shared, 16);
  let names = [];
  const present = () => ({
    target: names[head[2]] ?? "unknown",
    input: Buffer.from(input.subarray(0, head[1])),
  });
  return new Promise((resolve) => {
    const worker = new Worker(fileURLToPath(import.meta.url), {
      workerData: { file, wish, shared },
      resourceLimits: { maxOldGenerationSizeMb: heapMibMax, stackSizeMb: stackMib },
    });
    let seen = -1;
    let since = { spentMs: spentMs(), wallMs: performance.now() };
    const timer = setInterval(() => {
      const now = { spentMs: spentMs(), wallMs: performance.now() };
      if (head[0] !== seen || names.length === 0) {
        seen = head[0];
        since = now;
      } else if (now.spentMs - since.spentMs > hangMsMax && head[3] === 0) {
        say(
          `no parser ran for ${hangMsMax} ms: the fuzzer was busy with an input of ${present().target}`,
        );
        end(null, { targets: names.length, failed: [], isStalled: true });
      } else if (now.spentMs - since.spentMs > hangMsMax) {
        end({ ...present(), what: `takes more than ${hangMsMax} ms` });
      } else if (now.wallMs - since.wallMs > standstillMsMax) {
        end({ ...present(), what: `stands still for ${standstillMsMax} ms` });
      }
    }, 250);
    const end = (finding, result = { targets: names.length, failed: [finding?.target] }) => {
      clearInterval(timer);
      if (finding !== null) {
        say(`${finding.target}: ${finding.what}`);
        keep(finding);
      }
      void worker.terminate().then(() => resolve(result));
    };
    worker.on("message", (message) => {
      if (message.names !== undefined) names = message.names;
      if (message.line !== undefined) say(message.line);
      if (message.finding !== undefined) keep(message.finding);
      if (message.result !== undefined) end(null, message.result);
    });
    worker.on("error", (error) =>
      end({ ...present(), what: `ends the program: ${error.message}` }),
    );
  });
}

/** Most times that another seed takes the place of one with which the fuzzer itself got stuck. */
const stallsMax = 3;

/** Runs workers for as long as is wished; a run in which the fuzzer itself got stuck goes on with the next seed. */
async function watchAll(file, wish) {
  const endMs = performance.now() + wish.seconds * 1_000;
  for (let stalls = 0; ; stalls += 1) {
    const leftSeconds = Math.max(1, Math.ceil((endMs - performance.now()) / 1_000));
    const result = await watch(file, { ...wish, seed: wish.seed + stalls, seconds: leftSeconds });
    if (!result.isStalled) return result;
    if (stalls === stallsMax) return { ...result, failed: ["the fuzzer itself"] };
    say(`it goes on with seed ${wish.seed + stalls + 1}`);
  }
}

/** Inside of the worker. */
async function work({ file, wish, shared }) {
  const { main, all } = await import(pathToFileURL(file).href);
  const head = new Int32Array(shared, 0, 4);
  // So that a parser is told from the fuzzer's own work where nothing goes on any more.
  const marked = (target) => ({
    ...target,
    run: (input) => {
      head[3] = 1;
      try {
        return target.run(input);
      } finally {
        head[3] = 0;
      }
    },
  });
  const targets = all.flatMap((each) => each(root)).map(marked);
  const numbers = new Map(targets.map(({ name }, index) => [name, index]));
  if (numbers.size < targets.length) throw new Error("two targets of one name");
  parentPort.postMessage({ names: [...numbers.keys()] });
  const bytes = new Uint8Array(shared, 16);
  const result = main(targets, wish, {
    say: (line) => parentPort.postMessage({ line }),
    announce: (target, input) => {
      const told = input.subarray(0, sharedBytes);
      bytes.set(told);
      head[1] = told.length;
      head[2] = numbers.get(target);
      Atomics.add(head, 0, 1);
    },
    corpus: corpusOf,
    keep: (finding) => parentPort.postMessage({ finding }),
  });
  parentPort.postMessage({ result });
}

async function start() {
  const wish = wishOf(process.argv.slice(2));
  if (typeof wish === "string") {
    say(`${wish}\n${usage}`);
    return 2;
  }
  const directory = mkdtempSync(join(tmpdir(), "mrr-fuzz-"));
  try {
    const file = join(directory, "fuzz.mjs");
    await bundle(file);
    const { targets, failed } = await watchAll(file, wish);
    const isFailed = failed.length > 0 || targets === 0;
    if (wish.report !== null) {
      const numFailedTests = targets === 0 ? 1 : failed.length;
      const counts = { numPassedTests: Math.max(0, targets - failed.length), numFailedTests };
      const none = { numPendingTests: 0, numTodoTests: 0, testResults: [] };
      writeFileSync(wish.report, JSON.stringify({ ...counts, ...none }));
    }
    if (isFailed) say(`again: npm run fuzz -- --seed ${wish.seed}`);
    return isFailed ? 1 : 0;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (isMainThread) process.exitCode = await start();
else await work(workerData);
