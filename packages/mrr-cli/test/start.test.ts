/**
 * Tests of tools/start.mjs in a small repository of its own, with stand-ins for npm, redis-server and `mrr up`.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { chmod, copyFile, mkdir, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  findProcesses,
  isAlive,
  launch,
  type Program,
  signalProcess,
  sweepProcesses,
  until,
} from "@mr-redis/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { useDirectory } from "./run-cli.js";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const directory = useDirectory();
const inRoot = (path: string): string => join(directory(), path);

/** As npm: writes what an install or a build leaves; CHANGE_LOCK and FAIL and HANG make it misbehave. */
const fakeNpm = `
const { appendFileSync, mkdirSync, writeFileSync } = require("node:fs");
const words = process.argv.slice(2);
appendFileSync("events", "npm " + words.filter((word) => !word.startsWith("--")).join(" ") + "\\n");
if (process.env.FAIL === words[0]) process.exit(7);
if (process.env.HANG === words[0]) setInterval(() => {}, 1_000);
if (words[0] === "install") {
  mkdirSync("node_modules/.bin", { recursive: true });
  writeFileSync("node_modules/.bin/mrr", "");
  writeFileSync("node_modules/.package-lock.json", "{}");
  if (process.env.CHANGE_LOCK) writeFileSync("package-lock.json", "changed");
} else {
  mkdirSync("packages/core/dist", { recursive: true });
  writeFileSync("packages/core/dist/index.js", "");
}
`;

/** As \`mrr up\`: tells how it was called, ends like it. */
const fakeMrr = `
import { appendFileSync } from "node:fs";
const happened = (what) => appendFileSync("events", what + "\\n");
process.on("SIGINT", () => { happened("SIGINT"); process.exit(5); });
process.on("SIGTERM", () => { happened("SIGTERM"); process.exit(6); });
process.stdin.on("end", () => { happened("stdin ended"); process.exit(0); }).resume();
// Last: who reads it may send a signal at once.
happened("mrr " + process.argv.slice(2).join(" ") + " " + process.pid);
`;

beforeEach(async () => {
  for (const path of ["tools", "bin", "packages/core/src", "packages/mrr-cli/bin"]) {
    await mkdir(inRoot(path), { recursive: true });
  }
  await copyFile(here("../../../tools/start.mjs"), inRoot("tools/start.mjs"));
  await copyFile(here("../../../tools/redis.mjs"), inRoot("tools/redis.mjs"));
  const manifest = { type: "module", scripts: { start: "node tools/start.mjs" } };
  await writeFile(inRoot("package.json"), JSON.stringify(manifest));
  await writeFile(inRoot("package-lock.json"), "lock 1");
  await writeFile(inRoot("packages/core/src/index.ts"), "export {};");
  await writeFile(inRoot("packages/mrr-cli/bin/mrr.js"), fakeMrr);
  await writeFile(inRoot("bin/npm.cjs"), fakeNpm);
  await fakeRedis("7.0.15");
});

afterEach(async () => {
  await sweepProcesses(directory());
});

async function fakeRedis(version: string): Promise<void> {
  await writeFile(
    inRoot("bin/redis-server"),
    `#!/bin/sh\necho "Redis server v=${version} sha=0"\n`,
  );
  await chmod(inRoot("bin/redis-server"), 0o755);
}

const environment = (changes: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  PATH: `${inRoot("bin")}:/usr/bin:/bin`,
  npm_execpath: inRoot("bin/npm.cjs"),
  ...changes,
});

const start = (changes: NodeJS.ProcessEnv = {}, words: readonly string[] = []): Promise<Program> =>
  launch({
    command: process.execPath,
    args: [inRoot("tools/start.mjs"), ...words],
    env: environment(changes),
    cwd: directory(),
  });

const events = (): string[] =>
  existsSync(inRoot("events"))
    ? readFileSync(inRoot("events"), "utf8")
        .split("\n")
        .filter((line) => line !== "")
    : [];

