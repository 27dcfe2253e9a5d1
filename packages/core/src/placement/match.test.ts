/**
 * Tests match.ts with fit.ts, rank.ts, limit.ts and explain.ts behind it: examples, then what must never happen.
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { InstanceDocument, ProcessRecord, ProcessRole } from "../instance/types.js";
import { match } from "./match.js";
import type { AgentOffer, MatchInput, MatchPlan, Wanted } from "./types.js";

const need = { cpusMilli: 100, memMilliMib: 132_000 };
const executorNeed = { cpusMilli: 100, memMilliMib: 64_000 };

const agentIdOf = (index: number): string => `agent-${String(index).padStart(4, "0")}`;

function offerOf(index: number, change: Partial<AgentOffer> = {}): AgentOffer {
  return {
    offerId: `offer-${index}`,
    agentId: agentIdOf(index),
    hostname: `host-${index}`,
    address: `127.1.${index >> 8}.${index & 255}`,
    cpusMilli: 8_000,
    memMilliMib: 16_000_000,
    ports: [{ begin: 31_000, end: 31_999 }],
    hasExecutor: false,
    ...change,
  };
}

const offersOf = (count: number, change: Partial<AgentOffer> = {}): AgentOffer[] =>
  Array.from({ length: count }, (_, index) => offerOf(index, change));

function processOf(instance: string, index: number, agent: number, port = 0): ProcessRecord {
  return {
    id: `${instance}::${index}`,
    role: index === 0 ? "master" : "replica",
    state: "running",
    agentId: agentIdOf(agent),
    hostname: `host-${agent}`,
    executorId: "executor",
    address: `127.1.${agent >> 8}.${agent & 255}`,
    port: port === 0 ? 40_000 + index : port,
    memoryMib: 100,
    secret: "secret",
    replicaSecret: "secret",
    replicaUser: `replica-${index}`,
    member: true,
    expelled: false,
    plannedAtMs: 0,
    plannedEpoch: 1,
    startId: null,
    dataEpoch: 0,
  };
}

interface WantedShape {
  name?: string;
  slaves?: number;
  distribution?: number | null;
  /** Agents of existing processes, the master's first. */
  on?: number[];
  roles?: ProcessRole[];
  change?: Partial<Wanted>;
  wasRunning?: boolean;
}

function wantedOf(shape: WantedShape): Wanted {
  const { name = "inst", slaves = 0, distribution = null, on = [] } = shape;
  const processes = on.map((agent, index) => processOf(name, index, agent));
  const document: InstanceDocument = {
    version: 2,
    name,
    incarnation: "1",
    spec: {
      memoryMib: 100,
      masters: 1,
      slaves,
      distribution,
      config: {},
      fencing: "on",
      onUnreachable: "replace",
    },
    createdAtMs: 0,
    status: "CREATING",
    reason: null,
    wasRunning: shape.wasRunning ?? on.length > 0,
    epoch: 1,
    masterId: processes[0]?.id ?? null,
    writeQuorum: 0,
    processes,
    failovers: [],
    deletedAtMs: null,
  };
  const all: ProcessRole[] = ["master", ...Array<ProcessRole>(slaves).fill("replica")];
  return { document, roles: shape.roles ?? all.slice(on.length), need, ...shape.change };
}

function inputOf(offers: AgentOffer[], wanted: Wanted[], change: Partial<MatchInput> = {}) {
  const input: MatchInput = {
    offers,
    wanted,
    knownAgents: offers.map(({ agentId, hostname }) => ({ agentId, hostname })),
    executorNeed,
    avoid: new Set(),
    ...change,
  };
  return input;
}

const known = (count: number) =>
  offersOf(count).map(({ agentId, hostname }) => ({ agentId, hostname }));

/** Processes of the plan on each agent that got any, largest first. */
function spread(plan: MatchPlan): number[] {
  const counts = new Map<string, number>();
  for (const { agentId } of plan.assignments) counts.set(agentId, (counts.get(agentId) ?? 0) + 1);
  return [...counts.values()].sort((a, b) => b - a);
}

