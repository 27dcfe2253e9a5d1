/**
 * Owns the tests of the pass over all instances: in parts, with so many series and no more.
 * SPDX-License-Identifier: Apache-2.0
 */
import { Control, type InstanceDocument, parseConfig } from "@mr-redis/core";
import { parsePrometheus, sumOf } from "@mr-redis/testing";
import { expect, it } from "vitest";
import { documentOf, recordOf, secretText } from "../../test/fake-control-port.js";
import { controlSettings } from "../control-settings.js";
import { censusPart, takeCensus } from "./census.js";
import { headOf } from "./series.js";
import { instancesShownMax } from "./table.js";

const count = 10_000;

const instance = (index: number): InstanceDocument => {
  const name = `i${String(index).padStart(5, "0")}`;
  const address = `10.0.${index % 250}.1`;
  const { spec } = documentOf(name);
  return documentOf(name, {
    spec: { ...spec, slaves: 2 },
    status: index % 10 === 0 ? "FAILED" : "RUNNING",
    wasRunning: true,
    epoch: 1,
    masterId: `${name}::m`,
    writeQuorum: 1,
    processes: [
      recordOf(`${name}::m`, "master", address, 1_025 + index),
      recordOf(`${name}::r`, "replica", address, 11_025 + index),
      recordOf(`${name}::s`, "replica", `10.0.${(index + 1) % 250}.1`, 21_025 + index),
    ],
  });
};

it("counts 10,000 instances in parts; the first 1,000 by name have series of their own", async () => {
  const config = parseConfig({}, {});
  if (!config.ok) throw new Error("the default configuration is good");
  const documents = Array.from({ length: count }, (_, index) => instance(index));
  const control = new Control(controlSettings(config.value.config, 1, "executor-1", false), {
    documents: documents.map((document) => ({ document, revision: "1" })),
    atMs: 0,
    monotonicMs: 0,
  });
  let rests = 0;
  let longestMs = 0;
  let sinceMs = performance.now();
  const source = { control, names: [...control.cells.keys()].sort(), readerCount: 3 };
  const families = await takeCensus(source, async () => {
    longestMs = Math.max(longestMs, performance.now() - sinceMs);
    rests += 1;
    await new Promise((resolve) => setImmediate(resolve));
    sinceMs = performance.now();
  });
  expect(rests).toBe(count / censusPart - 1);
  // Some 3 ms on an idle machine; the border is for one that is busy with everything else.
  expect(longestMs).toBeLessThan(1_000);
  const text = families
    .filter((family) => family.samples() !== "")
    .map((family) => headOf(family.metric) + family.samples());
  expect(text.join("")).not.toContain(secretText);
  const metrics = parsePrometheus(text.join(""));
  const { length: shown } = metrics.get("redis_up")?.samples ?? [];
  expect([
    sumOf(metrics, "mr_redis_instances", { status: "RUNNING" }),
    sumOf(metrics, "mr_redis_instances", { status: "FAILED" }),
    sumOf(metrics, "mr_redis_processes", { role: "master", state: "running" }),
    sumOf(metrics, "mr_redis_processes", { role: "replica" }),
    sumOf(metrics, "mr_redis_instances_without_writer"),
    sumOf(metrics, "mr_redis_executors"),
    sumOf(metrics, "mr_redis_event_readers"),
    shown,
    sumOf(metrics, "mr_redis_instances_left_out"),
  ]).toEqual([
    ...[9_000, 1_000, count, 2 * count, count, 250, 3],
    ...[instancesShownMax, count - instancesShownMax],
  ]);
  expect(metrics.get("redis_up")?.samples.at(-1)?.labels).toEqual({ redis_instance: "i00999" });
});
