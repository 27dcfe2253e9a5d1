/**
 * Owns the parsers of this package that read what others send or what lay on a disk, for the fuzzer: faults on demand,
 * flags of agents, frames between master and agents, records of agents. Calls are read by packages/mesos.
 * Not: the fuzzer (packages/testing/src/fuzz). Called by tools/fuzz.mjs.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type FuzzTargets, jsonOf, textOf } from "@mr-redis/testing";
import { parseFault } from "../src/admin/requests.js";
import {
  readAttributes,
  readDomain,
  readMaster,
  readResources,
} from "../src/remote/agent-texts.js";
import { encodeFrame, FrameReader } from "../src/remote/frames.js";

const faults = [
  { type: "crash-agent", agent: 1 },
  { type: "fail-over-master", end: "cut", to: null, electionMs: 5, recoveryMs: 0 },
  { type: "end-stream", how: "frozen", callsHeldMs: 1 },
  { type: "schedule-maintenance", agent: 1, startInMs: 5, durationMs: 10 },
  {
    type: "add-rule",
    place: "master-to-scheduler",
    kind: "UPDATE",
    action: "delay",
    delayMs: 5,
    agent: null,
    count: 1,
    probability: 0.5,
  },
];

/** All frames of an input in pieces; a frame that is none ends the connection with an error. */
function readFrames(input: Uint8Array): number {
  const reader = new FrameReader(16 * 1024);
  let frames = 0;
  for (let at = 0; at < input.length; at += 5) {
    reader.add(Buffer.from(input.subarray(at, at + 5)));
    try {
      while (reader.next() !== undefined) frames += 1;
    } catch {
      return -frames;
    }
  }
  return frames;
}

export const fuzzTargets: FuzzTargets = () => [
  {
    name: "local/fault",
    kind: "json",
    seeds: faults.map((fault) => JSON.stringify(fault)),
    run: (input) => parseFault(jsonOf(input)),
  },
  {
    name: "local/agent-resources",
    kind: "text",
    seeds: ["cpus:4;mem:2048;disk:10240;ports:[31000-32000, 33000-33100]"],
    run: (input) => readResources(textOf(input)),
  },
  {
    name: "local/agent-attributes",
    kind: "text",
    seeds: ["rack:r1;zone:z1;size:12.5;span:[1-5,7-9]"],
    run: (input) => readAttributes(textOf(input)),
  },
  {
    name: "local/agent-domain",
    kind: "json",
    seeds: ['{"fault_domain":{"region":{"name":"r"},"zone":{"name":"z"}}}', "region/zone"],
    run: (input) => readDomain(textOf(input)),
  },
  {
    name: "local/agent-master",
    kind: "text",
    seeds: ["10.0.0.1:5050", "http://master.example:5050/"],
    run: (input) => readMaster(textOf(input)),
  },
  {
    name: "local/frames",
    kind: "bytes",
    seeds: [
      Buffer.concat([encodeFrame({ type: "hello", version: 1 }), encodeFrame("x".repeat(100))]),
    ],
    run: readFrames,
  },
];
