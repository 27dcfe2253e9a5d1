/**
 * Owns the tests of the encodings of stored documents (codec.ts, framework.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { AssertionError } from "../assert.js";
import { isNewerVersion, isSealedSecret } from "../result.js";
import { decodeInstance, encodeInstance, sealedPrefix } from "./codec.js";
import { decodeFramework, encodeFramework } from "./framework.js";
import type { InstanceDocument, ProcessRecord } from "./types.js";

const count = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const positive = fc.integer({ min: 1, max: 1_000_000 });
const time = fc.integer({ min: 0, max: 4_000_000_000_000 });
const anyText = fc.string({ unit: "binary", maxLength: 20 });
const id = fc.stringMatching(/^[A-Za-z0-9:._-]{1,40}$/);
const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/);
const config = fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/), fc.string(), {
  maxKeys: 4,
});
const because = fc.record({ code: id, text: anyText });
const processRecord = fc.record({
  id,
  role: fc.constantFrom("master", "replica"),
  state: fc.constantFrom("planned", "running", "unreachable"),
  agentId: id,
  hostname: id,
  executorId: id,
  address: id,
  port: fc.integer({ min: 1, max: 65535 }),
  memoryMib: positive,
  secret: anyText,
  replicaSecret: anyText,
  replicaUser: id,
  member: fc.boolean(),
  expelled: fc.boolean(),
  plannedAtMs: time,
  plannedEpoch: count,
  startId: fc.option(id),
  dataEpoch: count,
});
const attribute = fc.constantFrom("rack", "zone", "@zone", "@region", "a.b/c_d-e");
const constraint = fc.oneof(
  fc.record({
    attribute: fc.oneof(attribute, fc.constant("hostname")),
    operator: fc.constantFrom("UNIQUE" as const, "SPREAD" as const),
    values: fc.constant([]),
  }),
  fc.record({
    attribute,
    operator: fc.constantFrom("IN" as const, "NOT_IN" as const),
    values: fc.uniqueArray(id, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    attribute,
    operator: fc.constant("MAX_PER" as const),
    values: fc.integer({ min: 1, max: 1_000 }).map((each) => [String(each)]),
  }),
);
const failover = fc.record({
  epoch: count,
  kind: fc.constantFrom("death", "unreachable", "planned", "forced"),
  oldMaster: fc.option(id),
  newMaster: id,
  because,
  startedAtMs: time,
  seen: fc.array(fc.record({ by: id, what: anyText, atMs: time }), { maxLength: 3 }),
  steps: fc.array(fc.record({ name: anyText, atMs: time }), { maxLength: 3 }),
  candidates: fc.array(
    fc.record({
      processId: id,
      hostname: id,
      offset: fc.integer({ min: -1, max: Number.MAX_SAFE_INTEGER }),
      dataEpoch: count,
      diverged: fc.boolean(),
    }),
    { maxLength: 3 },
  ),
  bytesGivenUp: fc.option(time),
  writerlessMs: fc.option(time),
});
const instance = fc.record<InstanceDocument>({
  version: fc.constant(2),
  name,
  incarnation: id,
  spec: fc.record({
    memoryMib: positive,
    masters: fc.constant(1),
    slaves: count,
    distribution: fc.option(positive),
    config,
    fencing: fc.constantFrom("on", "off"),
    onUnreachable: fc.constantFrom("replace", "wait"),
  }),
  createdAtMs: time,
  status: fc.constantFrom("CREATING", "RUNNING", "DEGRADED", "FAILED", "DELETING", "DELETED"),
  reason: fc.option(because),
  wasRunning: fc.boolean(),
  epoch: count,
  masterId: fc.option(id),
  writeQuorum: count,
  processes: fc.uniqueArray(processRecord, { maxLength: 4, selector: (each) => each.id }),
  failovers: fc.array(failover, { maxLength: 3 }),
  deletedAtMs: fc.option(time),
});

const constrained = fc
  .tuple(
    instance,
    fc.array(constraint, { minLength: 1, maxLength: 6 }),
    fc.dictionary(attribute, anyText),
  )
  .map(
    ([document, constraints, place]): InstanceDocument => ({
      ...document,
      version: 2,
      spec: { ...document.spec, constraints },
      processes: document.processes.map((process) => ({ ...process, place })),
    }),
  );

const hash = fc.stringMatching(/^[0-9a-f]{64}$/);
const password = fc.record({ secret: id, hash });
/** Any document with users: before, within and after the grace of a rotation. */
const withUsers = fc
  .tuple(
    fc.oneof(instance, constrained),
    password,
    password,
    fc.option(password),
    time,
    fc.boolean(),
  )
  .map(([document, readWrite, readOnly, previous, atMs, isTls]): InstanceDocument => {
    const tls = isTls ? { tls: true as const } : {};
    return {
      ...document,
      spec: { ...document.spec, auth: true, ...tls },
      users: {
        readWrite: { current: readWrite, previous },
        readOnly: { current: readOnly, previous },
        rotatedAtMs: atMs,
        previousUntilMs: previous === null ? null : atMs,
      },
    };
  });

