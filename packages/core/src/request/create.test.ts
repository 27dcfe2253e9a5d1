/**
 * Tests create.ts: what is accepted, and the text of every refusal.
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeInstance, sealedPrefix } from "../instance/codec.js";
import {
  failoverCandidatesMax,
  failoverSignsMax,
  failoversMax,
  type InstanceDocument,
  type ProcessRecord,
} from "../instance/types.js";
import { attributeCharactersMax } from "../placement/constraints.js";
import { constraintLimits } from "./constraints.js";
import { createLimits, parseCreate, parseCreateV1 } from "./create.js";

const good = { name: "inst", memory: 200, slaves: 1 };
const spec = {
  memoryMib: 200,
  masters: 1,
  slaves: 1,
  distribution: null,
  config: {},
  fencing: "on",
  onUnreachable: "replace",
};
const path = { name: "inst", memory: "200", masters: "1", slaves: "1" };

function problemsOf(raw: unknown): string[] {
  const result = parseCreate(raw);
  return result.ok ? [] : result.problems.map((problem) => `${problem.path} ${problem.rule}`);
}

function problemsOfV1(change: Partial<typeof path>, body: string | null = null): string[] {
  const result = parseCreateV1({ ...path, ...change }, body);
  return result.ok ? [] : result.problems.map((problem) => `${problem.path} ${problem.rule}`);
}

describe("v2", () => {
  test("a small body, and a complete one", () => {
    expect(parseCreate(good)).toEqual({ ok: true, value: { name: "inst", spec } });
    const full = { ...good, masters: 1, distribution: 2, config: { timeout: 5 } };
    expect(parseCreate(full)).toEqual({
      ok: true,
      value: { name: "inst", spec: { ...spec, distribution: 2, config: { timeout: "5" } } },
    });
    expect(parseCreate({ ...good, distribution: null })).toEqual(parseCreate(good));
    for (const constraints of [null, []]) {
      expect(parseCreate({ ...good, constraints })).toEqual(parseCreate(good));
    }
    const constraints = [
      ["rack", "spread"],
      ["zone", "IN", "z1, z2"],
    ];
    expect(parseCreate({ ...good, constraints })).toEqual({
      ok: true,
      value: {
        name: "inst",
        spec: {
          ...spec,
          constraints: [
            { attribute: "rack", operator: "SPREAD", values: [] },
            { attribute: "zone", operator: "IN", values: ["z1", "z2"] },
          ],
        },
      },
    });
  });

  test("fencing and what becomes of the unreachable, in any case of letters", () => {
    expect(parseCreate({ ...good, fencing: "OFF", onUnreachable: "Wait" })).toEqual({
      ok: true,
      value: { name: "inst", spec: { ...spec, fencing: "off", onUnreachable: "wait" } },
    });
    expect(parseCreate({ ...good, fencing: null })).toEqual(parseCreate(good));
    expect(problemsOf({ ...good, fencing: false, onUnreachable: "never" })).toEqual([
      'fencing must be "on" or "off", not false',
      'onUnreachable must be "replace" or "wait", not "never"',
    ]);
    expect(parseCreateV1(path, '{"Fencing":"off","onunreachable":"wait"}')).toEqual(
      parseCreate({ ...good, fencing: "off", onUnreachable: "wait" }),
    );
    expect(problemsOfV1({}, '{"Fencing":1}')).toEqual(['Fencing must be "on" or "off", not 1']);
  });

  test("users and TLS: true, or nothing at all", () => {
    const guarded = { ok: true, value: { name: "inst", spec: { ...spec, auth: true, tls: true } } };
    expect(parseCreate({ ...good, auth: true, tls: true })).toStrictEqual(guarded);
    for (const off of [false, null, undefined]) {
      expect(parseCreate({ ...good, auth: off, tls: off })).toStrictEqual(parseCreate(good));
    }
    expect(parseCreateV1(path, '{"auth":true,"TLS":true}')).toStrictEqual(guarded);
    expect(problemsOf({ ...good, auth: "true", tls: 1 })).toEqual([
      'auth must be true or false, not "true"',
      "tls must be true or false, not 1",
    ]);
    expect(problemsOfV1({}, '{"Auth":"yes","Tls":{}}')).toEqual([
      'Auth must be true or false, not "yes"',
      "Tls must be true or false, not {}",
    ]);
  });

  test("the limits themselves are allowed", () => {
    const { memoryMibMin, memoryMibMax, slavesMax, distributionMax } = createLimits;
    for (const raw of [
      { ...good, memory: memoryMibMin, slaves: 0, distribution: 1 },
      { ...good, memory: memoryMibMax, slaves: slavesMax, distribution: distributionMax },
      { ...good, name: `a${"-".repeat(62)}` },
    ]) {
      expect(problemsOf(raw)).toEqual([]);
    }
  });

  test("all problems at once, each says what is allowed", () => {
    const raw = {
      name: "a b",
      memory: "200",
      slaves: -1,
      masters: 3,
      distribution: 0,
      config: { port: 1, timeout: "x" },
      constraints: [["rack", "NEAR"]],
      Slaves: 1,
    };
    const problems = problemsOf(raw);
    expect(problems.slice(0, 6)).toEqual([
      "Slaves is not known; known are name, memory, slaves, masters, distribution, config, constraints, fencing, onUnreachable, auth, tls",
      'name must be 1 to 63 letters, digits, _ . or -, the first a letter or digit, not "a b"',
      'memory must be an integer from 1 to 1048576 (MiB), not "200"',
      "masters must be 1: instances with several masters (Redis Cluster) are not built, not 3",
      "slaves must be an integer from 0 to 100, not -1",
      "distribution must be an integer from 1 to 1000 (most processes of the instance on one agent), not 0",
    ]);
    expect(problems.slice(6).map((problem) => problem.split(" ")[0])).toEqual([
      "config.port",
      "config.timeout",
      "constraints[0][1]",
    ]);
  });

  test("what is missing is named", () => {
    expect(problemsOf({})).toEqual([
      "name must be 1 to 63 letters, digits, _ . or -, the first a letter or digit",
      "memory must be an integer from 1 to 1048576 (MiB)",
      "slaves must be an integer from 0 to 100",
    ]);
    for (const raw of [null, undefined, [], "{}", 1]) {
      expect(problemsOf(raw)).toEqual(["body must be a JSON object"]);
    }
    expect(problemsOf(Object.create(good))).toHaveLength(3);
  });

  test.each([
    ["name", ""],
    ["name", "-a"],
    ["name", ".a"],
    ["name", "a::b"],
    ["name", "a/b"],
    ["name", "a\n"],
    ["name", "\u00e4"],
    ["name", "a".repeat(64)],
    ["name", 5],
    ["memory", 0],
    ["memory", -1],
    ["memory", 1.5],
    ["memory", 1_048_577],
    ["memory", null],
    ["memory", true],
    ["slaves", 0.5],
    ["slaves", 101],
    ["slaves", "1"],
    ["slaves", null],
    ["masters", 0],
    ["masters", 2],
    ["masters", null],
    ["distribution", 0],
    ["distribution", -1],
    ["distribution", 2.5],
    ["distribution", 1_001],
    ["distribution", "2"],
    ["config", []],
    ["config", "x"],
    ["config", { requirepass: "x" }],
  ])("%s %j is one problem", (key, value) => {
    expect(problemsOf({ ...good, [key]: value })).toHaveLength(1);
  });
});

describe("v1", () => {
  test("path alone, with a body, keys in any case, other fields ignored", () => {
    expect(parseCreateV1(path, null)).toEqual({ ok: true, value: { name: "inst", spec } });
    for (const body of [
      "",
      " \n",
      "{}",
      '{"Name":"x","Other":{}}',
      '{"Distribution":null,"config":null}',
    ]) {
      expect(parseCreateV1(path, body)).toEqual(parseCreateV1(path, null));
    }
    const body = '{"dIstribution":2,"CONFIG":{"maxmemory-policy":"allkeys-lru"}}';
    expect(parseCreateV1({ ...path, slaves: "5" }, body)).toEqual({
      ok: true,
      value: {
        name: "inst",
        spec: {
          ...spec,
          slaves: 5,
          distribution: 2,
          config: { "maxmemory-policy": "allkeys-lru" },
        },
      },
    });
  });

  test("segments that are no numbers, none that makes sense, or absurd", () => {
    expect(problemsOfV1({ name: "sp ace", memory: "abc", masters: "xyz", slaves: "-3" })).toEqual([
      'name must be 1 to 63 letters, digits, _ . or -, the first a letter or digit, not "sp ace"',
      'memory must be an integer from 1 to 1048576 (MiB), not "abc"',
      'masters must be 1: instances with several masters (Redis Cluster) are not built, not "xyz"',
      'slaves must be an integer from 0 to 100, not "-3"',
    ]);
    for (const memory of ["0", "1e3", "0x10", "+5", "99999999999999999999", "", "1 "]) {
      expect(problemsOfV1({ memory })).toHaveLength(1);
    }
  });

  test("a body that is no JSON object is refused", () => {
    for (const body of ["{", "x=1", "null", "[]", '"2"', "2", "[".repeat(100_000)]) {
      expect(problemsOfV1({}, body)).toEqual(["body must be absent or a JSON object"]);
    }
  });

  test("a Distribution that is none", () => {
    for (const distribution of ['"2"', "2.5", "0", "-1", "true", "[]", "1e9"]) {
      expect(problemsOfV1({}, `{"Distribution":${distribution}}`)).toHaveLength(1);
    }
    expect(problemsOfV1({}, '{"Distribution":1,"distribution":2}')).toEqual([
      "distribution must be given once",
    ]);
    expect(problemsOfV1({}, '{"Config":{"save":"1 1"}}')[0]).toMatch(/^Config\.save /);
  });

  test("Constraints, in any case", () => {
    const body = '{"cOnstraints":[["@zone","UNIQUE"]]}';
    const constraints = [{ attribute: "@zone", operator: "UNIQUE", values: [] }];
    expect(parseCreateV1(path, body)).toEqual({
      ok: true,
      value: { name: "inst", spec: { ...spec, constraints } },
    });
    expect(problemsOfV1({}, '{"Constraints":["rack","SPREAD"]}')).toEqual([
      'Constraints[0] must look like ["rack", "SPREAD"] or ["zone", "IN", "z1,z2"], not "rack"',
      'Constraints[1] must look like ["rack", "SPREAD"] or ["zone", "IN", "z1,z2"], not "SPREAD"',
    ]);
  });
});

test("never throws, whatever comes", () => {
  fc.assert(
    fc.property(fc.anything(), fc.string(), fc.json(), (raw, text, json) => {
      parseCreate(raw);
      parseCreateV1({ name: text, memory: text, masters: "1", slaves: text }, text);
      parseCreateV1(path, json);
    }),
    { numRuns: 2_000 },
  );
});

test("the document of the largest instance fits into the 512 KiB that every store takes", () => {
  const constraints = Array.from({ length: constraintLimits.countMax }, (_, index) => ({
    attribute: `${index}${"k".repeat(62)}`,
    operator: "SPREAD" as const,
    values: [],
  }));
  const id = (index: number): string => `${"a".repeat(63)}::${String(index).padStart(36, "0")}`;
  const process = (index: number): ProcessRecord => ({
    id: id(index),
    role: "replica",
    state: "unreachable",
    agentId: "b".repeat(45),
    hostname: "c".repeat(64),
    executorId: "d".repeat(36),
    address: "255.255.255.255",
    port: 65_535,
    memoryMib: createLimits.memoryMibMax,
    secret: "e".repeat(64),
    replicaSecret: "e".repeat(64),
    replicaUser: `replica-${"e".repeat(12)}`,
    member: true,
    expelled: false,
    plannedAtMs: 1_800_000_000_000,
    plannedEpoch: 1_000_000,
    startId: "f".repeat(36),
    dataEpoch: 1_000_000,
    place: Object.fromEntries(
      constraints.map(({ attribute }) => [attribute, "j".repeat(attributeCharactersMax)]),
    ),
  });
  const processes = Array.from({ length: createLimits.slavesMax + 1 }, (_, index) =>
    process(index),
  );
  const because = { code: "process-exited", text: "g".repeat(200) };
  const password = { secret: "k".repeat(43), hash: "0".repeat(64) };
  const user = { current: password, previous: password };
  const document: InstanceDocument = {
    version: 2,
    name: "a".repeat(63),
    incarnation: "h".repeat(36),
    spec: {
      memoryMib: 1,
      masters: 1,
      slaves: 100,
      distribution: 1,
      config: {},
      fencing: "on",
      onUnreachable: "replace",
      constraints,
      auth: true,
      tls: true,
    },
    createdAtMs: 1_800_000_000_000,
    status: "DEGRADED",
    reason: because,
    wasRunning: true,
    epoch: 1_000_000,
    masterId: id(0),
    writeQuorum: 50,
    processes,
    failovers: Array.from({ length: failoversMax }, () => ({
      epoch: 1_000_000,
      kind: "unreachable",
      oldMaster: id(0),
      newMaster: id(1),
      because,
      startedAtMs: 1_800_000_000_000,
      seen: Array.from({ length: failoverSignsMax }, () => ({
        by: id(2),
        what: "j".repeat(80),
        atMs: 1_800_000_000_000,
      })),
      steps: Array.from({ length: 10 }, () => ({ name: "i".repeat(20), atMs: 1_000 })),
      candidates: processes.slice(0, failoverCandidatesMax).map((each) => ({
        processId: each.id,
        hostname: each.hostname,
        offset: 1e15,
        dataEpoch: 1_000_000,
        diverged: false,
      })),
      bytesGivenUp: 1e15,
      writerlessMs: 1e9,
    })),
    deletedAtMs: null,
    users: { readWrite: user, readOnly: user, rotatedAtMs: 1, previousUntilMs: 2 },
  };
  // The name of a key, 12 bytes of a nonce and 16 of a tag beside the secret, all in base64.
  const seal = (secret: string) =>
    `${sealedPrefix}1:${"0".repeat(8)}:${"A".repeat(Math.ceil(((secret.length + 28) * 4) / 3))}`;
  expect(encodeInstance(document, seal).length).toBeLessThan(512 * 1024);
});

test("what is nested deeper than a text can be made of is refused in words, too", () => {
  const deep: unknown = JSON.parse(`${"[".repeat(50_000)}${"]".repeat(50_000)}`);
  const refused = parseCreate({ ...good, name: deep, constraints: [deep] });
  expect(refused.ok ? [] : refused.problems.map(({ path }) => path)).toEqual([
    "name",
    "constraints[0]",
  ]);
});

test("a refusal does not grow with what is refused", () => {
  const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`k${index}`, 1]));
  for (const wish of [
    { ...many, ...good },
    { ...good, config: many },
  ]) {
    const refused = parseCreate(wish);
    expect(refused.ok ? 0 : refused.problems.length).toBe(50);
  }
});
