/**
 * Owns the blows of the storm of faults: which ones there are, how often each comes, and that all of them end.
 * Not: what has to hold afterwards (fault-storm.test.ts). Called by it.
 * SPDX-License-Identifier: Apache-2.0
 */
import { pause, type Random } from "@mr-redis/testing";
import type { FaultySite } from "./faulty-site.js";

/** What blows are dealt to. */
export interface Storm {
  readonly faulty: FaultySite;
  readonly random: Random;
  readonly agentsCount: number;
  /** Masters that can lead. */
  readonly mastersCount: number;
  /** Agents that something was done to and that are not as they were yet. */
  readonly busy: Set<number>;
  /** How often each blow was dealt. */
  readonly dealt: Map<string, number>;
  /** What goes on in the background; awaited at the end. */
  readonly pending: Set<Promise<void>>;
}

type Fault = Readonly<Record<string, unknown>>;

/** A blow: how often it comes among all, and what it does. */
interface Blow {
  readonly weight: number;
  readonly deal: (storm: Storm) => void | Promise<void>;
}

/** Counts it; one that is impossible as things stand does not count. */
async function inflict(storm: Storm, fault: Fault): Promise<boolean> {
  const answer = await storm.faulty.tryInflict(fault);
  if (answer.status === 409) return false;
  if (answer.status !== 200) throw new Error(`${JSON.stringify(fault)}: ${answer.text}`);
  const name = fault.type === "add-rule" ? ruleName(fault) : String(fault.type);
  storm.dealt.set(name, (storm.dealt.get(name) ?? 0) + 1);
  return true;
}

const ruleName = ({ action, place, kind }: Fault): string => `${action} ${place} ${kind}`;

const inBackground = (storm: Storm, act: () => Promise<unknown>): void => {
  const doing = act().then(() => void storm.pending.delete(doing));
  storm.pending.add(doing);
};

/** Takes an agent that nothing else is done to, until what `act` does with it is over. */
function withAgent(storm: Storm, act: (agent: number) => Promise<unknown>): void {
  const free = Array.from({ length: storm.agentsCount }, (_, index) => index + 1).filter(
    (agent) => !storm.busy.has(agent),
  );
  const agent = free[storm.random.integer(0, Math.max(0, free.length - 1))];
  // Two agents stay as they are, so that the others' processes have a place.
  if (agent === undefined || free.length < 3) return;
  storm.busy.add(agent);
  inBackground(storm, async () => {
    await act(agent);
    storm.busy.delete(agent);
  });
}

/** Repeats what can be impossible only for a while: during an election. */
async function insist(storm: Storm, fault: Fault): Promise<void> {
  while (!(await inflict(storm, fault))) await pause(50);
}

const awayThenBack = (storm: Storm, type: string, awayMs: number): void =>
  withAgent(storm, async (agent) => {
    await insist(storm, { type, agent });
    await pause(awayMs);
    await insist(storm, { type: "return-agent", agent });
  });

/** Ends an agent for good and has another one take its place. */
const replaceAgent = (storm: Storm, fault: Fault): void =>
  withAgent(storm, async (agent) => {
    await insist(storm, { ...fault, agent });
    while ((await storm.faulty.seen()).agents[agent - 1]?.state !== "ended") await pause(50);
    await pause(storm.random.integer(0, 1_000));
    await insist(storm, { type: "renew-agent", agent });
  });

const messageKinds = [
  { place: "from-agent", kind: "update" },
  { place: "from-agent", kind: "executor-message" },
  { place: "to-agent", kind: "acknowledge-update" },
  { place: "to-agent", kind: "scheduler-message" },
  { place: "to-agent", kind: "kill-task" },
  { place: "call", kind: "MESSAGE" },
  { place: "call", kind: "RECONCILE" },
  { place: "event", kind: "MESSAGE" },
  { place: "event", kind: "FAILURE" },
] as const;