const plain: InstanceDocument = {
  version: 2,
  name: "inst",
  incarnation: "i1",
  spec: {
    memoryMib: 200,
    masters: 1,
    slaves: 1,
    distribution: null,
    config: {},
    fencing: "on",
    onUnreachable: "replace",
  },
  createdAtMs: 1,
  status: "CREATING",
  reason: null,
  wasRunning: false,
  epoch: 0,
  masterId: null,
  writeQuorum: 0,
  processes: [],
  failovers: [],
  deletedAtMs: null,
};
const secondProcess = {
  id: "inst::1",
  role: "master",
  state: "planned",
  agentId: "a",
  hostname: "h",
  executorId: "e",
  address: "127.0.0.1",
  port: 6379,
  memoryMib: 200,
  secret: "hunter2",
  replicaSecret: "hunter3",
  replicaUser: "replica-7",
  member: true,
  expelled: false,
  plannedAtMs: 1,
  plannedEpoch: 1,
  startId: null,
  dataEpoch: 0,
} as const;

test("decode(encode(x)) = x, through two encodings", () => {
  fc.assert(
    fc.property(fc.oneof(instance, constrained, withUsers), (document) => {
      const json = encodeInstance(document);
      expect(decodeInstance(json)).toEqual({ ok: true, value: document });
    }),
  );
});

test("the text of version 2 does not change", () => {
  expect(encodeInstance(plain)).toBe(
    '{"version":2,"name":"inst","incarnation":"i1",' +
      '"spec":{"memoryMib":200,"masters":1,"slaves":1,"distribution":null,"config":{},' +
      '"fencing":"on","onUnreachable":"replace"},' +
      '"createdAtMs":1,"status":"CREATING","reason":null,"wasRunning":false,"epoch":0,' +
      '"masterId":null,"writeQuorum":0,"processes":[],"failovers":[],"deletedAtMs":null}',
  );
});

/** As the programs of version 1 wrote it. */
const version1 =
  '{"version":1,"name":"inst","incarnation":"i1",' +
  '"spec":{"memoryMib":200,"masters":1,"slaves":1,"distribution":null,"config":{}},' +
  '"createdAtMs":1,"status":"RUNNING","reason":null,"wasRunning":true,"epoch":2,' +
  '"masterId":"inst::1","writeQuorum":0,"processes":[{"id":"inst::1","role":"master",' +
  '"state":"planned","agentId":"a","hostname":"h","executorId":"e","address":"127.0.0.1",' +
  '"port":6379,"memoryMib":200,"secret":"hunter2","plannedAtMs":1,"plannedEpoch":1,' +
  '"startId":null,"dataEpoch":0}],"failovers":[{"epoch":2,"oldMaster":"inst::0",' +
  '"newMaster":"inst::1","because":{"code":"process-exited","text":"it ended"},' +
  '"startedAtMs":5,"steps":[{"name":"master-gone","atMs":5}],' +
  '"candidates":[{"processId":"inst::1","offset":7}]}],"deletedAtMs":null}';

test("version 1 is read with defaults", () => {
  expect(decodeInstance(version1)).toEqual({
    ok: true,
    value: {
      ...plain,
      status: "RUNNING",
      wasRunning: true,
      epoch: 2,
      masterId: "inst::1",
      processes: [{ ...secondProcess, replicaSecret: "hunter2", replicaUser: "replica-1" }],
      failovers: [
        {
          epoch: 2,
          kind: "death",
          oldMaster: "inst::0",
          newMaster: "inst::1",
          because: { code: "process-exited", text: "it ended" },
          startedAtMs: 5,
          seen: [],
          steps: [{ name: "master-gone", atMs: 5 }],
          candidates: [
            { processId: "inst::1", hostname: "unknown", offset: 7, dataEpoch: 0, diverged: false },
          ],
          bytesGivenUp: null,
          writerlessMs: null,
        },
      ],
    },
  });
});

