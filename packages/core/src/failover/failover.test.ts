/**
 * Owns the tests of failover and fencing as stories of whole instances, one for each rule of docs/internals/fencing.md.
 * Not: the rules one by one (rules.test.ts). At every second of every story at most one process accepts writes.
 * SPDX-License-Identifier: Apache-2.0
 */
import { describe, expect, it } from "vitest";
import { World, type WorldProcess } from "../control/world.test-support.js";
import type { Goal } from "../goal/types.js";
import type { InstanceSpec } from "../instance/types.js";
import { writeQuorumMax } from "../redis/info.js";

const specOf = (slaves: number, change: Partial<InstanceSpec> = {}): InstanceSpec => ({
  memoryMib: 100,
  masters: 1,
  slaves,
  distribution: null,
  config: {},
  fencing: "on",
  onUnreachable: "replace",
  ...change,
});

function started(slaves: number, change: Partial<InstanceSpec> = {}, agents = slaves + 2): World {
  const world = new World(
    Array.from({ length: agents }, (_, index) => ({
      agentId: `S${index}`,
      cpusMilli: 8_000,
      memMilliMib: 8_192_000,
      ports: [7_000 + 100 * index, 7_099 + 100 * index] as const,
    })),
  );
  world.send({ type: "woken" });
  world.connect();
  world.run();
  const spec = specOf(slaves, change);
  world.send({ type: "create-requested", requestId: "c", name: "a", spec });
  live(world, 2_000);
  expect(world.document("a").status).toBe("RUNNING");
  return world;
}

const writers = (world: World): WorldProcess[] =>
  world.of("a").filter((process) => world.cluster.accepts(process));

/** Time passes; every 100 ms at most one process accepts writes. */
function live(world: World, milliseconds: number): void {
  for (let passed = 0; passed < milliseconds; passed += 100) {
    if (passed % 1_000 === 0) {
      world.cluster.reportAll();
      world.cluster.offerAll();
    }
    world.pass(100);
    expect(writers(world).length).toBeLessThanOrEqual(1);
  }
}

const masterOf = (world: World): WorldProcess => {
  const { masterId } = world.document("a");
  const process = world.cluster.processes.get(masterId ?? "");
  if (process === undefined) throw new Error("no master");
  return process;
};

const replicasOf = (world: World): WorldProcess[] =>
  world.of("a").filter((process) => process !== masterOf(world));

const idOf = (process: WorldProcess | undefined): string => process?.launch.order.processId ?? "";

const goalsTo = (world: World, id: string): Goal[] =>
  world.log.flatMap((effect) =>
    effect.type === "send-goals" ? effect.batch.goals.filter((goal) => goal.processId === id) : [],
  );

function ask(world: World, to: string | null = null, force = false) {
  const requestId = `f${world.log.length}`;
  world.send({ type: "failover-requested", requestId, name: "a", to, force });
  return world.replies.get(requestId);
}

