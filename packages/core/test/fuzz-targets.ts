/**
 * Owns the parsers of this package that read what others send, for the fuzzer: requests, configuration, documents of the
 * store, goals and reports, the words of Redis, endpoints.
 * Not: the fuzzer (packages/testing/src/fuzz). Called by tools/fuzz.mjs.
 * SPDX-License-Identifier: Apache-2.0
 */
import { isDeepStrictEqual } from "node:util";
import {
  BrokenPromise,
  type FuzzTarget,
  type FuzzTargets,
  jsonOf,
  textOf,
} from "@mr-redis/testing";
import {
  decodeCertificateAnswer,
  decodeCertificateRequest,
  encodeCertificateAnswer,
  encodeCertificateRequest,
} from "../src/certificates/codec.js";
import { parseConfigText } from "../src/config/parse.js";
import { parseEndpointsEvent, parseEndpointsPage } from "../src/endpoints/parse.js";
import {
  decodeGoalBatch,
  decodeLaunchOrder,
  decodeReportBatch,
  encodeGoalBatch,
  encodeLaunchOrder,
  encodeReportBatch,
} from "../src/goal/codec.js";
import { decodeInstance, encodeInstance } from "../src/instance/codec.js";
import { decodeFramework, encodeFramework } from "../src/instance/framework.js";
import { parseRedisReplies, parseRedisVersion } from "../src/redis/info.js";
import { cleanLogLine, exitCause, logHint, safeLogLine } from "../src/redis/log.js";
import { parseCreate, parseCreateV1 } from "../src/request/create.js";
import { parseFailover } from "../src/request/failover.js";
import { parseRotation } from "../src/request/rotation.js";
import type { Parsed } from "../src/result.js";

const json = (value: unknown): string => JSON.stringify(value);

/** What was read is written, and read again as the same. */
function roundTrip<T>(decode: (text: string) => Parsed<T>, encode: (value: T) => string) {
  return (input: Uint8Array): Parsed<T> => {
    const first = decode(textOf(input));
    if (!first.ok) return first;
    const second = decode(encode(first.value));
    if (!second.ok) throw new BrokenPromise("what was read cannot be read again");
    if (!isDeepStrictEqual(second.value, first.value)) {
      throw new BrokenPromise("what was read is another value after a round");
    }
    return first;
  };
}

const create = {
  name: "orders",
  memory: 200,
  slaves: 2,
  masters: 1,
  distribution: 1,
  config: { "maxmemory-policy": "allkeys-lru", timeout: "60", save: "900 1" },
  constraints: [
    ["rack", "UNIQUE"],
    ["@zone", "IN", "a", "b"],
    ["hostname", "MAX_PER", "2"],
  ],
  fencing: "on",
  onUnreachable: "replace",
};

const createV1 = json({
  Distribution: 2,
  Config: create.config,
  Constraints: create.constraints,
  Fencing: "off",
  OnUnreachable: "wait",
});

const configuration = {
  UserName: "",
  DBType: "etcd",
  DBEndPoint: "127.0.0.1:2379,http://[::1]:2379",
  Master: "zk://127.0.0.1:2181,127.0.0.1:2182/mesos",
  ArtifactIP: "127.0.0.1",
  ArtifactPort: "5454",
  HTTPBind: "127.0.0.1",
  HTTPPort: "5656",
  LeaseTtlMs: "5000",
  DBTimeLimitMs: "1000",
  Role: "db/team",
  LogLevel: "info",
  RedisPath: "/usr/bin/redis-server",
};

const process = {
  id: "orders::a",
  role: "master",
  state: "running",
  agentId: "S0",
  hostname: "host-1",
  executorId: "e",
  address: "10.0.0.1",
  port: 31_000,
  memoryMib: 200,
  secret: "s",
  replicaSecret: "r",
  replicaUser: "replica-a",
  member: true,
  expelled: false,
  plannedAtMs: 1,
  plannedEpoch: 1,
  startId: "x",
  dataEpoch: 1,
};

const instance = {
  version: 2,
  name: "orders",
  incarnation: "i1",
  spec: {
    memoryMib: 200,
    masters: 1,
    slaves: 1,
    distribution: null,
    config: { timeout: "60" },
    fencing: "on",
    onUnreachable: "replace",
    constraints: [{ attribute: "rack", operator: "UNIQUE", values: [] }],
  },
  createdAtMs: 1,
  status: "RUNNING",
  reason: { code: "because", text: "so" },
  wasRunning: true,
  epoch: 2,
  masterId: "orders::a",
  writeQuorum: 1,
  processes: [process, { ...process, id: "orders::b", role: "replica", place: { rack: "r1" } }],
  failovers: [
    {
      epoch: 2,
      kind: "death",
      oldMaster: "orders::z",
      newMaster: "orders::a",
      because: { code: "dead", text: "it died" },
      startedAtMs: 1,
      seen: [{ by: "mesos", what: "TASK_FAILED", atMs: 1 }],
      steps: [{ name: "parked", atMs: 2 }],
      candidates: [
        { processId: "orders::a", hostname: "h", offset: 5, dataEpoch: 1, diverged: false },
      ],
      bytesGivenUp: 0,
      writerlessMs: 10,
    },
  ],
  deletedAtMs: null,
};

