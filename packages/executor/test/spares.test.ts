/**
 * Owns the shells that wait for a launch: they become redis-servers, are replaced, and their loss costs time only.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { findProcesses, freePort, killProcess, signalProcess, until } from "@mr-redis/testing";
import { afterEach, expect, test } from "vitest";
import { spareScript } from "../src/spare-shells.js";
import { createHarness, deadlineMs, type Harness, orderOf } from "./harness.js";

let harness: Harness;
afterEach(() => harness.close());

const sparePids = (): number[] =>
  findProcesses(harness.sandbox)
    .filter((each) => each.name === "sh")
    .map((each) => each.pid);

async function run(processId: string): Promise<number> {
  harness.launch(orderOf(processId, await freePort()));
  await harness.updated(processId, "TASK_RUNNING");
  return (await harness.reported(processId, (each) => each.synced)).pid;
}

async function untilSpares(count: number): Promise<number[]> {
  await until(() => sparePids().length === count, { deadlineMs, what: `${count} spare shells` });
  return sparePids();
}

test("the next launches become what waits, in place; then new ones are made", async () => {
  harness = createHarness({ sparesMax: 2 });
  const first = await run("inst::a");
  const spares = await untilSpares(2);
  expect(spares).not.toContain(first);
  expect([await run("inst::b"), await run("inst::c")].sort()).toEqual(spares.sort());
  // None waits: this one is made for the purpose.
  expect(spares).not.toContain(await run("inst::d"));
  const fresh = await untilSpares(2);
  expect(fresh.filter((pid) => spares.includes(pid))).toEqual([]);
});

test("a spare shell that is killed is not replaced before the next launch, and is not used", async () => {
  harness = createHarness({ sparesMax: 2 });
  await run("inst::a");
  const [killed = 0, other = 0] = await untilSpares(2);
  await killProcess(killed);
  const directories = () => readdirSync(join(harness.sandbox, "work"));
  await until(() => directories().length === 2, { deadlineMs, what: "the end heard of" });
  expect(await run("inst::b")).toBe(other);
  await untilSpares(2);
});

test("a spare shell that hangs is killed as a process that does not answer", async () => {
  harness = createHarness({ sparesMax: 1, supervise: { startTimeoutMs: 3_000 } });
  await run("inst::a");
  const [hung = 0] = await untilSpares(1);
  signalProcess(hung, "SIGSTOP");
  harness.launch(orderOf("inst::b", await freePort()));
  const failed = await harness.updated("inst::b", "TASK_FAILED");
  expect(failed.message).toBe("killed: no PONG within 3000 ms of its start");
});

test("a shell becomes nothing when its executor is another or says nothing", () => {
  harness = createHarness({ sparesMax: 0 });
  const become = (parent: number, input: string) =>
    spawnSync("/bin/sh", ["-c", `exec 1<&0\n${spareScript}`, "/bin/true", String(parent)], {
      input,
    });
  expect(become(process.pid, "\n").status).toBe(0);
  expect(become(1, "\n").status).toBe(1);
  expect(become(process.pid, "").status).toBe(1);
  expect(become(process.pid, "no end of line").status).toBe(1);
});