describe("the write quorum (rules 3 and 4)", () => {
  it.each([
    [1, 1],
    [2, 1],
    [3, 2],
    [4, 2],
  ])(
    "of 1 + %d is %d once all are in sync, and stored after its confirmation",
    (slaves, quorum) => {
      const world = started(slaves);
      expect(world.document("a").writeQuorum).toBe(quorum);
      expect(masterOf(world).goal).toMatchObject({ writeQuorum: quorum, leaseMs: null });
      const sentAt = world.log.findIndex(
        (effect) =>
          effect.type === "send-goals" &&
          effect.batch.goals.some((goal) => goal.writeQuorum === quorum),
      );
      const storedAt = world.log.findIndex(
        (effect) => effect.type === "commit-document" && effect.document?.writeQuorum === quorum,
      );
      expect(storedAt).toBeGreaterThan(sentAt);
    },
  );

  it("is lowered for a dead replica at once, stored before it is sent", () => {
    const world = started(1);
    const from = world.log.length;
    for (const state of world.cluster.states.values()) state.offering = false;
    for (const agentId of world.cluster.states.keys()) world.cluster.rescind(agentId);
    world.kill(idOf(replicasOf(world)[0]));
    world.run();
    expect(masterOf(world).goal.writeQuorum).toBe(0);
    const kinds = world.log.slice(from).map((effect) => {
      if (effect.type === "commit-document") return `store ${effect.document?.writeQuorum}`;
      if (effect.type !== "send-goals") return effect.type;
      return `send ${effect.batch.goals.map((goal) => goal.writeQuorum).join()}`;
    });
    expect(kinds.indexOf("send 0")).toBeGreaterThan(kinds.indexOf("store 0"));
    for (const state of world.cluster.states.values()) state.offering = true;
    live(world, 12_000);
    expect([world.document("a").status, world.document("a").writeQuorum]).toEqual(["RUNNING", 1]);
  });

  it("is raised when the master counts the replica, too: it would refuse writes until then", () => {
    const world = started(1);
    world.cluster.admitting = false;
    world.kill(idOf(replicasOf(world)[0]));
    live(world, 12_000);
    const { status, processes } = world.document("a");
    expect([status, processes.length, masterOf(world).goal.writeQuorum]).toEqual(["RUNNING", 2, 0]);
    world.cluster.admitting = true;
    live(world, 12_000);
    expect(masterOf(world).goal.writeQuorum).toBe(1);
  });

  it("is lowered for a replica that is cut off, after its time, and the master writes on", () => {
    const world = started(1);
    const [replica] = replicasOf(world);
    world.cluster.cut(replica?.agentId ?? "");
    live(world, 3_500);
    expect(masterOf(world).goal.writeQuorum).toBe(1);
    live(world, 5_000);
    expect(masterOf(world).goal.writeQuorum).toBe(0);
    expect(writers(world)).toEqual([masterOf(world)]);
    expect([world.document("a").epoch, world.document("a").status]).toEqual([1, "DEGRADED"]);
  });
});

