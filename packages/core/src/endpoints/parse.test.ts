/**
 * Owns the tests of the reader of endpoints: what is good comes back as it was, everything else is named and never thrown.
 * SPDX-License-Identifier: Apache-2.0
 */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Parsed } from "../result.js";
import {
  endpointsLimits,
  parseEndpointsEvent,
  parseEndpointsPage,
  parseInstanceEndpoints,
} from "./parse.js";
import type { InstanceEndpoints } from "./types.js";

const instance: InstanceEndpoints = {
  name: "orders",
  incarnation: "5f0c",
  type: "MS",
  status: "RUNNING",
  epoch: 3,
  writer: "ready",
  master: { processId: "orders::a", address: "10.0.0.1", port: 6379 },
  replicas: [{ processId: "orders::b", address: "agent-2.example", port: 31_000 }],
  proxy: { write: 20_000, read: 20_001 },
};

const problems = (result: Parsed<unknown>): string[] =>
  result.ok ? [] : result.problems.map(({ path, rule }) => `${path} ${rule}`);

const server = fc.record({
  processId: fc.stringMatching(/^[a-z]{1,9}::[a-z0-9]{1,9}$/),
  address: fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant("host.example")),
  port: fc.integer({ min: 1, max: 65_535 }),
});

const good: fc.Arbitrary<InstanceEndpoints> = fc
  .record({
    name: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,20}$/),
    incarnation: fc.stringMatching(/^[a-z0-9-]{1,36}$/),
    type: fc.constantFrom("S" as const, "MS" as const),
    status: fc.constantFrom("CREATING" as const, "RUNNING" as const, "FAILED" as const),
    epoch: fc.nat(),
    replicas: fc.array(server, { maxLength: 3 }),
    ready: fc.option(fc.tuple(server, fc.constantFrom("ready" as const, "unheard" as const))),
    proxy: fc.option(
      fc.record({
        write: fc.integer({ min: 1, max: 60_000 }),
        read: fc.option(fc.integer({ min: 60_001, max: 65_535 })),
      }),
    ),
  })
  .map(({ ready, ...rest }) => ({
    ...rest,
    master: ready === null ? null : ready[0],
    writer: ready === null ? ("none" as const) : ready[1],
  }));

describe("parseInstanceEndpoints", () => {
  it("gives back every instance that went through JSON, without keys that are not known", () => {
    fc.assert(
      fc.property(good, (each) => {
        const sent = { ...JSON.parse(JSON.stringify(each)), colour: "red" };
        expect(parseInstanceEndpoints(sent)).toEqual({ ok: true, value: each });
      }),
    );
  });

  it("names everything that is wrong at once", () => {
    const raw = {
      name: "a b",
      incarnation: "",
      type: "X",
      status: 1,
      epoch: -1,
      writer: "maybe",
      master: { processId: "a::b", address: "a b", port: 0 },
      replicas: [null],
      proxy: { write: 1, read: 1 },
    };
    expect(problems(parseInstanceEndpoints(raw, "i"))).toEqual([
      "i.name must be 1 to 63 letters, digits, _ . or -, the first a letter or digit",
      "i.incarnation must be a text of 1 to 200 characters",
      "i.type must be one of S, MS",
      "i.status must be one of CREATING, RUNNING, DEGRADED, FAILED, DELETING, DELETED",
      "i.epoch must be a whole number from 0 to 9007199254740991",
      "i.writer must be one of ready, unheard, none",
      "i.master.address must be an address or a host name",
      "i.master.port must be a whole number from 1 to 65535",
      "i.replicas[0] must be an object",
      "i.proxy.read must differ from write",
    ]);
  });

  it("wants a master exactly where the writer is not none", () => {
    const rule = "instance.master must be null exactly when writer is none";
    expect(problems(parseInstanceEndpoints({ ...instance, writer: "none" }))).toEqual([rule]);
    expect(problems(parseInstanceEndpoints({ ...instance, master: null }))).toEqual([rule]);
    const none = { ...instance, master: null, writer: "none", proxy: null };
    expect(problems(parseInstanceEndpoints(none))).toEqual([]);
  });

  it("never throws, and takes nothing that it would not give out again", () => {
    fc.assert(
      fc.property(fc.anything(), good, fc.string(), (value, base, key) => {
        const keys = [...Object.keys(base), key];
        for (const each of keys) {
          const result = parseInstanceEndpoints({ ...base, [each]: value });
          if (result.ok) expect(parseInstanceEndpoints(result.value)).toEqual(result);
        }
        parseInstanceEndpoints(value);
      }),
    );
  });

  it("limits the replicas", () => {
    const many = Array.from({ length: endpointsLimits.replicasMax + 1 }, () => instance.master);
    expect(problems(parseInstanceEndpoints({ ...instance, replicas: many }))).toEqual([
      "instance.replicas must be a list of at most 1000 servers",
    ]);
  });
});

describe("parseEndpointsEvent", () => {
  it("reads each type, and passes over what it does not know", () => {
    const data = JSON.stringify({ instance });
    expect(parseEndpointsEvent("instance", data)).toEqual({
      ok: true,
      value: { type: "instance", instance },
    });
    expect(parseEndpointsEvent("removed", '{"name":"orders"}')).toEqual({
      ok: true,
      value: { type: "removed", name: "orders" },
    });
    expect(parseEndpointsEvent("reset", "")).toEqual({ ok: true, value: { type: "reset" } });
    expect(parseEndpointsEvent("complete", "{}")).toEqual({
      ok: true,
      value: { type: "complete" },
    });
    expect(parseEndpointsEvent("colour", "red")).toEqual({ ok: true, value: null });
  });

  it.each([
    ["instance", "", "data must be JSON"],
    ["instance", "null", "data must be a JSON object"],
    ["instance", "[]", "data must be a JSON object"],
    ["instance", "{}", "data.instance must be an object"],
    [
      "removed",
      '{"name":"/"}',
      "data.name must be 1 to 63 letters, digits, _ . or -, the first a letter or digit",
    ],
    [
      "removed",
      " ".repeat(endpointsLimits.eventCharactersMax + 1),
      "data must have at most 1048576 characters",
    ],
  ])("refuses %s of %.20j", (type, data, text) => {
    expect(problems(parseEndpointsEvent(type, data))).toEqual([text]);
  });

  it("never throws", () => {
    const type = fc.oneof(fc.constantFrom("instance", "removed", "reset"), fc.string());
    fc.assert(
      fc.property(type, fc.oneof(fc.string(), fc.json()), (each, data) => {
        parseEndpointsEvent(each, data);
      }),
    );
  });
});

describe("parseEndpointsPage", () => {
  it("reads a page", () => {
    const page = { instances: [instance], next: "orders" };
    expect(parseEndpointsPage(page)).toEqual({ ok: true, value: page });
  });

  it.each([
    [null, "the page must be a JSON object"],
    [{ instances: {}, next: null }, "instances must be a list of at most 1000 instances"],
    [
      { instances: [], next: 1 },
      "next must be 1 to 63 letters, digits, _ . or -, the first a letter or digit, or null",
    ],
    [{ instances: [instance, 1], next: null }, "instances[1] must be an object"],
  ])("refuses %.40j", (page, text) => {
    expect(problems(parseEndpointsPage(page))).toEqual([text]);
  });
});
