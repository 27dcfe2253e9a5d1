/**
 * Owns the cases about leadership on a server: leases and sessions that end, frozen and cut off leaders, outages.
 * Called by the suite (index.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect } from "vitest";
import type { Leadership, Store } from "../port.js";
import {
  type ConformanceCase,
  commitOne,
  create,
  eventually,
  lead,
  mustCommit,
  never,
  notLeader,
  pause,
  whileDead,
} from "./harness.js";

const key = "instance/a" as const;

/** Campaigns again and again, as a scheduler does, and remembers every leadership. */
class Contender {
  readonly won: Leadership[] = [];
  readonly ended: Promise<void>;

  constructor(store: Store, name: string, signal: AbortSignal) {
    this.ended = this.#run(store, name, signal);
  }

  get leads(): boolean {
    return this.won.some((leadership) => leadership.isValid());
  }

  async #run(store: Store, name: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const leadership = await store.campaign(name, signal);
        this.won.push(leadership);
        await Promise.race([leadership.lost, aborted(signal)]);
      } catch (error) {
        if (!signal.aborted) expect(error).toMatchObject({ code: "store-unavailable" });
      }
      await pause(10);
    }
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

/** Looks without pause whether two lead at one time; the result tells how often. */
async function countTwoLeaders(
  contenders: readonly Contender[],
  signal: AbortSignal,
): Promise<number> {
  let count = 0;
  while (!signal.aborted) {
    if (contenders.filter((each) => each.leads).length > 1) count += 1;
    await pause(2);
  }
  return count;
}

export const serverLeadershipCases: readonly ConformanceCase[] = [
  {
    id: "server-cut-off-leader-stops-first",
    async run({ open, openThrough }) {
      const { store: one, link } = await openThrough();
      const two = await open();
      const old = await lead(one);
      let lostFirst: boolean | null = null;
      old.lost.then(() => {
        lostFirst ??= true;
      });
      const next = two.campaign("two", never()).then((leadership) => {
        lostFirst ??= false;
        return leadership;
      });
      link.hold();
      const now = await next;
      expect(old.isValid()).toBe(false);
      expect(lostFirst).toBe(true);
      expect(now.term).toBeGreaterThan(old.term);
      link.release();
      expect(await commitOne(one, old, create(key, "old"))).toEqual(notLeader);
      await mustCommit(two, now, create(key, "new"));
      expect(old.isValid()).toBe(false);
    },
  },
  {
    id: "server-late-commit-of-a-deposed-leader",
    async run({ open, openThrough }) {
      const { store: one, link } = await openThrough();
      const two = await open();
      const old = await lead(one);
      const revision = await mustCommit(one, old, create(key, "1"));
      link.hold();
      const late = one.commit(old, [
        { key, basedOn: revision, value: "old" },
        create("instance/old", "old"),
        { key: "framework", basedOn: null, value: "old" },
      ]);
      const now = await two.campaign("two", never());
      const mine = await mustCommit(two, now, create("framework", "new"));
      link.release();
      for (const outcome of await late) expect(outcome.type).not.toBe("done");
      // The old one's connection serves again: what was held back has arrived.
      await eventually("the old one reads", async () => (await one.read(key)) !== null);
      for (let round = 0; round < 20; round += 1) {
        expect((await two.read(key))?.revision).toBe(revision);
        await pause(10);
      }
      expect(await two.read("instance/old")).toBe(null);
      expect(await two.read("framework")).toEqual({
        key: "framework",
        revision: mine,
        value: "new",
      });
      await mustCommit(two, now, { key, basedOn: revision, value: "new" });
    },
  },
  {
    id: "server-outage-makes-no-two-leaders",
    async run({ open, openThrough, harness, server }) {
      const end = new AbortController();
      const { store: behind, link } = await openThrough();
      const stores = [await open(), await open(), behind];
      const contenders = stores.map(
        (store, index) => new Contender(store, `contender ${index}`, end.signal),
      );
      const looking = countTwoLeaders(contenders, end.signal);
      const all = () => contenders.flatMap((each) => each.won);
      const oneLeads = (after: number) =>
        eventually("one leads", () =>
          all().some((leadership) => leadership.term > after && leadership.isValid()),
        );
      const highest = () => Math.max(0, ...all().map((leadership) => leadership.term));
      await oneLeads(0);
      // Longer than a lease: nobody may believe to lead, and all campaigns fail at least once.
      const before = highest();
      await whileDead(server, async () => {
        await eventually("nobody leads", () => contenders.every((each) => !each.leads));
        link.cut();
        await pause(harness.leaseTtlMs ?? 0);
      });
      link.release();
      await oneLeads(before);
      // Campaigns that failed during the outage must not win later.
      await pause(harness.leaseTtlMs ?? 0);
      end.abort();
      await Promise.all(contenders.map((each) => each.ended));
      expect(await looking).toBe(0);
      const terms = all().map((leadership) => leadership.term);
      expect(new Set(terms).size).toBe(terms.length);
    },
  },
  {
    id: "server-killed-leader-is-followed",
    async run({ open, server }) {
      const standby = await open();
      const leader = await server.startLeader(key);
      await eventually("it counts", () => leader.lines.includes("done 5"));
      expect((await standby.readLeader())?.term).toBe(Number(leader.lines[0]?.split(" ")[1]));
      const next = standby.campaign("standby", never());
      await leader.kill();
      const now = await next;
      const counted = leader.lines.findLast((line) => line.startsWith("done "))?.slice(5);
      const stored = await standby.read(key);
      expect([Number(counted), Number(counted) + 1]).toContain(Number(stored?.value));
      await mustCommit(standby, now, { key, basedOn: stored?.revision ?? null, value: "mine" });
    },
  },
  {
    id: "server-frozen-leader-finds-itself-deposed",
    async run({ open, server }) {
      const standby = await open();
      const leader = await server.startLeader(key);
      await eventually("it counts", () => leader.lines.includes("done 5"));
      const next = standby.campaign("standby", never());
      process.kill(leader.pid, "SIGSTOP");
      const now = await next;
      const stored = await standby.read(key);
      process.kill(leader.pid, "SIGCONT");
      await eventually("it is told", () => leader.lines.includes("refused not-leader"));
      expect(leader.lines.some((line) => line.startsWith("lost "))).toBe(true);
      const counted = leader.lines.findLast((line) => line.startsWith("done "))?.slice(5);
      // Answers that were on their way before the freeze may be heard after it; nothing new is written.
      expect(Number(stored?.value)).toBeGreaterThanOrEqual(Number(counted));
      expect(await standby.read(key)).toEqual(stored);
      await mustCommit(standby, now, { key, basedOn: stored?.revision ?? null, value: "mine" });
    },
  },
  {
    id: "server-cut-off-resign-ends",
    async run({ open, openThrough }) {
      const { store: one, link } = await openThrough();
      const two = await open();
      const old = await lead(one);
      link.hold();
      await old.resign();
      expect(old.isValid()).toBe(false);
      expect((await two.campaign("two", never())).term).toBeGreaterThan(old.term);
      link.release();
    },
  },
];
