/**
 * Owns the checks of `--stub-executors` without a scheduler of ours: tasks start, end and fail as with real executors, and
 * nothing is left.
 * SPDX-License-Identifier: Apache-2.0
 */
import { encodeLaunchOrder } from "@mr-redis/core";
import { type Offer, textToBase64 } from "@mr-redis/mesos";
import { findProcesses, isAlive, killProcess, until } from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ports, scalar, TestScheduler, testTask } from "./harness.js";
import { type Launched, ProgramFolder, type Ready } from "./program.js";

const programs = new ProgramFolder();
let program: Launched & { readonly ready: Ready };
let one: TestScheduler;
beforeAll(async () => {
  await programs.build();
  program = await programs.start(["--agents", "100", "--stub-executors"]);
  one = await new TestScheduler(`http://127.0.0.1:${program.ready.port}`).subscribe();
});
afterAll(async () => {
  one.close();
  program.child.kill("SIGTERM");
  expect(await program.ended).toBe(0);
  await programs.end();
  programs.remove();
});

const portOf = (offer: Offer): number =>
  offer.resources?.find(({ name }) => name === "ports")?.ranges?.range?.[0]?.begin ?? 0;

/** A task with an order for a master. */
function orderedTask(offer: Offer, processId: string, port: number, executorId: string) {
  const goal = { processId, stamp: { term: 1, counter: 1 }, epoch: 1, writeQuorum: 0 } as const;
  const rest = { lagSecondsMax: 3, followers: [], leaseMs: null };
  const order = encodeLaunchOrder({
    version: 1,
    instance: "x",
    processId,
    address: "127.0.0.1",
    port,
    memoryMib: 100,
    config: {},
    goal: { ...goal, ...rest, role: "master", master: null },
  });
  return testTask(offer, processId, {
    executorId,
    resources: [scalar("cpus", 0.1), ports(port)],
    more: { data: textToBase64(order) },
  });
}

const stubs = () =>
  findProcesses(programs.folder).filter(({ commandLine }) => commandLine.includes("/stub/"));

test("all agents share one program, whose tasks run, are killed, and fail with it", async () => {
  const offers = await one.offers(100);
  const agents = new Set(offers.map(({ agent_id }) => agent_id.value));
  expect(agents.size).toBe(100);
  const [a, b] = offers;
  if (a === undefined || b === undefined) throw new Error("two offers");
  await one.accept(a, [orderedTask(a, "t-1", portOf(a), "ex-a")], { refuse_seconds: 0 });
  await one.accept(b, [
    orderedTask(b, "t-2", portOf(b), "ex-b"),
    orderedTask(b, "t-3", portOf(b) + 1, "ex-b"),
  ]);
  for (const id of ["t-1", "t-2", "t-3"]) {
    expect(await one.update(id)).toMatchObject({ state: "TASK_RUNNING" });
  }
  const [stub, ...others] = stubs();
  expect(others).toEqual([]);
  await one.next(({ type }) => type === "MESSAGE", "a report");
  await one.call({ type: "KILL", kill: { task_id: { value: "t-3" } } });
  expect(await one.update("t-3")).toMatchObject({ state: "TASK_KILLED" });
  await killProcess(stub?.pid ?? 0);
  for (const id of ["t-1", "t-2"]) {
    expect(await one.update(id)).toMatchObject({
      state: "TASK_FAILED",
      reason: "REASON_EXECUTOR_TERMINATED",
    });
  }
  const rest = await one.freshOffer(a.agent_id.value);
  await one.accept(rest, [orderedTask(rest, "t-4", portOf(rest), "ex-a")]);
  expect(await one.update("t-4")).toMatchObject({ state: "TASK_RUNNING" });
});

test("a kill -9 of mrr-local takes the stub executors along", async () => {
  const [stub] = stubs();
  await killProcess(program.child.pid ?? 0);
  await until(() => !isAlive(stub?.pid ?? 0), { what: "the end of the stub executors" });
  one.close();
  program = await programs.start(["--agents", "100", "--stub-executors"]);
  const again = new TestScheduler(`http://127.0.0.1:${program.ready.port}`);
  again.frameworkId = one.frameworkId;
  one = again;
  await one.subscribe();
  // That it ran may come again: its acknowledgement need not be on record yet.
  await one.update("t-4", "TASK_FAILED");
});