const texts = (plan: MatchPlan): (string | undefined)[] => [
  plan.unplaced[0]?.because.code,
  plan.unplaced[0]?.because.text,
  ...(plan.unplaced[0]?.agents.map((agent) => agent.text) ?? []),
];

describe("examples", () => {
  test("a single goes to the agent with the most free memory, on the lowest port", () => {
    const offers = [offerOf(0), offerOf(1, { memMilliMib: 32_000_000 }), offerOf(2)];
    expect(match(inputOf(offers, [wantedOf({})]))).toEqual({
      assignments: [
        {
          instance: "inst",
          role: "master",
          agentId: agentIdOf(1),
          hostname: "host-1",
          address: "127.1.0.1",
          port: 31_000,
        },
      ],
      unplaced: [],
      portStarts: new Map([[agentIdOf(1), 31_001]]),
    });
  });

  test("M + 2 on 3 agents: one each, with distribution 1 and without", () => {
    for (const distribution of [1, null]) {
      const plan = match(inputOf(offersOf(3), [wantedOf({ slaves: 2, distribution })]));
      expect(spread(plan)).toEqual([1, 1, 1]);
      expect(plan.assignments.map(({ role }) => role)).toEqual(["master", "replica", "replica"]);
    }
  });

  test("M + 5 with distribution 2 on 3 agents: two each", () => {
    const plan = match(inputOf(offersOf(3), [wantedOf({ slaves: 5, distribution: 2 })]));
    expect(spread(plan)).toEqual([2, 2, 2]);
  });

  test("1 + 50 on 4 agents without a distribution: 13, 13, 13, 12", () => {
    const plan = match(inputOf(offersOf(4), [wantedOf({ slaves: 50 })]));
    expect(spread(plan)).toEqual([13, 13, 13, 12]);
  });

  test("1 + 5 with distribution 1 on 3 agents: none, and every agent says what it could", () => {
    const plan = match(inputOf(offersOf(3), [wantedOf({ slaves: 5, distribution: 1 })]));
    expect(plan.assignments).toEqual([]);
    expect(plan.unplaced).toEqual([
      {
        instance: "inst",
        missing: 6,
        because: {
          code: "too-few-agents",
          text: "needs 6 agents for distribution 1, 3 are known",
        },
        agents: known(3).map((agent) => ({ ...agent, text: "has room for 1 only" })),
      },
    ]);
  });

  test("several offers of one agent count together, one listed twice counts once", () => {
    const half = { cpusMilli: 100, memMilliMib: 98_000, ports: [] };
    const offers = [
      offerOf(0, { ...half, offerId: "a" }),
      offerOf(0, { ...half, offerId: "b", ports: [{ begin: 5, end: 5 }] }),
    ];
    const [first] = offers;
    expect(spread(match(inputOf(offers, [wantedOf({})])))).toEqual([1]);
    expect(
      spread(match(inputOf(first === undefined ? [] : [first, first], [wantedOf({})]))),
    ).toEqual([]);
  });

  test("the executor is paid for once on an agent without one", () => {
    const offers = offersOf(1, { cpusMilli: 300, memMilliMib: 328_000 });
    const plan = match(
      inputOf(offers, [wantedOf({ name: "a" }), wantedOf({ name: "b" }), wantedOf({ name: "c" })]),
    );
    expect(plan.assignments.map(({ instance }) => instance)).toEqual(["a", "b"]);
    const running = offersOf(1, { cpusMilli: 300, memMilliMib: 396_000, hasExecutor: true });
    expect(spread(match(inputOf(running, [wantedOf({ slaves: 2 })])))).toEqual([3]);
  });

  test("one that does not fit does not block those behind it", () => {
    const big = wantedOf({
      name: "big",
      change: { need: { cpusMilli: 100, memMilliMib: 99_000_000 } },
    });
    const plan = match(inputOf(offersOf(2), [big, wantedOf({ name: "small" })]));
    expect(plan.assignments.map(({ instance }) => instance)).toEqual(["small"]);
    expect(plan.unplaced.map(({ instance }) => instance)).toEqual(["big"]);
  });

  test("a create is placed whole or not at all; a replacement as far as it goes", () => {
    const offers = offersOf(2, { memMilliMib: 200_000 });
    expect(match(inputOf(offers, [wantedOf({ slaves: 2 })])).assignments).toEqual([]);
    const again = match(inputOf(offers, [wantedOf({ slaves: 2, wasRunning: true })]));
    expect(again.assignments.map(({ role }) => role)).toEqual(["master", "replica"]);
    const healing = match(inputOf(offers, [wantedOf({ slaves: 4, on: [7] })]));
    expect(healing.assignments.length).toBe(2);
    expect(healing.unplaced[0]?.missing).toBe(2);
  });

  test("a replacement counts what the instance holds, and keeps off the master's agent among equals", () => {
    const offers = [offerOf(0, { memMilliMib: 32_000_000 }), offerOf(1)];
    const plan = match(inputOf(offers, [wantedOf({ slaves: 2, on: [0, 1] })]));
    expect(plan.assignments.map(({ agentId }) => agentId)).toEqual([agentIdOf(1)]);
    const full = match(inputOf(offers, [wantedOf({ slaves: 2, on: [0, 1], distribution: 1 })]));
    expect(texts(full)).toEqual([
      "too-few-agents",
      "needs 3 agents for distribution 1, 2 are known",
      "holds 1 of this instance already (distribution 1)",
      "holds 1 of this instance already (distribution 1)",
    ]);
  });

  test("an avoided agent is not used, and says so", () => {
    const avoid = new Set([`inst ${agentIdOf(0)}`, `other ${agentIdOf(1)}`]);
    const offers = [offerOf(0, { memMilliMib: 32_000_000 }), offerOf(1)];
    const plan = match(inputOf(offers, [wantedOf({})], { avoid }));
    expect(plan.assignments.map(({ agentId }) => agentId)).toEqual([agentIdOf(1)]);
    expect(texts(match(inputOf(offersOf(1), [wantedOf({})], { avoid })))).toEqual([
      "no-room",
      "no room for a process (0.1 cpus, 132 MiB and a port) on the 1 agent offered",
      "avoided for now after a failed start there",
    ]);
  });
});