/** Waits until `mrr up` runs; gives its pid. */
async function upPid(): Promise<number> {
  const line = () => events().findLast((event) => event.startsWith("mrr "));
  await until(() => line() !== undefined, { what: "mrr up" });
  return Number(line()?.split(" ").at(-1));
}

/** Starts, waits for `mrr up`, ends, and gives what happened. */
async function startAndStop(changes: NodeJS.ProcessEnv = {}): Promise<string[]> {
  await rm(inRoot("events"), { force: true });
  const program = await start(changes);
  await upPid();
  program.signal("SIGTERM");
  await program.exited;
  return events().map((event) => event.replace(/ \d+$/, ""));
}

const installed = "npm install";
const built = "npm run build";
const ran = ["mrr up --exit-with-parent", "SIGTERM"];

describe("what a start does", () => {
  test("the first installs and builds, the second does not", async () => {
    expect(await startAndStop()).toEqual([installed, built, ...ran]);
    expect(await startAndStop()).toEqual(ran);
  });

  test("a changed source is built, a changed test is not", async () => {
    await startAndStop();
    await writeFile(inRoot("packages/core/src/index.test.ts"), "1");
    expect(await startAndStop()).toEqual(ran);
    await writeFile(inRoot("packages/core/src/index.ts"), "export const a = 1;");
    expect(await startAndStop()).toEqual([built, ...ran]);
    await writeFile(inRoot("packages/core/src/more.ts"), "");
    expect(await startAndStop()).toEqual([built, ...ran]);
    expect(await startAndStop()).toEqual(ran);
  });

  test("an output that was removed is built again", async () => {
    await startAndStop();
    await rm(inRoot("packages/core/dist"), { recursive: true });
    expect(await startAndStop()).toEqual([built, ...ran]);
  });

  test("a changed lock file is installed; one that was only touched is not", async () => {
    await startAndStop();
    const later = new Date(Date.now() + 60_000);
    await utimes(inRoot("package-lock.json"), later, later);
    // The build looks at times, which is a build too many at worst.
    expect(await startAndStop()).not.toContain(installed);
    await writeFile(inRoot("package-lock.json"), "lock 2");
    await utimes(inRoot("package-lock.json"), later, later);
    expect(await startAndStop()).toContain(installed);
  });

  test("without the link that npx needs it is installed again", async () => {
    await startAndStop();
    await rm(inRoot("node_modules/.bin/mrr"));
    expect(await startAndStop()).toEqual([installed, ...ran]);
  });

  test("npm's changes of the lock file are undone, and do not install again", async () => {
    await startAndStop({ CHANGE_LOCK: "1" });
    expect(readFileSync(inRoot("package-lock.json"), "utf8")).toBe("lock 1");
    expect(await startAndStop()).not.toContain(installed);
  });

  test("words go to mrr up", async () => {
    const program = await start({}, ["--agents", "4"]);
    await upPid();
    expect(events().at(-1)).toMatch(/^mrr up --exit-with-parent --agents 4 \d+$/);
    program.signal("SIGTERM");
    await program.exited;
  });
});

describe("what cannot go well", () => {
  test.each([
    ["install", [installed]],
    ["run", [installed, built]],
  ])("npm %s fails: its exit code, and nothing after it", async (step, happened) => {
    const program = await start({ FAIL: step });
    expect([await program.exited, events()]).toEqual([{ code: 7, signal: null }, happened]);
  });

  test("a redis-server that is too old", async () => {
    await fakeRedis("5.0.7");
    const program = await start();
    expect(await program.exited).toEqual({ code: 9, signal: null });
    await until(() => program.stderr.includes("5.0.7"), { what: "the reason" });
    expect(events()).toEqual([installed, built]);
  });

  test("with a configuration file the redis-server is judged by mrr up", async () => {
    await fakeRedis("5.0.7");
    const program = await start({}, ["--config=x.json"]);
    await upPid();
    program.signal("SIGTERM");
    await program.exited;
  });

  test("a Node that is too old", async () => {
    const patch = inRoot("bin/old-node.cjs");
    writeFileSync(patch, 'Object.defineProperty(process.versions, "node", { value: "20.18.9" });');
    const program = await start({ NODE_OPTIONS: `--require ${patch}` });
    expect(await program.exited).toEqual({ code: 2, signal: null });
    await until(() => program.stderr.includes("Node 20.19 or later is needed, this is 20.18.9"), {
      what: "the reason",
    });
    expect(events()).toEqual([]);
  });
});