const rack = { attribute: "rack", operator: "SPREAD", values: [] } as const;
const second: InstanceDocument = {
  ...plain,
  version: 2,
  spec: { ...plain.spec, constraints: [rack] },
  processes: [{ ...secondProcess, place: { rack: "r1" } }],
};

test("the text of a document with constraints does not change", () => {
  expect(encodeInstance(second)).toBe(
    '{"version":2,"name":"inst","incarnation":"i1",' +
      '"spec":{"memoryMib":200,"masters":1,"slaves":1,"distribution":null,"config":{},' +
      '"fencing":"on","onUnreachable":"replace",' +
      '"constraints":[{"attribute":"rack","operator":"SPREAD","values":[]}]},' +
      '"createdAtMs":1,"status":"CREATING","reason":null,"wasRunning":false,"epoch":0,' +
      '"masterId":null,"writeQuorum":0,"processes":[{"id":"inst::1","role":"master","state":"planned",' +
      '"agentId":"a","hostname":"h","executorId":"e","address":"127.0.0.1","port":6379,"memoryMib":200,' +
      '"secret":"hunter2","replicaSecret":"hunter3","replicaUser":"replica-7","member":true,' +
      '"expelled":false,"plannedAtMs":1,"plannedEpoch":1,"startId":null,"dataEpoch":0,' +
      '"place":{"rack":"r1"}}],"failovers":[],"deletedAtMs":null}',
  );
});

const userOf = (digit: string) => ({
  current: { secret: `secret-${digit}`, hash: digit.repeat(64) },
  previous: null,
});
const guarded: InstanceDocument = {
  ...plain,
  spec: { ...plain.spec, auth: true, tls: true },
  processes: [secondProcess],
  users: {
    readWrite: userOf("a"),
    readOnly: userOf("b"),
    rotatedAtMs: 1,
    previousUntilMs: null,
  },
};
const seal = (secret: string) => `${sealedPrefix}1:k1:${Buffer.from(secret).toString("base64url")}`;
const open = (text: string) =>
  text.startsWith("sealed:1:k1:")
    ? Buffer.from(text.slice("sealed:1:k1:".length), "base64url").toString()
    : null;
const refusals = (json: string, opener?: typeof open) => {
  const read = decodeInstance(json, opener);
  return read.ok ? [] : read.problems.map(({ path, rule }) => `${path} ${rule}`);
};

test("the text of a document with users does not change", () => {
  expect(encodeInstance(guarded)).toBe(
    '{"version":2,"name":"inst","incarnation":"i1",' +
      '"spec":{"memoryMib":200,"masters":1,"slaves":1,"distribution":null,"config":{},' +
      '"fencing":"on","onUnreachable":"replace","auth":true,"tls":true},' +
      '"createdAtMs":1,"status":"CREATING","reason":null,"wasRunning":false,"epoch":0,' +
      '"masterId":null,"writeQuorum":0,"processes":[{"id":"inst::1","role":"master","state":"planned",' +
      '"agentId":"a","hostname":"h","executorId":"e","address":"127.0.0.1","port":6379,"memoryMib":200,' +
      '"secret":"hunter2","replicaSecret":"hunter3","replicaUser":"replica-7","member":true,' +
      '"expelled":false,"plannedAtMs":1,"plannedEpoch":1,"startId":null,"dataEpoch":0}],' +
      '"failovers":[],"deletedAtMs":null,"users":{' +
      `"readWrite":{"current":{"secret":"secret-a","hash":"${"a".repeat(64)}"},"previous":null},` +
      `"readOnly":{"current":{"secret":"secret-b","hash":"${"b".repeat(64)}"},"previous":null},` +
      '"rotatedAtMs":1,"previousUntilMs":null}}',
  );
});

test("the text is the same however the document was put together", () => {
  const proxy = { write: 1, read: 2 };
  const { users, ...rest } = guarded;
  expect(encodeInstance({ ...(users === undefined ? {} : { users }), proxy, ...rest })).toBe(
    encodeInstance({ ...guarded, proxy }),
  );
});