const password = { secret: "s".repeat(43), hash: "0".repeat(64) };
const user = { current: password, previous: { secret: "t", hash: "1".repeat(64) } };
const guarded = {
  ...instance,
  spec: { ...instance.spec, auth: true, tls: true },
  users: { readWrite: user, readOnly: user, rotatedAtMs: 1, previousUntilMs: 2 },
};

const goalUsers = [{ user: "app", access: "read-write", hashes: ["0".repeat(64)] }];

const goal = {
  processId: "orders::a",
  stamp: { term: 1, counter: 2 },
  epoch: 1,
  role: "master",
  master: null,
  writeQuorum: 0,
  lagSecondsMax: 3,
  followers: [{ user: "replica-b", password: "p" }],
  leaseMs: 1_000,
};

const report = {
  processId: "orders::a",
  startId: "x",
  pid: 4711,
  phase: "exited",
  exit: { code: 1, signal: null, text: "exit code 1", log: ["a line"] },
  stamp: { term: 1, counter: 2 },
  epoch: 1,
  role: "master",
  writeQuorum: 1,
  closed: null,
  lagSecondsMax: 3,
  goodReplicas: 1,
  following: null,
  linkUp: false,
  loading: false,
  synced: true,
  dataEpoch: 1,
  diverged: false,
  offset: 14,
  replicationId: "5d43e7d4ba295f13838d52fa12f8df9abde7d61a",
  stats: {
    memoryUsedBytes: 1,
    uptimeSeconds: 2,
    clients: 3,
    opsPerSecond: 4.5,
    lastIoSeconds: -1,
  },
};

const info = [
  "# Server",
  "redis_version:7.0.15",
  "process_id:4711",
  "connected_clients:3",
  "used_memory:1000000",
  "loading:0",
  "# Replication",
  "role:slave",
  "master_host:10.0.0.1",
  "master_port:31000",
  "master_link_status:up",
  "master_last_io_seconds_ago:1",
  "slave_repl_offset:14",
  "master_replid:5d43e7d4ba295f13838d52fa12f8df9abde7d61a",
].join("\r\n");

