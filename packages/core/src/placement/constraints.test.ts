/**
 * Tests constraints.ts through match: each operator, what it says of agents, and what must never happen.
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Constraint, InstanceDocument, ProcessRecord } from "../instance/types.js";
import { attributeCharactersMax } from "./constraints.js";
import { match } from "./match.js";
import type { AgentAttribute, AgentOffer, KnownAgent, MatchInput, MatchPlan } from "./types.js";

const need = { cpusMilli: 100, memMilliMib: 132_000 };

const textAttribute = (name: string, value: string): AgentAttribute => ({
  name,
  type: "text",
  value,
});

/** An agent with room for `room` processes and these attributes: `rack:r1`, `zone:z1`. */
function offerOf(index: number, attributes: string, change: Partial<AgentOffer> = {}): AgentOffer {
  const pairs = attributes.split(" ").filter((pair) => pair !== "");
  return {
    offerId: `offer-${index}`,
    agentId: `agent-${index}`,
    hostname: `host-${index}`,
    address: `127.1.0.${index}`,
    cpusMilli: 8_000,
    memMilliMib: 16_000_000,
    ports: [{ begin: 31_000, end: 31_999 }],
    hasExecutor: false,
    attributes: pairs.map((pair) => {
      const [name = "", value = ""] = pair.split(":");
      return textAttribute(name, value);
    }),
    ...change,
  };
}

const constraintOf = (text: string): Constraint => {
  const [attribute = "", operator = "", values = ""] = text.split(" ");
  return {
    attribute,
    operator: operator as Constraint["operator"],
    values: values === "" ? [] : values.split(","),
  };
};

interface Shape {
  readonly slaves: number;
  readonly distribution?: number;
  /** The places of existing processes, the master's first, on agents that nobody knows. */
  readonly places?: readonly Readonly<Record<string, string>>[];
}

function documentOf(constraints: readonly string[], shape: Shape): InstanceDocument {
  const processes = (shape.places ?? []).map(
    (place, index): ProcessRecord => ({
      id: `inst::${index}`,
      role: index === 0 ? "master" : "replica",
      state: "running",
      agentId: `gone-${index}`,
      hostname: `gone-host-${index}`,
      executorId: "executor",
      address: `127.2.0.${index}`,
      port: 31_000,
      memoryMib: 100,
      secret: "secret",
      replicaSecret: "secret",
      replicaUser: "replica-1",
      member: true,
      expelled: false,
      plannedAtMs: 0,
      plannedEpoch: 1,
      startId: null,
      dataEpoch: 0,
      place,
    }),
  );
  return {
    version: 2,
    name: "inst",
    incarnation: "1",
    spec: {
      memoryMib: 100,
      masters: 1,
      slaves: shape.slaves,
      distribution: shape.distribution ?? null,
      config: {},
      fencing: "on",
      onUnreachable: "replace",
      constraints: constraints.map(constraintOf),
    },
    createdAtMs: 0,
    status: "CREATING",
    reason: null,
    wasRunning: processes.length > 0,
    epoch: 1,
    masterId: processes[0]?.id ?? null,
    writeQuorum: 0,
    processes,
    failovers: [],
    deletedAtMs: null,
  };
}

function inputOf(
  offers: readonly AgentOffer[],
  constraints: readonly string[],
  shape: Shape,
  others: readonly KnownAgent[] = [],
): MatchInput {
  const document = documentOf(constraints, shape);
  const roles = (["master", ...Array(shape.slaves).fill("replica")] as const).slice(
    document.processes.length,
  ) as ("master" | "replica")[];
  return {
    offers,
    wanted: [{ document, roles, need }],
    knownAgents: [...offers.map(({ agentId, hostname }) => ({ agentId, hostname })), ...others],
    executorNeed: need,
    avoid: new Set(),
  };
}

/** How many processes of the plan each value of the attribute got. */
function countsOf(plan: MatchPlan, offers: readonly AgentOffer[], name: string) {
  const counts = new Map<string, number>();
  for (const { agentId } of plan.assignments) {
    const offer = offers.find((each) => each.agentId === agentId);
    const attribute = offer?.attributes?.find((each) => each.name === name);
    const value = attribute?.type === "text" ? attribute.value : "-";
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort());
}