describe("ports", () => {
  test("a port of a process of any wanted document is not used again on its address", () => {
    const other = wantedOf({ name: "other", on: [0], roles: [] });
    const taken = { ...other.document, processes: [processOf("other", 0, 0, 31_000)] };
    const ports = [{ begin: 31_000, end: 31_001 }];
    const input = inputOf(offersOf(1, { ports }), [{ ...other, document: taken }, wantedOf({})]);
    expect(match(input).assignments.map(({ port }) => port)).toEqual([31_001]);
  });

  test("a port in portsTaken is not used", () => {
    const portsTaken = new Map([["127.1.0.0", new Set([31_000])]]);
    const plan = match(inputOf(offersOf(1), [wantedOf({ slaves: 1 })], { portsTaken }));
    expect(plan.assignments.map(({ port }) => port)).toEqual([31_001, 31_002]);
  });

  test("the search starts where the last plan stopped, and wraps round", () => {
    const portStarts = new Map([[agentIdOf(0), 31_999]]);
    const plan = match(inputOf(offersOf(1), [wantedOf({ slaves: 1 })], { portStarts }));
    expect(plan.assignments.map(({ port }) => port)).toEqual([31_999, 31_000]);
    expect(plan.portStarts).toEqual(new Map([[agentIdOf(0), 31_001]]));
  });

  test("ranges may overlap, be empty, or reach beyond what is a port", () => {
    const ports = [
      { begin: 70_000, end: 80_000 },
      { begin: 9, end: 8 },
      { begin: 0, end: 2 },
      { begin: 2, end: 3 },
    ];
    const plan = match(inputOf(offersOf(1, { ports }), [wantedOf({ slaves: 9, on: [5] })]));
    expect(plan.assignments.map(({ port }) => port)).toEqual([2, 3]);
    expect(plan.unplaced[0]?.agents[0]?.text).toBe("no free port");
  });

  test("agents on one address share their ports; a create that then fails gives all back", () => {
    const ports = [{ begin: 31_000, end: 31_001 }];
    const offers = offersOf(2, { ports, address: "127.0.0.1" });
    const plan = match(
      inputOf(offers, [
        wantedOf({ name: "three", slaves: 2 }),
        wantedOf({ name: "two", slaves: 1 }),
      ]),
    );
    expect(plan.assignments.map(({ instance, port }) => [instance, port])).toEqual([
      ["two", 31_000],
      ["two", 31_001],
    ]);
  });
});

