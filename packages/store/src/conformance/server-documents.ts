/**
 * Owns the cases about documents while the server dies, hangs, or cannot be reached.
 * Called by the suite (index.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect } from "vitest";
import { leaseTtlMsDefault, storeTimeLimitMsDefault } from "../index.js";
import type {
  Change,
  DocumentKey,
  Leadership,
  Store,
  StoredDocument,
  WatchEvent,
} from "../port.js";
import {
  type ConformanceCase,
  commitOne,
  create,
  eventually,
  lead,
  mustCommit,
  never,
  pause,
  sorted,
  whileDead,
  whileFrozen,
} from "./harness.js";

const key = "instance/a" as const;
const unavailable = { code: "store-unavailable" };

/** One document that is counted up: what was answered, and whose turn it is to lead. */
class Counter {
  readonly key: DocumentKey;
  /** Every number that was told as done, or found stored by a retry. */
  done = 0;
  #current: StoredDocument | null = null;

  constructor(name: string) {
    this.key = `instance/${name}`;
  }

  /** Counts once; an unknown outcome is tried again until it is told. False: we do not lead any more. */
  async count(store: Store, leadership: Leadership): Promise<boolean> {
    const value = String(this.done + 1);
    const change: Change = { key: this.key, basedOn: this.#current?.revision ?? null, value };
    for (let again = false; ; again = true) {
      const outcome = await commitOne(store, leadership, change);
      if (outcome.type === "done") {
        this.#current = { key: this.key, revision: outcome.revision ?? "", value };
        break;
      }
      if (outcome.type === "unknown") {
        await pause(20);
        continue;
      }
      if (outcome.reason === "not-leader") return false;
      if (!again || outcome.reason !== "stale" || outcome.current?.value !== value) {
        throw new Error(`${this.key} at ${value}: ${JSON.stringify(outcome)}`);
      }
      this.#current = outcome.current;
      break;
    }
    this.done += 1;
    return true;
  }

  /** After another leadership: what is stored is what was answered, or the number that was under way. */
  async find(store: Store): Promise<void> {
    this.#current = await store.read(this.key);
    const stored = Number(this.#current?.value ?? 0);
    expect([this.done, this.done + 1]).toContain(stored);
    this.done = stored;
  }
}

/** Counts until `isEnough`, whoever must lead again meanwhile. */
async function countOn(
  store: Store,
  counters: readonly Counter[],
  isEnough: () => boolean,
): Promise<void> {
  while (!isEnough()) {
    let leadership: Leadership;
    try {
      leadership = await lead(store);
      for (const counter of counters) await counter.find(store);
    } catch (error) {
      expect(error).toMatchObject(unavailable);
      // A refusal may come at once.
      await new Promise((resolve) => setTimeout(resolve, 20));
      continue;
    }
    await Promise.all(
      counters.map(async (counter) => {
        while (!isEnough() && (await counter.count(store, leadership)));
      }),
    );
    await leadership.resign();
  }
}

/** By how much a call may be late, on a machine that is busy with much else. */
const lateMsMax = 10_000;

export const serverDocumentCases: readonly ConformanceCase[] = [
  {
    id: "server-frozen-calls-end",
    async run({ open, server, harness }) {
      const { timeLimitMs = storeTimeLimitMsDefault, leaseTtlMs = leaseTtlMsDefault } = harness;
      const store = await open();
      const leadership = await lead(store);
      const revision = await mustCommit(store, leadership, create("instance/b", "1"));
      const change = create(key, "1");
      await whileFrozen(server, async () => {
        const startMs = performance.now();
        const tookMs = new Map<string, number>();
        const timed = <T>(name: string, call: Promise<T>): Promise<T> =>
          call.finally(() => tookMs.set(name, performance.now() - startMs));
        const calls = {
          read: store.read(key),
          readAll: store.readAll(),
          readLeader: store.readLeader(),
          watch: store.watch(() => {}),
          campaign: store.campaign("other", never()),
        };
        const waiting = Object.entries(calls).map(([name, call]) =>
          expect(timed<unknown>(name, call)).rejects.toMatchObject(unavailable),
        );
        const removal = { key: "instance/b", basedOn: revision, value: null } as const;
        const outcomes = await timed("commit", store.commit(leadership, [change, removal]));
        expect(outcomes.map((outcome) => outcome.type)).toEqual(["unknown", "unknown"]);
        await Promise.all(waiting);
        await leadership.lost;
        expect(tookMs.size).toBe(6);
        for (const [name, ms] of tookMs) {
          // A campaign may wait first until this process leads no more.
          const waitMs = name === "campaign" ? leaseTtlMs : 0;
          expect(ms, name).toBeLessThan(waitMs + timeLimitMs + lateMsMax);
        }
      });
      await eventually("the server answers", async () => (await store.readAll()).length < 3);
      const again = await lead(store);
      const retry = await commitOne(store, again, change);
      const current = await store.read(key);
      expect(current?.value).toBe("1");
      if (retry.type === "done") expect(retry.revision).toBe(current?.revision);
      else expect(retry).toEqual({ type: "refused", reason: "stale", current });
    },
  },
  {
    id: "server-frozen-close-ends",
    async run({ open, server }) {
      const store = await open();
      const leadership = await lead(store);
      await store.watch(() => {});
      await whileFrozen(server, async () => {
        const commit = commitOne(store, leadership, create(key, "1"));
        await store.close();
        expect((await commit).type).toBe("unknown");
        expect(leadership.isValid()).toBe(false);
      });
    },
  },
  {
    id: "server-killed-amid-commits",
    async run({ open, server }) {
      const [store, other] = [await open(), await open()];
      const counters = Array.from({ length: 10 }, (_, index) => new Counter(`c${index}`));
      const seen = new Map<string, number[]>(counters.map((each) => [each.key, []]));
      await other.watch((event) => seen.get(event.key)?.push(Number(event.value)));
      const total = () => counters.reduce((sum, each) => sum + each.done, 0);
      let goal = Number.POSITIVE_INFINITY;
      const counting = countOn(store, counters, () => total() >= goal);
      for (let kills = 0; kills < 2; kills += 1) {
        const before = total();
        await eventually("commits are under way", () => total() >= before + 100);
        await whileDead(server, async () => {});
      }
      goal = total() + 100;
      await counting;
      const stored = new Map((await other.readAll()).map((each) => [each.key, each.value]));
      expect(stored).toEqual(new Map(counters.map((each) => [each.key, String(each.done)])));
      await eventually("the watcher has seen the last of each", () =>
        counters.every((each) => seen.get(each.key)?.at(-1) === each.done),
      );
      for (const values of seen.values()) {
        expect(values).toEqual([...new Set(values)].sort((left, right) => left - right));
      }
    },
  },
  {
    id: "server-away-at-open",
    async run({ open, server }) {
      const first = await open();
      const revision = await mustCommit(first, await lead(first), create(key, "1"));
      await first.close();
      let store: Store | null = null;
      await whileDead(server, async () => {
        store = await open();
        // More than once: no library may hold failures against a server that comes back.
        for (let times = 0; times < 4; times += 1) {
          await expect(store.read(key)).rejects.toMatchObject(unavailable);
        }
        await expect(store.campaign("x", never())).rejects.toMatchObject(unavailable);
      });
      const late = store ?? (await open());
      await eventually("the server answers", async () => (await late.read(key)) !== null);
      expect(await late.readAll()).toEqual([{ key, revision, value: "1" }]);
      await eventually("it leads", async () => (await lead(late)).isValid());
    },
  },
  {
    id: "server-connection-cut-amid-commit",
    async run({ open, openThrough }) {
      const other = await open();
      const { store, link } = await openThrough();
      for (let round = 0; round < 5; round += 1) {
        let leadership = await lead(store);
        const change = create(`instance/r${round}`, String(round));
        const first = commitOne(store, leadership, change);
        await pause(round);
        link.cut();
        const outcome = await first;
        link.release();
        expect(["done", "unknown"]).toContain(outcome.type);
        await eventually("it is told", async () => {
          const retry = await commitOne(store, leadership, change);
          if (retry.type === "done") return outcome.type === "unknown";
          if (retry.type === "refused" && retry.reason === "stale") {
            expect(retry.current?.value).toBe(change.value);
            return true;
          }
          if (retry.type === "refused") leadership = await lead(store);
          return false;
        });
        expect((await other.read(change.key))?.value).toBe(change.value);
        await leadership.resign();
      }
    },
  },
  {
    id: "server-watch-over-restart",
    async run({ open, server }) {
      const [store, other] = [await open(), await open()];
      const events: WatchEvent[] = [];
      await other.watch((event) => events.push(event));
      const counter = new Counter("a");
      let goal = 1;
      const done = () => counter.done >= goal;
      await countOn(store, [counter], done);
      for (let restarts = 0; restarts < 2; restarts += 1) {
        await whileDead(server, async () => {});
        goal = counter.done + 1;
        await countOn(store, [counter], done);
        await eventually("the change is told", () => events.at(-1)?.value === String(counter.done));
      }
      const values = events.map((event) => Number(event.value));
      expect(values).toEqual([...new Set(values)].sort((left, right) => left - right));
    },
  },
  {
    id: "server-watch-over-a-cut-and-compaction",
    async run({ open, openThrough, server }) {
      const store = await open();
      const { store: watcher, link } = await openThrough();
      const leadership = await lead(store);
      const kept = await mustCommit(store, leadership, create("instance/kept", "1"));
      const gone = await mustCommit(store, leadership, create("instance/gone", "1"));
      const last = new Map<string, string | null>();
      const told: WatchEvent[] = [];
      await watcher.watch((event) => {
        told.push(event);
        last.set(event.key, event.value);
      });
      for (const sever of [() => link.cut(), () => link.hold()]) sever();
      const changes: readonly Change[] = [
        { key: "instance/kept", basedOn: kept, value: "2" },
        { key: "instance/gone", basedOn: gone, value: null },
        create("instance/new", "1"),
        create("instance/brief", "1"),
      ];
      for (const change of changes) await mustCommit(store, leadership, change);
      const brief = (await store.read("instance/brief"))?.revision ?? "";
      await mustCommit(store, leadership, { key: "instance/brief", basedOn: brief, value: null });
      await server.compact?.();
      link.release();
      await mustCommit(store, leadership, create("framework", "late"));
      await eventually("the differences are told", () => last.get("framework") === "late");
      await eventually("the removal is told", () => last.get("instance/gone") === null);
      expect([last.get("instance/kept"), last.get("instance/new")]).toEqual(["2", "1"]);
      expect(last.get("instance/brief") ?? null).toBe(null);
      const revisions = new Map(sorted(await store.readAll()).map((each) => [each.key, each]));
      for (const event of told) {
        if (event.value !== null && event.value === last.get(event.key)) {
          expect(event.revision).toBe(revisions.get(event.key)?.revision);
        }
      }
    },
  },
  {
    id: "server-foreign-keys-are-left-alone",
    async run({ open, server }) {
      const store = await open();
      const events: WatchEvent[] = [];
      const leadership = await lead(store);
      await store.watch((event) => events.push(event));
      const foreign = ["/other", "/frameworks", "/instances", "/Leader"];
      for (const path of foreign) await server.putForeign(path, `of another: ${path}`);
      const revision = await mustCommit(store, leadership, create(key, "1"));
      await mustCommit(store, leadership, create("framework", "2"));
      for (const path of foreign) await server.putForeign(path, `still: ${path}`);
      expect(sorted(await store.readAll()).map((each) => each.key)).toEqual(["framework", key]);
      await mustCommit(store, leadership, { key, basedOn: revision, value: null });
      await eventually("the removal is told", () => events.at(-1)?.value === null);
      expect(new Set(events.map((event) => event.key))).toEqual(new Set([key, "framework"]));
      await leadership.resign();
      await store.close();
      for (const path of foreign) expect(await server.readForeign(path)).toBe(`still: ${path}`);
    },
  },
];
