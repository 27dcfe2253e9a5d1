/**
 * Owns the tests of processes in containers whose executor has ended: they are waited for, until somebody knows.
 * SPDX-License-Identifier: Apache-2.0
 */
import { describe, expect, it } from "vitest";
import type { Runtime } from "../failover/rules.js";
import type { ProcessReport } from "../goal/types.js";
import { guardOutliveMs } from "../supervise/guard.js";
import { leftoverReport } from "../supervise/report.js";
import { World } from "./world.test-support.js";

/** A single on one of two agents, whose executor has just ended. */
function orphaned(runtime: Runtime): { world: World; processId: string; agentId: string } {
  const agents = [0, 1].map((index) => ({
    agentId: `S${index}`,
    cpusMilli: 8_000,
    memMilliMib: 8_192_000,
    ports: [7_000 + 100 * index, 7_099 + 100 * index] as const,
  }));
  const world = new World(agents, runtime);
  world.send({ type: "woken" });
  world.connect();
  world.run();
  const choices = { fencing: "on", onUnreachable: "replace", distribution: null } as const;
  const spec = { memoryMib: 100, masters: 1 as const, slaves: 0, config: {}, ...choices };
  world.send({ type: "create-requested", requestId: "r", name: "a", spec });
  world.pass(2_000);
  const [process] = world.document("a").processes;
  if (process === undefined) throw new Error("no process");
  expect(process.runtime).toBe(runtime === "container" ? "container" : undefined);
  world.cluster.endExecutor(process.agentId);
  world.run();
  return { world, processId: process.id, agentId: process.agentId };
}

const idsOf = (world: World): string[] => world.document("a").processes.map(({ id }) => id);

describe("the end of an executor", () => {
  it("is the death of its children", () => {
    const { world, processId } = orphaned("process");
    expect(idsOf(world)).not.toContain(processId);
  });

  it("is no confirmed death of a container: it is waited for until its guard has ended it", () => {
    const { world, processId } = orphaned("container");
    expect(world.document("a").processes).toMatchObject([{ id: processId, state: "unreachable" }]);
    world.pass(guardOutliveMs);
    expect(idsOf(world)).toEqual([processId]);
    expect(world.of("a").filter(({ alive }) => alive)).toEqual([]);
    world.pass(2_000);
    expect(idsOf(world)).not.toContain(processId);
    world.live(10_000);
    expect(world.document("a").status).toBe("RUNNING");
  });

  it("is waited for by the next leader, too, who asks Mesos again", () => {
    const { world, processId } = orphaned("container");
    world.pass(5_000);
    world.restart(2);
    world.pass(guardOutliveMs - 2_000);
    expect(idsOf(world)).toEqual([processId]);
    world.live(60_000);
    expect([world.document("a").status, idsOf(world).includes(processId)]).toEqual([
      "RUNNING",
      false,
    ]);
  });

  it("is confirmed by the next executor of the agent, and by no other agent's", () => {
    const { world, processId, agentId } = orphaned("container");
    const exit = { code: null, signal: "SIGKILL", text: "left by an ended executor", log: [] };
    const report: ProcessReport = leftoverReport(processId, "s", exit);
    const tell = (from: string, executorId: string): void => {
      const batch = { version: 1, type: "reports", number: 1, runId: "next", full: false } as const;
      const processes = [report];
      world.send({
        ...{ type: "reports-received", agentId: from, executorId },
        batch: { ...batch, processes },
      });
    };
    tell(agentId === "S0" ? "S1" : "S0", "executor");
    expect(idsOf(world)).toEqual([processId]);
    tell(agentId, "another");
    expect(idsOf(world)).not.toContain(processId);
  });

  it("is not confirmed by an agent that has restarted and does not know the task either", () => {
    const { world, processId, agentId } = orphaned("container");
    const update = { taskId: processId, agentId, state: "TASK_DROPPED", source: "SOURCE_AGENT" };
    const rest = { reason: "REASON_RECONCILIATION", message: null, uuid: "ZHJvcA==" };
    world.send({ type: "task-updated", update: { ...update, ...rest } });
    world.run();
    expect(idsOf(world)).toEqual([processId]);
  });

  it("leaves its port alone, which Mesos offers to others", () => {
    const { world } = orphaned("container");
    const taken = world.document("a").processes.map(({ port }) => port);
    const choices = { fencing: "on", onUnreachable: "replace", distribution: null } as const;
    const spec = { memoryMib: 100, masters: 1 as const, slaves: 1, config: {}, ...choices };
    world.send({ type: "create-requested", requestId: "b", name: "b", spec });
    world.pass(2_000);
    const ports = world.document("b").processes.map(({ port }) => port);
    expect([ports.length, ports.some((port) => taken.includes(port))]).toEqual([2, false]);
  });
});
