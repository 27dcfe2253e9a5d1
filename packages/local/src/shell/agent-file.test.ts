/**
 * Owns the tests of the agent's record on disk: what holds back, what a cut leaves, what former versions left.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VirtualClock } from "@mr-redis/testing";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { TaskName } from "../agent/effects.js";
import type { AgentRecord, TaskRecord } from "../agent/record.js";
import { changeLine, entriesAfter, entriesOf, recordOfEntries } from "../agent/record-entries.js";
import { AgentFile, readAgentRecord, saveDelayMs, saveRetryMs } from "./agent-file.js";

let workDir = "";
beforeEach(() => {
  workDir = mkdtempSync(join(tmpdir(), "mrr-record-"));
});
afterEach(() => rmSync(workDir, { recursive: true, force: true }));

const task = (id: string, state: "TASK_STAGING" | "TASK_RUNNING") => ({
  info: { name: id, task_id: { value: id }, agent_id: { value: "A" } },
  state,
});

const recordWith = (tasks: readonly ReturnType<typeof task>[]): AgentRecord => ({
  version: 2,
  agentId: "A",
  ip: "127.0.0.1",
  port: 5051,
  offered: [{ name: "cpus", type: "SCALAR", scalar: { value: 1 } }],
  total: [],
  frameworks: [
    {
      info: { user: "u", name: "n", id: { value: "F" } },
      executors: [
        {
          info: { executor_id: { value: "E" } },
          containerId: "C",
          pid: 7,
          wasSentTask: true,
          tasks,
        },
      ],
    },
  ],
  updates: [{ frameworkId: "F", taskId: "t", pending: [], seen: ["u"] }],
  operations: [
    { frameworkId: "F", status: { operation_id: { value: "o" }, state: "OPERATION_FINISHED" } },
  ],
});

function taskRecord({ frameworks, updates }: AgentRecord, name: TaskName): TaskRecord {
  const tasks = frameworks.flatMap(({ executors }) => executors.flatMap((one) => one.tasks));
  return {
    name,
    task: tasks.find(({ info }) => info.task_id.value === name.taskId) ?? null,
    updates: updates.find(({ taskId }) => taskId === name.taskId) ?? null,
  };
}

/** A file over a record that the test changes. */
function open() {
  const clock = new VirtualClock();
  const logged: string[] = [];
  const held = { record: recordWith([]) };
  const file = new AgentFile(
    workDir,
    clock,
    {
      whole: () => held.record,
      task: (name) => taskRecord(held.record, name),
    },
    (text) => logged.push(text),
  );
  return { clock, file, held, logged };
}

test("what relies on the record waits for it, in order, and shares one write", () => {
  const { clock, file, held } = open();
  const done: string[] = [];
  const note = (text: string) => () => done.push(`${text} ${readAgentRecord(workDir)?.agentId}`);
  file.afterWrite(note("nothing changed"));
  file.changed();
  held.record = recordWith([task("t", "TASK_STAGING")]);
  file.afterWrite(note("first"));
  file.afterWrite(note("second"));
  expect(done).toEqual(["nothing changed undefined"]);
  clock.advanceBy(0);
  expect(done).toEqual(["nothing changed undefined", "first A", "second A"]);
  expect(readAgentRecord(workDir)).toEqual(held.record);
  file.close();
});

test("a change on which nothing waits is written later; it adds one line", () => {
  const { clock, file, held } = open();
  file.changed();
  file.flush();
  held.record = recordWith([task("t", "TASK_STAGING")]);
  file.changed();
  clock.advanceBy(saveDelayMs - 1);
  expect(readAgentRecord(workDir)).toEqual(recordWith([]));
  clock.advanceBy(1);
  held.record = recordWith([task("t", "TASK_RUNNING")]);
  file.changed();
  clock.advanceBy(saveDelayMs);
  expect(readAgentRecord(workDir)).toEqual(held.record);
  const lines = readFileSync(join(workDir, "meta", "agent.jsonl"), "utf8").split("\n");
  expect(lines).toHaveLength(4);
  expect(lines[2]).not.toContain('"info');
  file.close();
});

test("a change of one task is written without a look at the others", () => {
  const { file, held } = open();
  held.record = recordWith([task("t", "TASK_STAGING"), task("u", "TASK_STAGING")]);
  file.changed();
  file.flush();
  held.record = recordWith([task("t", "TASK_RUNNING"), task("u", "TASK_RUNNING")]);
  file.changed({ frameworkId: "F", executorId: "E", taskId: "t" });
  file.flush();
  expect(readAgentRecord(workDir)).toEqual(
    recordWith([task("t", "TASK_RUNNING"), task("u", "TASK_STAGING")]),
  );
  held.record = { ...recordWith([task("u", "TASK_RUNNING")]), updates: [] };
  file.changed({ frameworkId: "F", executorId: "E", taskId: "t" });
  file.changed({ frameworkId: "F", executorId: "E", taskId: "u" });
  file.flush();
  expect(readAgentRecord(workDir)).toEqual(held.record);
  file.close();
});