describe("a master that cannot be reached (rule 6)", () => {
  it("is replaced after silence, parks and the wait, and comes back as a replica", () => {
    const world = started(2);
    const old = masterOf(world);
    world.cluster.write(() => true);
    world.cluster.cut(old.agentId);
    live(world, 4_000);
    const { status, reason, epoch } = world.document("a");
    expect([status, reason?.code, epoch]).toEqual(["FAILED", "fencing", 1]);
    expect(reason?.text).toContain("it refuses writes by itself 5500 ms after");
    live(world, 6_000);
    const document = world.document("a");
    expect([document.epoch, document.status]).toEqual([2, "DEGRADED"]);
    expect(writers(world)).toEqual([masterOf(world)]);
    const [record] = document.failovers;
    expect(record).toMatchObject({
      kind: "unreachable",
      epoch: 2,
      oldMaster: idOf(old),
      bytesGivenUp: 0,
      because: { code: "master-unreachable" },
    });
    const [first, ...others] = record?.seen.map(({ by }) => by) ?? [];
    expect(first).toBe("scheduler");
    expect(record?.candidates.map(({ processId }) => processId)).toEqual(
      expect.arrayContaining(others),
    );
    expect(record?.writerlessMs).toBeLessThan(9_500);
    world.cluster.mend(old.agentId);
    live(world, 3_000);
    expect([world.document("a").status, world.document("a").processes.length]).toEqual([
      "RUNNING",
      3,
    ]);
    expect(old.goal.role).toBe("replica");
  });

  it("heard again in time is followed again, with new stamps", () => {
    const world = started(2);
    const old = masterOf(world);
    world.cluster.cut(old.agentId);
    live(world, 4_000);
    const [replica] = replicasOf(world);
    expect(replica?.goal.role).toBe("parked");
    const parked = replica?.goal.stamp.counter ?? 0;
    world.cluster.mend(old.agentId);
    live(world, 3_000);
    expect([world.document("a").epoch, world.document("a").status]).toEqual([1, "RUNNING"]);
    expect(replica?.goal.role).toBe("replica");
    expect(replica?.goal.stamp.counter).toBeGreaterThan(parked);
  });

  it("waits anew when one more leaves R, deaths included (V4)", () => {
    const world = started(3, {}, 4);
    const [first, second] = replicasOf(world);
    world.cluster.cut(masterOf(world).agentId);
    live(world, 5_000);
    world.kill(idOf(first));
    live(world, 4_500);
    expect([world.document("a").epoch, second?.goal.role]).toEqual([1, "parked"]);
    live(world, 3_000);
    expect(world.document("a").epoch).toBe(2);
  });

  it("is not replaced while too many may still count for its writes, and says who", () => {
    const world = started(2);
    const [replica] = replicasOf(world);
    world.cluster.cut(masterOf(world).agentId);
    world.cluster.cut(replica?.agentId ?? "");
    live(world, 60_000);
    const { epoch, status, reason } = world.document("a");
    expect([epoch, status, reason?.code]).toEqual([1, "FAILED", "fencing"]);
    expect(reason?.text).toContain(`1 replicas may still count for its writes (${idOf(replica)}`);
    world.cluster.mend(replica?.agentId ?? "");
    live(world, 10_000);
    expect(world.document("a").epoch).toBe(2);
  });

  it("without a write quorum is replaced only after its lease (V8)", () => {
    const world = started(1);
    const [replica] = replicasOf(world);
    // Its replica is silent for so long that the master writes on without it, then comes back out of sync.
    world.cluster.cut(replica?.agentId ?? "");
    live(world, 10_000);
    expect(masterOf(world).goal).toMatchObject({ writeQuorum: 0, leaseMs: 600_000 });
    world.cluster.cut(masterOf(world).agentId);
    world.cluster.mend(replica?.agentId ?? "");
    live(world, 590_000);
    expect(world.document("a").epoch).toBe(1);
    live(world, 15_000);
    expect(world.document("a").epoch).toBe(2);
    expect(idOf(masterOf(world))).toBe(idOf(replica));
  });

  it("is left alone when only its executor is silent", () => {
    const world = started(1);
    const { agentId } = masterOf(world);
    const state = world.cluster.states.get(agentId);
    if (state === undefined) throw new Error("no agent");
    state.reachable = false;
    live(world, 20_000);
    const { epoch, status, reason } = world.document("a");
    expect([epoch, status, reason?.code]).toEqual([1, "DEGRADED", "silent"]);
    state.reachable = true;
    live(world, 2_000);
    expect(world.document("a").status).toBe("RUNNING");
  });

  it("is never replaced without the operator where fencing is off", () => {
    const world = started(1, { fencing: "off" });
    expect(masterOf(world).goal).toMatchObject({ writeQuorum: 0, leaseMs: null });
    const [replica] = replicasOf(world);
    world.cluster.cut(masterOf(world).agentId);
    world.pass(700_000);
    expect(world.document("a").epoch).toBe(1);
    world.cluster.reportAll();
    world.run();
    expect(ask(world)).toMatchObject({ type: "failover-refused", code: "unreachable" });
    expect(ask(world, null, true)).toEqual({ type: "failover-accepted", epoch: 2 });
    world.pass(1_000);
    expect(idOf(masterOf(world))).toBe(idOf(replica));
    expect(world.document("a").failovers.at(-1)?.kind).toBe("forced");
  });

  it("goes on in the next session with Mesos, which is no word of the master", () => {
    const world = started(2);
    world.cluster.cut(masterOf(world).agentId);
    live(world, 4_000);
    world.disconnect();
    world.connect();
    live(world, 6_500);
    expect(world.document("a").failovers.map(({ kind }) => kind)).toEqual(["unreachable"]);
  });

  it("goes on under the next scheduler, which starts all of it again (V3)", () => {
    const world = started(2);
    const old = masterOf(world);
    world.cluster.cut(old.agentId);
    live(world, 6_000);
    expect(world.document("a").epoch).toBe(1);
    world.restart(2);
    live(world, 5_000);
    expect(world.document("a").epoch).toBe(1);
    live(world, 6_000);
    expect(world.document("a").epoch).toBe(2);
    expect(masterOf(world).goal.stamp.term).toBe(2);
  });
});

