/**
 * Owns directed stories: sequences that lead to where each rule of fencing is needed, with random gaps and partners.
 * Purely random faults come there too rarely. Each is named after what it leads to; the V numbers are those of
 * docs/internals/fencing.md. Not: single faults (story.ts). Called by run.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Random } from "../random.js";
import type { Agent } from "./agent.js";
import { executorLeaves, leaseUnguarded } from "./container-scripts.js";
import type { NodeId } from "./network.js";
import type { Redis } from "./redis.js";
import type { Story } from "./story.js";
import type { World } from "./world.js";

/** What a script works with. */
export class Stage {
  readonly story: Story;
  readonly world: World;
  readonly random: Random;
  readonly instance: string;

  constructor(story: Story, instance: string) {
    this.story = story;
    this.world = story.world;
    this.random = story.random;
    this.instance = instance;
  }

  pass(minMs: number, maxMs = minMs): void {
    this.world.clock.advanceBy(minMs + this.random.next() * (maxMs - minMs));
  }

  /** The master that is stored, if it lives. */
  master(): Redis | null {
    const id = this.world.store.document(this.instance)?.masterId ?? null;
    return id === null ? null : this.world.redisNamed(id);
  }

  /** All others that live, in random order. */
  others(): Redis[] {
    const master = this.master();
    const others = this.world.redisesOf(this.instance).filter((redis) => redis !== master);
    return this.random.shuffle(others);
  }

  agentOf(redis: Redis): Agent {
    const agent = this.world.agents[redis.node];
    if (agent === undefined) throw new Error(`no agent ${redis.node}`);
    return agent;
  }

  get epoch(): number {
    return this.world.store.document(this.instance)?.epoch ?? 0;
  }

  /** Until it is as asked, or for so long. */
  untilRunning(maxMs: number): void {
    this.until(maxMs, () => this.world.store.document(this.instance)?.status === "RUNNING");
  }

  /** Until another reign is stored, or for so long. */
  untilReign(before: number, maxMs: number): void {
    this.until(maxMs, () => this.epoch > before);
  }

  /** Until this is so, or for so long. */
  until(maxMs: number, done: () => boolean, stepMs = 20): void {
    for (let passedMs = 0; passedMs < maxMs && !done(); passedMs += stepMs) this.pass(stepMs);
  }

  cut(from: NodeId, to: NodeId): void {
    this.world.network.cut(from, to);
  }

  part(a: NodeId, b: NodeId): void {
    this.cut(a, b);
    this.cut(b, a);
  }

  join(a: NodeId, b: NodeId): void {
    this.world.network.heal(a, b);
    this.world.network.heal(b, a);
  }

  get mesos(): NodeId {
    return this.world.mesos.node;
  }

  /** The master cannot be reached by the scheduler, nor by these; returns its reign. */
  isolate(master: Redis, from: readonly Redis[]): number {
    this.part(master.node, this.mesos);
    for (const redis of from) this.part(master.node, redis.node);
    return this.epoch;
  }

  /** Longer than the fence and all that comes before it. */
  get fenceMs(): number {
    const { lagMs, marginMs, executorSilenceMs } = this.world.options;
    return lagMs + 2_200 + marginMs + executorSilenceMs + 2_000;
  }
}

type Script = (stage: Stage) => void;

/** Master after master is killed, of all instances, as soon as a replica is there to follow it, or sooner. */
const killAgainAndAgain: Script = ({ world, random, story }) => {
  const stages = [...world.promised.keys()].map((name) => new Stage(story, name));
  const untilMs = world.clock.monotonicMs() + random.integer(3_000, 10_000);
  const haste = random.pick([0, 0.01, 0.1]);
  world.network.healAll();
  while (world.clock.monotonicMs() < untilMs) {
    world.clock.advanceBy(1 + random.next() * 9);
    for (const stage of stages) {
      const master = stage.master();
      const isReady = master?.accepts === true && stage.others().some(({ linkUp }) => linkUp);
      if (master === null || !(isReady || random.chance(haste))) continue;
      if (random.chance(0.03)) stage.agentOf(master).killExecutor();
      else master.die("SIGKILL", null);
      if (random.chance(0.03)) stage.others()[0]?.die("SIGKILL", null);
    }
  }
};