/** The code and text of what was not placed, and the text of each agent. */
const said = ({ unplaced: [one] }: MatchPlan): (string | undefined)[] => [
  one?.because.code,
  one?.because.text,
  ...(one?.agents.map(({ text }) => text) ?? []),
];

const racks = ["rack:r1", "rack:r1", "rack:r1", "rack:r2"].map((pair, index) =>
  offerOf(index, pair),
);

describe("SPREAD", () => {
  test("counts values before agents, and keeps what the agent had", () => {
    const plan = match(inputOf(racks, ["rack SPREAD"], { slaves: 3 }));
    expect(countsOf(plan, racks, "rack")).toEqual({ r1: 2, r2: 2 });
    expect(plan.assignments.map(({ place }) => place?.rack)).toEqual(["r1", "r2", "r1", "r2"]);
    const without = match(inputOf(racks, ["rack NOT_IN r9"], { slaves: 3 }));
    expect(countsOf(without, racks, "rack")).toEqual({ r1: 3, r2: 1 });
    expect(without.assignments.map(({ place }) => place)).toEqual([{}, {}, {}, {}]);
  });

  test("is as even as there is room for, and no condition", () => {
    const offers = [racks[0], offerOf(3, "rack:r2", { ports: [{ begin: 1_000, end: 1_000 }] })];
    const usable = offers.flatMap((offer) => offer ?? []);
    const plan = match(inputOf(usable, ["rack SPREAD"], { slaves: 4 }));
    expect(countsOf(plan, usable, "rack")).toEqual({ r1: 4, r2: 1 });
  });

  test("counts the processes that are there, wherever their agents are now", () => {
    const places = [{ rack: "r1" }, { rack: "r1" }, { rack: "r3" }];
    const plan = match(inputOf(racks, ["rack SPREAD"], { slaves: 5, places }));
    expect(countsOf(plan, racks, "rack")).toEqual({ r1: 1, r2: 2 });
  });

  test("the first of several comes first, and an agent without the attribute is none", () => {
    const offers = ["zone:z1 rack:r1", "zone:z1 rack:r2", "zone:z2 rack:r3", "zone:z3"].map(
      (pairs, index) => offerOf(index, pairs),
    );
    const plan = match(inputOf(offers, ["zone SPREAD", "rack SPREAD"], { slaves: 3 }));
    expect(countsOf(plan, offers, "zone")).toEqual({ z1: 2, z2: 2 });
    expect(countsOf(plan, offers, "rack")).toEqual({ r1: 1, r2: 1, r3: 2 });
  });
});

describe("UNIQUE and MAX_PER", () => {
  test("limit each value, and say so of the whole and of each agent", () => {
    const plan = match(inputOf(racks, ["rack UNIQUE"], { slaves: 1 }));
    expect(countsOf(plan, racks, "rack")).toEqual({ r1: 1, r2: 1 });
    expect(
      countsOf(match(inputOf(racks, ["rack MAX_PER 2"], { slaves: 3 })), racks, "rack"),
    ).toEqual({ r1: 2, r2: 2 });
    expect(said(match(inputOf(racks.slice(1), ["rack UNIQUE"], { slaves: 2 })))).toEqual([
      "constraints",
      "rack UNIQUE leaves room for 2 of 3 processes: 2 values are known",
      ...["has room for 1 only", "has room for 1 only", "has room for 1 only"],
    ]);
  });

  test("a replacement waits for another value, even when its old agent is not known", () => {
    const places = [{ rack: "r1" }, { rack: "r2" }];
    const input = inputOf(racks.slice(2), ["rack UNIQUE"], { slaves: 2, places });
    expect(said(match(input))).toEqual([
      "constraints",
      "rack UNIQUE leaves room for 0 of 1 processes: 2 values are known",
      "rack r1 holds 1 of this instance already (rack UNIQUE)",
      "rack r2 holds 1 of this instance already (rack UNIQUE)",
    ]);
    // Of an agent that is known by its processes alone, nobody can say that it would not do.
    const others = [{ agentId: "agent-9", hostname: "host-9" }];
    const unknown = match(inputOf(racks.slice(2), ["rack UNIQUE"], { slaves: 2, places }, others));
    expect(said(unknown).slice(0, 2)).toEqual([
      "no-room",
      "no room for a process (0.1 cpus, 132 MiB and a port) on the 2 agents offered",
    ]);
    expect(said(unknown).at(-1)).toBe("not offered now");
  });

  test("hostname is that of the agent, also where several agents share one", () => {
    const offers = [0, 1, 2].map((index) => offerOf(index, "", { hostname: `h${index >> 1}` }));
    const plan = match(inputOf(offers, ["hostname UNIQUE"], { slaves: 1 }));
    expect(plan.assignments.map(({ hostname, place }) => [hostname, place]).sort()).toEqual([
      ["h0", {}],
      ["h1", {}],
    ]);
    const [only] = match(inputOf(offers, ["hostname UNIQUE"], { slaves: 2 })).unplaced;
    expect(only?.because.code).toBe("constraints");
  });

  test("together with a distribution, the harder one holds", () => {
    const plan = match(inputOf(racks, ["rack IN r2"], { slaves: 1, distribution: 1 }));
    expect(said(plan)).toEqual([
      "too-few-agents",
      "needs 2 agents for distribution 1, 1 is known that satisfy the constraints",
      ...["rack is r1 (rack IN r2)", "rack is r1 (rack IN r2)", "rack is r1 (rack IN r2)"],
      "has room for 1 only",
    ]);
  });
});