describe("reasons", () => {
  test("nobody known, nobody offered", () => {
    expect(texts(match(inputOf([], [wantedOf({})])))).toEqual([
      "no-agents",
      "no agent is known yet",
    ]);
    expect(texts(match(inputOf([], [wantedOf({})], { knownAgents: known(2) })))).toEqual([
      "no-offers",
      "none of the 2 agents known is offered now",
      "not offered now",
      "not offered now",
    ]);
  });

  test("what an offered agent lacks", () => {
    const offers = [
      offerOf(0, { cpusMilli: 50, hasExecutor: true }),
      offerOf(1, { cpusMilli: 150, memMilliMib: 100_000 }),
      offerOf(2, { ports: [] }),
    ];
    expect(
      texts(match(inputOf(offers, [wantedOf({ slaves: 1 })], { knownAgents: known(4) }))),
    ).toEqual([
      "no-room",
      "no room for 2 processes (0.1 cpus, 132 MiB and a port each) on the 3 agents offered",
      "0.05 cpus free, 0.1 needed",
      "0.15 cpus free, 0.2 needed (0.1 for the executor); 100 MiB free, 196 needed (64 for the executor)",
      "no free port",
      "not offered now",
    ]);
  });

  test("room for a part of a create", () => {
    const offers = offersOf(2, { memMilliMib: 330_000 });
    expect(texts(match(inputOf(offers, [wantedOf({ slaves: 5 })])))).toEqual([
      "no-room",
      "needs room for 6 at once (0.1 cpus, 132 MiB and a port each), the 2 agents offered have room for 4",
      "has room for 2 only",
      "has room for 2 only",
    ]);
  });

  test("with waitForSpread a create waits for the offers of known agents", () => {
    const waiting = wantedOf({ slaves: 1, change: { waitForSpread: true } });
    const plan = match(inputOf(offersOf(1), [waiting], { knownAgents: known(2) }));
    expect(plan.assignments).toEqual([]);
    expect(texts(plan)).toEqual([
      "spread-waits",
      "waits for offers of 1 agent to spread evenly",
      "has room for 1 only",
      "not offered now",
    ]);
    expect(spread(match(inputOf(offersOf(2), [waiting], { knownAgents: known(2) })))).toEqual([
      1, 1,
    ]);
    expect(spread(match(inputOf(offersOf(1), [waiting])))).toEqual([2]);
    expect(
      spread(match(inputOf(offersOf(1), [wantedOf({ slaves: 1 })], { knownAgents: known(2) }))),
    ).toEqual([2]);
  });
});