/**
 * The scheduler loses the master and one replica sees it; heard again, it lets all follow again; then it is lost again,
 * with copies of all that mail on their way. The first replica is in touch with the master all the time.
 */
function suspectAgain(stage: Stage): { master: Redis; first: Redis; epoch: number } | null {
  const master = stage.master();
  const others = stage.others();
  const [first] = others;
  if (master === null || first === undefined) return null;
  const { network } = stage.world;
  const cut = others.length > 1 && stage.random.chance(0.7) ? others.slice(1) : others;
  const isParked = (): boolean => stage.others().every((redis) => redis.isParked);
  const epoch = stage.isolate(master, cut);
  stage.until(6_000, isParked);
  stage.pass(0, 500);
  if (stage.random.chance(0.8)) network.echo(stage.fenceMs);
  network.healAll();
  stage.until(3_000, () => !first.isParked, 5);
  stage.pass(0, stage.random.pick([50, 1_500, 4_000]));
  network.usual();
  stage.isolate(master, cut);
  stage.until(6_000, isParked);
  stage.join(master.node, first.node);
  return { master, first, epoch };
}

/** V1, V2: suspected, heard again, suspected again, with mail of the first time still on its way. */
const suspectTwice: Script = (stage) => {
  const again = suspectAgain(stage);
  if (again === null) return;
  // One of the replicas hears nothing any more, and is heard.
  if (stage.random.chance(0.2)) stage.cut(stage.mesos, again.first.node);
  stage.untilReign(again.epoch, stage.fenceMs + 5_000);
  stage.pass(0, 5_000);
};

/** V4, V12: a replica that could not be parked feeds the master until it dies near the end of the wait. */
const deathInTheWait: Script = (stage) => {
  const master = stage.master();
  const [first, second] = stage.others();
  if (master === null || first === undefined || second === undefined) return;
  stage.cut(stage.mesos, second.node);
  const epoch = stage.isolate(master, [first]);
  stage.pass(2_000, stage.fenceMs);
  stage.part(second.node, master.node);
  second.die("SIGKILL", null);
  stage.untilReign(epoch, stage.fenceMs);
  stage.pass(0, 6_000);
};

/** B2: the last replica that feeds the master is cut from it a moment before it is parked, so that no FIN arrives. */
const latestFence: Script = (stage) => {
  const master = stage.master();
  const [first, second] = stage.others();
  if (master === null || first === undefined || second === undefined) return;
  stage.cut(stage.mesos, first.node);
  const epoch = stage.isolate(master, [second]);
  stage.until(6_000, () => second.isParked);
  stage.pass(0, 1_000);
  stage.part(master.node, first.node);
  stage.join(stage.mesos, first.node);
  stage.untilReign(epoch, stage.fenceMs);
  stage.pass(0, 4_000);
};

/** V5: a replica joins while its master is lost. */
const joinInFailover: Script = (stage) => {
  const [victim] = stage.others();
  victim?.die("SIGKILL", null);
  const known = new Set(stage.world.redisesOf(stage.instance));
  for (let index = 0; index < 100; index += 1) {
    stage.pass(10, 30);
    const joiner = stage.others().find((redis) => !known.has(redis));
    const master = stage.master();
    if (joiner === undefined || master === null) continue;
    stage.pass(0, stage.random.pick([2, 20, 300]));
    const rest = stage.others().filter((redis) => redis !== joiner);
    if (stage.random.chance(0.7)) stage.cut(stage.mesos, joiner.node);
    if (stage.random.chance(0.3)) stage.cut(joiner.node, stage.mesos);
    const epoch = stage.isolate(master, rest);
    stage.untilReign(epoch, stage.fenceMs + 8_000);
    stage.pass(0, 6_000);
    return;
  }
};

