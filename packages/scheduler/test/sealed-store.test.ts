/**
 * Owns the proof that a scheduler with a key file leaves no secret in the clear in its store, and that one without the right
 * key ends, or stands aside, and changes nothing.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeInstance, parseConfig } from "@mr-redis/core";
import { createStore, type DocumentKey } from "@mr-redis/store";
import { eventually } from "@mr-redis/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { keyBytes, sealingKeyOf } from "../src/secrets/key-file.js";
import { runStoreTool, type StoreAction } from "../src/store-tool/run.js";
import { documentOf, recordOf, secretText } from "./fake-control-port.js";
import { machineClock } from "./machine-clock.js";
import { SchedulerHouse, type Tenant } from "./scheduler-house.js";

const limit = { deadlineMs: 30_000 };

let house: SchedulerHouse;
let directory: string;

beforeEach(async () => {
  house = await SchedulerHouse.open();
  directory = await mkdtemp(join(tmpdir(), "mrr-sealed-"));
});

afterEach(async () => {
  await house.close();
  await rm(directory, { recursive: true });
});

const bytesOf = (byte: number): Buffer => Buffer.alloc(keyBytes, byte);
const idOf = (byte: number): string => sealingKeyOf(bytesOf(byte)).id;

/** A key file with these keys. */
async function keyFile(...bytes: number[]): Promise<string> {
  const path = join(directory, `keys-${bytes.join("-")}`);
  const lines = bytes.map((byte) => `${bytesOf(byte).toString("base64")}\n`);
  await writeFile(path, lines.join(""), { mode: 0o600 });
  return path;
}

async function stored(): Promise<Record<string, string>> {
  const store = await house.openStore();
  const all = await store.readAll();
  await store.close();
  return Object.fromEntries(all.map(({ key, value }) => [key, value]));
}

/** Instances as a scheduler without a key file leaves them. */
async function putPlain(...names: string[]): Promise<void> {
  const store = await house.openStore();
  const leadership = await store.campaign("before", new AbortController().signal);
  const changes = names.map((name, index) => {
    const process = recordOf(`${name}::m`, "master", "10.0.0.1", 6_380 + index);
    const running = { status: "RUNNING", wasRunning: true, epoch: 1 } as const;
    const document = documentOf(name, { ...running, masterId: process.id, processes: [process] });
    const key: DocumentKey = `instance/${name}`;
    // Else the scheduler would find out that it is gone, and there would be no secret any more.
    house.mesos.tasks.set(process.id, { agentId: process.agentId, state: "TASK_RUNNING" });
    return { key, basedOn: null, value: encodeInstance(document) };
  });
  await store.commit(leadership, changes);
  await store.close();
}

const leads = (tenant: Tenant): Promise<void> =>
  eventually(async () => {
    expect((await tenant.ask("GET", "/readyz")).json.role).toBe("leader");
  }, limit);

async function tool(action: StoreAction, secretKeyFile: string) {
  const parsed = parseConfig({ SecretKeyFile: secretKeyFile }, {});
  if (!parsed.ok) throw new Error("a test's configuration is wrong");
  const lines: string[] = [];
  const code = await runStoreTool({
    ...{ action, config: parsed.value.config, clock: machineClock },
    print: (line) => lines.push(line),
    openStore: () => createStore({ driver: "memory", backend: house.backend, clock: machineClock }),
  });
  return { code, lines };
}

const keyIdsIn = (text: string): string[] => [
  ...new Set([...text.matchAll(/sealed:1:([0-9a-f]{8}):/g)].map(([, id = ""]) => id)),
];

