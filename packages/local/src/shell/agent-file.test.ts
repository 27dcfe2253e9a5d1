/**
 * Owns the checks of the agent's record on disk: the newest whole one is read, whatever a kill left of the other.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VirtualClock } from "@mr-redis/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { AgentRecord } from "../agent/record.js";
import { agentRecordVersion } from "../agent/record.js";
import { AgentFile, readAgentRecord, saveDelayMs } from "./agent-file.js";

let workDir: string;
beforeEach(() => {
  workDir = mkdtempSync(join(tmpdir(), "mrr-agent-file-"));
});
afterEach(() => rmSync(workDir, { recursive: true, force: true }));

/** A record that is told from others by its port, and as long as its id. */
const recordOf = (port: number, agentId = "agent"): AgentRecord => ({
  version: agentRecordVersion,
  agentId,
  port,
  offered: [],
  total: [],
  frameworks: [],
  updates: [],
  operations: [],
});

const fileNames = ["agent.json", "agent-2.json"].map((name) => join("meta", name));

test("each write is read again, also after a longer one and by a later process", () => {
  const ids = ["a", "a".repeat(9_000), "b", "c"];
  for (const [port, agentId] of ids.entries()) {
    const record = recordOf(port, agentId);
    const file = new AgentFile(workDir, new VirtualClock(), () => record);
    file.flush();
    expect(readAgentRecord(workDir)).toEqual(record);
  }
});

test("a write that was cut anywhere leaves the record before it", () => {
  let record = recordOf(1, "first");
  const file = new AgentFile(workDir, new VirtualClock(), () => record);
  const flush = (next: AgentRecord): void => {
    record = next;
    file.flush();
  };
  flush(recordOf(1, "first"));
  flush(recordOf(2, "second"));
  // The third goes where the first is.
  const target = fileNames
    .map((name) => join(workDir, name))
    .find((path) => readFileSync(path, "utf8").includes("first"));
  expect(target).toBeDefined();
  const before = readFileSync(target ?? "");
  flush(recordOf(3, "third"));
  const after = readFileSync(target ?? "");
  for (let cut = 0; cut < after.length; cut += 1) {
    writeFileSync(target ?? "", Buffer.concat([after.subarray(0, cut), before.subarray(cut)]));
    const read = readAgentRecord(workDir);
    const isWhole = Buffer.compare(readFileSync(target ?? ""), after) === 0;
    expect(read?.port, `cut at ${cut}`).toBe(isWhole ? 3 : 2);
  }
});

test("changes are written together, nothing is written without an id", () => {
  const clock = new VirtualClock();
  let record = recordOf(1, "");
  const file = new AgentFile(workDir, clock, () => record);
  file.changed();
  clock.advanceBy(saveDelayMs);
  expect(readAgentRecord(workDir)).toBeNull();
  for (let port = 2; port < 5; port += 1) {
    record = recordOf(port);
    file.changed();
  }
  expect(readAgentRecord(workDir)).toBeNull();
  clock.advanceBy(saveDelayMs);
  expect(readAgentRecord(workDir)).toEqual(recordOf(4));
});
