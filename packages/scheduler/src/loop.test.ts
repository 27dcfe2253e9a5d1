/**
 * Owns the tests of the event loop: order, its end, its timer.
 * SPDX-License-Identifier: Apache-2.0
 */
import { Control, type Effect, fencingRules } from "@mr-redis/core";
import { VirtualClock } from "@mr-redis/testing";
import { describe, expect, it } from "vitest";
import { noCrash } from "./crash-points.js";
import { Loop } from "./loop.js";

const spec = {
  memoryMib: 100,
  masters: 1,
  slaves: 0,
  distribution: null,
  config: {},
  fencing: "on",
  onUnreachable: "replace",
} as const;

function started() {
  const clock = new VirtualClock();
  let ids = 0;
  const control = new Control(
    {
      term: 1,
      executorId: "executor",
      runtime: "process",
      executorNeed: { cpusMilli: 100, memMilliMib: 64_000 },
      redisCpusMilli: 100,
      memoryNeedMilli: (mib) => mib * 1000,
      deletedKeepMs: 1_000,
      launchTimeoutMs: 1_000,
      reviveBurst: 5,
      reviveIntervalMs: 1_000,
      offerHoldMs: 1_000,
      lagMs: 3_000,
      marginMs: 300,
      replicaSilenceMs: 5_000,
      executorSilenceMs: 2_000,
      masterLeaseMs: 600_000,
      replaceUnreachableMs: 30_000,
      resyncsMax: 2,
      proxyPorts: null,
      rules: fencingRules,
      nextId: () => {
        ids += 1;
        return `id-${ids}`;
      },
      nextSecret: () => "secret",
      nextUserPassword: () => ({ secret: "password", hash: "0".repeat(64) }),
      secretsKept: true,
      certificatesGiven: false,
    },
    { documents: [], atMs: clock.nowMs(), monotonicMs: clock.monotonicMs() },
  );
  const effects: Effect[] = [];
  let turns = 0;
  /** How many more looks find that it may act. */
  const leading = { looks: Number.POSITIVE_INFINITY };
  const loop = new Loop({
    mayAct: () => {
      leading.looks -= 1;
      return leading.looks >= 0;
    },
    control,
    clock,
    crash: noCrash,
    run: (effect) => {
      effects.push(effect);
      if (effect.type === "stop") loop.close();
    },
    turnEnded: () => {
      turns += 1;
    },
  });
  const types = () => effects.map(({ type }) => type);
  return { clock, loop, leading, types, turns: () => turns };
}

describe("the loop", () => {
  it("handles together what comes together, in order", () => {
    const { clock, loop, types, turns } = started();
    loop.post({ type: "subscribed" });
    loop.post({ type: "create-requested", requestId: "1", name: "a", spec });
    expect(types()).toEqual([]);
    clock.advanceBy(0);
    expect(types().indexOf("reconcile-tasks")).toBeLessThan(types().indexOf("commit-document"));
    expect(turns()).toBe(1);
  });

  it("does nothing more once an effect has ended it", () => {
    const { clock, loop, types } = started();
    loop.post({ type: "create-requested", requestId: "1", name: "a", spec });
    clock.advanceBy(0);
    const result = { type: "not-leader", text: "another leads" } as const;
    loop.post({ type: "commit-finished", commitId: 1, result });
    loop.post({ type: "create-requested", requestId: "2", name: "b", spec });
    clock.advanceBy(0);
    expect(types().at(-1)).toBe("stop");
    loop.post({ type: "create-requested", requestId: "3", name: "c", spec });
    clock.advanceBy(100_000);
    expect(types().at(-1)).toBe("stop");
  });

  it("does nothing more once it may not act, not even what is decided already", () => {
    for (let looks = 0; looks < 6; looks += 1) {
      const { clock, loop, leading, types, turns } = started();
      leading.looks = looks;
      loop.post({ type: "subscribed" });
      loop.post({ type: "create-requested", requestId: "1", name: "a", spec });
      clock.advanceBy(0);
      expect([turns(), types().length <= looks]).toEqual([0, true]);
      const before = types();
      clock.advanceBy(100_000);
      expect(types()).toEqual(before);
    }
  });

  it("wakes the core when it asked for it", () => {
    const { clock, loop, types } = started();
    loop.post({ type: "create-requested", requestId: "1", name: "a", spec });
    clock.advanceBy(0);
    const result = { type: "unknown", text: "timed out" } as const;
    loop.post({ type: "commit-finished", commitId: 1, result });
    clock.advanceBy(1_000);
    expect(types().filter((type) => type === "commit-document")).toHaveLength(2);
  });
});