describe("members (rules 5 and 7)", () => {
  it("a new replica is launched parked, and follows after it was stored as a member", () => {
    const world = started(1);
    world.kill(idOf(replicasOf(world)[0]));
    live(world, 2_000);
    const [replica] = replicasOf(world);
    expect(replica?.launch.order.goal).toMatchObject({
      role: "parked",
      writeQuorum: writeQuorumMax,
    });
    const follow = world.log.findIndex(
      (effect) =>
        effect.type === "send-goals" &&
        effect.batch.goals.some((goal) => goal.processId === idOf(replica)),
    );
    const stored = world.log.findIndex(
      (effect) =>
        effect.type === "commit-document" &&
        effect.document?.processes.some(({ id, member }) => id === idOf(replica) && member),
    );
    expect(stored).toBeGreaterThan(0);
    expect(follow).toBeGreaterThan(stored);
    expect(world.document("a").status).toBe("RUNNING");
  });

  it("one that stays away is expelled, leaves R when its user is gone, is replaced, and killed when it returns", () => {
    const world = started(1);
    const [lost] = replicasOf(world);
    const recordOf = () => world.document("a").processes.find(({ id }) => id === idOf(lost));
    const user = recordOf()?.replicaUser;
    world.cluster.cut(lost?.agentId ?? "");
    live(world, 28_000);
    expect(recordOf()).toMatchObject({ member: true, expelled: false });
    live(world, 5_000);
    expect(recordOf()).toMatchObject({ member: false, expelled: true, dataEpoch: 1 });
    expect(masterOf(world).goal.followers.map((follower) => follower.user)).not.toContain(user);
    expect([world.document("a").status, world.of("a").length]).toEqual(["RUNNING", 3]);
    world.cluster.mend(lost?.agentId ?? "");
    live(world, 3_000);
    expect([world.document("a").status, world.of("a").length]).toEqual(["RUNNING", 2]);
    expect(world.of("a")).not.toContain(lost);
  });

  it("one that returns before another took its place comes back with a new user", () => {
    const world = started(1, {}, 2);
    const [lost] = replicasOf(world);
    const recordOf = () => world.document("a").processes.find(({ id }) => id === idOf(lost));
    const user = recordOf()?.replicaUser;
    for (const state of world.cluster.states.values()) state.offering = false;
    world.cluster.cut(lost?.agentId ?? "");
    live(world, 40_000);
    expect(recordOf()).toMatchObject({ member: false, expelled: true });
    world.cluster.mend(lost?.agentId ?? "");
    live(world, 3_000);
    expect(recordOf()).toMatchObject({ member: true, expelled: false });
    expect(recordOf()?.replicaUser).not.toBe(user);
    expect([world.document("a").status, world.document("a").epoch]).toEqual(["RUNNING", 1]);
  });

  it("passwords are of one pair of processes", () => {
    const world = started(2);
    const passwords = world
      .of("a")
      .flatMap(({ goal }) => [
        ...goal.followers.map((follower) => `${follower.user} ${follower.password}`),
      ]);
    const given = replicasOf(world).map(
      ({ goal }) => `${goal.master?.user} ${goal.master?.secret}`,
    );
    expect(new Set(passwords).size).toBe(2);
    expect(given.sort()).toEqual(passwords.sort());
  });

  it("no more replicas than allowed are brought into sync at a time", () => {
    const world = started(4, {}, 6);
    const [survivor] = replicasOf(world);
    for (const replica of replicasOf(world)) {
      if (replica !== survivor) world.kill(idOf(replica));
    }
    for (let count = 0; count < 200; count += 1) {
      world.pass(10);
      const members = world.document("a").processes.filter(({ id, member }) => {
        const report = world.control.cells.get("a")?.reports.get(id);
        return member && id !== world.document("a").masterId && report?.linkUp !== true;
      });
      expect(members.length).toBeLessThanOrEqual(2);
    }
    live(world, 5_000);
    expect(world.document("a").status).toBe("RUNNING");
  });
});

