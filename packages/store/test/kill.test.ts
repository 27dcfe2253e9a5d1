/**
 * Owns the tests of the embedded driver over processes: kill -9 under load, a full disk, torn files, a second process.
 * MRR_STORE_KILLS sets the number of kills (20), MRR_SEED repeats a run.
 * SPDX-License-Identifier: Apache-2.0
 */
import { execFileSync } from "node:child_process";
import { appendFile, cp, mkdtemp, readdir, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom, pause, until } from "@mr-redis/testing";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createStore, type Store } from "../src/index.js";
import { bundleChild, Child, removeBundle } from "./child.js";
import { loadKeys, valueFor } from "./load-values.js";
import { systemClock } from "./system-clock.js";

const kills = Number(process.env.MRR_STORE_KILLS ?? 20);
const seed = Number(process.env.MRR_SEED ?? Date.now() % 1_000_000);
const never = new AbortController().signal;

let program = "";
let directory = "";
const children: Child[] = [];

beforeAll(async () => {
  program = await bundleChild("load-child.ts");
});
afterAll(() => removeBundle(program));
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "mrr-kill-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) await child.kill();
  await rm(directory, { recursive: true });
});

function start(first: number): Child {
  const child = new Child(program, [directory, String(first)]);
  children.push(child);
  return child;
}

const openHere = (at = directory): Promise<Store> =>
  createStore({ driver: "embedded", directory: at, clock: systemClock });

/** The number of the last answered change of each key. */
function answeredBy(child: Child): Map<string, number> {
  const answered = new Map<string, number>();
  for (const line of child.lines) {
    const [word, key, n] = line.split(" ");
    if (word === "done" && key !== undefined) answered.set(key, Number(n));
  }
  return answered;
}

/** What is stored: of each key the last answered change, or the one that was under way. */
async function checkStored(child: Child, first: number, before: Map<string, string | null>) {
  const store = await openHere();
  const stored = new Map((await store.readAll()).map((each) => [each.key as string, each.value]));
  await store.close();
  const answered = answeredBy(child);
  for (const key of loadKeys) {
    const last = answered.get(key);
    const allowed =
      last === undefined
        ? [before.get(key) ?? null, valueFor(first)]
        : [valueFor(last), valueFor(last + 1)];
    const value = stored.get(key) ?? null;
    const text = `seed ${seed}: ${key} after ${last}: ${value?.slice(0, 40)}`;
    expect(allowed.includes(value), text).toBe(true);
    before.set(key, value);
  }
  expect([...stored.keys()].filter((key) => !before.has(key))).toEqual([]);
  return answered;
}

test(`kill -9 at any moment, ${kills} times: what was answered is there`, {
  timeout: 300_000,
}, async () => {
  const random = createRandom(seed);
  const before = new Map<string, string | null>();
  const terms: number[] = [];
  let answers = 0;
  for (let round = 1; round <= kills; round += 1) {
    const first = round * 1_000_000 + 1;
    const child = start(first);
    // Every third is killed while it starts, the others under load.
    if (round % 3 === 0) await pause(random.integer(0, 200));
    else {
      await until(() => child.says("done"), { what: "the first answer" });
      await pause(random.integer(0, 120));
    }
    await child.kill();
    const errors = child.lines.filter((line) => /^(error|unknown)/.test(line));
    expect(errors, `seed ${seed}, round ${round}`).toEqual([]);
    const term = child.lines.find((line) => line.startsWith("term "));
    if (term !== undefined) terms.push(Number(term.slice(5)));
    answers += (await checkStored(child, first, before)).size;
  }
  expect(terms).toEqual([...new Set(terms)].sort((left, right) => left - right));
  expect(answers).toBeGreaterThan(kills * 10);
});

