/**
 * Owns the tests of the embedded driver in one process: conformance on a real disk, its faults, damaged files.
 * Not: what needs a process to kill (test/kill.test.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MrrError } from "@mr-redis/core";
import { ClassicLevel } from "classic-level";
import { afterEach, expect, test } from "vitest";
import { systemClock } from "../../test/system-clock.js";
import { storeConformance } from "../conformance/index.js";
import type { Store } from "../port.js";
import { type Disk, type OpenDisk, openDisk } from "./disk.js";
import { EmbeddedStore } from "./store.js";

const directories: string[] = [];
const stores: Store[] = [];

async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "mrr-store-"));
  directories.push(directory);
  return directory;
}

async function openIn(directory: string, disk: OpenDisk = openDisk): Promise<EmbeddedStore> {
  const options = { directory, clock: systemClock, timeLimitMs: 5000, openDisk: disk };
  const store = await EmbeddedStore.open(options);
  stores.push(store);
  return store;
}

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true });
});

const never = () => new AbortController().signal;
const diskFull = () => new MrrError("store-unavailable", "No space left on device");

/** LevelDB with a hook on each write, which may throw before or after it. */
const hooked =
  (hook: (write: () => Promise<void>) => Promise<void>): OpenDisk =>
  async (directory): Promise<Disk> => {
    const disk = await openDisk(directory);
    return { ...disk, write: (operations) => hook(() => disk.write(operations)) };
  };

storeConformance({
  name: "embedded",
  create: async () => {
    const directory = await mkdtemp(join(tmpdir(), "mrr-store-"));
    let fault: "none" | "before" | "after" = "none";
    const disk = hooked(async (write) => {
      const now = fault;
      fault = "none";
      if (now === "before") throw diskFull();
      await write();
      if (now === "after") throw diskFull();
    });
    return {
      open: () =>
        EmbeddedStore.open({ directory, clock: systemClock, timeLimitMs: 20_000, openDisk: disk }),
      unknownNext: (written) => {
        fault = written ? "after" : "before";
      },
      remove: () => rm(directory, { recursive: true }),
    };
  },
  skip: [
    "handles-one-leads",
    "handles-race-for-the-lead",
    "handles-leadership-of-another",
    "handles-close-lets-the-other-lead",
    "handles-watch-each-other",
    "deposed-is-refused",
    "deposed-loses-every-race",
  ].map((id) => ({ id, reason: "one handle at a time holds the data directory" })),
});

test("many commits at once share writes", async () => {
  let writes = 0;
  const store = await openIn(
    await scratch(),
    hooked((write) => {
      writes += 1;
      return write();
    }),
  );
  const leadership = await store.campaign("x", never());
  writes = 0;
  const keys = Array.from({ length: 64 }, (_, index) => `instance/i${index}` as const);
  await Promise.all(
    keys.map(async (key) => {
      for (let basedOn: string | null = null, n = 0; n < 5; n += 1) {
        const [outcome] = await store.commit(leadership, [{ key, basedOn, value: `${n}` }]);
        if (outcome?.type !== "done") throw new Error("not done");
        basedOn = outcome.revision;
      }
    }),
  );
  expect(writes).toBe(5);
});

test("a full disk: unknown while it lasts, then all works, and the leader stays", async () => {
  let full = false;
  const directory = await scratch();
  const open: OpenDisk = async (at) => {
    if (full) throw diskFull();
    return hooked(async (write) => {
      if (full) throw diskFull();
      return write();
    })(at);
  };
  const store = await openIn(directory, open);
  const leadership = await store.campaign("x", never());
  const seen: unknown[] = [];
  await store.watch((event) => seen.push([event.key, event.value]));
  const change = (key: string, value: string) =>
    ({ key: `instance/${key}`, basedOn: null, value }) as const;
  await store.commit(leadership, [change("before", "1")]);
  full = true;
  for (const key of ["a", "b"]) {
    const outcomes = await store.commit(leadership, [change(key, "2"), change("before", "3")]);
    expect(outcomes.map((each) => each.type)).toContain("unknown");
  }
  await expect(store.readAll()).rejects.toMatchObject({ code: "store-unavailable" });
  expect(leadership.isValid()).toBe(true);
  await expect(
    EmbeddedStore.open({ directory, clock: systemClock, timeLimitMs: 1 }),
  ).rejects.toMatchObject({ code: "store-locked" });
  full = false;
  const [late] = await store.commit(leadership, [change("a", "4")]);
  expect(late?.type).toBe("done");
  expect((await store.readAll()).map((each) => [each.key, each.value])).toEqual([
    ["instance/a", "4"],
    ["instance/before", "1"],
  ]);
  expect(seen).toEqual([
    ["instance/before", "1"],
    ["instance/a", "4"],
  ]);
});