test("what was stored in the clear is sealed before the reign; a new first key seals all anew", async () => {
  await putPlain("one", "two");
  expect(JSON.stringify(await stored())).toContain(secretText);
  const first = await house.start({ SecretKeyFile: await keyFile(1) });
  await leads(first);
  await first.close();
  const sealed = JSON.stringify(await stored());
  expect(sealed).not.toContain(secretText);
  expect(keyIdsIn(sealed)).toEqual([idOf(1)]);
  const second = await house.start({ SecretKeyFile: await keyFile(2, 1) });
  await leads(second);
  expect((await second.ask("GET", "/v2/instances")).json.instances).toHaveLength(2);
  await second.close();
  expect(keyIdsIn(JSON.stringify(await stored()))).toEqual([idOf(2)]);
  // Nothing is left for the old key to do.
  const third = await house.start({ SecretKeyFile: await keyFile(2) });
  await leads(third);
});

test("without the key: refused with ids and remedy, and nothing is changed", async () => {
  await putPlain("one", "two");
  const first = await house.start({ SecretKeyFile: await keyFile(1) });
  await leads(first);
  await first.close();
  const before = await stored();
  const text = `secrets of instance/one, instance/two are sealed with key ${idOf(1)}, and`;
  await expect(house.start()).rejects.toMatchObject({
    code: "store-sealed",
    message: expect.stringContaining(`${text} there is no SecretKeyFile; nothing was changed`),
  });
  await expect(house.start({ SecretKeyFile: await keyFile(3) })).rejects.toMatchObject({
    code: "store-sealed",
    message: expect.stringContaining(`${text} SecretKeyFile has key ${idOf(3)} only`),
  });
  expect(await stored()).toEqual(before);
  const again = await house.start({ SecretKeyFile: await keyFile(1) });
  await leads(again);
  expect((await again.ask("GET", "/v2/instances/one")).json.status).toBe("RUNNING");
});

test("a standby without the key does not even stand by", async () => {
  await putPlain("one");
  const leader = await house.start({ SecretKeyFile: await keyFile(1) });
  await leads(leader);
  await expect(house.start({ SecretKeyFile: await keyFile(3) })).rejects.toMatchObject({
    code: "store-sealed",
  });
  await leads(leader);
});

test("a secret that was moved to another record is refused as damage", async () => {
  await putPlain("one", "two");
  const first = await house.start({ SecretKeyFile: await keyFile(1) });
  await leads(first);
  await first.close();
  const sealed = await stored();
  const secretOf = (name: string): string =>
    JSON.parse(sealed[`instance/${name}`] ?? "").processes[0].secret;
  const store = await house.openStore();
  const leadership = await store.campaign("forger", new AbortController().signal);
  const key = "instance/two";
  const value = (sealed[key] ?? "").replace(secretOf("two"), secretOf("one"));
  const basedOn = (await store.read(key))?.revision ?? null;
  await store.commit(leadership, [{ key, basedOn, value }]);
  await store.close();
  await expect(house.start({ SecretKeyFile: await keyFile(1) })).rejects.toMatchObject({
    code: "store-corrupt",
    message: expect.stringMatching(/instance\/two: processes\[0\]\.secret is sealed with/),
  });
});

test("the store tool tells which keys are in use, and shows nothing sealed", async () => {
  await putPlain("one", "two");
  const path = await keyFile(1);
  const plain = await tool("check", path);
  expect(plain.lines).toContain("in the clear: secrets of 2 records");
  const first = await house.start({ SecretKeyFile: path });
  await leads(first);
  await first.close();
  expect(await tool("check", path)).toEqual({
    code: 0,
    lines: [`key ${idOf(1)} (seals now): secrets of 2 records`, "3 records, 0 inconsistencies"],
  });
  const rotated = await tool("check", await keyFile(2, 1));
  expect(rotated.lines[0]).toBe(`key ${idOf(1)} (opens only): secrets of 2 records`);
  const without = await tool("check", "");
  expect(without.code).toBe(1);
  expect(without.lines.join("\n")).toMatch(
    new RegExp(`instance/one: cannot be read: .*\\(${idOf(1)}; there is no SecretKeyFile\\)`),
  );
  expect(without.lines).toContain(`key ${idOf(1)} (not here): secrets of 2 records`);
  const dump = await tool("dump", "");
  expect(dump.code).toBe(0);
  expect(dump.lines.join("\n")).not.toMatch(/sealed:|problem/);
});