test("nothing is written without an id, and nobody else may read it", () => {
  const { file, held } = open();
  held.record = { ...recordWith([]), agentId: "" };
  file.changed();
  file.flush();
  expect(readAgentRecord(workDir)).toBeNull();
  held.record = recordWith([]);
  file.changed();
  file.flush();
  expect(readAgentRecord(workDir)).toEqual(held.record);
  expect(statSync(join(workDir, "meta", "agent.jsonl")).mode & 0o777).toBe(0o600);
  file.close();
});

test("a write that fails holds everything back until one succeeds", () => {
  const { clock, file, held, logged } = open();
  const done: string[] = [];
  // A file where the directory should be.
  writeFileSync(join(workDir, "meta"), "");
  file.changed();
  file.afterWrite(() => done.push("launched"));
  clock.advanceBy(0);
  file.afterWrite(() => done.push("again"));
  clock.advanceBy(saveRetryMs - 1);
  expect([done, logged]).toEqual([[], ["the agent's record cannot be written"]]);
  rmSync(join(workDir, "meta"));
  clock.advanceBy(1);
  expect(done).toEqual(["launched", "again"]);
  expect(readAgentRecord(workDir)).toEqual(held.record);
  file.close();
});

test("a file that grows is written anew", () => {
  const { file, held } = open();
  const file_ = join(workDir, "meta", "agent.jsonl");
  let sizeMax = 0;
  for (let count = 0; count < 800; count += 1) {
    const name = `${count}-${"x".repeat(4_000)}`;
    held.record = recordWith([task(name, "TASK_STAGING")]);
    file.changed();
    file.flush();
    sizeMax = Math.max(sizeMax, readFileSync(file_).length);
  }
  file.close();
  expect(sizeMax).toBeLessThan(1.1 * 1024 * 1024);
  expect(readAgentRecord(workDir)).toEqual(held.record);
  expect(readdirSync(join(workDir, "meta")).sort()).toEqual(["agent-id", "agent.jsonl"]);
});

test("a file that cannot be read leaves the agent's id", () => {
  const { file } = open();
  file.changed();
  file.flush();
  file.close();
  for (const text of ["", "{", "{}\n", '{"set":{"agent":{"version":3}},"gone":[]}\n']) {
    writeFileSync(join(workDir, "meta", "agent.jsonl"), text);
    expect(readAgentRecord(workDir)).toMatchObject({ agentId: "A", ip: "", frameworks: [] });
  }
});

test("a record of version 1 is read; its executors have no address to come back to", () => {
  const [framework] = recordWith([task("t", "TASK_RUNNING")]).frameworks;
  const { wasSentTask: _, ...executor } = framework?.executors[0] ?? { wasSentTask: true };
  const pending = { task_id: { value: "t" }, state: "TASK_RUNNING", uuid: "u" };
  const { ip: __, ...former } = recordWith([]);
  mkdirSync(join(workDir, "meta"));
  writeFileSync(
    join(workDir, "meta", "agent.json"),
    JSON.stringify({
      ...former,
      version: 1,
      frameworks: [{ info: framework?.info, executors: [executor] }],
      updates: [
        { frameworkId: "F", pending: [pending] },
        { frameworkId: "F", pending: [] },
      ],
    }),
  );
  expect(readAgentRecord(workDir)).toEqual({
    ...recordWith([task("t", "TASK_RUNNING")]),
    ip: "",
    updates: [{ frameworkId: "F", taskId: "t", pending: [pending], seen: ["u"] }],
  });
});

test("cut at any byte, the lines give the state after the last whole one", () => {
  const states = fc.array(
    fc.uniqueArray(fc.record({ id: fc.string({ minLength: 1 }), isRunning: fc.boolean() }), {
      selector: ({ id }) => id,
      maxLength: 4,
    }),
    { minLength: 1, maxLength: 6 },
  );
  fc.assert(
    fc.property(states, fc.double({ min: 0, max: 1, noNaN: true }), (all, where) => {
      const records = all.map((tasks) =>
        recordWith(
          tasks.map(({ id, isRunning }) => task(id, isRunning ? "TASK_RUNNING" : "TASK_STAGING")),
        ),
      );
      let lines = "";
      let before = entriesAfter("");
      const whole: { end: number; record: AgentRecord }[] = [];
      for (const record of records) {
        const entries = entriesOf(record);
        lines += changeLine(before, entries) ?? "";
        before = entries;
        whole.push({ end: lines.length, record });
      }
      const cut = Math.floor(where * lines.length);
      const expected = whole.filter(({ end }) => end <= cut).at(-1)?.record ?? null;
      const found = recordOfEntries(entriesAfter(lines.slice(0, cut)));
      expect(sorted(found)).toEqual(sorted(expected));
    }),
  );
});

/** Tasks in the order of their ids: a task that stays keeps its place among those that come and go. */
function sorted(record: AgentRecord | null): unknown {
  if (record === null) return null;
  const [framework] = record.frameworks;
  const tasks = [...(framework?.executors[0]?.tasks ?? [])].map((one) => JSON.stringify(one));
  return { ...record, frameworks: tasks.sort() };
}
