/**
 * Owns what tests see of the test executor (executor.mjs) from outside: its sandbox and the notes it leaves there.
 * Called by the tests of this folder, through harness.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ExecutorEvent, Offer } from "@mr-redis/mesos";
import { until } from "@mr-redis/testing";
import type { TestLocal } from "./harness.js";
import { deadlineMsDefault } from "./heard.js";

/** What the test executor noted. */
export interface ExecutorNote {
  readonly type: string;
  readonly number?: number;
  readonly event?: ExecutorEvent;
  readonly status?: number;
  readonly text?: string;
  readonly pid?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly argv?: readonly string[];
  readonly state?: string;
}

/** Where the executor's latest run is. */
export const sandboxOf = (local: TestLocal, offer: Offer, executorId: string): string => {
  const agent = local.agents.find((one) => one.id === offer.agent_id.value);
  return join(
    agent?.workDir ?? "",
    "slaves",
    offer.agent_id.value,
    "frameworks",
    offer.framework_id.value,
    "executors",
    executorId,
    "runs",
    "latest",
  );
};

/** The executor's notes; empty before it started. */
export function notesIn(sandbox: string): readonly ExecutorNote[] {
  try {
    const lines = readFileSync(join(sandbox, "events.jsonl"), "utf8").trimEnd().split("\n");
    return lines.map((line): ExecutorNote => JSON.parse(line));
  } catch {
    return [];
  }
}

/** Lets an executor subscribe whose plan is to wait for that (`subscribeWhenTold`). */
export const tellToSubscribe = (sandbox: string): void => writeFileSync(join(sandbox, "go"), "");

/** Waits for a note that fits. */
export async function nextNote(
  sandbox: string,
  fits: (note: ExecutorNote) => boolean,
  what: string,
  deadlineMs = deadlineMsDefault,
): Promise<ExecutorNote> {
  let found: ExecutorNote | undefined;
  await until(
    () => {
      found = notesIn(sandbox).find(fits);
      return found !== undefined;
    },
    { deadlineMs, what },
  );
  if (found === undefined) throw new Error(what);
  return found;
}
