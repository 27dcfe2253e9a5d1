/**
 * Tests of what frees the resources that checks reserved.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Offer, Resource } from "@mr-redis/mesos";
import { expect, test } from "vitest";
import { freeingOperations, labelKey } from "./leftovers.js";
import { scalar } from "./tasks.js";

const reserved = (resource: Resource, role: string, key: string): Resource => ({
  ...resource,
  reservations: [{ type: "DYNAMIC", role, labels: { labels: [{ key, value: "x" }] } }],
});
const offerOf = (...resources: readonly Resource[]): Offer => ({
  id: { value: "O" },
  framework_id: { value: "F" },
  agent_id: { value: "A" },
  hostname: "h",
  resources: resources.map((one) => ({ ...one, allocation_info: { role: "r" } })),
});

test("volumes are destroyed, then everything with the label is unreserved", () => {
  const cpus = reserved(scalar("cpus", 1), "r", labelKey);
  const disk = reserved(scalar("disk", 32), "r", labelKey);
  const volume: Resource = {
    ...disk,
    disk: { persistence: { id: "v" }, volume: { container_path: "data", mode: "RW" } },
  };
  expect(freeingOperations(offerOf(scalar("mem", 1), cpus, volume), "r")).toEqual([
    { type: "DESTROY", destroy: { volumes: [volume] } },
    { type: "UNRESERVE", unreserve: { resources: [cpus, disk] } },
  ]);
});

test("the disk of a volume keeps its source", () => {
  const source = { type: "PATH", path: { root: "/mnt" } } as const;
  const disk = reserved(scalar("disk", 32), "r", labelKey);
  const volume: Resource = { ...disk, disk: { source, persistence: { id: "v" } } };
  expect(freeingOperations(offerOf(volume), "r")[1]).toEqual({
    type: "UNRESERVE",
    unreserve: { resources: [{ ...disk, disk: { source } }] },
  });
});

test("what others reserved is left alone", () => {
  const foreign = [
    scalar("cpus", 1),
    reserved(scalar("cpus", 1), "r", "other"),
    reserved(scalar("cpus", 1), "other", labelKey),
  ];
  expect(freeingOperations(offerOf(...foreign), "r")).toEqual([]);
});
