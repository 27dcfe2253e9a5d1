/**
 * Owns `npm run release`: archives of the programs with their checksums and the lists of what is in them, in dist-release/.
 * The same commit, node and lock file give the same bytes; nothing in them names the machine.
 * Not: bundling (packages/x/bundle.mjs), images (deploy/). Needs an installed tree (`npm ci`), no build.
 * Words: `--out DIR`, `--level 1` to `9` (of gzip; 1 for tests), and names of what to make (all without): all, scheduler, executor, proxy, mrr.
 * SPDX-License-Identifier: Apache-2.0
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, hostname, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { bundledPlaces, sbomOf, shippedFiles, shippedPlaces } from "./release/modules.mjs";
import { mrrScript, singleOf } from "./release/single.mjs";
import { tarGz } from "./release/tar.mjs";
import { commandFile, launcher, readme, windowsLauncher } from "./release/texts.mjs";

const { env } = process;
const root = fileURLToPath(new URL("..", import.meta.url));
const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const scratch = mkdtempSync(join(tmpdir(), "mrr-release-"));

/** Time of every file: SOURCE_DATE_EPOCH, else that of the commit, else 1980. */
function releaseSeconds() {
  const asked = env.SOURCE_DATE_EPOCH;
  if (asked !== undefined && /^\d{1,10}$/.test(asked)) return Number(asked);
  try {
    const options = { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] };
    return Number(execFileSync("git", ["log", "-1", "--format=%ct"], options));
  } catch {
    return 315_532_800;
  }
}

const seconds = releaseSeconds();
const text = (path, content) => ({ path, content: Buffer.from(content), isProgram: false });
const program = (path, content) => ({ ...text(path, content), isProgram: true });
const licence = text("LICENSE", readFileSync(join(root, "LICENSE")));

/** What the bundle of a package is: its files below lib/<package>/bundle, and the npm packages in it. */
const bundles = new Map();
function bundleOf(name) {
  const known = bundles.get(name);
  if (known !== undefined) return known;
  const home = join(root, "packages", name);
  const out = join(scratch, name);
  const meta = join(scratch, `${name}.json`);
  const target = name === "executor" ? join(out, "mr-redis-executor.cjs") : out;
  execFileSync(process.execPath, ["bundle.mjs", target, meta], { cwd: home, stdio: "inherit" });
  const files = readdirSync(out, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath ?? entry.path, entry.name);
      return text(`lib/${name}/bundle${path.slice(out.length)}`, readFileSync(path));
    });
  const manifest = JSON.stringify({ name: `mr-redis-${name}`, version, type: "module" });
  const bundle = {
    files: [...files, text(`lib/${name}/package.json`, `${manifest}\n`)],
    places: bundledPlaces(JSON.parse(readFileSync(meta, "utf8")), `packages/${name}`),
  };
  bundles.set(name, bundle);
  return bundle;
}

const shipped = () => {
  const places = shippedPlaces(lock);
  return { places, files: shippedFiles(root, places) };
};

/** Several bundles as one list of files, and the npm packages in them. */
function together(parts) {
  return {
    files: parts.flatMap(({ files }) => files),
    places: [...new Set(parts.flatMap(({ places }) => places))],
  };
}

const scheduler = () => together([bundleOf("scheduler"), bundleOf("executor"), shipped()]);

/** Everything for one machine: `mrr up`, and each program by its name. */
function allOfIt() {
  const { files, places } = together([
    scheduler(),
    bundleOf("local"),
    bundleOf("proxy"),
    bundleOf("mrr-cli"),
  ]);
  const programs = [
    program("bin/mrr", launcher("mrr-cli/bundle/mrr.js", ["local", "scheduler", "proxy"])),
    program("bin/mrr-scheduler", launcher("scheduler/bundle/mrr-scheduler.js")),
    program("bin/mrr-local", launcher("local/bundle/mrr-local.js")),
    program("bin/mrr-proxy", launcher("proxy/bundle/mrr-proxy.js")),
  ];
  return { name: "mr-redis", suffix: "linux", files: [...files, ...programs], places };
}

function schedulerAlone() {
  const { files, places } = scheduler();
  const start = program("bin/mrr-scheduler", launcher("scheduler/bundle/mrr-scheduler.js"));
  return { name: "mr-redis-scheduler", suffix: "linux", files: [...files, start], places };
}

function proxyAlone() {
  const { files, places } = bundleOf("proxy");
  const start = program("bin/mrr-proxy", launcher("proxy/bundle/mrr-proxy.js"));
  return { name: "mr-redis-proxy", suffix: "linux", files: [...files, start], places };
}

const executorScript = () => {
  const { files, places } = bundleOf("executor");
  const script = files.find(({ path }) => path.endsWith(".cjs"));
  return { script: { ...script, path: "mr-redis-executor.cjs" }, places };
};

