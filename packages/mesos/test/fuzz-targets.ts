/**
 * Owns the parsers of this package that read what others send, for the fuzzer: messages in both encodings, RecordIO, and
 * the texts of agents, masters and ZooKeeper.
 * Not: the fuzzer (packages/testing/src/fuzz). Called by tools/fuzz.mjs.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BrokenPromise, type FuzzTarget, type FuzzTargets, textOf } from "@mr-redis/testing";
import { parseExecutorEnvironment, parseMesosDuration } from "../src/http/executor-environment.js";
import { parseMasterAddress, redirectTarget } from "../src/http/master-address.js";
import { parseLeader } from "../src/leader/leader-node.js";
import { parseZookeeperAddress } from "../src/leader/zookeeper-address.js";
import type { WireCodec } from "../src/wire/codec.js";
import { jsonCodec } from "../src/wire/json-codec.js";
import { protobufCodec } from "../src/wire/protobuf-codec.js";
import { createRecordDecoder } from "../src/wire/recordio.js";
import type { MessageName } from "../src/wire/schema.js";
import { parseUuid } from "../src/wire/uuid.js";

/** Longest recording that is damaged: short ones have the same shapes. */
const seedBytesMax = 8 * 1024;

/** Most recordings of one kind. */
const seedsMax = 60;

/** Recorded bytes below a folder whose name ends so, the shortest first. */
function recordings(root: string, folder: string, ending: string): Uint8Array[] {
  const directory = join(root, "packages/mesos/fixtures/wire", folder);
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(ending))
    .sort()
    .map((path) => ({ path, bytes: readFileSync(join(directory, path)) }))
    .filter(({ bytes }) => bytes.length > 0 && bytes.length <= 4 * seedBytesMax)
    .map(({ bytes }) => new Uint8Array(bytes));
}

const sorted = (all: readonly Uint8Array[]): Uint8Array[] =>
  all
    .filter((bytes) => bytes.length <= seedBytesMax)
    .sort((left, right) => left.length - right.length)
    .slice(0, seedsMax);

/** Bodies of recorded calls of one API. */
function calls(root: string, folder: string, api: string): Uint8Array[] {
  const all = recordings(root, folder, ".request.http").filter((bytes) =>
    Buffer.from(bytes).subarray(0, 200).toString("latin1").includes(`/api/v1/${api} `),
  );
  return sorted(all.map((bytes) => bytes.subarray(Buffer.from(bytes).indexOf("\r\n\r\n") + 4)));
}

const events = (root: string, folder: string): Uint8Array[] =>
  sorted(
    recordings(root, folder, ".recordio").flatMap((bytes) => [
      ...createRecordDecoder().push(bytes).records,
    ]),
  );

function message(
  codec: WireCodec,
  encoding: "json" | "protobuf",
  name: MessageName,
  seeds: readonly Uint8Array[],
): FuzzTarget {
  return {
    name: `mesos/${encoding}-${name.toLowerCase()}`,
    kind: encoding === "json" ? "json" : "bytes",
    seeds,
    run: (input) => {
      const read = codec.decode(name, input);
      if (!read.ok) return read;
      const again = codec.decode(name, codec.encode(name, read.value));
      if (!again.ok) throw new BrokenPromise("what was read cannot be read again");
      return read;
    },
  };
}

/** Takes a stream whole and in pieces: the records and the fault must be the same. */
function readStream(input: Uint8Array): string {
  const read = (size: number): string => {
    const decoder = createRecordDecoder(64 * 1024);
    const records: string[] = [];
    for (let at = 0; at < input.length; at += size) {
      const batch = decoder.push(input.subarray(at, at + size));
      records.push(...batch.records.map((each) => Buffer.from(each).toString("latin1")));
      if (!batch.ok) return JSON.stringify([records, batch.fault.type]);
    }
    return JSON.stringify([records, null]);
  };
  const [whole, pieces] = [read(Math.max(1, input.length)), read(7)];
  if (whole !== pieces) throw new BrokenPromise("another outcome in pieces than whole");
  return whole;
}

/** Lines `NAME=value` as an environment. */
const environmentOf = (input: Uint8Array): Record<string, string> =>
  Object.fromEntries(
    textOf(input)
      .split("\n")
      .map((line): [string, string] => {
        const at = line.indexOf("=");
        return at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + 1)];
      }),
  );

const environment = [
  "MESOS_FRAMEWORK_ID=f-0000",
  "MESOS_EXECUTOR_ID=e",
  "MESOS_SLAVE_ID=s-S0",
  "MESOS_AGENT_ENDPOINT=127.0.0.1:5051",
  "MESOS_DIRECTORY=/sandbox",
  "MESOS_SANDBOX=/sandbox",
  "MESOS_CHECKPOINT=1",
  "MESOS_RECOVERY_TIMEOUT=15mins",
  "MESOS_SUBSCRIPTION_BACKOFF_MAX=2secs",
  "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD=5secs",
  "MESOS_DOMAIN_SOCKET=",
].join("\n");

export const fuzzTargets: FuzzTargets = (root) => [
  message(jsonCodec, "json", "scheduler.Event", events(root, "json")),
  message(jsonCodec, "json", "scheduler.Call", calls(root, "json", "scheduler")),
  message(jsonCodec, "json", "executor.Event", events(root, "json")),
  message(jsonCodec, "json", "executor.Call", calls(root, "json", "executor")),
  message(protobufCodec, "protobuf", "scheduler.Event", events(root, "pb")),
  message(protobufCodec, "protobuf", "scheduler.Call", calls(root, "pb", "scheduler")),
  message(protobufCodec, "protobuf", "executor.Event", events(root, "pb")),
  message(protobufCodec, "protobuf", "executor.Call", calls(root, "pb", "executor")),
  {
    name: "mesos/recordio",
    kind: "bytes",
    seeds: [...sorted(recordings(root, "json", ".recordio")), "3\nabc0\n10\n0123456789"],
    run: readStream,
  },
  {
    name: "mesos/duration",
    kind: "text",
    seeds: ["5secs", "1.5mins", "100ns"],
    run: (input) => parseMesosDuration(textOf(input)),
  },
  {
    name: "mesos/executor-environment",
    kind: "text",
    seeds: [environment],
    run: (input) => parseExecutorEnvironment(environmentOf(input)),
  },
  {
    name: "mesos/master-address",
    kind: "text",
    seeds: ["10.0.0.1:5050", "http://master.example:5050/", "[::1]:5050", "//10.0.0.2:5050"],
    run: (input) => {
      redirectTarget(new URL("http://127.0.0.1:5050/api/v1/scheduler"), textOf(input));
      return parseMasterAddress(textOf(input));
    },
  },
  {
    name: "mesos/leader-node",
    kind: "json",
    seeds: [
      JSON.stringify({
        address: { hostname: "master", ip: "10.0.0.1", port: 5050 },
        hostname: "master",
        id: "m",
        pid: "master@10.0.0.1:5050",
        port: 5050,
      }),
    ],
    run: (input) => parseLeader(input),
  },
  {
    name: "mesos/zookeeper-address",
    kind: "text",
    seeds: ["zk://127.0.0.1:2181,127.0.0.1:2182/mesos", "zk://user:pw@host:2181/a/b"],
    run: (input) => parseZookeeperAddress(textOf(input)),
  },
  {
    name: "mesos/uuid",
    kind: "text",
    seeds: ["AAECAwQFRgeICQoLDA0ODw=="],
    run: (input) => parseUuid(textOf(input)),
  },
];
