/**
 * Owns the parsers of this package that read what others send or write, for the fuzzer: the configuration, addresses, the
 * command line, server-sent events. Endpoints are read by packages/core.
 * Not: the fuzzer (packages/testing/src/fuzz). Called by tools/fuzz.mjs.
 * SPDX-License-Identifier: Apache-2.0
 */
import { BrokenPromise, type FuzzTargets, textOf } from "@mr-redis/testing";
import { parseArguments } from "../src/arguments.js";
import { parseProxyConfig } from "../src/config.js";
import { ServerSentReader } from "../src/follow/server-sent.js";
import { parseSaved } from "../src/follow/state-file.js";
import { hostPortText, parseHostPort } from "../src/routes.js";

const configuration = {
  HTTPPort: "7979",
  HTTPBind: "127.0.0.1",
  ClientsMax: 100,
  TargetWaitMs: 1_000,
  Scheduler: "http://127.0.0.1:5656,http://127.0.0.1:5657",
  Plane: "userspace",
  Entries: [
    { Name: "a", Pair: { From: "127.0.0.1:6380", To: "10.0.0.1:6379" } },
    { Name: "b", Pair: { From: ":6381", To: "" } },
  ],
};

const instance = {
  name: "orders",
  incarnation: "5f0c",
  type: "MS",
  status: "RUNNING",
  epoch: 3,
  writer: "none",
  master: null,
  replicas: [{ processId: "orders::b", address: "agent-2.example", port: 31_000 }],
  proxy: { write: 20_000, read: null },
};

/** Reads a stream in pieces of this size; the same events must come of every size. */
function eventsOf(input: Uint8Array, size: number): string {
  const reader = new ServerSentReader();
  const events: unknown[] = [];
  for (let at = 0; at < input.length; at += size) {
    const batch = reader.push(input.subarray(at, at + size));
    if (batch === null) return "over the limit";
    events.push(...batch);
  }
  return JSON.stringify(events);
}

export const fuzzTargets: FuzzTargets = () => [
  {
    name: "proxy/configuration",
    kind: "json",
    seeds: [JSON.stringify(configuration)],
    run: (input) => parseProxyConfig(textOf(input)),
  },
  {
    name: "proxy/saved-topology",
    kind: "json",
    seeds: [
      JSON.stringify({ version: 1, savedAt: "2026-11-22T10:00:00.000Z", instances: [instance] }),
    ],
    run: (input) => parseSaved(textOf(input)),
  },
  {
    name: "proxy/host-port",
    kind: "text",
    seeds: ["10.0.0.1:6380", "[::1]:6380", ":6380", "host.example:1"],
    run: (input) => {
      const address = parseHostPort(textOf(input));
      if (address !== null && parseHostPort(hostPortText(address)) === null) {
        throw new BrokenPromise("an address that cannot be read again");
      }
      return address;
    },
  },
  {
    name: "proxy/arguments",
    kind: "text",
    seeds: ["-config=proxy.json", "--scheduler\nhttp://127.0.0.1:5656", "--help"],
    run: (input) => parseArguments(textOf(input).split("\n")),
  },
  {
    name: "proxy/server-sent-events",
    kind: "text",
    seeds: [
      'id: 7\nevent: instance\ndata: {"instance":\ndata: {}}\n\n: heartbeat\n\n',
      "event: reset\r\ndata:\r\n\r\ndata: x\r\rdata\n\n",
    ],
    run: (input) => {
      const whole = eventsOf(input, Math.max(1, input.length));
      if (whole !== eventsOf(input, 1))
        throw new BrokenPromise("other events in pieces than whole");
      return whole;
    },
  },
];
