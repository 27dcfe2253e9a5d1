/**
 * Tests plan.ts: each step by example, and that the steps in a row never take more than one process, and end.
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { InstanceDocument, ProcessRecord } from "../instance/types.js";
import { countBehind, type UpgradeStep, upgradeStep } from "./plan.js";
import { executorIdOf, executorVersionOf } from "./version.js";

const isOld = (executorId: string): boolean => executorId === "old";

function processOf(index: number, role: ProcessRecord["role"], executorId: string): ProcessRecord {
  return {
    id: `i::${index}`,
    role,
    state: "running",
    agentId: `a${index}`,
    hostname: "h",
    executorId,
    address: "127.0.0.1",
    port: 7_000 + index,
    memoryMib: 100,
    secret: "s",
    replicaSecret: "r",
    replicaUser: "u",
    member: true,
    expelled: false,
    plannedAtMs: index,
    plannedEpoch: 1,
    startId: "x",
    dataEpoch: 1,
  };
}

/** `oNo`: master old, then a replica new, then one old; upper case is not ready. */
function made(slaves: number, shape: string): { document: InstanceDocument; ready: Set<string> } {
  const processes = [...shape].map((letter, index) =>
    processOf(
      index,
      index === 0 ? "master" : "replica",
      letter.toLowerCase() === "o" ? "old" : "new",
    ),
  );
  const document: InstanceDocument = {
    version: 2,
    name: "i",
    incarnation: "1",
    spec: {
      memoryMib: 100,
      masters: 1,
      slaves,
      distribution: null,
      config: {},
      fencing: "on",
      onUnreachable: "wait",
    },
    createdAtMs: 0,
    status: "RUNNING",
    reason: null,
    wasRunning: true,
    epoch: 1,
    masterId: "i::0",
    writeQuorum: 0,
    processes,
    failovers: [],
    deletedAtMs: null,
  };
  const ready = new Set(
    processes
      .filter((_, index) => shape[index] === shape[index]?.toLowerCase())
      .map(({ id }) => id),
  );
  return { document, ready };
}

const stepOf = (slaves: number, shape: string, isCrowded = false): UpgradeStep =>
  upgradeStep({ ...made(slaves, shape), isOld, isCrowded });

const said = (step: UpgradeStep): string =>
  "processId" in step ? `${step.type} ${step.processId}` : step.type;

test.each([
  // slaves, processes, crowded, step
  [2, "nnn", false, "done"],
  [0, "n", false, "done"],
  // Replicas first, each with one more in its place.
  [2, "ooo", false, "add-replica"],
  [2, "ooon", false, "end-replica i::1"],
  [2, "onon", false, "end-replica i::2"],
  [2, "onn", false, "add-replica"],
  [2, "onnn", false, "hand-over i::0"],
  // Where there is no place for one more, one fewer for a moment.
  [2, "ooo", true, "end-replica i::1"],
  [2, "onn", true, "hand-over i::0"],
  [1, "oo", true, "end-replica i::1"],
  // A single moves with a temporary replica, or not at all.
  [0, "o", false, "add-replica"],
  [0, "on", false, "hand-over i::0"],
  [0, "o", true, "blocked"],
  [0, "oo", false, "end-replica i::1"],
  // What is on its way, or broken, is waited for.
  [2, "ooN", false, "wait"],
  [2, "Ooo", false, "wait"],
  [2, "oo", false, "wait"],
  // The last one of an upgrade that is over.
  [1, "nnn", false, "end-replica i::2"],
  [1, "nnN", false, "wait"],
  [1, "nN", false, "wait"],
  [1, "n", false, "wait"],
])("%i slaves, %s, crowded %s: %s", (slaves, shape, isCrowded, step) => {
  expect(said(stepOf(slaves, shape, isCrowded))).toBe(step);
});

test("says why", () => {
  expect(stepOf(2, "ooN")).toEqual({
    type: "wait",
    because: { code: "not-ready", text: "replica i::2 is not ready" },
  });
  expect(stepOf(2, "oo")).toEqual({
    type: "wait",
    because: { code: "replica-missing", text: "it lacks some of its 2 replicas" },
  });
  const { document, ready } = made(1, "oo");
  const headless = { ...document, masterId: "gone" };
  expect(upgradeStep({ document: headless, ready, isOld, isCrowded: false })).toEqual({
    type: "wait",
    because: { code: "no-master", text: "it has no master at the moment" },
  });
  expect(countBehind(document, isOld)).toBe(2);
  expect(countBehind(made(1, "nn").document, isOld)).toBe(0);
});

test("step by step to the end: one process at a time, and never fewer than asked for where there is room", () => {
  const shapes = fc.array(fc.constantFrom("o", "n"), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(
      shapes,
      fc.integer({ min: 0, max: 6 }),
      fc.boolean(),
      (letters, extra, isCrowded) => {
        const slaves = Math.max(0, letters.length - 1 - (extra === 0 ? 1 : 0));
        let processes = letters.join("");
        for (let steps = 0; steps < 40; steps += 1) {
          const step = stepOf(slaves, processes, isCrowded);
          if (step.type === "done" || step.type === "blocked") {
            expect(processes.length).toBe(slaves + 1);
            if (step.type === "done") expect(processes).not.toContain("o");
            else expect([slaves, isCrowded, processes]).toEqual([0, true, "o"]);
            return;
          }
          if (step.type === "add-replica") {
            expect([isCrowded, processes.length]).toEqual([false, slaves + 1]);
            processes = `${processes}n`;
          } else if (step.type === "hand-over") {
            // A replica on the present executor is promoted, and the master becomes a replica.
            expect(processes.slice(1)).toMatch(/^n+$/);
            processes = `${processes.slice(1)}o`;
          } else if (step.type === "end-replica") {
            const at = Number(step.processId.slice(3));
            expect(at).toBeGreaterThan(0);
            processes = processes.slice(0, at) + processes.slice(at + 1);
          } else throw new Error(`${processes}: ${step.type}`);
          expect(processes.length).toBeGreaterThanOrEqual(slaves + (isCrowded ? 0 : 1));
          // What is missing is placed anew before the next step.
          while (processes.length < slaves + 1) processes = `${processes}n`;
        }
        throw new Error("it does not end");
      },
    ),
  );
});

test("the version in an id", () => {
  expect(executorVersionOf(executorIdOf("mr-redis-0123456789ab", "01234567"))).toBe(
    "mr-redis-0123456789ab",
  );
  expect(executorVersionOf("mr-redis-0123456789ab")).toBe("mr-redis");
  for (const other of ["executor", "-x", ""]) expect(executorVersionOf(other)).toBe(other);
});