/** V6, V8: the write quorum goes down and up, with answers lost, and the master is lost with one of its replicas. */
const quorumInDoubt: Script = (stage) => {
  const master = stage.master();
  const [first, second] = stage.others();
  if (master === null || first === undefined) return;
  const moved = second ?? first;
  stage.part(moved.node, master.node);
  stage.part(moved.node, stage.mesos);
  stage.pass(1_000, 9_000);
  if (stage.random.chance(0.7)) {
    stage.join(moved.node, master.node);
    stage.join(moved.node, stage.mesos);
    stage.pass(0, stage.random.pick([50, 1_000, 4_000]));
  }
  if (stage.random.chance(0.4)) {
    const { faults } = stage.world.store;
    stage.world.store.faults = { lostShare: 0.3, silentShare: 0.3, lateShare: 0.3 };
    stage.story.later(() => {
      stage.world.store.faults = faults;
    });
  }
  // What the master says is lost first, what it is told comes through for a while.
  stage.cut(master.node, stage.mesos);
  stage.pass(0, stage.random.pick([30, 1_500]));
  const epoch = stage.isolate(
    master,
    stage.others().filter((redis) => redis !== moved),
  );
  if (stage.random.chance(0.5)) stage.part(moved.node, stage.mesos);
  else stage.cut(stage.mesos, moved.node);
  stage.untilReign(epoch, stage.fenceMs + stage.world.options.masterLeaseMs + 6_000);
  stage.pass(0, 8_000);
};

/** V2, V6: the quorum is lowered, of which nothing is heard; it is to be raised again, and the master is lost. */
const loweredUnheard: Script = (stage) => {
  const master = stage.master();
  const others = stage.others();
  if (master === null || others.length === 0) return;
  stage.untilRunning(3_000);
  stage.pass(500, 1_500);
  const before = master.writeQuorum;
  const epoch = stage.epoch;
  for (const redis of others) stage.part(redis.node, master.node);
  stage.until(12_000, () => master.writeQuorum < before, 0.5);
  // Its answer does not come through; its replicas are back.
  stage.cut(master.node, stage.mesos);
  if (stage.random.chance(0.7)) stage.cut(stage.mesos, master.node);
  if (stage.random.chance(0.3)) stage.pass(0, 20);
  stage.cut(stage.mesos, master.node);
  if (stage.random.chance(0.8)) for (const redis of others) stage.join(redis.node, master.node);
  stage.pass(0, 1_900);
  stage.isolate(master, stage.others());
  stage.untilReign(epoch, stage.fenceMs + 2_000);
  stage.pass(0, 2_000);
};

/** V2, V9: a failover is cancelled and followed by a death, while the last word of a replica is its park. */
const cancelledThenDead: Script = (stage) => {
  const master = stage.master();
  const [first, second] = stage.others();
  if (master === null || first === undefined) return;
  stage.isolate(master, stage.others());
  stage.until(6_000, () => stage.others().every((redis) => redis.isParked));
  stage.pass(0, 200);
  if (second !== undefined) stage.cut(master.node, second.node);
  stage.join(master.node, stage.mesos);
  stage.join(master.node, first.node);
  stage.until(4_000, () => !first.isParked, 0.2);
  stage.cut(first.node, stage.mesos);
  stage.cut(stage.mesos, first.node);
  stage.pass(100, 1_500);
  if (stage.random.chance(0.7)) master.die("SIGKILL", null);
  else stage.isolate(master, []);
  stage.pass(0, 700);
  if (stage.random.chance(0.5)) stage.join(first.node, stage.mesos);
  stage.pass(0, 4_000);
};

/** V3: a scheduler is lost after it told a parked replica to follow again, and that comes very late. */
const oldMailOfOldLeader: Script = (stage) => {
  const master = stage.master();
  const [first] = stage.others();
  if (master === null || first === undefined) return;
  const rest = stage.others().filter((redis) => redis !== first);
  const epoch = stage.isolate(master, stage.others());
  stage.until(6_000, () => stage.others().every((redis) => redis.isParked));
  stage.pass(0, 100);
  stage.cut(stage.mesos, first.node);
  stage.join(master.node, stage.mesos);
  stage.pass(1_000, 4_000);
  for (const scheduler of stage.world.schedulers) {
    if (scheduler.reign === null) continue;
    scheduler.kill();
    stage.story.later(() => scheduler.start(), 500);
  }
  stage.part(master.node, stage.mesos);
  stage.join(master.node, first.node);
  stage.untilReign(epoch, stage.fenceMs + stage.world.options.leaderLeaseMs + 3_000);
  stage.join(stage.mesos, first.node);
  stage.pass(100, 4_000);
  for (const redis of rest) stage.join(master.node, redis.node);
  stage.pass(0, 3_000);
};