test("a disk that hangs: every call ends at the time limit, and goes on when it goes on", async () => {
  let release: () => void = () => {};
  let hang: Promise<void> | null = null;
  const directory = await scratch();
  const store = await EmbeddedStore.open({
    directory,
    clock: systemClock,
    timeLimitMs: 200,
    openDisk: hooked(async (write) => {
      await hang;
      return write();
    }),
  });
  stores.push(store);
  const leadership = await store.campaign("x", never());
  hang = new Promise((resolve) => {
    release = resolve;
  });
  const first = { key: "instance/a", basedOn: null, value: "1" } as const;
  const second = { key: "instance/b", basedOn: null, value: "2" } as const;
  const [one, two, read] = await Promise.allSettled([
    store.commit(leadership, [first]),
    new Promise((resolve) => setImmediate(resolve)).then(() => store.commit(leadership, [second])),
    store.readAll(),
  ]);
  const unknown = [{ type: "unknown", cause: "the store gave no answer within 200 ms" }];
  expect([one, two]).toEqual([
    { status: "fulfilled", value: unknown },
    { status: "fulfilled", value: unknown },
  ]);
  expect(read).toMatchObject({ status: "rejected", reason: { code: "store-unavailable" } });
  release();
  const [retry] = await store.commit(leadership, [first]);
  expect(retry).toMatchObject({ type: "refused", reason: "stale", current: { value: "1" } });
  // The second had not been begun: it is not written behind the back of one who was told "unknown".
  expect((await store.readAll()).map((each) => each.key)).toEqual(["instance/a"]);
});

test("a term that could not be written is no leadership; the next campaign wins with a new term", async () => {
  let failing = false;
  const store = await openIn(
    await scratch(),
    hooked(async (write) => {
      await write();
      if (failing) throw diskFull();
    }),
  );
  failing = true;
  const refusal = { code: "store-unavailable" };
  await expect(store.campaign("x", never())).rejects.toMatchObject(refusal);
  failing = false;
  // The failed write had its effect: term 1 may have been seen.
  expect((await store.campaign("x", never())).term).toBe(2);
});

/** Works on the closed data files as a stranger would. */
async function tamper(
  directory: string,
  work: (level: ClassicLevel<string, string>) => Promise<void>,
): Promise<void> {
  const level = new ClassicLevel<string, string>(join(directory, "data"));
  await level.open();
  await work(level);
  await level.close();
}

async function filled(directory: string, names: readonly string[]): Promise<void> {
  const store = await openIn(directory);
  const leadership = await store.campaign("x", never());
  const changes = names.map(
    (name) => ({ key: `instance/${name}`, basedOn: null, value: `"${name}"` }) as const,
  );
  await store.commit(leadership, changes);
  await store.close();
}

test("a corrupt record is named, the others can be read, and nothing writes over it", async () => {
  const directory = await scratch();
  await filled(directory, ["a", "b", "c"]);
  await tamper(directory, async (level) => {
    const record = await level.get("/mr-redis/documents/instance/b");
    await level.put("/mr-redis/documents/instance/b", `${record}`.replace('"b"', '"B"'));
    await level.put("/mr-redis/documents/instance/c2", `${record}`);
  });
  const store = await openIn(directory);
  await expect(store.readAll()).rejects.toMatchObject({
    code: "store-corrupt",
    message: expect.stringContaining("instance/b, instance/c2"),
    details: {
      broken: ["instance/b", "instance/c2"],
      readable: ["instance/a", "instance/c"],
    },
  });
  await expect(store.read("instance/b")).rejects.toMatchObject({ code: "store-corrupt" });
  expect((await store.read("instance/a"))?.value).toBe('"a"');
  const leadership = await store.campaign("x", never());
  const outcomes = await store.commit(leadership, [
    { key: "instance/b", basedOn: null, value: "1" },
    { key: "instance/b", basedOn: "1-2", value: null },
    { key: "instance/d", basedOn: null, value: "1" },
  ]);
  expect(outcomes.map((each) => each.type)).toEqual(["unknown", "unknown", "done"]);
});