describe("on request (rule 8)", () => {
  it("planned: writes are paused, the replica is level, nothing is lost", () => {
    const world = started(2);
    const old = masterOf(world);
    world.cluster.write(() => true);
    const [, target] = replicasOf(world);
    expect(ask(world, idOf(target))).toEqual({ type: "failover-accepted", epoch: 2 });
    live(world, 2_000);
    expect(idOf(masterOf(world))).toBe(idOf(target));
    expect(masterOf(world).offset).toBe(old.offset);
    expect(goalsTo(world, idOf(old)).some((goal) => goal.writeQuorum === writeQuorumMax)).toBe(
      true,
    );
    const [record] = world.document("a").failovers;
    expect(record).toMatchObject({ kind: "planned", epoch: 2, bytesGivenUp: 0 });
    expect(record?.steps.map(({ name }) => name)).toEqual([
      "requested",
      "writes-paused",
      "candidate-chosen",
      "master-verified",
    ]);
    expect([world.document("a").status, world.document("a").processes.length]).toEqual([
      "RUNNING",
      3,
    ]);
  });

  it("planned and not level in time: given up, and the master writes on", () => {
    const world = started(1);
    const [replica] = replicasOf(world);
    // A write that the replica has not got, and will not.
    world.cluster.write(() => false);
    if (replica === undefined) throw new Error("no replica");
    Object.defineProperty(replica, "offset", { get: () => 0, set: () => undefined });
    expect(ask(world)).toMatchObject({ type: "failover-accepted" });
    live(world, 5_000);
    expect(writers(world)).toEqual([]);
    live(world, 7_000);
    expect(writers(world)).toEqual([masterOf(world)]);
    const record = world.document("a").failovers.at(-1);
    expect([record?.kind, record?.epoch, record?.steps.at(-1)?.name]).toEqual([
      "planned",
      1,
      "cancelled",
    ]);
    expect([world.document("a").epoch, world.document("a").status]).toEqual([1, "RUNNING"]);
  });

  it("is refused with the reason and the numbers", () => {
    const world = started(1);
    const [replica] = replicasOf(world);
    const refused = (reply: unknown) => (reply as { code?: string }).code;
    expect(refused(ask(world, "a::none"))).toBe("no-such-process");
    expect(refused(ask(world, idOf(masterOf(world))))).toBe("already-master");
    world.send({ type: "failover-requested", requestId: "x", name: "b", to: null, force: false });
    expect(world.replies.get("x")).toEqual({ type: "not-found" });
    masterOf(world).offset = 100 * 1024 * 1024;
    world.cluster.report(idOf(masterOf(world)));
    world.run();
    expect(ask(world, idOf(replica))).toMatchObject({
      code: "behind",
      text: expect.stringContaining("it is at offset 0, the master at 104857600"),
    });
    world.kill(idOf(replica));
    world.run();
    expect(refused(ask(world, idOf(replica)))).toBe("no-such-process");
    const single = started(0);
    expect(refused(ask(single))).toBe("single");
  });

  it("forced: ends when the one that was asked for has ended, and its master goes on", () => {
    const world = started(2);
    const { agentId } = masterOf(world);
    const state = world.cluster.states.get(agentId);
    const [target] = replicasOf(world);
    if (state === undefined) throw new Error("no agent");
    state.reachable = false;
    live(world, 5_000);
    world.cluster.cut(target?.agentId ?? "");
    expect(ask(world, idOf(target), true)).toEqual({ type: "failover-accepted", epoch: 2 });
    world.kill(idOf(target));
    world.cluster.mend(target?.agentId ?? "");
    world.cluster.repeatUpdates();
    live(world, 5_000);
    state.reachable = true;
    live(world, 5_000);
    const { epoch, status, failovers } = world.document("a");
    expect([epoch, status]).toEqual([1, "RUNNING"]);
    expect(failovers.map(({ kind, because }) => `${kind} ${because.code}`)).toEqual([
      "forced cancelled",
    ]);
  });

  it("forced: is given up when the one that was asked for cannot be reached any more", () => {
    const world = started(2);
    const { agentId } = masterOf(world);
    const state = world.cluster.states.get(agentId);
    const [target] = replicasOf(world);
    if (state === undefined) throw new Error("no agent");
    state.reachable = false;
    live(world, 5_000);
    world.cluster.cut(target?.agentId ?? "");
    ask(world, idOf(target), true);
    live(world, 5_000);
    state.reachable = true;
    live(world, 15_000);
    const { epoch, failovers } = world.document("a");
    expect([epoch, failovers.at(-1)?.because.code]).toEqual([1, "cancelled"]);
    expect(writers(world)).toEqual([masterOf(world)]);
  });

  it("ends in the failover of a death when the master dies while it is paused", () => {
    const world = started(2);
    const old = masterOf(world);
    ask(world);
    world.queue.length = 0;
    world.kill(idOf(old));
    live(world, 3_000);
    expect([world.document("a").epoch, world.document("a").status]).toEqual([2, "RUNNING"]);
    expect(world.document("a").failovers.map(({ kind }) => kind)).toEqual(["death"]);
  });
});

