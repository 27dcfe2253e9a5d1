/**
 * Tests discovery.ts: what Mesos is told of a process, down to the bytes.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { LaunchOrder } from "@mr-redis/core";
import { createWireCodec } from "@mr-redis/mesos";
import { expect, test } from "vitest";
import { discoveryOf, taskLabelsOf } from "./discovery.js";

const order: LaunchOrder = {
  version: 1,
  instance: "inst",
  processId: "inst::a",
  address: "10.0.0.1",
  port: 6380,
  memoryMib: 100,
  config: {},
  goal: {
    processId: "inst::a",
    stamp: { term: 1, counter: 1 },
    epoch: 1,
    role: "master",
    master: null,
    writeQuorum: 0,
    lagSecondsMax: 3,
    followers: [],
    leaseMs: null,
  },
};

const labels = [
  { key: "mr-redis.instance", value: "inst" },
  { key: "mr-redis.address", value: "10.0.0.1:6380" },
];

test("the name of the instance, the port of the process, nothing that may change", () => {
  expect(taskLabelsOf(order)).toEqual({ labels });
  expect(discoveryOf(order)).toEqual({
    visibility: "CLUSTER",
    name: "inst",
    ports: { ports: [{ number: 6380, name: "redis", protocol: "tcp" }] },
    labels: { labels },
  });
  const replica = { ...order, goal: { ...order.goal, role: "replica" as const } };
  expect(discoveryOf(replica)).toEqual(discoveryOf(order));
  const [, address] = taskLabelsOf({ ...order, address: "fd00::1" }).labels ?? [];
  expect(address?.value).toBe("[fd00::1]:6380");
});

test("on the wire", () => {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
  const discovery = discoveryOf(order);
  expect(text(createWireCodec("application/json").encode("DiscoveryInfo", discovery))).toBe(
    '{"visibility":"CLUSTER","name":"inst",' +
      '"ports":{"ports":[{"number":6380,"name":"redis","protocol":"tcp"}]},' +
      '"labels":{"labels":[{"key":"mr-redis.instance","value":"inst"},' +
      '{"key":"mr-redis.address","value":"10.0.0.1:6380"}]}}',
  );
  // visibility 1 = CLUSTER; name 2; ports 6 { ports 1 { number 1 = 6380, name 2, protocol 3 } }; labels 7.
  expect(text(createWireCodec("application/x-protobuf").encode("DiscoveryInfo", discovery))).toBe(
    "\x08\x01\x12\x04inst" +
      "\x32\x11\x0a\x0f\x08\xec\x31\x12\x05redis\x1a\x03tcp" +
      "\x3a\x3e\x0a\x19\x0a\x11mr-redis.instance\x12\x04inst" +
      "\x0a\x21\x0a\x10mr-redis.address\x12\x0d10.0.0.1:6380",
  );
});
