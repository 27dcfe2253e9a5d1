/**
 * Tests of the program against a master that lies, and where there is none: checks fail, and the exit code says so.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { SchedulerEvent, TaskStatus } from "@mr-redis/mesos";
import { freePort, launch, until } from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, conformance, program, startCluster } from "./cluster.js";
import { type Liar, type Lies, startLiar } from "./liar.js";

let cluster: Cluster;
const liars: Liar[] = [];
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  for (const liar of liars) liar.close();
  await cluster.end();
});

/** Ids of checks that pass although the master lies; those of `only` are run. */
async function fooled(lies: Lies, only: string): Promise<readonly string[]> {
  const liar = await startLiar(cluster.master, lies);
  liars.push(liar);
  const { stdout, stderr, exitCode } = await conformance(liar.url, [
    ...["--only", only, "--output", "json", "--slack", "1"],
  ]);
  expect([exitCode, stderr]).toEqual([1, expect.not.stringContaining("does not run")]);
  const { results } = JSON.parse(stdout);
  return results.flatMap((one: { id: string; outcome: string }) =>
    one.outcome === "fail" ? [] : [one.id],
  );
}

test("other statuses", async () => {
  const status = (code: number) => (code === 202 || code === 200 ? code : 400);
  expect(await fooled({ status }, "C01,C03,C07,C14")).toEqual([]);
});

test("other texts", async () => {
  const text = () => "Something else";
  expect(await fooled({ text }, "C01-C07,C12-C15,C17,C20")).toEqual([]);
});

test("other heartbeats and errors", async () => {
  const event = (one: SchedulerEvent): SchedulerEvent => {
    if (one.type === "HEARTBEAT") return { type: "UNKNOWN" };
    return one.error === undefined ? one : { ...one, error: { message: "something else" } };
  };
  expect(await fooled({ event }, "C08,C16-C19")).toEqual([]);
});

test("offers again and again", async () => {
  expect(await fooled({ echoOffersMs: 300 }, "C22,C24,C26,C28")).toEqual([]);
});

test("updates of another source, with another reason and text", async () => {
  const lie = (status: TaskStatus): TaskStatus => ({
    ...status,
    source: status.source === "SOURCE_MASTER" ? "SOURCE_AGENT" : "SOURCE_MASTER",
    reason: "REASON_GC_ERROR",
    message: "something else",
  });
  const event = (one: SchedulerEvent): SchedulerEvent =>
    one.update === undefined ? one : { ...one, update: { status: lie(one.update.status) } };
  const only = "C31-C33,C40-C46,C48,C51-C54,C57,C59";
  expect(await fooled({ event }, only)).toEqual([]);
});

test("no master: exit code 2, with the reason", async () => {
  const port = await freePort();
  const { exitCode, stdout, stderr } = await conformance(`http://127.0.0.1:${port}`, []);
  expect([exitCode, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(`127.0.0.1:${port} is not reached`);
});

test("an interrupted run ends what it started", async () => {
  const args = [program("mesos-conformance"), "--master", cluster.master, "--only", "C25,C59"];
  const one = await launch({ command: process.execPath, args });
  await until(() => one.stderr.includes("2 agents"), { what: "the survey", deadlineMs: 30_000 });
  const frameworks = async () => {
    const state = await (await fetch(`${cluster.master}/state`)).json();
    return (state as { frameworks: readonly unknown[] }).frameworks.length;
  };
  await until(async () => (await frameworks()) > 0, { what: "a framework", deadlineMs: 30_000 });
  one.signal("SIGINT");
  expect((await one.exited).code).toBe(2);
  expect(await frameworks()).toBe(0);
});