const hasPrlimit = (() => {
  try {
    execFileSync("prlimit", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

test.skipIf(!hasPrlimit)(
  "no file can grow any more, then all can again: nothing answered is lost, the child goes on",
  { timeout: 60_000 },
  async () => {
    const before = new Map<string, string | null>();
    const child = start(1);
    const limit = (bytes: string) =>
      execFileSync("prlimit", ["--pid", String(child.process.pid), `--fsize=${bytes}:`]);
    const doneCount = () => child.lines.filter((line) => line.startsWith("done")).length;
    const unknownCount = () => child.lines.filter((line) => line.startsWith("unknown")).length;
    for (const bytes of ["0", "100000", "0", "300000"]) {
      const unknowns = unknownCount();
      await until(() => child.says("done"), { what: "the first answer" });
      limit(bytes);
      await until(() => unknownCount() > unknowns + 40, { what: `unknown outcomes at ${bytes}` });
      limit("unlimited");
      const answers = doneCount();
      await until(() => doneCount() > answers + 200, { what: "answers with room again" });
    }
    await child.kill();
    expect(child.lines.filter((line) => line.startsWith("error"))).toEqual([]);
    expect(child.lines.filter((line) => line.startsWith("term"))).toEqual(["term 1"]);
    await checkStored(child, 1, before);
  },
);

test("a second process is refused by name, and served after the first is killed", async () => {
  const child = start(1);
  await until(() => child.says("done"), { what: "the first answer" });
  await expect(openHere()).rejects.toMatchObject({
    code: "store-locked",
    message: expect.stringContaining("stop it first, or choose another data directory"),
  });
  if (process.platform === "linux") {
    await expect(openHere()).rejects.toMatchObject({ details: { pid: child.process.pid } });
  }
  const answers = child.lines.length;
  await until(() => child.lines.length > answers, { what: "the first goes on" });
  await child.kill();
  const store = await openHere();
  // This process holds it now. An attempt of its own to open it twice must not give the lock away (POSIX locks).
  await expect(openHere()).rejects.toMatchObject({ code: "store-locked" });
  const second = start(1);
  await second.ended;
  expect(second.lines).toEqual([
    `error store-locked ${directory} is in use by process ${process.pid}: ` +
      "stop it first, or choose another data directory",
  ]);
  await store.close();
});

/** Commits one document and resolves with the size of LevelDB's log afterwards. */
async function commitAndMeasure(store: Store, log: () => Promise<string>, key: "a" | "b") {
  const leadership = await store.campaign("x", never);
  const value = JSON.stringify(key.repeat(3000));
  const [outcome] = await store.commit(leadership, [
    { key: `instance/${key}`, basedOn: null, value },
  ]);
  expect(outcome?.type).toBe("done");
  await leadership.resign();
  return (await stat(await log())).size;
}

test("a torn end of the log: what was answered before it is there, the rest whole or not at all", async () => {
  const log = async (at = directory) => {
    const names = await readdir(join(at, "data"));
    return join(at, "data", names.find((name) => name.endsWith(".log")) ?? "");
  };
  const store = await openHere();
  const afterA = await commitAndMeasure(store, log, "a");
  const afterB = await commitAndMeasure(store, log, "b");
  expect(afterB).toBeGreaterThan(afterA + 3000);
  const garbage = Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 7919) % 251));
  // A first part of a record of 4096 bytes whose rest was never written.
  const halfRecord = Buffer.concat([Buffer.from([1, 2, 3, 4, 0, 16, 1]), garbage.subarray(0, 99)]);
  const damages: ((file: string) => Promise<void>)[] = [
    (file) => appendFile(file, halfRecord),
    (file) => appendFile(file, garbage),
    (file) => appendFile(file, Buffer.alloc(5000)),
  ];
  for (let end = afterA; end < afterB; end += 97) damages.push((file) => truncate(file, end));
  const names: (readonly string[])[] = [];
  for (const damage of damages) {
    const copy = await mkdtemp(join(tmpdir(), "mrr-kill-"));
    await cp(directory, copy, { recursive: true });
    await damage(await log(copy));
    const torn = await openHere(copy);
    const documents = await torn.readAll();
    for (const { key, value } of documents) {
      expect(value).toBe(JSON.stringify((key.at(-1) ?? "").repeat(3000)));
    }
    names.push(documents.map((each) => each.key));
    const leadership = await torn.campaign("x", never);
    expect(leadership.term).toBeGreaterThanOrEqual(2);
    await torn.close();
    await rm(copy, { recursive: true });
  }
  await store.close();
  const whole = ["instance/a", "instance/b"];
  expect(names.slice(0, 3)).toEqual([whole, whole, whole]);
  for (const each of names) expect(each).toContain("instance/a");
  expect(names.at(3)).toEqual(["instance/a"]);
});