/** Small clusters where every limit is met: cpus, memory, ports, distribution, shared addresses, silent agents. */
const inputs: fc.Arbitrary<MatchInput> = fc
  .record({
    agents: fc.array(
      fc.record({
        parts: fc.integer({ min: 0, max: 2 }),
        cpusMilli: fc.integer({ min: 0, max: 600 }),
        memMilliMib: fc.integer({ min: 0, max: 900_000 }),
        ports: fc.array(
          fc.record({
            begin: fc.integer({ min: 0, max: 12 }),
            end: fc.integer({ min: 0, max: 12 }),
          }),
          { maxLength: 2 },
        ),
        hasExecutor: fc.boolean(),
        sharesAddress: fc.boolean(),
        start: fc.option(fc.integer({ min: 0, max: 14 })),
      }),
      { maxLength: 5 },
    ),
    wanted: fc.array(
      fc.record({
        slaves: fc.integer({ min: 0, max: 5 }),
        distribution: fc.option(fc.integer({ min: 1, max: 3 })),
        on: fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 3 }),
        wasRunning: fc.boolean(),
        waitForSpread: fc.boolean(),
        cpusMilli: fc.integer({ min: 0, max: 200 }),
        memMilliMib: fc.constantFrom(0, 100_000, 132_000, 500_000),
      }),
      { maxLength: 6 },
    ),
    avoid: fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 4 }))),
    taken: fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 3 }),
  })
  .map((shape) => {
    const addressOf = (index: number): string =>
      shape.agents[index]?.sharesAddress === true ? "127.9.9.9" : `127.1.0.${index}`;
    const offers = shape.agents.flatMap((agent, index) =>
      Array.from({ length: agent.parts }, (_, part) =>
        offerOf(index, { ...agent, offerId: `offer-${index}-${part}`, address: addressOf(index) }),
      ),
    );
    const wanted = shape.wanted.map((want, index) => {
      const on = want.on.slice(0, want.slaves + 1);
      const { cpusMilli, memMilliMib, waitForSpread } = want;
      const change = { need: { cpusMilli, memMilliMib }, waitForSpread };
      const made = wantedOf({ ...want, on, name: `inst-${index}`, change });
      const processes = made.document.processes.map((process, at) => {
        return { ...process, address: addressOf(on[at] ?? 0), port: 2 + ((index + at) % 10) };
      });
      return { ...made, document: { ...made.document, processes } };
    });
    return inputOf(offers, wanted, {
      knownAgents: shape.agents.map((_, index) => ({
        agentId: agentIdOf(index),
        hostname: `host-${index}`,
      })),
      avoid: new Set(shape.avoid.map(([want, agent]) => `inst-${want} ${agentIdOf(agent)}`)),
      portsTaken: new Map([["127.1.0.0", new Set(shape.taken)]]),
      portStarts: new Map(shape.agents.map(({ start }, index) => [agentIdOf(index), start ?? 2])),
    });
  });

/** What is left of an agent after `plan`, worked out again from the offers alone. */
function leftOn(input: MatchInput, plan: MatchPlan, agentId: string) {
  const offers = input.offers.filter((offer) => offer.agentId === agentId);
  const [first] = offers;
  const here = plan.assignments.filter((assignment) => assignment.agentId === agentId);
  const needOf = (instance: string) =>
    input.wanted.find(({ document }) => document.name === instance)?.need ?? need;
  const due = offers.some((offer) => offer.hasExecutor) ? 0 : 1;
  const sum = (field: "cpusMilli" | "memMilliMib"): number =>
    offers.reduce((total, offer) => total + offer[field], 0) -
    here.reduce((total, { instance }) => total + needOf(instance)[field], 0) -
    due * executorNeed[field];
  const used = new Set<number>([
    ...(input.portsTaken?.get(first?.address ?? "") ?? []),
    ...input.wanted
      .flatMap(({ document }) => document.processes)
      .filter(({ address }) => address === first?.address)
      .map(({ port }) => port),
    ...plan.assignments.filter(({ address }) => address === first?.address).map(({ port }) => port),
  ]);
  const ports = new Set(
    offers
      .flatMap((offer) => offer.ports)
      .flatMap(({ begin, end }) =>
        Array.from({ length: Math.max(0, end - begin + 1) }, (_, index) => begin + index),
      ),
  );
  const free = [...ports].filter((port) => port >= 2 && !used.has(port));
  return {
    offered: first !== undefined,
    used: here.length > 0,
    cpusMilli: sum("cpusMilli"),
    memMilliMib: sum("memMilliMib"),
    free,
    ports,
  };
}