test("sealed, every secret is read back by those who can open it, and by nobody else", () => {
  fc.assert(
    fc.property(fc.oneof(instance, withUsers), (document) => {
      const json = encodeInstance(document, (secret) => seal(secret));
      const value = decodeInstance(encodeInstance(document));
      expect(decodeInstance(json, open)).toEqual(value);
    }),
  );
  const json = encodeInstance(guarded, seal);
  expect(json).not.toMatch(/hunter|secret-/);
  const paths = [
    "processes[0].secret",
    "processes[0].replicaSecret",
    "users.readWrite.current.secret",
    "users.readOnly.current.secret",
  ];
  expect(refusals(json)).toEqual(paths.map((path) => `${path} is sealed`));
  expect(refusals(json, () => null)).toEqual(
    paths.map((path) => `${path} is sealed with a key that is not here`),
  );
  const read = decodeInstance(json);
  expect(read.ok ? false : isSealedSecret(read.problems)).toBe(true);
  expect(decodeInstance(encodeInstance(guarded), open)).toEqual({ ok: true, value: guarded });
  const odd = { ...guarded, processes: [{ ...secondProcess, secret: "sealed:x" }] };
  expect(() => encodeInstance(odd)).toThrow(AssertionError);
});

test("users are there exactly when they were asked for, previous passwords exactly until some time", () => {
  const { users, ...without } = guarded;
  expect(refusals(JSON.stringify(without))).toEqual([
    "users must be there exactly when spec.auth is",
  ]);
  expect(refusals(JSON.stringify({ ...plain, users }))).toEqual([
    "users must be there exactly when spec.auth is",
  ]);
  const off = { ...plain, spec: { ...plain.spec, auth: false, tls: null } };
  expect(refusals(JSON.stringify(off))).toEqual([
    "spec.auth must be true",
    "spec.tls must be true",
  ]);
  const both = { ...guarded, users: { ...users, previousUntilMs: 5 } };
  const rule = "must be null exactly when there are no previous ones";
  expect(refusals(JSON.stringify(both))).toEqual([`users.previousUntilMs ${rule}`]);
  const hashed = { secret: "x", hash: "A".repeat(64) };
  const upper = { ...guarded, users: { ...users, readOnly: { current: hashed, previous: null } } };
  expect(refusals(JSON.stringify(upper))).toEqual([
    "users.readOnly.current.hash must be 64 hexadecimal digits in lower case",
  ]);
});

test("constraints come with a place of each process, and neither without the other", () => {
  const problemsOf = (document: unknown) => {
    const read = decodeInstance(JSON.stringify(document));
    return read.ok ? [] : read.problems.map(({ path, rule }) => `${path} ${rule}`);
  };
  expect(problemsOf({ ...plain, processes: second.processes })).toEqual([
    "processes[0].place is not known",
  ]);
  expect(problemsOf({ ...second, processes: [secondProcess] })).toEqual([
    "processes[0].place is missing",
  ]);
  const asked = (constraints: readonly unknown[]) =>
    problemsOf({ ...second, spec: { ...plain.spec, constraints } });
  expect(asked([])).toEqual(["spec.constraints must have at least one element"]);
  for (const wrong of [
    { ...rack, attribute: "@rack" },
    { ...rack, values: ["x"] },
    { ...rack, operator: "MAX_PER", values: ["0"] },
    { ...rack, operator: "IN", values: ["a,b"] },
  ]) {
    expect(asked([wrong])).toEqual(["spec.constraints[0]. must be one that can be asked for"]);
  }
});

test.each<[string, unknown, { path: string; rule: string }[]]>([
  ["no object", [], [{ path: "", rule: "must be an object" }]],
  [
    "two processes of one id",
    { ...plain, processes: [secondProcess, secondProcess] },
    [{ path: "processes", rule: "must have different ids" }],
  ],
  [
    "a setting of two lines",
    { ...plain, spec: { ...plain.spec, config: { timeout: "1\nslaveof 1.2.3.4 1" } } },
    [{ path: "spec.config.timeout", rule: "must be one line without control characters" }],
  ],
  [
    "several problems, the secret not shown",
    { ...plain, name: "/", epoch: -1, processes: [{ ...secondProcess, port: 0, secret: 7 }] },
    [
      { path: "name", rule: "must match ^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$" },
      { path: "epoch", rule: "must be a whole number of at least 0" },
      { path: "processes[0].port", rule: "must be a whole number from 1 to 65535" },
      { path: "processes[0].secret", rule: "must be a string" },
    ],
  ],
])("refuses %s", (_, value, problems) => {
  expect(decodeInstance(JSON.stringify(value))).toEqual({ ok: false, problems });
});