/** The scheduler waits longer each time that it loses its session soon: lost all the time, it would meet nothing else. */
const blows: readonly Blow[] = [
  {
    weight: 2,
    async deal(storm) {
      const { random } = storm;
      const fault = {
        type: "fail-over-master",
        end: random.chance(0.5) ? "cut" : "finished",
        to: random.integer(0, storm.mastersCount - 1),
        electionMs: random.integer(0, 800),
        recoveryMs: random.integer(0, 400),
        agentsReturnMs: random.integer(0, 2_000),
      };
      inBackground(storm, () => inflict(storm, fault));
    },
  },
  {
    weight: 2,
    async deal(storm) {
      const how = (["finished", "cut", "frozen"] as const)[storm.random.integer(0, 2)];
      const callsHeldMs = how === "frozen" ? storm.random.integer(0, 2_000) : 0;
      await inflict(storm, { type: "end-stream", how, callsHeldMs });
    },
  },
  {
    weight: 10,
    async deal(storm) {
      await inflict(storm, { type: "hold-stream", ms: storm.random.integer(20, 400) });
      await inflict(storm, { type: "rescind-offers" });
    },
  },
  {
    weight: 4,
    async deal(storm) {
      const ms = storm.random.chance(0.5) ? storm.random.integer(100, 2_000) : null;
      await inflict(storm, { type: "set-offer-timeout", ms });
    },
  },
  {
    weight: 25,
    async deal(storm) {
      const { random } = storm;
      const which = messageKinds[random.integer(0, messageKinds.length - 1)];
      const action = (["drop", "duplicate", "delay"] as const)[random.integer(0, 2)];
      const count = random.integer(1, 5);
      const delayMs = action === "delay" ? random.integer(50, 1_500) : 0;
      await inflict(storm, { type: "add-rule", ...which, action, count, delayMs });
    },
  },
  {
    weight: 4,
    async deal(storm) {
      await inflict(storm, {
        type: "add-rule",
        place: "call",
        kind: "ACCEPT",
        action: "drop",
        count: 1,
      });
    },
  },
  {
    weight: 3,
    async deal(storm) {
      const place = { type: "add-rule", place: "to-agent", kind: "run-task", action: "drop" };
      await inflict(storm, { ...place, count: 1 });
      // A message is lost with its connection.
      await pause(storm.random.integer(0, 1_000));
      for (let agent = 1; agent <= storm.agentsCount; agent += 1) {
        await inflict(storm, { type: "break-link", agent });
      }
    },
  },
  {
    // Somebody takes the framework's id: the scheduler ends, and whoever watches over it starts it again.
    weight: 1,
    async deal(storm) {
      await inflict(storm, { type: "take-over-framework", holdMs: storm.random.integer(0, 500) });
    },
  },
  {
    weight: 8,
    deal: (storm) => withAgent(storm, (agent) => inflict(storm, { type: "break-link", agent })),
  },
  {
    weight: 8,
    deal: (storm) => withAgent(storm, (agent) => inflict(storm, { type: "cut-executors", agent })),
  },
  {
    weight: 6,
    deal: (storm) => awayThenBack(storm, "mark-unreachable", storm.random.integer(0, 4_000)),
  },
  {
    weight: 6,
    deal: (storm) => awayThenBack(storm, "cut-off-agent", storm.random.integer(0, 3_000)),
  },
  {
    weight: 6,
    deal: (storm) =>
      withAgent(storm, (agent) =>
        inflict(storm, { type: "restart-agent", agent, downMs: storm.random.integer(0, 1_000) }),
      ),
  },
  { weight: 3, deal: (storm) => replaceAgent(storm, { type: "mark-gone" }) },
  { weight: 2, deal: (storm) => replaceAgent(storm, { type: "drain-agent", markGone: true }) },
  {
    weight: 4,
    deal: (storm) =>
      withAgent(storm, async (agent) => {
        await insist(storm, { type: "drain-agent", agent });
        await pause(storm.random.integer(500, 3_000));
        await insist(storm, { type: "reactivate-agent", agent });
      }),
  },
  {
    weight: 4,
    deal: (storm) =>
      withAgent(storm, async (agent) => {
        await insist(storm, { type: "schedule-maintenance", agent });
        await pause(storm.random.integer(100, 2_000));
        await insist(storm, { type: "clear-maintenance", agent });
      }),
  },
];

/** Deals one blow by chance. */
export async function dealBlow(storm: Storm): Promise<void> {
  const sum = blows.reduce((total, { weight }) => total + weight, 0);
  let left = storm.random.integer(0, sum - 1);
  const blow = blows.find(({ weight }) => {
    left -= weight;
    return left < 0;
  });
  await blow?.deal(storm);
}

/** The end of the storm: what is away comes back, messages pass again. */
export async function calmDown(storm: Storm): Promise<void> {
  await Promise.all(storm.pending);
  await storm.faulty.inflict({ type: "clear-rules" });
  await insist(storm, { type: "set-offer-timeout", ms: null });
}
