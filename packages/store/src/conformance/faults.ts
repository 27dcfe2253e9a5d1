/**
 * Owns the cases about unknown outcomes and about closing.
 * Called by the suite (index.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect } from "vitest";
import {
  type ConformanceCase,
  commitOne,
  create,
  lead,
  mustCommit,
  never,
  until,
} from "./harness.js";

const key = "instance/a" as const;
const unavailable = { code: "store-unavailable" };

export const faultCases: readonly ConformanceCase[] = [
  {
    id: "unknown-written-retry-tells",
    async run({ open, harness }) {
      const store = await open();
      const leadership = await lead(store);
      harness.unknownNext?.(true);
      expect((await commitOne(store, leadership, create(key, "1"))).type).toBe("unknown");
      const retry = await commitOne(store, leadership, create(key, "1"));
      const current = await store.read(key);
      expect(retry).toEqual({ type: "refused", reason: "stale", current });
      expect(current?.value).toBe("1");
    },
  },
  {
    id: "unknown-not-written-retry-tells",
    async run({ open, harness }) {
      const store = await open();
      const leadership = await lead(store);
      const first = await mustCommit(store, leadership, create(key, "1"));
      const change = { key, basedOn: first, value: "2" };
      harness.unknownNext?.(false);
      expect((await commitOne(store, leadership, change)).type).toBe("unknown");
      const revision = await mustCommit(store, leadership, change);
      expect(await store.readAll()).toEqual([{ key, revision, value: "2" }]);
    },
  },
  {
    id: "unknown-removal-retry-tells",
    async run({ open, harness }) {
      const store = await open();
      const leadership = await lead(store);
      const first = await mustCommit(store, leadership, create(key, "1"));
      const change = { key, basedOn: first, value: null };
      harness.unknownNext?.(true);
      expect((await commitOne(store, leadership, change)).type).toBe("unknown");
      expect(await commitOne(store, leadership, change)).toEqual({
        type: "refused",
        reason: "stale",
        current: null,
      });
    },
  },
  {
    id: "unknown-written-is-watched",
    async run({ open, harness }) {
      const store = await open();
      const leadership = await lead(store);
      const values: unknown[] = [];
      await store.watch((event) => values.push(event.value));
      harness.unknownNext?.(true);
      expect((await commitOne(store, leadership, create(key, "1"))).type).toBe("unknown");
      await until("the change is seen", () => values.includes("1"));
      expect(values).toEqual(["1"]);
    },
  },
  {
    id: "unknown-leaves-the-leader",
    async run({ open, harness }) {
      const store = await open();
      const leadership = await lead(store);
      for (const written of [true, false]) {
        harness.unknownNext?.(written);
        const name = `instance/${written}` as const;
        expect((await commitOne(store, leadership, create(name, "1"))).type).toBe("unknown");
      }
      expect(leadership.isValid()).toBe(true);
      await mustCommit(store, leadership, create(key, "2"));
      const stored = (await store.readAll()).map((each) => each.key);
      expect([...stored].sort()).toEqual([key, "instance/true"]);
    },
  },
  {
    id: "close-ends-open-calls",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      const changes = Array.from({ length: 200 }, (_, index) => create(`instance/i${index}`, "1"));
      const commits = store.commit(leadership, changes);
      const waiting = store.campaign("waiting", never());
      const reads = [store.readAll(), store.read(key)];
      const settled = Promise.allSettled([commits, waiting, ...reads]);
      await store.close();
      const [outcomes, campaign, ...others] = await settled;
      expect(campaign).toMatchObject({ status: "rejected", reason: unavailable });
      for (const other of others) {
        if (other.status === "rejected") expect(other.reason).toMatchObject(unavailable);
      }
      const stored = new Set((await (await open()).readAll()).map((each) => each.key));
      const ends = outcomes?.status === "fulfilled" ? outcomes.value : [];
      expect(ends).toHaveLength(changes.length);
      for (const [index, outcome] of ends.entries()) {
        const change = changes[index];
        expect(["done", "unknown"]).toContain(outcome.type);
        if (outcome.type === "done") expect(change && stored.has(change.key)).toBe(true);
      }
    },
  },
  {
    id: "closed-is-closed",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      await Promise.all([store.close(), store.close()]);
      await store.close();
      expect(await commitOne(store, leadership, create(key, "1"))).toEqual({
        type: "refused",
        reason: "closed",
      });
      await expect(store.read(key)).rejects.toMatchObject(unavailable);
      await expect(store.readAll()).rejects.toMatchObject(unavailable);
      await expect(store.watch(() => {})).rejects.toMatchObject(unavailable);
      await expect(lead(store)).rejects.toMatchObject(unavailable);
      expect(await (await open()).readAll()).toEqual([]);
    },
  },
];
