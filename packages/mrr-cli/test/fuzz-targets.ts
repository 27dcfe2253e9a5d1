/**
 * Owns the parsers of this package that read what others send or write, for the fuzzer: answers of a scheduler, files of
 * processes, endpoints. Not: the fuzzer (packages/testing/src/fuzz). Called by tools/fuzz.mjs.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type FuzzTargets, jsonOf, textOf } from "@mr-redis/testing";
import {
  parseEpoch,
  parseFailovers,
  parseInstance,
  parsePage,
  parseProblem,
} from "../src/api/parse.js";
import { parseRotationAnswer } from "../src/api/rotation.js";
import { parsePortSpan } from "../src/argv/number.js";
import { parseEndpoint, parseEndpoints } from "../src/endpoint/parse.js";
import { parseIdentity } from "../src/up/identity.js";

const process = { id: "a::1", role: "master", address: "10.0.0.1", port: 31_000, ready: true };
const instance = {
  name: "a",
  status: "RUNNING",
  type: "MS",
  reason: { code: "c", text: "t" },
  memory: 100,
  slaves: 1,
  distribution: null,
  config: { timeout: "60" },
  constraints: [["rack", "UNIQUE"]],
  fencing: "on",
  onUnreachable: "replace",
  master: process,
  replicas: [{ ...process, role: "replica" }],
  processes: [process],
  unplaced: [],
};

export const fuzzTargets: FuzzTargets = () => [
  {
    name: "mrr-cli/instance",
    kind: "json",
    seeds: [JSON.stringify(instance)],
    run: (input) => parseInstance(jsonOf(input)),
  },
  {
    name: "mrr-cli/page",
    kind: "json",
    seeds: [JSON.stringify({ instances: [instance, instance], next: "a" })],
    run: (input) => parsePage(jsonOf(input)),
  },
  {
    name: "mrr-cli/failovers",
    kind: "json",
    seeds: [
      JSON.stringify({
        epoch: 2,
        failovers: [
          {
            epoch: 2,
            kind: "death",
            oldMaster: null,
            newMaster: "a::1",
            because: { code: "c", text: "t" },
            startedAt: "2026-11-22T10:00:00.000Z",
            seen: [{ by: "mesos", what: "x", at: "2026-11-22T10:00:00.000Z" }],
            steps: [],
            candidates: [],
          },
        ],
      }),
    ],
    run: (input) => {
      parseEpoch(jsonOf(input));
      parseProblem(jsonOf(input));
      return parseFailovers(jsonOf(input));
    },
  },
  {
    name: "mrr-cli/rotation",
    kind: "json",
    seeds: ['{"rotatedAt":"t","previousUntil":null,"pending":["a::1"]}'],
    run: (input) => parseRotationAnswer(jsonOf(input)),
  },
  {
    name: "mrr-cli/identity",
    kind: "json",
    seeds: ['{"pid":1,"startedAt":"5","bootId":"b"}'],
    run: (input) => parseIdentity(jsonOf(input)),
  },
  {
    name: "mrr-cli/endpoints",
    kind: "text",
    seeds: ["http://127.0.0.1:5656", "a.example:5656,b.example:5656", "10000-20000"],
    run: (input) => {
      parsePortSpan("--ports", textOf(input));
      parseEndpoints("MRR_ENDPOINT", textOf(input));
      return parseEndpoint("MRR_ENDPOINT", textOf(input));
    },
  },
];