const endpoints = {
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

const publicKey = `MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE${"b".repeat(85)}A==`;

const pem = `-----BEGIN CERTIFICATE-----\n${"A".repeat(64)}\n-----END CERTIFICATE-----\n`;

const logLines = [
  "4711:M 22 Nov 2026 10:00:00.000 * Ready to accept connections",
  "4711:S 22 Nov 2026 10:00:00.000 * MASTER <-> REPLICA sync: Finished with success",
  "4711:M 22 Nov 2026 10:00:00.000 # Can't open the append-only file: requirepass secret",
];

/** The lines of an input up to the fourth, and the rest. */
function head(input: Uint8Array): readonly [string, string, string, string, string] {
  const [a = "", b = "", c = "", d = "", ...rest] = textOf(input).split("\n");
  return [a, b, c, d, rest.join("\n")];
}

export const fuzzTargets: FuzzTargets = () => {
  const targets: readonly FuzzTarget[] = [
    {
      name: "core/create-v2",
      kind: "json",
      seeds: [json(create), json({ name: "a", memory: 1, slaves: 0 })],
      run: (input) => parseCreate(jsonOf(input)),
    },
    {
      name: "core/create-v1",
      kind: "text",
      seeds: [`orders\n200\n1\n2\n${createV1}`, "a\n1\n1\n0\n"],
      run: (input) => {
        const [name, memory, masters, slaves, body] = head(input);
        return parseCreateV1({ name, memory, masters, slaves }, body);
      },
    },
    {
      name: "core/failover",
      kind: "json",
      seeds: [json({ to: "orders::b", force: true }), json({}), json({ to: null })],
      run: (input) => parseFailover("orders", jsonOf(input)),
    },
    {
      name: "core/rotation",
      kind: "json",
      seeds: [json({ graceSeconds: 60 }), json({}), json({ graceSeconds: null })],
      run: (input) => parseRotation(jsonOf(input)),
    },
    {
      name: "core/configuration",
      kind: "json",
      seeds: [json(configuration), json({ DBType: "embedded", Master: "127.0.0.1:5050" })],
      run: (input) => parseConfigText(textOf(input), {}),
    },
    {
      name: "core/instance-document",
      kind: "json",
      seeds: [json(instance), json({ ...instance, version: 1 }), json(guarded)],
      run: roundTrip(decodeInstance, encodeInstance),
    },
    {
      name: "core/framework-document",
      kind: "json",
      seeds: [
        json({
          version: 2,
          frameworkId: "f-0000",
          frameworkName: "n",
          user: "",
          createdAtMs: 1,
          removedAtMs: null,
        }),
        json({
          version: 4,
          frameworkId: "f-0000",
          frameworkName: "n",
          user: "",
          createdAtMs: 1,
          removedAtMs: null,
          upgrade: { version: "v", paused: false, atMs: 1 },
          authority: { certificate: pem, key: "sealed:1:k:AAAA" },
        }),
        json({ version: 1, frameworkId: "f", frameworkName: "n", user: "", createdAtMs: 1 }),
      ],
      run: roundTrip(decodeFramework, encodeFramework),
    },
    {
      name: "core/launch-order",
      kind: "json",
      seeds: [
        json({
          version: 1,
          instance: "orders",
          processId: goal.processId,
          address: "10.0.0.1",
          port: 31_000,
          memoryMib: 200,
          config: { timeout: "60" },
          goal: { ...goal, users: goalUsers },
          auth: true,
          tls: true,
        }),
      ],
      run: roundTrip(decodeLaunchOrder, encodeLaunchOrder),
    },
    {
      name: "core/goals",
      kind: "json",
      seeds: [
        json({
          version: 1,
          type: "goals",
          term: 1,
          answers: { runId: "r", number: 1 },
          goals: [goal, { ...goal, role: "parked", followers: [], leaseMs: null }],
          leases: ["orders::a"],
          reportNow: false,
        }),
      ],
      run: roundTrip(decodeGoalBatch, encodeGoalBatch),
    },
    {
      name: "core/reports",
      kind: "json",
      seeds: [
        json({
          version: 1,
          type: "reports",
          number: 1,
          runId: "r",
          full: true,
          processes: [report, { ...report, phase: "serving", exit: null, stats: null }],
        }),
      ],
      run: roundTrip(decodeReportBatch, encodeReportBatch),
    },
    {
      name: "core/certificate-request",
      kind: "json",
      seeds: [json({ version: 1, type: "certificate-request", runId: "r", publicKey })],
      run: roundTrip(decodeCertificateRequest, encodeCertificateRequest),
    },
    {
      name: "core/certificate-answer",
      kind: "json",
      seeds: [
        json({
          version: 1,
          type: "certificate",
          runId: "r",
          certificate: pem,
          ca: pem,
          problem: null,
        }),
      ],
      run: roundTrip(decodeCertificateAnswer, encodeCertificateAnswer),
    },
    {
      name: "core/redis-info",
      kind: "text",
      seeds: [
        `connected\n1\n3\nreplica-1\n${info}`,
        `connected\n1\n3\nuser app on #${"0".repeat(64)} ~* &* +@all\n${info}`,
        `none\n0\n0\n\n${info.replace("slave", "master")}`,
      ],
      run: (input) => {
        const [attach, writeQuorum, lagSecondsMax, user, rest] = head(input);
        const replies = { info: rest, attach, writeQuorum, lagSecondsMax, users: [user] };
        parseRedisReplies({ ...replies, accessList: [user] });
        return parseRedisReplies(replies);
      },
    },
    {
      name: "core/redis-version",
      kind: "text",
      seeds: [
        "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1\n",
        "Valkey server v=8.0.1 sha=0",
      ],
      run: (input) => parseRedisVersion(textOf(input)),
    },
    {
      name: "core/redis-log",
      kind: "text",
      seeds: logLines,
      run: (input) => {
        const text = textOf(input);
        const lines = text.split("\n").slice(0, 50);
        logHint(text);
        exitCause(1, null, lines, 6_379);
        return cleanLogLine(text).length + safeLogLine(text).length;
      },
    },
    {
      name: "core/endpoints-event",
      kind: "json",
      seeds: [json({ instance: endpoints }), json({ name: "orders" })],
      run: (input) => {
        parseEndpointsEvent("removed", textOf(input));
        return parseEndpointsEvent("instance", textOf(input));
      },
    },
    {
      name: "core/endpoints-page",
      kind: "json",
      seeds: [
        json({ instances: [endpoints, { ...endpoints, master: null, writer: "none" }], next: "a" }),
      ],
      run: (input) => parseEndpointsPage(jsonOf(input)),
    },
  ];
  return targets;
};