const held = (wanted: Wanted, plan: MatchPlan, agentId: string): number =>
  wanted.document.processes.filter((process) => process.agentId === agentId).length +
  plan.assignments.filter(
    (assignment) => assignment.agentId === agentId && assignment.instance === wanted.document.name,
  ).length;

const always = (check: (input: MatchInput, plan: MatchPlan) => void): void => {
  fc.assert(
    fc.property(inputs, (input) => check(input, match(input))),
    { numRuns: 1_000 },
  );
};

describe("never", () => {
  test("over the resources of an agent, nor on an agent that is not offered", () => {
    always((input, plan) => {
      for (const { agentId } of plan.assignments) {
        const left = leftOn(input, plan, agentId);
        expect(left.offered).toBe(true);
        expect(Math.min(left.cpusMilli, left.memMilliMib)).toBeGreaterThanOrEqual(0);
      }
    });
  });

  test("a port that is not offered, that is in use, or twice on one address", () => {
    always((input, plan) => {
      const used = new Set([
        ...input.wanted.flatMap(({ document }) =>
          document.processes.map(({ address, port }) => `${address}:${port}`),
        ),
        ...[...(input.portsTaken ?? [])].flatMap(([address, ports]) =>
          [...ports].map((port) => `${address}:${port}`),
        ),
      ]);
      for (const { agentId, address, port } of plan.assignments) {
        expect(leftOn(input, plan, agentId).ports).toContain(port);
        expect(used).not.toContain(`${address}:${port}`);
        used.add(`${address}:${port}`);
      }
    });
  });

  test("over the distribution by what is placed, nor on an avoided agent", () => {
    always((input, plan) => {
      for (const wanted of input.wanted) {
        const { name, spec } = wanted.document;
        for (const { agentId } of plan.assignments.filter(({ instance }) => instance === name)) {
          expect(held(wanted, plan, agentId)).toBeLessThanOrEqual(spec.distribution ?? 99);
          expect(input.avoid.has(`${name} ${agentId}`)).toBe(false);
        }
      }
    });
  });

  test("two on one agent while another one that could take it holds none", () => {
    always((input, plan) => {
      for (const wanted of input.wanted) {
        const { name } = wanted.document;
        const own = plan.assignments.filter(({ instance }) => instance === name);
        if (!own.some(({ agentId }) => held(wanted, plan, agentId) > 1)) continue;
        for (const { agentId } of input.knownAgents) {
          if (held(wanted, plan, agentId) > 0 || input.avoid.has(`${name} ${agentId}`)) continue;
          const left = leftOn(input, plan, agentId);
          const room =
            left.offered &&
            left.free.length > 0 &&
            left.cpusMilli >= wanted.need.cpusMilli &&
            left.memMilliMib >= wanted.need.memMilliMib;
          expect(room).toBe(false);
        }
      }
    });
  });

  test("part of a create, more than is wanted, or the roles out of order", () => {
    always((input, plan) => {
      for (const wanted of input.wanted) {
        const own = plan.assignments.filter(({ instance }) => instance === wanted.document.name);
        expect(own.map(({ role }) => role)).toEqual(wanted.roles.slice(0, own.length));
        if (wanted.document.processes.length === 0 && !wanted.document.wasRunning) {
          expect([0, wanted.roles.length]).toContain(own.length);
        }
      }
    });
  });

  test("something wanted without a place or a reason from each known agent", () => {
    always((input, plan) => {
      const missing = input.wanted.flatMap(({ document, roles }) => {
        const own = plan.assignments.filter(({ instance }) => instance === document.name);
        return own.length === roles.length ? [] : [[document.name, roles.length - own.length]];
      });
      expect(plan.unplaced.map((one) => [one.instance, one.missing])).toEqual(missing);
      for (const one of plan.unplaced) {
        expect(one.because.text).not.toBe("");
        expect(one.agents.map(({ agentId }) => agentId)).toEqual(
          input.knownAgents.map(({ agentId }) => agentId),
        );
        for (const { text } of one.agents) expect(text).not.toBe("");
      }
    });
  });

  test("something left out for which there is room", () => {
    always((input, plan) => {
      for (const one of plan.unplaced) {
        const wanted = input.wanted.find(({ document }) => document.name === one.instance);
        if (wanted === undefined || wanted.waitForSpread === true) continue;
        if (wanted.roles.length > 1 && wanted.document.processes.length === 0) continue;
        for (const { agentId } of input.knownAgents) {
          const left = leftOn(input, plan, agentId);
          const fits =
            left.offered &&
            left.free.length > 0 &&
            left.cpusMilli >= wanted.need.cpusMilli &&
            left.memMilliMib >= wanted.need.memMilliMib &&
            held(wanted, plan, agentId) < (wanted.document.spec.distribution ?? 99) &&
            !input.avoid.has(`${one.instance} ${agentId}`);
          expect(fits).toBe(false);
        }
      }
    });
  });

  test("another plan for the same input, in whatever order offers and agents come", () => {
    always((input, plan) => {
      const turned = {
        ...input,
        offers: [...input.offers].reverse(),
        knownAgents: [...input.knownAgents].reverse(),
      };
      expect(match(turned)).toEqual(plan);
    });
  });
});