/** As ExecutorPath takes it: unpacked in the sandbox, started by `mr-redis-executor/mr-redis-executor`. */
function executorArchive() {
  const { script, places } = executorScript();
  const start = program("mr-redis-executor", commandFile("mr-redis-executor.cjs"));
  return { name: "mr-redis-executor", suffix: "linux", files: [script, start], places, flat: true };
}

/** The same with the node that makes the release: for agents that have none. */
function executorWithNode() {
  const archive = executorArchive();
  const node = program("node", readFileSync(process.execPath));
  const suffix = `linux-${process.arch}-node`;
  return { ...archive, suffix, files: [...archive.files, node], nodeVersion };
}

const nodeVersion = process.versions.node;

function singleExecutor() {
  const { script, places } = executorScript();
  const file = program("MrRedisExecutor", singleOf("mr-redis-executor", script.content, scratch));
  const suffix = `linux-${process.arch}`;
  return { name: "MrRedisExecutor", suffix, files: [file], places, nodeVersion };
}

async function singleMrr() {
  const { script, metafile } = await mrrScript(root, version);
  const places = bundledPlaces(metafile, "packages/mrr-cli");
  const suffix = `linux-${process.arch}`;
  return {
    name: "mrr",
    suffix,
    files: [program("mrr", singleOf("mrr", script, scratch))],
    places,
    nodeVersion,
  };
}

/** For systems on which a release is not tried: the script, what starts it, and a word about node. */
async function mrrFor(system) {
  const { script, metafile } = await mrrScript(root, version);
  const start =
    system === "windows"
      ? text("mrr.cmd", windowsLauncher("mrr.cjs"))
      : program("mrr", commandFile("mrr.cjs"));
  const places = bundledPlaces(metafile, "packages/mrr-cli");
  return { name: "mrr", suffix: system, files: [text("mrr.cjs", script), start], places };
}

const makers = {
  all: [allOfIt],
  scheduler: [schedulerAlone],
  executor: [executorArchive, executorWithNode, singleExecutor],
  proxy: [proxyAlone],
  mrr: [singleMrr, () => mrrFor("windows"), () => mrrFor("macos")],
};

/** A path or name of this machine in a file would tell who made it, and make it differ from machine to machine. */
function refuseTraces(archive, files) {
  const traces = [root.replace(/\/$/, ""), scratch, homedir(), hostname()].filter(
    (trace) => trace.length > 5 && trace !== "localhost",
  );
  for (const { path, content } of files) {
    const trace = traces.find((each) => content.includes(each));
    if (trace !== undefined) throw new Error(`${archive}: ${path} contains ${trace}`);
  }
}

function pack(
  { out, level },
  { name, suffix, files, places, nodeVersion: node = null, flat = false },
) {
  const archive = `${name}-${version}-${suffix}`;
  const top = flat ? name : archive;
  const named = { name: archive, version };
  const sbom = `${JSON.stringify(sbomOf({ ...named, root, lock, places, nodeVersion: node, seconds }), null, 2)}\n`;
  const about = text("README.md", readme({ name, suffix, version }));
  const all = [...files, licence, about, text("sbom.cdx.json", sbom)];
  refuseTraces(archive, all);
  const entries = all.map((entry) => ({ ...entry, path: `${top}/${entry.path}` }));
  writeFileSync(join(out, `${archive}.tar.gz`), tarGz(entries, seconds, level));
  writeFileSync(join(out, `${archive}.cdx.json`), sbom);
  return [`${archive}.tar.gz`, `${archive}.cdx.json`];
}

/** An empty directory, where nothing or an older release was. */
function clear(out) {
  mkdirSync(out, { recursive: true });
  const present = readdirSync(out);
  if (present.length > 0 && !present.includes("SHA256SUMS")) {
    throw new Error(`${out} has files that are no release: name another directory`);
  }
  for (const file of present) rmSync(join(out, file));
}

async function main(words) {
  const { values, positionals } = parseArgs({
    args: words,
    allowPositionals: true,
    options: {
      out: { type: "string", default: join(root, "dist-release") },
      level: { type: "string", default: "6" },
    },
  });
  const unknown = positionals.filter((name) => makers[name] === undefined);
  if (unknown.length > 0) throw new Error(`unknown: ${unknown}; there are ${Object.keys(makers)}`);
  const out = resolve(values.out);
  clear(out);
  const wanted = positionals.length === 0 ? Object.keys(makers) : positionals;
  const files = [];
  for (const make of wanted.flatMap((name) => makers[name]))
    files.push(...pack({ out, level: Number(values.level) }, await make()));
  const sums = files.sort().map((file) => {
    const sum = createHash("sha256")
      .update(readFileSync(join(out, file)))
      .digest("hex");
    return `${sum}  ${file}\n`;
  });
  writeFileSync(join(out, "SHA256SUMS"), sums.join(""));
  process.stdout.write(sums.join(""));
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`release: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