test("a newer layout is refused, a strange one and a broken term too", async () => {
  const directory = await scratch();
  await filled(directory, ["a"]);
  await tamper(directory, (level) => level.put("/mr-redis/version", "2"));
  await expect(openIn(directory)).rejects.toMatchObject({
    code: "store-newer",
    details: { version: 2 },
  });
  await tamper(directory, (level) => level.put("/mr-redis/version", "one"));
  await expect(openIn(directory)).rejects.toMatchObject({ code: "store-corrupt" });
  await tamper(directory, (level) => level.del("/mr-redis/version"));
  await expect(openIn(directory)).rejects.toMatchObject({ code: "store-corrupt" });
  await tamper(directory, async (level) => {
    await level.put("/mr-redis/version", "1");
    await level.put("/mr-redis/term", "00000000 1-0 {}");
  });
  await expect(openIn(directory)).rejects.toMatchObject({
    code: "store-corrupt",
    message: expect.stringContaining("/mr-redis/term"),
  });
});

test("a lost term record: terms still grow beyond those of the documents", async () => {
  const directory = await scratch();
  const store = await openIn(directory);
  for (let term = 1; term < 5; term += 1) await (await store.campaign("x", never())).resign();
  await store.close();
  await filled(directory, ["a"]);
  await tamper(directory, (level) => level.del("/mr-redis/term"));
  const again = await openIn(directory);
  expect((await again.campaign("x", never())).term).toBe(6);
});

test("data files without CURRENT are not replaced by an empty store", async () => {
  const directory = await scratch();
  await filled(directory, ["a"]);
  await rm(join(directory, "data", "CURRENT"));
  const files = await readdir(join(directory, "data"));
  await expect(openIn(directory)).rejects.toMatchObject({ code: "store-corrupt" });
  expect(await readdir(join(directory, "data"))).toEqual(files);
});

test("a creation that was cut off is begun anew", async () => {
  const directory = await scratch();
  await (await openIn(directory)).close();
  for (const part of ["data", "lock"]) {
    for (const name of await readdir(join(directory, part))) {
      await rm(join(directory, part, name));
    }
    await writeFile(join(directory, part, "MANIFEST-000001"), "x");
  }
  expect(await (await openIn(directory)).readAll()).toEqual([]);
});

test("a second store of this process is refused, and the first keeps its lock", async () => {
  const directory = await scratch();
  const first = await openIn(directory);
  await expect(openIn(join(directory, ".", ""))).rejects.toMatchObject({
    code: "store-locked",
    message: `${directory} is in use by this very process: stop it first, or choose another data directory`,
  });
  await first.close();
  await openIn(directory);
});

test("strangers' files are left alone, ours are for us only", async () => {
  const parent = await scratch();
  const directory = join(parent, "store");
  await filled(directory, ["a"]);
  const strange = ["notes.txt", "data/notes.txt", "../other.log", "lock/x"];
  for (const name of strange) await writeFile(join(directory, name), name);
  await filled(directory, ["b"]);
  for (const name of strange) {
    const folder = join(directory, name, "..");
    expect(await readdir(folder)).toContain(name.split("/").at(-1));
  }
});

test("a directory that cannot be made is unavailable, in words", async () => {
  const parent = await scratch();
  await writeFile(join(parent, "file"), "");
  await expect(openIn(join(parent, "file", "store"))).rejects.toMatchObject({
    code: "store-unavailable",
    message: expect.stringContaining(join(parent, "file", "store")),
  });
});