describe("equal agents", () => {
  const mastersOn = (prefix: string, agents: number, instances: number): number[] => {
    const wanted = Array.from({ length: instances }, (_, index) =>
      wantedOf({ name: `${prefix}${index}`, slaves: 1, roles: ["master", "replica"] }),
    );
    const plan = match(inputOf(offersOf(agents, { memMilliMib: 1_000_000_000 }), wanted));
    return Array.from(
      { length: agents },
      (_, index) =>
        plan.assignments.filter(
          ({ role, agentId }) => role === "master" && agentId === agentIdOf(index),
        ).length,
    );
  };

  test("share the masters of instances of two, whatever these are called", () => {
    const prefix = fc.stringMatching(/^[a-z][a-z-]{0,9}$/);
    fc.assert(
      fc.property(prefix, fc.integer({ min: 2, max: 5 }), (name, agents) => {
        const masters = mastersOn(name, agents, 36);
        expect(masters.reduce((sum, count) => sum + count, 0)).toBe(36);
        // Their fair share is 36 / agents.
        expect(Math.min(...masters)).toBeGreaterThanOrEqual(Math.floor(36 / agents / 3));
      }),
      { numRuns: 60 },
    );
  });
});

describe("scale", () => {
  /** Generous: the machine that measured 10 to 100 times less may be busy. */
  const limitMs = 20_000;

  const timed = (input: MatchInput): { plan: MatchPlan; ms: number } => {
    const before = performance.now();
    const plan = match(input);
    const ms = performance.now() - before;
    return { plan, ms };
  };
  const singles = Array.from({ length: 10_000 }, (_, index) => wantedOf({ name: `s-${index}` }));

  test("10,000 singles on 1,000 agents", () => {
    const { plan, ms } = timed(inputOf(offersOf(1_000), singles));
    expect(plan.assignments.length).toBe(10_000);
    expect(ms).toBeLessThan(limitMs);
  });

  test("10,000 degraded instances for which 1,000 agents have no room", () => {
    const wanted = singles.map((_, index) =>
      wantedOf({ name: `d-${index}`, slaves: 2, on: [index % 1_000, (index + 1) % 1_000] }),
    );
    const { plan, ms } = timed(inputOf(offersOf(1_000, { cpusMilli: 50 }), wanted));
    expect(plan.unplaced.length).toBe(10_000);
    expect(ms).toBeLessThan(limitMs);
  });
});