describe("its end", () => {
  test("signals reach mrr up, and its exit code comes back", async () => {
    const program = await start();
    await upPid();
    program.signal("SIGINT");
    expect(await program.exited).toEqual({ code: 5, signal: null });
    expect(events().at(-1)).toBe("SIGINT");
  });

  test("kill -9 of it ends mrr up by the end of its input", async () => {
    const program = await start();
    const pid = await upPid();
    program.signal("SIGKILL");
    await program.exited;
    await until(() => !isAlive(pid), { deadlineMs: 15_000, what: "the end of mrr up" });
    expect(events().at(-1)).toBe("stdin ended");
  });

  test.each([
    ["directly", "exec node tools/start.mjs"],
    ["through a shell", "node tools/start.mjs; true"],
  ])("kill -9 of the npm that runs it %s ends everything", async (_how, script) => {
    // As npm run does it: a shell that either becomes the program or waits for it.
    const source = `require("node:child_process").spawn("/bin/sh", ["-c", ${JSON.stringify(script)}]);
      setInterval(() => {}, 1000);`;
    const npm = spawn(process.execPath, ["-e", source], {
      cwd: directory(),
      env: environment({ npm_lifecycle_event: "start" }),
      stdio: "ignore",
    });
    const pid = await upPid();
    signalProcess(npm.pid ?? 0, "SIGKILL");
    await until(() => !isAlive(pid), { deadlineMs: 15_000, what: "the end of mrr up" });
    expect(events().at(-1)).toBe("SIGTERM");
  });

  test.each(["SIGTERM", "SIGKILL"] as const)("%s of a real npm ends everything", async (signal) => {
    // So that nothing is left to be installed or built.
    await startAndStop();
    await rm(inRoot("events"));
    const npm = await launch({
      command: "npm",
      args: ["start"],
      env: { ...environment(), PATH: `${inRoot("bin")}:${process.env.PATH}` },
      cwd: directory(),
    });
    const pid = await upPid();
    npm.signal(signal);
    await until(() => !isAlive(pid), { deadlineMs: 15_000, what: "the end of mrr up" });
    expect(events().at(-1)).toBe("SIGTERM");
  });

  test("an npm that ends while it builds: nothing is started", async () => {
    // As npm does with its shell; the build that is under way ends too.
    const shell = spawn("/bin/sh", ["-c", "node tools/start.mjs; true"], {
      cwd: directory(),
      env: environment({ npm_lifecycle_event: "start", HANG: "run" }),
      stdio: "ignore",
    });
    await until(() => events().includes(built), { what: "the build" });
    signalProcess(shell.pid ?? 0, "SIGTERM");
    await until(() => findProcesses(directory()).length === 0, {
      deadlineMs: 15_000,
      what: "the end of all",
    });
    expect(events()).toEqual([installed, built]);
  });

  test("started otherwise, it outlives its parent", async () => {
    const source = `require("node:child_process").spawn("node", ["tools/start.mjs"], { stdio: "ignore" });
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ["-e", source], {
      cwd: directory(),
      env: environment(),
      stdio: "ignore",
    });
    const pid = await upPid();
    signalProcess(parent.pid ?? 0, "SIGKILL");
    // Two looks at the parent are enough to notice, if it did look.
    const endMs = performance.now() + 1_200;
    await until(() => performance.now() > endMs, { what: "two looks" });
    expect(isAlive(pid)).toBe(true);
  });
});