describe("leases (rule 10)", () => {
  it("a single starts closed, is opened by an answer, and closes when nobody leads", () => {
    const world = started(0);
    expect(masterOf(world).launch.order.goal).toMatchObject({ writeQuorum: 0, leaseMs: 600_000 });
    expect(writers(world)).toHaveLength(1);
    live(world, 700_000);
    expect(writers(world)).toHaveLength(1);
    world.disconnect();
    world.pass(601_000);
    expect(writers(world)).toHaveLength(0);
    world.connect();
    live(world, 3_000);
    expect(writers(world)).toHaveLength(1);
    expect(world.document("a").epoch).toBe(1);
  });

  it("a single that cannot be reached is replaced after its lease, new and empty, and says so", () => {
    const world = started(0);
    const old = masterOf(world);
    world.cluster.cut(old.agentId);
    live(world, 598_000);
    expect([world.document("a").status, world.document("a").epoch]).toEqual(["FAILED", 1]);
    live(world, 10_000);
    const document = world.document("a");
    expect([document.status, document.epoch]).toEqual(["RUNNING", 2]);
    expect(document.failovers.at(-1)).toMatchObject({
      kind: "unreachable",
      because: { code: "given-up", text: expect.stringContaining("it is given up with its data") },
    });
    world.cluster.mend(old.agentId);
    live(world, 3_000);
    expect(world.of("a")).toEqual([masterOf(world)]);
  });

  it("waits for a single where the owner chose so", () => {
    const world = started(0, { onUnreachable: "wait" });
    const old = masterOf(world);
    world.cluster.cut(old.agentId);
    live(world, 700_000);
    expect([world.document("a").epoch, world.document("a").status]).toEqual([1, "FAILED"]);
    world.cluster.mend(old.agentId);
    live(world, 3_000);
    expect([world.document("a").status, masterOf(world)]).toEqual(["RUNNING", old]);
  });
});

describe("nothing newer is given up (rule 9)", () => {
  it("waits for a replica that may have later data, and takes it when it is back", () => {
    const world = started(2);
    const [first, second] = replicasOf(world);
    // The second replica has the reign; the first one has only an older one.
    if (first === undefined || second === undefined) throw new Error("two replicas");
    world.cluster.cut(second.agentId);
    live(world, 3_000);
    first.dataEpoch = 0;
    first.goal = { ...first.goal, role: "parked", master: null };
    world.kill(idOf(masterOf(world)));
    live(world, 20_000);
    expect([world.document("a").epoch, world.document("a").status]).toEqual([1, "FAILED"]);
    expect(world.document("a").reason?.text).toContain(
      `waits for what may be newer: ${idOf(second)}`,
    );
    world.cluster.mend(second.agentId);
    live(world, 5_000);
    expect(idOf(masterOf(world))).toBe(idOf(second));
  });

  it("waits for one that was replaced, when nobody else is left, and says for whom", () => {
    const world = started(1);
    const [lost] = replicasOf(world);
    if (lost === undefined) throw new Error("no replica");
    world.cluster.cut(lost.agentId);
    live(world, 40_000);
    for (const process of world.of("a")) if (process !== lost) world.kill(idOf(process));
    live(world, 20_000);
    const { status, reason, epoch } = world.document("a");
    expect([status, reason?.code, epoch]).toEqual(["FAILED", "unreachable", 1]);
    expect(reason?.text).toContain(
      `1 of its processes cannot be reached (on host-${lost.agentId})`,
    );
    world.cluster.mend(lost.agentId);
    live(world, 3_000);
    expect(masterOf(world)).toBe(lost);
    live(world, 12_000);
    expect([world.document("a").status, world.document("a").epoch]).toEqual(["RUNNING", 2]);
  });

  it("records what a death cost", () => {
    const world = started(1);
    world.cluster.write(() => true);
    world.cluster.write(() => false);
    world.cluster.report(idOf(masterOf(world)));
    world.run();
    world.kill(idOf(masterOf(world)));
    world.run();
    expect(world.document("a").failovers.at(-1)).toMatchObject({ kind: "death", bytesGivenUp: 1 });
  });
});