/** V7: a master without a quorum is lost, and old mail comes to it. */
const leaseRunsOut: Script = (stage) => {
  const master = stage.master();
  if (master === null) return;
  for (const redis of stage.others().slice(stage.random.integer(0, 1))) redis.die("SIGKILL", null);
  stage.pass(0, stage.random.pick([100, 2_000, 4_000]));
  const epoch = stage.isolate(master, stage.others());
  if (stage.random.chance(0.5)) stage.join(master.node, stage.mesos);
  if (stage.random.chance(0.5)) stage.cut(master.node, stage.mesos);
  else stage.part(master.node, stage.mesos);
  stage.pass(stage.world.options.masterLeaseMs * stage.random.next());
  if (stage.random.chance(0.5)) stage.world.network.heal(stage.mesos, master.node);
  stage.untilReign(
    epoch,
    stage.world.options.masterLeaseMs * 2 + stage.world.options.agentTimeoutMs,
  );
  stage.pass(0, 8_000);
  stage.world.network.heal(stage.mesos, master.node);
  stage.pass(0, 5_000);
};

/** V10: a deposed master comes back as the new one dies, before the others have followed it. */
const deposedReturns: Script = (stage) => {
  const master = stage.master();
  if (master === null) return;
  const others = stage.others();
  const epoch = stage.isolate(master, others);
  stage.untilReign(epoch, stage.fenceMs + 4_000);
  const next = stage.master();
  if (next === null || next === master) return;
  const rest = stage.others().filter((redis) => redis !== master);
  if (stage.random.chance(0.5)) for (const redis of rest) stage.part(redis.node, stage.mesos);
  stage.pass(0, stage.random.pick([20, 500, 3_000]));
  for (const redis of [next, ...rest]) stage.join(master.node, redis.node);
  stage.join(master.node, stage.mesos);
  stage.pass(0, stage.random.pick([20, 500, 3_000]));
  if (stage.random.chance(0.6)) next.die("SIGKILL", null);
  else stage.isolate(next, stage.others());
  stage.pass(0, 3_000);
  for (const redis of rest) stage.join(redis.node, stage.mesos);
  stage.untilRunning(10_000);
};

/** V9: one replica is behind, then the other; the reports of the better one are old. */
const offsetsChange: Script = (stage) => {
  const master = stage.master();
  const [first, second] = stage.others();
  if (master === null || first === undefined || second === undefined) return;
  stage.cut(master.node, first.node);
  stage.pass(200, 3_000);
  stage.cut(first.node, stage.mesos);
  stage.join(master.node, first.node);
  stage.pass(0, 1_500);
  stage.part(master.node, second.node);
  stage.pass(0, 1_500);
  master.die("SIGKILL", null);
  stage.pass(0, 40);
  if (stage.random.chance(0.7)) stage.join(first.node, stage.mesos);
  stage.pass(500, 4_000);
};

/** V3: the scheduler is lost in the middle of a failover, and its mail lives on. */
const takeover: Script = (stage) => {
  const master = stage.master();
  if (master === null) return;
  const epoch = stage.isolate(master, stage.others().slice(stage.random.integer(0, 1)));
  stage.pass(1_500, stage.fenceMs);
  for (const scheduler of stage.world.schedulers) {
    if (scheduler.reign === null) continue;
    if (stage.random.chance(0.5)) {
      scheduler.kill();
      stage.story.later(() => scheduler.start());
    } else {
      scheduler.freeze();
      stage.story.later(() => scheduler.thaw());
    }
  }
  if (stage.random.chance(0.5)) stage.world.network.healAll();
  stage.pass(0, 4_000);
  if (stage.random.chance(0.5)) stage.isolate(master, stage.others());
  stage.untilReign(epoch, 20_000);
  stage.pass(0, 5_000);
};