test("a text cut anywhere is refused", () => {
  const json = encodeInstance({ ...plain, processes: [secondProcess] });
  for (let end = 0; end < json.length; end += 1) {
    expect(decodeInstance(json.slice(0, end)).ok).toBe(false);
  }
});

test("a newer version is told from a broken one", () => {
  for (const decode of [decodeInstance, decodeFramework]) {
    const newer = decode('{"version":9,"shards":[]}');
    expect(newer.ok ? [] : isNewerVersion(newer.problems)).toBe(true);
    const broken = decode('{"version":"2"}');
    expect(broken.ok ? [] : isNewerVersion(broken.problems)).toBe(false);
  }
});

test("one field replaced by anything never throws", () => {
  const paths = Object.keys(plain);
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
      const read = decodeInstance(JSON.stringify({ ...plain, [path]: value }));
      if (read.ok) expect(JSON.parse(encodeInstance(read.value))).toEqual(read.value);
    }),
  );
});

test("what could not be read back is not written", () => {
  expect(() => encodeInstance({ ...plain, createdAtMs: Number.NaN })).toThrow(
    new AssertionError("instance inst: createdAtMs must be a number of at least 0"),
  );
});

test("framework: decode(encode(x)) = x", () => {
  const framework = fc.record({
    version: fc.constant(2 as const),
    frameworkId: id,
    frameworkName: anyText,
    user: anyText,
    createdAtMs: time,
    removedAtMs: fc.option(time),
  });
  fc.assert(
    fc.property(framework, (document) => {
      expect(decodeFramework(encodeFramework(document))).toEqual({ ok: true, value: document });
    }),
  );
});

test("framework: an upgrade makes it version 3, and belongs to that", () => {
  const second = {
    version: 2,
    frameworkId: "f",
    frameworkName: "n",
    user: "",
    createdAtMs: 1,
    removedAtMs: null,
  } as const;
  const upgrade = { version: "mr-redis-1", paused: true, atMs: 5 };
  const third = { ...second, version: 3, upgrade } as const;
  for (const document of [second, third]) {
    expect(decodeFramework(encodeFramework(document))).toEqual({ ok: true, value: document });
  }
  expect(decodeFramework(JSON.stringify({ ...second, upgrade }))).toEqual({
    ok: false,
    problems: [{ path: "upgrade", rule: "is not known" }],
  });
  expect(decodeFramework(JSON.stringify({ ...second, version: 3 }))).toEqual({
    ok: false,
    problems: [{ path: "upgrade", rule: "is missing" }],
  });
});

test("framework: version 1 is read as one that was never removed", () => {
  const first = { frameworkId: "f-1", frameworkName: "MrRedis", user: "root", createdAtMs: 7 };
  expect(decodeFramework(JSON.stringify({ version: 1, ...first }))).toEqual({
    ok: true,
    value: { version: 2, ...first, removedAtMs: null },
  });
});

test("framework: refuses what is missing and what is more", () => {
  expect(
    decodeFramework('{"version":1,"frameworkId":"","user":"root","createdAtMs":1,"x":1}'),
  ).toEqual({
    ok: false,
    problems: [
      {
        path: "frameworkId",
        rule: "must be 1 to 255 characters without spaces or control characters",
      },
      { path: "frameworkName", rule: "is missing" },
      { path: "x", rule: "is not known" },
    ],
  });
});

test("a record is looked at again when it is another one, also beside one that was looked at", () => {
  const process: ProcessRecord = { ...secondProcess, role: "replica", state: "running" };
  const document = { ...plain, processes: [process] };
  expect(encodeInstance({ ...document })).toBe(encodeInstance(document));
  const other = { ...process, id: "other", port: 0 };
  expect(() => encodeInstance({ ...document, processes: [process, other] })).toThrow(
    new AssertionError("instance inst: processes[1].port must be a whole number from 1 to 65535"),
  );
  expect(() => encodeInstance({ ...document, processes: [process, process] })).toThrow(
    new AssertionError("instance inst: processes must have different ids"),
  );
});