describe("IN and NOT_IN", () => {
  const zones = [
    offerOf(0, "zone:z1"),
    offerOf(1, "zone:z2"),
    offerOf(2, ""),
    offerOf(3, "zone:z3 zone:z1"),
  ];
  const placed = (constraint: string, slaves = 0): string[] =>
    match(inputOf(zones, [constraint], { slaves, distribution: 1 }))
      .assignments.map(({ agentId }) => agentId)
      .sort();

  test("of a repeated attribute, any value counts", () => {
    expect(placed("zone IN z1,z9", 1)).toEqual(["agent-0", "agent-3"]);
    expect(placed("zone NOT_IN z1,z9", 1)).toEqual(["agent-1", "agent-2"]);
    expect(placed("zone IN z9")).toEqual([]);
  });

  test("each agent says what it has", () => {
    expect(said(match(inputOf(zones, ["zone IN z9", "rack SPREAD"], { slaves: 0 })))).toEqual([
      "constraints",
      "no known agent satisfies the constraints (zone IN z9; rack SPREAD)",
      "zone is z1 (zone IN z9)",
      "zone is z2 (zone IN z9)",
      "has no attribute zone (zone IN z9)",
      "zone is z3 and z1 (zone IN z9)",
    ]);
    expect(said(match(inputOf(zones.slice(1), ["zone NOT_IN z2,z1"], { slaves: 99 })))).toEqual([
      "no-room",
      "needs room for 100 at once (0.1 cpus, 132 MiB and a port each), the 3 agents offered have room for 79",
      "zone is z2 (zone NOT_IN z2,z1)",
      "has room for 79 only",
      "zone is z1 (zone NOT_IN z2,z1)",
    ]);
  });

  test("numbers are compared as numbers, and ranges hold what is between", () => {
    const offers = [
      offerOf(0, "", { attributes: [{ name: "gen", type: "scalar", milli: 2_500 }] }),
      offerOf(1, "", {
        attributes: [{ name: "gen", type: "ranges", ranges: [{ begin: 3, end: 5 }] }],
      }),
      offerOf(2, "gen:2.50"),
    ];
    const on = (constraint: string, slaves = 0): string[] =>
      match(inputOf(offers, [constraint], { slaves }))
        .assignments.map(({ agentId }) => agentId)
        .sort();
    expect(on("gen IN 2.500")).toEqual(["agent-0"]);
    expect(on("gen IN 4")).toEqual(["agent-1"]);
    expect(on("gen IN 3.5")).toEqual([]);
    expect(on("gen IN 2.50", 1)).toEqual(["agent-0", "agent-2"]);
    expect(on("gen NOT_IN 2.5,4")).toEqual(["agent-2"]);
    const plan = match(inputOf(offers, ["gen UNIQUE"], { slaves: 2 }));
    expect(plan.assignments.map(({ place }) => place?.gen).sort()).toEqual(["2.5", "2.50", "3-5"]);
  });
});

