/**
 * Owns the proof that the tool reads every store, shows no secret, names what is wrong, and changes nothing.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  encodeFramework,
  encodeInstance,
  type InstanceDocument,
  MrrError,
  type ProcessRecord,
  parseConfig,
} from "@mr-redis/core";
import { createStore, type DocumentKey, MemoryBackend, type Store } from "@mr-redis/store";
import { afterEach, expect, test } from "vitest";
import { documentOf, recordOf, secretText } from "../../test/fake-control-port.js";
import { machineClock } from "../../test/machine-clock.js";
import { runStoreTool, type StoreAction } from "./run.js";

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const frameworkDocument = {
  version: 2,
  frameworkId: "framework-1",
  frameworkName: "MrRedis",
  user: "ubuntu",
  createdAtMs: 0,
  removedAtMs: null,
} as const;
const framework = encodeFramework(frameworkDocument);

const configOf = (raw: object) => {
  const parsed = parseConfig(raw, {});
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value.config;
};

/** A store that holds these texts. */
async function storeWith(texts: Record<string, string>): Promise<MemoryBackend> {
  const backend = new MemoryBackend();
  const store = await createStore({ driver: "memory", backend, clock: machineClock });
  const leadership = await store.campaign("host-a:1", new AbortController().signal);
  const changes = Object.entries(texts).map(([key, value]) => ({
    key: key as DocumentKey,
    basedOn: null,
    value,
  }));
  for (const { type } of await store.commit(leadership, changes)) expect(type).toBe("done");
  ends.push(() => store.close());
  return backend;
}

async function runOn(action: StoreAction, openStore: () => Promise<Store>) {
  const lines: string[] = [];
  const code = await runStoreTool({
    action,
    config: configOf({ DBType: "etcd", DBEndPoint: "etcd.example" }),
    clock: machineClock,
    print: (line) => lines.push(line),
    openStore,
  });
  return { code, lines };
}

async function runWith(action: StoreAction, texts: Record<string, string>) {
  const backend = await storeWith(texts);
  return runOn(action, () => createStore({ driver: "memory", backend, clock: machineClock }));
}

const process = (id: string, change: Partial<ProcessRecord> = {}): ProcessRecord => ({
  ...recordOf(id, "master", "10.0.0.1", 6_380),
  ...change,
});

/** An instance that runs, alone on its agent. */
const single = (name: string, change: Partial<InstanceDocument> = {}): string =>
  encodeInstance(
    documentOf(name, {
      status: "RUNNING",
      wasRunning: true,
      epoch: 1,
      masterId: `${name}::m`,
      processes: [process(`${name}::m`, { agentId: `agent-of-${name}` })],
      ...change,
    }),
  );

const good = { framework, "instance/a": single("a"), "instance/b": single("b") };

test("dump prints who leads and every record, sorted, without secrets", async () => {
  const newer = JSON.stringify({
    ...JSON.parse(single("c")),
    version: 99,
    requirepass: secretText,
  });
  const texts = { ...good, "instance/c": newer, "instance/d": `no JSON ${secretText}` };
  const { code, lines } = await runWith("dump", texts);
  const read = lines.map((line) => JSON.parse(line));
  expect(code).toBe(0);
  expect(read[0]).toEqual({ leader: { holder: "host-a:1", term: 1 } });
  expect(read.slice(1).map(({ key }) => key)).toEqual([
    "framework",
    "instance/a",
    "instance/b",
    "instance/c",
    "instance/d",
  ]);
  expect(read[1].document).toEqual(JSON.parse(framework));
  expect(read[2].document.processes[0]).toMatchObject({ id: "a::m", port: 6_380, secret: "***" });
  expect(read[4]).toMatchObject({
    problem: expect.stringMatching(/^of a newer mr-redis: /),
    document: { version: 99, requirepass: "***" },
  });
  expect(read[5]).toEqual({
    key: "instance/d",
    revision: expect.any(String),
    problem: expect.any(String),
    characters: texts["instance/d"].length,
  });
  expect(lines.join("\n")).not.toContain(secretText);
});

test("check of a good store, and of an empty one", async () => {
  expect(await runWith("check", good)).toEqual({
    code: 0,
    lines: ["3 records, 0 inconsistencies"],
  });
  expect(await runWith("check", {})).toEqual({ code: 0, lines: ["0 records, 0 inconsistencies"] });
});

const a = (change: Partial<InstanceDocument>) => ({ "instance/a": single("a", change) });