/** V11: an executor ends while its processes matter, and nothing is heard of that. */
const executorEnds: Script = (stage) => {
  const again = suspectAgain(stage);
  if (again === null) return;
  const { master, first, epoch } = again;
  stage.pass(0, stage.fenceMs - 2_000);
  if (stage.random.chance(0.7)) stage.cut(first.node, stage.mesos);
  stage.agentOf(stage.random.chance(0.8) ? first : master).killExecutor();
  stage.untilReign(epoch, stage.fenceMs);
  stage.pass(0, 5_000);
};

/** Rule 12: other instances come to listen where a master was, while its replica has not heard of its end. */
const portReused: Script = (stage) => {
  const [first] = stage.others();
  if (first !== undefined) stage.cut(stage.mesos, first.node);
  stage.master()?.die("SIGKILL", null);
  const rounds = stage.random.integer(5, 20);
  for (let index = 0; index < rounds; index += 1) {
    for (const redis of stage.world.living()) {
      const isOther = redis.identity.instance !== stage.instance;
      if (isOther && stage.random.chance(0.5)) redis.die("SIGKILL", null);
    }
    stage.pass(50, 500);
  }
  stage.world.network.healAll();
  stage.pass(50, 500);
};

/** Rule 8: masters are moved on request, while things fail. */
const plannedMoves: Script = (stage) => {
  for (let index = 0; index < 6; index += 1) {
    stage.untilRunning(6_000);
    stage.world.request("failover", stage.instance, null);
    stage.pass(0, stage.random.pick([5, 100, 1_000, 3_000]));
    if (stage.random.chance(0.6)) stage.story.step();
    stage.pass(0, stage.random.pick([5, 1_000]));
  }
};

/** Rule 7: a replica stays away, is expelled and comes back, and then the master is lost. */
const expelledReturns: Script = (stage) => {
  const master = stage.master();
  const [first] = stage.others();
  if (master === null || first === undefined) return;
  stage.part(first.node, stage.mesos);
  if (stage.random.chance(0.5)) stage.part(first.node, master.node);
  stage.pass(1_000, stage.world.options.replaceUnreachableMs + 12_000);
  if (stage.random.chance(0.5)) stage.join(first.node, master.node);
  const epoch = stage.isolate(
    master,
    stage.others().filter((redis) => redis !== first),
  );
  if (stage.random.chance(0.5)) stage.join(first.node, stage.mesos);
  stage.untilReign(epoch, stage.fenceMs + 5_000);
  stage.pass(0, 6_000);
};

/** By name, for `--script` and for the tables of the documentation. */
export const scripts = {
  "kill-again-and-again": killAgainAndAgain,
  "suspect-twice": suspectTwice,
  "death-in-the-wait": deathInTheWait,
  "latest-fence": latestFence,
  "join-in-failover": joinInFailover,
  "quorum-in-doubt": quorumInDoubt,
  "lowered-unheard": loweredUnheard,
  "cancelled-then-dead": cancelledThenDead,
  "old-mail-of-old-leader": oldMailOfOldLeader,
  "lease-runs-out": leaseRunsOut,
  "deposed-returns": deposedReturns,
  "offsets-change": offsetsChange,
  takeover,
  "executor-ends": executorEnds,
  "executor-leaves": executorLeaves,
  "lease-unguarded": leaseUnguarded,
  "port-reused": portReused,
  "planned-moves": plannedMoves,
  "expelled-returns": expelledReturns,
} as const satisfies Record<string, Script>;

export type ScriptName = keyof typeof scripts;

export const scriptNames = Object.keys(scripts) as ScriptName[];

/** Plays one on one of the instances. */
export function playScript(story: Story, name: ScriptName): void {
  const names = [...story.world.promised.keys()];
  if (names.length === 0) return;
  // A single has no failover: only one in five stories is about one, where there is another.
  const replicated = names.filter((name) => (story.world.promised.get(name)?.slaves ?? 0) > 0);
  const some = replicated.length > 0 && story.random.chance(0.8) ? replicated : names;
  const instance = story.random.pick(some);
  story.world.note(`script: ${name} on ${instance}`);
  scripts[name](new Stage(story, instance));
}
