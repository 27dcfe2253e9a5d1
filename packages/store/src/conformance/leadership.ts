/**
 * Owns the cases about leadership: one at a time, growing terms, and the deposed refused.
 * Called by the suite (index.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect } from "vitest";
import { holderBytesMax, type Leadership } from "../port.js";
import {
  type ConformanceCase,
  commitOne,
  create,
  lead,
  mustCommit,
  never,
  notLeader,
  until,
} from "./harness.js";

const key = "instance/a" as const;

/** What a campaign came to so far. */
function watched(campaign: Promise<Leadership>): { won: Leadership | null } {
  const state: { won: Leadership | null } = { won: null };
  campaign.then(
    (leadership) => {
      state.won = leadership;
    },
    () => {},
  );
  return state;
}

export const leadershipCases: readonly ConformanceCase[] = [
  {
    id: "terms-grow",
    async run({ open }) {
      const terms: number[] = [];
      for (let round = 0; round < 3; round += 1) {
        const store = await open();
        for (let again = 0; again < 2; again += 1) {
          const leadership = await lead(store);
          expect(leadership.isValid()).toBe(true);
          terms.push(leadership.term);
          if (again === 0) await leadership.resign();
        }
        await store.close();
      }
      expect(terms.every(Number.isSafeInteger)).toBe(true);
      expect(terms[0]).toBeGreaterThanOrEqual(1);
      expect(terms).toEqual([...new Set(terms)].sort((left, right) => left - right));
    },
  },
  {
    id: "the-leader-is-told",
    async run({ open }) {
      const store = await open();
      expect(await store.readLeader()).toBe(null);
      const holder = "http://127.0.0.1:1/ \u00fc";
      const leadership = await store.campaign(holder, never());
      expect(await store.readLeader()).toEqual({ holder, term: leadership.term });
      expect(Number.isFinite(leadership.confirmedAtMs())).toBe(true);
      await leadership.resign();
      expect(await store.readLeader()).toBe(null);
    },
  },
  {
    id: "an-endless-holder-is-refused",
    async run({ open }) {
      const store = await open();
      const endless = "x".repeat(holderBytesMax + 1);
      await expect(store.campaign(endless, never())).rejects.toMatchObject({
        code: "config-invalid",
      });
      expect((await store.campaign("x".repeat(holderBytesMax), never())).isValid()).toBe(true);
    },
  },
  {
    id: "resigned-is-refused",
    async run({ open }) {
      const store = await open();
      const old = await lead(store);
      const revision = await mustCommit(store, old, create(key, "1"));
      await old.resign();
      const late = { key, basedOn: revision, value: "2" };
      expect(await commitOne(store, old, late)).toEqual(notLeader);
      const now = await lead(store);
      expect(await commitOne(store, old, late)).toEqual(notLeader);
      expect(await store.read(key)).toEqual({ key, revision, value: "1" });
      await old.resign();
      expect([old.isValid(), now.isValid()]).toEqual([false, true]);
      await mustCommit(store, now, late);
    },
  },
  {
    id: "resigning-tells",
    async run({ open }) {
      const leadership = await lead(await open());
      let losses = 0;
      leadership.lost.then(() => {
        losses += 1;
      });
      await Promise.all([leadership.resign(), leadership.resign()]);
      expect(leadership.isValid()).toBe(false);
      expect(typeof (await leadership.lost).because).toBe("string");
      expect(losses).toBe(1);
    },
  },
  {
    id: "resigning-amid-commits",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      const changes = Array.from({ length: 50 }, (_, index) => create(`instance/i${index}`, "1"));
      const commits = changes.map((change) => commitOne(store, leadership, change));
      await leadership.resign();
      const now = await lead(store);
      const stored = new Set((await store.readAll()).map((each) => each.key));
      const outcomes = await Promise.all(commits);
      for (const [index, outcome] of outcomes.entries()) {
        const change = changes[index];
        expect(outcome.type === "done" || outcome).toEqual(
          change !== undefined && stored.has(change.key) ? true : notLeader,
        );
      }
      expect(now.isValid()).toBe(true);
    },
  },
  {
    id: "a-made-up-leadership-is-refused",
    async run({ open }) {
      const store = await open();
      const real = await lead(store);
      const lost = new Promise<{ because: string }>(() => {});
      const madeUp = {
        term: real.term,
        confirmedAtMs: () => real.confirmedAtMs(),
        isValid: () => true,
        lost,
        resign: async () => {},
      };
      expect(await commitOne(store, madeUp, create(key, "1"))).toEqual(notLeader);
      expect(await store.read(key)).toBe(null);
    },
  },
  {
    id: "campaigns-of-one-handle-wait",
    async run({ open }) {
      const store = await open();
      const first = await lead(store);
      const second = watched(store.campaign("second", never()));
      await mustCommit(store, first, create(key, "1"));
      await store.readAll();
      expect(second.won).toBe(null);
      await first.resign();
      await until("the second campaign wins", () => second.won !== null);
      expect(second.won?.term).toBeGreaterThan(first.term);
    },
  },
  {
    id: "campaign-aborts",
    async run({ open }) {
      const store = await open();
      const reason = new Error("enough");
      await expect(store.campaign("x", AbortSignal.abort(reason))).rejects.toBe(reason);
      const leadership = await lead(store);
      const abort = new AbortController();
      const waiting = store.campaign("x", abort.signal);
      abort.abort(reason);
      await expect(waiting).rejects.toBe(reason);
      expect(leadership.isValid()).toBe(true);
      await leadership.resign();
      expect((await lead(store)).isValid()).toBe(true);
    },
  },
  {
    id: "closing-gives-up",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      await store.close();
      expect(leadership.isValid()).toBe(false);
      expect(typeof (await leadership.lost).because).toBe("string");
      await leadership.resign();
      const next = await lead(await open());
      expect(next.term).toBeGreaterThan(leadership.term);
    },
  },
  {
    id: "handles-one-leads",
    async run({ open }) {
      const [one, two] = [await open(), await open()];
      const first = await lead(one);
      const waiting = watched(two.campaign("two", never()));
      const revision = await mustCommit(one, first, create(key, "1"));
      expect(await two.read(key)).toEqual({ key, revision, value: "1" });
      expect(waiting.won).toBe(null);
      await first.resign();
      await until("the other handle leads", () => waiting.won !== null);
      expect(waiting.won?.term).toBeGreaterThan(first.term);
      const late = { key, basedOn: revision, value: "2" };
      expect(await commitOne(one, first, late)).toEqual(notLeader);
    },
  },
  {
    id: "handles-race-for-the-lead",
    async run({ open }) {
      const stores = await Promise.all(Array.from({ length: 8 }, () => open()));
      const races = stores.map((store, index) => watched(store.campaign(`h${index}`, never())));
      const terms: number[] = [];
      for (let round = 0; round < stores.length; round += 1) {
        const leaders = () => races.flatMap((each) => (each.won?.isValid() ? [each.won] : []));
        await until("one leads", () => leaders().length > 0);
        for (const store of stores) await store.readLeader();
        const [leader, ...others] = leaders();
        expect(others).toEqual([]);
        terms.push(leader?.term ?? 0);
        await leader?.resign();
      }
      expect(terms).toEqual([...new Set(terms)].sort((left, right) => left - right));
    },
  },
  {
    id: "handles-leadership-of-another",
    async run({ open }) {
      const [one, two] = [await open(), await open()];
      const first = await lead(one);
      expect(await commitOne(two, first, create(key, "1"))).toEqual(notLeader);
      expect(await two.read(key)).toBe(null);
    },
  },
  {
    id: "handles-close-lets-the-other-lead",
    async run({ open }) {
      const [one, two] = [await open(), await open()];
      const first = await lead(one);
      const waiting = watched(two.campaign("two", never()));
      await one.close();
      await until("the other handle leads", () => waiting.won !== null);
      expect(waiting.won?.term).toBeGreaterThan(first.term);
    },
  },
  {
    id: "deposed-is-refused",
    async run({ open, harness }) {
      const [one, two] = [await open(), await open()];
      const old = await lead(one);
      const revision = await mustCommit(one, old, create(key, "1"));
      await harness.depose?.();
      const late = { key, basedOn: revision, value: "old" };
      const now = await lead(two);
      expect(now.term).toBeGreaterThan(old.term);
      expect(await commitOne(one, old, late)).toEqual(notLeader);
      expect(await two.read(key)).toEqual({ key, revision, value: "1" });
      await mustCommit(two, now, { key, basedOn: revision, value: "new" });
    },
  },
  {
    id: "deposed-loses-every-race",
    async run({ open, harness }) {
      const [one, two] = [await open(), await open()];
      const old = await lead(one);
      const revision = await mustCommit(one, old, create(key, "1"));
      await harness.depose?.();
      const now = await lead(two);
      const outcomes = await Promise.all([
        commitOne(one, old, { key, basedOn: revision, value: "old" }),
        commitOne(two, now, { key, basedOn: revision, value: "new" }),
        commitOne(one, old, create("instance/b", "old")),
      ]);
      const stored = await two.readAll();
      expect(stored.map((each) => each.value)).toEqual(["new"]);
      expect(outcomes).toEqual([
        notLeader,
        { type: "done", revision: stored[0]?.revision },
        notLeader,
      ]);
    },
  },
];