test.each<[string, Record<string, string>, (string | RegExp)[]]>([
  ["no JSON", { "instance/a": "{" }, [/^instance\/a: cannot be read: /]],
  [
    "a newer version",
    { "instance/a": single("a").replace(/"version":\d+/, '"version":99') },
    [/^instance\/a: cannot be read: of a newer mr-redis: /],
  ],
  ["a broken framework", { framework: "[]" }, [/^framework: cannot be read: /]],
  ["another name", { "instance/a": single("b") }, ["instance/a: is of instance b"]],
  [
    "several masters",
    a({ processes: [process("a::m"), process("a::n", { port: 1 })] }),
    [
      "instance/a: has several masters: a::m, a::n",
      "instance/a: a::n has the role of a master, but the master is a::m",
    ],
  ],
  [
    "a master that is a replica",
    a({ processes: [process("a::m", { role: "replica" })] }),
    ["instance/a: its master a::m has the role of a replica"],
  ],
  ["RUNNING without a master", a({ processes: [] }), ["instance/a: is RUNNING without a master"]],
  [
    "DELETED with processes",
    a({ status: "DELETED", deletedAtMs: 5 }),
    ["instance/a: is DELETED and has 1 processes"],
  ],
  [
    "DELETED since never",
    a({ status: "DELETED", processes: [] }),
    ["instance/a: is DELETED, and the time of its deletion is null"],
  ],
  [
    "a process of another",
    a({ masterId: "b::m", processes: [process("b::m")] }),
    ["instance/a: has b::m, which is not its own"],
  ],
  [
    "a later epoch",
    a({ processes: [process("a::m", { dataEpoch: 2 })] }),
    ["instance/a: a::m is of a later epoch than 1"],
  ],
  [
    "one process twice",
    {
      "instance/a": single("a"),
      "instance/b": single("b", { masterId: "a::m", processes: [process("a::m")] }),
    },
    ["instance/b: has a::m, which is not its own", "instance/b: has a::m, as instance/a"],
  ],
  [
    "one place twice",
    {
      "instance/a": single("a", { processes: [process("a::m")] }),
      "instance/b": single("b", { processes: [process("b::m")] }),
    },
    ["instance/b: b::m has the same place as a::m: agent-10.0.0.1 port 6380"],
  ],
])("check names %s", async (_what, texts, expected) => {
  const { code, lines } = await runWith("check", { framework, ...texts });
  expect(code).toBe(1);
  expect(lines.slice(0, -1)).toEqual(
    expected.map((each) => (typeof each === "string" ? each : expect.stringMatching(each))),
  );
  expect(lines.at(-1)).toMatch(expected.length === 1 ? /, 1 inconsistency$/ : /inconsistencies$/);
});

test("check names a framework that is missing while there are processes", async () => {
  const { code, lines } = await runWith("check", { "instance/a": single("a") });
  expect([code, lines[0]]).toEqual([
    1,
    "framework: is missing, but there are 1 processes: whose they are is not known",
  ]);
});

test("check names a framework that was removed, and what it ran", async () => {
  const removed = encodeFramework({
    ...frameworkDocument,
    removedAtMs: Date.UTC(2026, 10, 22, 12),
  });
  const { code, lines } = await runWith("check", { ...good, framework: removed });
  expect([code, lines]).toEqual([
    1,
    [
      "framework: framework-1 was removed from Mesos (noticed 2026-11-22T12:00:00.000Z), and with it: 2 instances with " +
        "2 processes (a, b); start once with --new-framework to create these instances again, new and empty",
      "3 records, 1 inconsistency",
    ],
  ]);
});

test("keys of the leadership that are not ours hide nothing else", async () => {
  const backend = await storeWith(good);
  const corrupt = (details: object) =>
    new MrrError("store-corrupt", "not ours", { details: { ...details } });
  const storeWithout = async (error: Error): Promise<Store> => {
    const store = await createStore({ driver: "memory", backend, clock: machineClock });
    store.readLeader = () => Promise.reject(error);
    return store;
  };
  const named = corrupt({ broken: ["/mr-redis/leader", "/mr-redis/term"], readable: [] });
  expect(await runOn("check", () => storeWithout(named))).toEqual({
    code: 1,
    lines: [
      `/mr-redis/leader: cannot be read: ${named.message}`,
      `/mr-redis/term: cannot be read: ${named.message}`,
      "5 records, 2 inconsistencies",
    ],
  });
  const unnamed = corrupt({});
  const { code, lines } = await runOn("dump", () => storeWithout(unnamed));
  const read = lines.map((line) => JSON.parse(line));
  expect([code, read[0]]).toEqual([0, { leader: null }]);
  expect(read.slice(1).map(({ key, problem }) => [key, problem])).toEqual([
    ["framework", undefined],
    ["instance/a", undefined],
    ["instance/b", undefined],
    ["leader", unnamed.message],
  ]);
});

test("a store that does not answer is an error with the keys of the configuration", async () => {
  const backend = await storeWith(good);
  backend.fault = () => ({ lost: "request" });
  const open = () => createStore({ driver: "memory", backend, clock: machineClock });
  await expect(runOn("check", open)).rejects.toMatchObject({
    code: "store-unavailable",
    message: expect.stringMatching(/^DBType etcd, DBEndPoint http:\/\/etcd.example:2379: /),
  });
});

test("an embedded store: read when it is free, refused while it is used, not made when it is missing", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "mrr-tool-"));
  ends.push(() => rm(dataDir, { recursive: true, force: true }));
  const lines: string[] = [];
  const tool = (config: object) =>
    runStoreTool({
      action: "check",
      config: configOf(config),
      clock: machineClock,
      print: (line) => lines.push(line),
    });
  const embedded = { DBType: "embedded", DataDir: dataDir };
  await expect(tool(embedded)).rejects.toMatchObject({
    code: "config-invalid",
    message: `DBType embedded, DataDir ${dataDir}: there is no store in this directory`,
  });
  const store = await createStore({
    driver: "embedded",
    directory: join(dataDir, "store"),
    clock: machineClock,
  });
  await expect(tool(embedded)).rejects.toMatchObject({
    code: "store-locked",
    message: expect.stringMatching(/only while no scheduler runs$/),
  });
  await store.close();
  expect([await tool(embedded), lines]).toEqual([0, ["0 records, 0 inconsistencies"]]);
  await expect(tool({ DBType: "memory" })).rejects.toMatchObject({ code: "config-invalid" });
});