test("regions and zones of the fault domain are no attributes", () => {
  const domains = [
    ["r1", "z1"],
    ["r1", "z2"],
    ["r2", "z1"],
  ].map(([region = "", zone = ""], index) =>
    offerOf(index, "@zone:z9", { faultDomain: { region, zone } }),
  );
  const offers = [...domains, offerOf(3, "@zone:z1")];
  const plan = match(inputOf(offers, ["@region IN r1", "@zone UNIQUE"], { slaves: 1 }));
  expect(plan.assignments.map(({ agentId, place }) => [agentId, place]).sort()).toEqual([
    ["agent-0", { "@zone": "z1" }],
    ["agent-1", { "@zone": "z2" }],
  ]);
  expect(said(match(inputOf(offers, ["@zone IN z3"], { slaves: 0 }))).slice(2)).toEqual([
    "@zone is z1 (@zone IN z3)",
    "@zone is z2 (@zone IN z3)",
    "@zone is z1 (@zone IN z3)",
    "has no fault domain (@zone IN z3)",
  ]);
});

test("a value that is too long to be stored, or not fit to be shown", () => {
  const offers = [
    offerOf(0, `rack:${"x".repeat(attributeCharactersMax + 1)}`),
    offerOf(1, "rack:a\u001b[31m"),
  ];
  expect(said(match(inputOf(offers, ["rack SPREAD", "rack IN r1"], { slaves: 0 })))).toEqual([
    "constraints",
    "no known agent satisfies the constraints (rack SPREAD; rack IN r1)",
    "has no attribute rack (rack SPREAD)",
    "rack is a?[31m (rack IN r1)",
  ]);
});

