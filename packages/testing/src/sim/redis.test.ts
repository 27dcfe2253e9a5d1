/**
 * Holds the simulated redis-server to what was tried on redis-server 7.0.15 (docs/internals/simulator.md names each).
 * SPDX-License-Identifier: Apache-2.0
 */
import { parkAddress } from "@mr-redis/core";
import { beforeEach, describe, expect, test } from "vitest";
import { createRandom } from "../random.js";
import { VirtualClock } from "../virtual-clock.js";
import { rootBranch } from "./history.js";
import { Network } from "./network.js";
import { Redis, type RedisHost } from "./redis.js";

const park = { ...parkAddress, user: "", password: "" };

/** Three hosts, one redis-server on each. */
class Site implements RedisHost {
  readonly clock = new VirtualClock();
  readonly random = createRandom(1);
  readonly network = new Network(this.clock, createRandom(2), {
    lossShare: 0,
    doubleShare: 0,
    lateShare: 0,
    lateMsMax: 0,
    delayMsMin: 0.1,
    delayMsMax: 0.1,
  });
  readonly all: Redis[] = [];
  readonly openDoors = false;
  load = 5;
  #ids = 0;

  add(node: number): Redis {
    const identity = {
      processId: `p${node}`,
      instance: "i",
      node,
      address: `10.0.0.${node}`,
      port: 7_000,
      pid: node,
    };
    const redis = new Redis(this, identity, rootBranch(this.newBranchId()));
    this.all.push(redis);
    return redis;
  }

  nowMs(): number {
    return this.clock.monotonicMs();
  }
  after(delayMs: number, run: () => void): void {
    this.clock.after(delayMs, run);
  }
  wallMs(): number {
    return 1_000_000 + this.clock.monotonicMs();
  }
  isPowered(): boolean {
    return true;
  }
  listener(address: string): Redis | null {
    return this.all.find(({ identity, alive }) => alive && identity.address === address) ?? null;
  }
  newBranchId(): number {
    this.#ids += 1;
    return this.#ids;
  }
  transferMs(): number {
    return 5;
  }
  loadMs(): number {
    return this.load;
  }
  backlogBytes(): number {
    return 1_000;
  }
  changed(): void {}
  replaced(): void {}
  promoted(): void {}
  note(): void {}
}

const at = (redis: Redis, password = "secret") => ({
  address: redis.identity.address,
  port: 7_000,
  user: "replica-1",
  password,
});

let site: Site;
let master: Redis;
let replica: Redis;

function follow(): void {
  master.users.set("replica-1", "secret");
  replica.follow(at(master));
  site.clock.advanceBy(100);
}

beforeEach(() => {
  site = new Site();
  master = site.add(1);
  replica = site.add(2);
  master.beMaster();
  master.write();
});

describe("a simulated redis-server", () => {
  test("copies all to a new replica, then sends what is written", () => {
    follow();
    expect(replica.info()).toMatchObject({ linkUp: true, offset: 1, attach: "connected" });
    master.write();
    site.clock.advanceBy(1);
    expect([replica.offset, master.good, master.fullSyncs]).toEqual([2, 1, 1]);
  });

  test("B1: a parked replica keeps its data; its master refuses at once, and follows it later without a copy", () => {
    follow();
    master.setQuorum(1, 3);
    expect(master.accepts).toBe(true);
    const before = replica.place;
    replica.follow(park);
    site.clock.advanceBy(1);
    expect(master.accepts).toBe(false);
    expect(replica.place).toEqual(before);
    replica.beMaster();
    replica.users.set("replica-1", "secret");
    replica.write();
    master.follow(at(replica));
    site.clock.advanceBy(100);
    expect(master.info()).toMatchObject({ linkUp: true, offset: 2 });
    expect(replica.fullSyncs).toBe(0);
  });

  test("B1: one that wrote more than the new master has is given a copy", () => {
    follow();
    replica.follow(park);
    site.clock.advanceBy(1);
    master.write();
    replica.beMaster();
    replica.users.set("replica-1", "secret");
    master.follow(at(replica));
    site.clock.advanceBy(100);
    expect(replica.fullSyncs).toBe(1);
    expect(master.place).toEqual(replica.place);
  });

  test.each([1, 2, 3, 4, 5, 6])("B2: a silent replica counts for L to L + 2.2 s (%i)", (run) => {
    follow();
    master.setQuorum(1, 2);
    site.clock.advanceBy(run * 170);
    site.network.cut(2, 1);
    site.network.cut(1, 2);
    const cutAtMs = site.nowMs();
    while (master.accepts) site.clock.advanceBy(10);
    const acceptedMs = site.nowMs() - cutAtMs;
    // The last acknowledgement may be almost a second old.
    expect(acceptedMs).toBeGreaterThan(1_000);
    expect(acceptedMs).toBeLessThan(4_200);
  });

  test("B6: a replica counts as good while it loads, and refuses to be parked", () => {
    site.load = 1_000;
    master.setQuorum(1, 2);
    follow();
    expect(replica.info()).toMatchObject({ loading: true, linkUp: false });
    expect(master.accepts).toBe(true);
    expect(replica.follow(park)).toBe(false);
  });

  test("B7: a raised quorum counts from the next command on", () => {
    expect(master.accepts).toBe(true);
    master.setQuorum(1, 2);
    expect(master.write()).toBe(false);
  });

  test("B8: another process on the same port is not followed", () => {
    replica.follow(at(master, "another"));
    site.clock.advanceBy(3_000);
    expect(replica.info()).toMatchObject({ linkUp: false, attach: "connect" });
    expect(master.good).toBe(0);
  });

  test("B9: without its user a replica is cut and stays out", () => {
    follow();
    master.setQuorum(1, 3);
    master.dropUser("replica-1");
    expect(master.accepts).toBe(false);
    site.clock.advanceBy(3_000);
    expect(replica.linkUp).toBe(false);
  });

  test("a frozen process does what it was told when it goes on", () => {
    follow();
    replica.freeze();
    master.write();
    site.clock.advanceBy(2_000);
    expect(replica.offset).toBe(1);
    replica.thaw();
    expect(replica.offset).toBe(2);
  });
});
