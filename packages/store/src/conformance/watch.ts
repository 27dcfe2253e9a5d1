/**
 * Owns the cases about watching: every change, in order for each key.
 * Called by the suite (index.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect } from "vitest";
import type { WatchEvent } from "../port.js";
import { type ConformanceCase, create, lead, mustCommit, until } from "./harness.js";

const key = "instance/a" as const;

export const watchCases: readonly ConformanceCase[] = [
  {
    id: "watch-create-update-remove",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      const events: WatchEvent[] = [];
      await store.watch((event) => events.push(event));
      const seen = () => events.map((event) => event.value);
      const first = await mustCommit(store, leadership, create(key, "1"));
      await until("create", () => seen().includes("1"));
      expect(events).toEqual([{ key, revision: first, value: "1" }]);
      const second = await mustCommit(store, leadership, { key, basedOn: first, value: "2" });
      await until("update", () => seen().includes("2"));
      expect(events.at(-1)).toEqual({ key, revision: second, value: "2" });
      await mustCommit(store, leadership, { key, basedOn: second, value: null });
      await until("remove", () => seen().includes(null));
      expect(seen()).toEqual(["1", "2", null]);
    },
  },
  {
    id: "watch-in-order-per-key",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      const seen = new Map<string, number[]>();
      await store.watch((event) => {
        seen.set(event.key, [...(seen.get(event.key) ?? []), Number(event.value)]);
      });
      const keys = Array.from({ length: 10 }, (_, index) => `instance/i${index}` as const);
      await Promise.all(
        keys.map(async (each) => {
          let basedOn: string | null = null;
          for (let value = 1; value <= 20; value += 1) {
            const change = { key: each, basedOn, value: String(value) };
            basedOn = await mustCommit(store, leadership, change);
          }
        }),
      );
      await until("the last of each key", () =>
        keys.every((each) => seen.get(each)?.at(-1) === 20),
      );
      for (const values of seen.values()) {
        expect(values).toEqual([...new Set(values)].sort((left, right) => left - right));
      }
    },
  },
  {
    id: "watch-not-the-refused",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      await mustCommit(store, leadership, create(key, "1"));
      const events: WatchEvent[] = [];
      await store.watch((event) => events.push(event));
      await store.commit(leadership, [create(key, "2"), { key, basedOn: "0", value: null }]);
      const revision = await mustCommit(store, leadership, create("instance/b", "3"));
      await until("the done one", () => events.some((event) => event.value === "3"));
      const others = events.filter((event) => event.value !== "1");
      expect(others).toEqual([{ key: "instance/b", revision, value: "3" }]);
    },
  },
  {
    id: "watchers-are-independent",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      const [one, two]: [unknown[], unknown[]] = [[], []];
      const first = await store.watch((event) => one.push(event.value));
      await store.watch((event) => two.push(event.value));
      await mustCommit(store, leadership, create(key, "1"));
      await until("both see it", () => one.length === 1 && two.length === 1);
      first.close();
      first.close();
      await mustCommit(store, leadership, create("instance/b", "2"));
      await until("the other sees it", () => two.length === 2);
      expect([one, two]).toEqual([["1"], ["1", "2"]]);
    },
  },
  {
    id: "handles-watch-each-other",
    async run({ open }) {
      const [one, two] = [await open(), await open()];
      const leadership = await lead(one);
      const events: WatchEvent[] = [];
      await two.watch((event) => events.push(event));
      const revision = await mustCommit(one, leadership, create(key, "1"));
      await until("the other's change", () => events.length > 0);
      expect(events).toEqual([{ key, revision, value: "1" }]);
    },
  },
];