describe("never", () => {
  const clusters = fc.record({
    agents: fc.array(
      fc.record({
        rack: fc.option(fc.integer({ min: 0, max: 3 })),
        zone: fc.integer({ min: 0, max: 2 }),
        room: fc.integer({ min: 0, max: 4 }),
      }),
      { maxLength: 8 },
    ),
    constraints: fc.uniqueArray(
      fc.constantFrom(
        ...["rack UNIQUE", "rack MAX_PER 2", "rack SPREAD", "zone SPREAD", "zone MAX_PER 3"],
        ...["zone IN z0,z1", "zone NOT_IN z2", "rack IN r0,r1,r2", "hostname MAX_PER 2"],
      ),
      { minLength: 1, maxLength: 4 },
    ),
    slaves: fc.integer({ min: 0, max: 6 }),
    places: fc.array(
      fc.record({
        rack: fc.constantFrom("r0", "r1", "r2", "r3"),
        zone: fc.constantFrom("z0", "z1", "z2"),
      }),
      { maxLength: 3 },
    ),
  });

  const always = (
    check: (made: { input: MatchInput; plan: MatchPlan; constraints: string[] }) => void,
  ): void => {
    fc.assert(
      fc.property(clusters, ({ agents, constraints, slaves, places }) => {
        const offers = agents.map(({ rack, zone, room }, index) =>
          offerOf(index, `${rack === null ? "" : `rack:r${rack}`} zone:z${zone}`, {
            ports: room === 0 ? [] : [{ begin: 31_000, end: 30_999 + room }],
          }),
        );
        const input = inputOf(offers, constraints, { slaves, places: places.slice(0, slaves) });
        check({ input, plan: match(input), constraints });
      }),
      { numRuns: 300 },
    );
  };

  const valueOn = (input: MatchInput, agentId: string, name: string): string | undefined => {
    const offer = input.offers.find((each) => each.agentId === agentId);
    if (name === "hostname") return offer?.hostname;
    const attribute = offer?.attributes?.find((each) => each.name === name);
    return attribute?.type === "text" ? attribute.value : undefined;
  };

  test("on an agent that has not what is asked, or more for a value than is allowed", () => {
    always(({ input, plan, constraints }) => {
      for (const text of constraints) {
        const { attribute, operator, values } = constraintOf(text);
        const most = operator === "UNIQUE" ? 1 : operator === "MAX_PER" ? Number(values[0]) : 99;
        const existing = input.wanted[0]?.document.processes ?? [];
        for (const { agentId, place } of plan.assignments) {
          const value = valueOn(input, agentId, attribute);
          if (operator === "IN") expect(values).toContain(value);
          else if (operator === "NOT_IN") expect(values).not.toContain(value);
          else {
            expect(value).toBeDefined();
            if (attribute !== "hostname") expect(place?.[attribute]).toBe(value);
            const here = plan.assignments.filter(
              (other) => valueOn(input, other.agentId, attribute) === value,
            ).length;
            const before = existing.filter((each) => each.place?.[attribute] === value).length;
            expect(here + before).toBeLessThanOrEqual(most);
          }
        }
      }
    });
  });

  test("uneven by more than one over values that have room", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 0, max: 9 }),
        (numbers, slaves) => {
          const offers = numbers.map((rack, index) => offerOf(index, `rack:r${rack}`));
          const plan = match(inputOf(offers, ["rack SPREAD"], { slaves }));
          const counts = Object.values(countsOf(plan, offers, "rack"));
          const values = new Set(numbers).size;
          expect(counts.reduce((sum, each) => sum + each, 0)).toBe(slaves + 1);
          expect(Math.max(...counts)).toBe(Math.ceil((slaves + 1) / values));
          const least = counts.length < values ? 0 : Math.min(...counts);
          expect(least).toBe(Math.floor((slaves + 1) / values));
        },
      ),
    );
  });

  test("without a place where one limit alone leaves enough", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            rack: fc.integer({ min: 0, max: 3 }),
            room: fc.integer({ min: 0, max: 3 }),
          }),
          { maxLength: 8 },
        ),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0, max: 6 }),
        (agents, most, slaves) => {
          const offers = agents.map(({ rack, room }, index) =>
            offerOf(index, `rack:r${rack}`, {
              ports: room === 0 ? [] : [{ begin: 31_000, end: 30_999 + room }],
            }),
          );
          const roomOf = new Map<number, number>();
          for (const { rack, room } of agents) roomOf.set(rack, (roomOf.get(rack) ?? 0) + room);
          const places = [...roomOf.values()].reduce((sum, room) => sum + Math.min(room, most), 0);
          const plan = match(inputOf(offers, [`rack MAX_PER ${most}`], { slaves }));
          expect(plan.assignments.length).toBe(places > slaves ? slaves + 1 : 0);
        },
      ),
    );
  });

  test("something without a place or without a reason from each known agent", () => {
    always(({ input, plan }) => {
      const missing = (input.wanted[0]?.roles.length ?? 0) - plan.assignments.length;
      expect(plan.unplaced.map((one) => one.missing)).toEqual(missing === 0 ? [] : [missing]);
      for (const one of plan.unplaced) {
        expect(one.because.text).not.toBe("");
        expect(one.agents.length).toBe(input.knownAgents.length);
        for (const { text } of one.agents) expect(text).not.toBe("");
      }
    });
  });

  test("another plan for another order of offers", () => {
    always(({ input, plan }) => {
      expect(match({ ...input, offers: [...input.offers].reverse() })).toEqual(plan);
    });
  });
});

test("1,000 instances with constraints on 1,000 agents", () => {
  const offers = Array.from({ length: 1_000 }, (_, index) =>
    offerOf(index, `rack:r${index % 40} zone:z${index % 3}`, {
      address: `127.1.${index >> 8}.${index & 255}`,
    }),
  );
  const one = inputOf(offers, ["zone SPREAD", "rack UNIQUE"], { slaves: 2 });
  const [wanted] = one.wanted;
  const all = Array.from({ length: 1_000 }, (_, index) => {
    if (wanted === undefined) throw new Error("one instance is wanted");
    return { ...wanted, document: { ...wanted.document, name: `inst-${index}` } };
  });
  const before = performance.now();
  const plan = match({ ...one, wanted: all });
  expect(plan.assignments.length).toBe(3_000);
  // Generous: measured a hundred times less.
  expect(performance.now() - before).toBeLessThan(50_000);
}, 60_000);
