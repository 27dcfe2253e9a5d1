/**
 * Owns the executors' side of a replay: the recorded calls of one executor, sent by the test itself, while a process that
 * only waits for its exit code sits in the container. Called by the replay tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import { closeSync, constants, openSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { until } from "@mr-redis/testing";
import type { Scenario } from "./scenario.js";

/** Longest time from the start of a scenario to the last step of an executor. */
export const scriptMsMax = 120_000;

/** What the process in the container does: it waits for its exit code. */
export const waitingCommand = "mkfifo ctl && read code < ctl && exit $code";

/** One step: what must have happened, then what is done. */
export interface ExecutorStep {
  /** So many recorded events of a stream (of this executor), the start of its process, or a condition. */
  readonly after: readonly [stream: string, count: number] | "started" | ((s: Scenario) => boolean);
  readonly send?: readonly string[];
  readonly drop?: string;
  /** Streams that end with the process. */
  readonly leave?: string;
  readonly exit?: number;
}

/** The recorded calls of one executor: its folder, and in which order they were made. */
export interface ExecutorScript {
  readonly folder: string;
  readonly executorId: string;
  /** As recorded. */
  readonly frameworkId: string;
  readonly steps: readonly ExecutorStep[];
}

/** Plays the executor; resolves after its last step, or when one does not come in time (then its calls are missing). */
export async function playExecutor(scenario: Scenario, script: ExecutorScript): Promise<void> {
  for (const step of script.steps) {
    const isThere = await isReached(scenario, script, step);
    if (!isThere) {
      const call = step.send?.[0] ?? `exit ${step.exit}`;
      scenario.ledger.differs(`${scenario.folder}/${script.folder}/${call} answer`, "is not sent");
      return;
    }
    if (step.drop !== undefined) await scenario.drop(`${script.folder}/${step.drop}`);
    for (const call of step.send ?? []) {
      await scenario.send("executor", `${script.folder}/${call}`);
    }
    if (step.leave !== undefined) scenario.leave(`${script.folder}/${step.leave}`);
    if (step.exit !== undefined) await exit(scenario, script, step.exit);
  }
}

/** Waits for what the step comes after; false when it does not come before the end of the scenario. */
async function isReached(
  scenario: Scenario,
  script: ExecutorScript,
  step: ExecutorStep,
): Promise<boolean> {
  await until(() => isDue(scenario, script, step) || scenario.isOver, {
    deadlineMs: scriptMsMax,
    intervalMs: 5,
    what: `${scenario.folder}/${script.folder}: ${JSON.stringify(step)}`,
  });
  const options = { deadlineMs: 2_000, what: "the last events" };
  await until(() => isDue(scenario, script, step), options).catch(() => undefined);
  return isDue(scenario, script, step);
}

function isDue(scenario: Scenario, script: ExecutorScript, { after }: ExecutorStep): boolean {
  if (after === "started") return isThere(controlOf(scenario, script));
  if (typeof after === "function") return after(scenario);
  const [stream, count] = after;
  return scenario.hasSeen(`${script.folder}/${stream}`, count);
}

/** The pipe in the sandbox of the executor's latest run. */
function controlOf(scenario: Scenario, { executorId, frameworkId }: ExecutorScript): string {
  const [agent] = scenario.local.agents;
  const framework = scenario.matching.nowOf(frameworkId) ?? "none";
  return join(
    agent?.workDir ?? "",
    ...["slaves", agent?.id ?? "", "frameworks", framework],
    ...["executors", executorId, "runs", "latest", "ctl"],
  );
}

const isThere = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined;

/** Ends the process with a code. */
async function exit(scenario: Scenario, script: ExecutorScript, code: number): Promise<void> {
  const path = controlOf(scenario, script);
  await until(() => write(path, `${code}\n`), { what: `the exit of ${script.executorId}` });
}

/** False while nobody reads. */
function write(path: string, text: string): boolean {
  try {
    const file = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    writeSync(file, text);
    closeSync(file);
    return true;
  } catch {
    return false;
  }
}
