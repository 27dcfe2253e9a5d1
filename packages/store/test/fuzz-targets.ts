/**
 * Owns the parsers of this package that read what lay in a store, for the fuzzer: leaders, terms, records, addresses.
 * Documents are read by packages/core. Not: the fuzzer (packages/testing/src/fuzz). Called by tools/fuzz.mjs.
 * SPDX-License-Identifier: Apache-2.0
 */
import { BrokenPromise, type FuzzTargets, textOf } from "@mr-redis/testing";
import { decodeRecord, encodeRecord } from "../src/embedded/record.js";
import { decodeLeader, decodeTerm } from "../src/etcd/keys.js";
import { parseLeader } from "../src/zookeeper/election.js";
import { parseEndpoints } from "../src/zookeeper/layout.js";

const leaders = ['{"holder":"http://10.0.0.1:5656","term":7}', '{"holder":"","term":null}'];

export const fuzzTargets: FuzzTargets = () => [
  {
    name: "store/etcd-leader",
    kind: "json",
    seeds: leaders,
    run: (input) => decodeLeader(Buffer.from(input)),
  },
  {
    name: "store/etcd-term",
    kind: "text",
    seeds: ["7", "9007199254740991"],
    run: (input) => decodeTerm(Buffer.from(input)),
  },
  {
    name: "store/zookeeper-leader",
    kind: "json",
    seeds: leaders,
    run: (input) => parseLeader(Buffer.from(input)),
  },
  {
    name: "store/zookeeper-endpoints",
    kind: "text",
    seeds: ["127.0.0.1:2181", "a:1\nb:2/chroot/x"],
    run: (input) => parseEndpoints(textOf(input).split("\n")),
  },
  {
    name: "store/embedded-record",
    kind: "text",
    seeds: [encodeRecord("instance/a", { revision: "1-2", text: '{"version":1}' })],
    run: (input) => {
      const entry = decodeRecord("instance/a", textOf(input));
      if (entry !== null && encodeRecord("instance/a", entry) !== textOf(input)) {
        throw new BrokenPromise("a record that was never written so");
      }
      return entry;
    },
  },
];
