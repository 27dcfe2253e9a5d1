/**
 * Owns the proof that reserved resources are used as they are offered, by tasks and by the executor, in both formats, and
 * that the executor of an agent is told again after a restart.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Launch } from "@mr-redis/core";
import {
  containsResources,
  type ExecutorInfo,
  type Offer,
  type Resource,
  subtractResources,
  sumScalar,
} from "@mr-redis/mesos";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ExecutorForms } from "./executor-forms.js";
import { executorInfoOf } from "./launch.js";
import { agentOfferOf, ResourcePool } from "./offer.js";

const need = { cpusMilli: 100, memMilliMib: 128_000 };
const role = "team/db";
const usual: ExecutorInfo = executorInfoOf({
  ...{ command: "run", uris: [], environment: {}, shutdownGraceMs: 1_000 },
  ...{ need, role },
});
const forms = () => new ExecutorForms(usual, need, role);

const allocation_info = { role };
const scalar = (name: string, value: number, more: Partial<Resource> = {}): Resource => ({
  ...{ name, type: "SCALAR", scalar: { value }, allocation_info },
  ...more,
});
const ports = (begin: number, end: number, more: Partial<Resource> = {}): Resource => ({
  ...{ name: "ports", type: "RANGES", ranges: { range: [{ begin, end }] }, allocation_info },
  ...more,
});
const refined: Partial<Resource> = { reservations: [{ type: "STATIC", role }] };
const unrefined: Partial<Resource> = { role };
const ofParent: Partial<Resource> = { reservations: [{ type: "STATIC", role: "team" }] };
const labelled: Partial<Resource> = {
  reservations: [
    { type: "STATIC", role: "team" },
    {
      ...{ type: "DYNAMIC", role, principal: "kv" },
      labels: { labels: [{ key: "for", value: "redis" }] },
    },
  ],
};
const unrefinedDynamic: Partial<Resource> = { role, reservation: { principal: "kv" } };

let offersCount = 0;
const offerOf = (
  resources: readonly Resource[],
  executorIds: readonly string[] = [],
  agent = "agent-1",
): Offer => {
  offersCount += 1;
  return {
    id: { value: `offer-${offersCount}` },
    framework_id: { value: "framework" },
    agent_id: { value: agent },
    hostname: "host",
    allocation_info,
    resources,
    executor_ids: executorIds.map((value) => ({ value })),
  };
};

const idOf = (info: ExecutorInfo | undefined): string => info?.executor_id.value ?? "";

describe.each([
  ["unreserved", {}],
  ["reserved, refined", refined],
  ["reserved, unrefined", unrefined],
  ["reserved for the parent role", ofParent],
  ["reserved twice, with principal and labels", labelled],
  ["reserved dynamically, unrefined", unrefinedDynamic],
])("all of an agent %s", (_what, kind) => {
  const offer = offerOf([
    scalar("cpus", 1, kind),
    scalar("mem", 1_000, kind),
    ports(31_000, 31_009, kind),
  ]);

  test("executor and task take exactly what is offered", () => {
    const choice = forms().choose(offer);
    expect(choice).toMatchObject({ isPresent: false });
    expect(choice?.info.resources).toEqual([scalar("cpus", 0.1, kind), scalar("mem", 128, kind)]);
    const pool = new ResourcePool([offer]);
    expect(pool.reserve(choice?.info.resources ?? [])).toBe(true);
    const task = pool.take({ cpusMilli: 900, memMilliMib: 872_000 }, 31_003);
    expect(task).toEqual([
      scalar("cpus", 0.9, kind),
      scalar("mem", 872, kind),
      ports(31_003, 31_003, kind),
    ]);
    expect(pool.take({ cpusMilli: 1, memMilliMib: 0 }, 31_004)).toBeNull();
  });

  test("everything but the resources is the usual executor's, and the id stands for them", () => {
    const info = forms().choose(offer)?.info;
    const { executor_id: _id, resources: _resources, ...rest } = info ?? usual;
    const { executor_id: _usualId, resources: _usual, ...usualRest } = usual;
    expect(rest).toEqual(usualRest);
    expect(idOf(info) === idOf(usual)).toBe(Object.keys(kind).length === 0);
    expect(idOf(forms().choose(offer)?.info)).toBe(idOf(info));
  });
});

test("after a restart the executor of an agent is known by its id, though nothing of its kind is offered any more", () => {
  const rest = [scalar("cpus", 1), scalar("mem", 1_000), ports(31_000, 31_009)];
  for (const kind of [{}, refined, ofParent]) {
    const whole = offerOf([scalar("cpus", 1, kind), scalar("mem", 1_000, kind)]);
    const before = forms().choose(whole)?.info;
    const after = forms().choose(offerOf(rest, ["stranger", idOf(before)]));
    expect([after?.isPresent, idOf(after?.info), after?.info.resources]).toEqual([
      true,
      idOf(before),
      before?.resources,
    ]);
  }
});

test("one that cannot be told is not reused: a second one is started beside it", () => {
  const of = (kind: Partial<Resource>) =>
    offerOf([scalar("cpus", 1, kind), scalar("mem", 1_000, kind)]);
  const before = idOf(forms().choose(of(labelled))?.info);
  const after = forms().choose(offerOf(of({}).resources ?? [], [before]));
  expect([after?.isPresent, idOf(after?.info)]).toEqual([false, idOf(usual)]);
});

test("a second offer of an agent is for the executor that was chosen with the first", () => {
  const all = forms();
  const first = all.choose(offerOf([scalar("cpus", 1, refined), scalar("mem", 1_000, refined)]));
  const both = [
    ...[scalar("cpus", 1, ofParent), scalar("mem", 1_000, ofParent)],
    ...[scalar("cpus", 1, refined), scalar("mem", 1_000, refined)],
  ];
  expect(all.choose(offerOf(both))?.info).toBe(first?.info);
  expect(all.choose(offerOf(both, [], "agent-2"))?.info).not.toBe(first?.info);
});

test("with cpus reserved and memory not, the executor takes each where it is", () => {
  const offer = offerOf([scalar("cpus", 1, refined), scalar("mem", 1_000)]);
  expect(forms().choose(offer)?.info.resources).toEqual([
    scalar("cpus", 0.1, refined),
    scalar("mem", 128),
  ]);
});

test("where no executor finds its part in one piece, the offer is of no use", () => {
  const offer = offerOf([
    ...[scalar("cpus", 1), scalar("mem", 100), scalar("mem", 100, refined)],
    ports(31_000, 31_000),
  ]);
  expect(forms().choose(offer)).toBeNull();
  expect(agentOfferOf(offer, null)).toMatchObject({
    cpusMilli: 0,
    memMilliMib: 0,
    hasExecutor: false,
  });
});

test("a need that no kind holds alone is taken from several, reserved parts first, each listed by itself", () => {
  const offer = offerOf([
    ...[scalar("cpus", 1), scalar("mem", 300), scalar("mem", 500, refined)],
    ...[scalar("mem", 200, labelled), ports(1_000, 1_001), ports(31_000, 31_001, refined)],
  ]);
  const pool = new ResourcePool([offer]);
  expect(pool.take({ cpusMilli: 500, memMilliMib: 800_000 }, 31_001)).toEqual([
    scalar("cpus", 0.5),
    scalar("mem", 200, labelled),
    scalar("mem", 500, refined),
    scalar("mem", 100),
    ports(31_001, 31_001, refined),
  ]);
});

test("never more of any kind than is offered, and always as much as is needed", () => {
  const kinds = [{}, refined, ofParent, labelled, unrefinedDynamic];
  const part = (name: string, most: number) =>
    fc
      .tuple(fc.constantFrom(...kinds), fc.integer({ min: 1, max: most }))
      .map(([kind, value]) => scalar(name, value, kind));
  const launch = fc.record({
    cpusMilli: fc.integer({ min: 1, max: 2_000 }),
    memMilliMib: fc.integer({ min: 1, max: 400 }).map((mib) => mib * 1_000),
  });
  fc.assert(
    fc.property(
      fc.array(part("cpus", 4), { minLength: 1, maxLength: 5 }),
      fc.array(part("mem", 500), { minLength: 1, maxLength: 5 }),
      fc.array(launch, { maxLength: 8 }),
      (cpus, mem, launches) => {
        const offer = offerOf([...cpus, ...mem, ports(31_000, 31_100)]);
        const choice = forms().choose(offer);
        if (choice === null) return;
        const executor = choice.info.resources ?? [];
        const pool = new ResourcePool([offer]);
        expect(pool.reserve(executor)).toBe(true);
        let left: readonly Resource[] | undefined = subtractResources(
          offer.resources ?? [],
          executor,
        );
        for (const [index, each] of launches.entries()) {
          expect(left).toBeDefined();
          const isThere =
            sumScalar(left ?? [], "cpus") >= each.cpusMilli &&
            sumScalar(left ?? [], "mem") >= each.memMilliMib;
          const taken = pool.take(each satisfies Launch["need"], 31_000 + index);
          expect(taken !== null).toBe(isThere);
          if (taken === null) continue;
          expect(sumScalar(taken, "cpus")).toBe(each.cpusMilli);
          expect(sumScalar(taken, "mem")).toBe(each.memMilliMib);
          expect(containsResources(left ?? [], taken)).toBe(true);
          left = subtractResources(left ?? [], taken);
        }
      },
    ),
  );
});
