/**
 * Owns what the scenarios share: their timelines, the machine of now beside that of the recordings, and their run.
 * Called by the replay tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "@mr-redis/testing";
import { expect } from "vitest";
import type { LocalOptions } from "../../src/index.js";
import { startTestLocal, type TestLocal } from "../harness.js";
import { knownDifferences } from "./differences.js";
import { type ExecutorScript, playExecutor, waitingCommand } from "./executor-script.js";
import { Ledger } from "./ledger.js";
import type { Place } from "./matching.js";
import { callNames, headerOf, readCall } from "./recording.js";
import { Scenario, type Step } from "./scenario.js";

/** The order of the recorders' calls, and what was heard before each: from the recorders' logs. */
const timelines: Readonly<Record<string, readonly Step[]>> = JSON.parse(
  readFileSync(join(import.meta.dirname, "timelines.json"), "utf8"),
);

const recordedExecutor = "exec /usr/bin/python3 /srv/mesos-trace/tools/executor.py";

const portIn = (id: string): string => headerOf(readCall(id).request, "Host")?.split(":")[1] ?? "";

/** What differs between the machine of the recordings and this one; `executor` is a folder of one. */
function placesOf(folder: string, executor: string, local: TestLocal): readonly Place[] {
  const [agent] = local.agents;
  const first = (name: string) => `${name}/${callNames(name)[0]}`;
  return [
    [`sleep 0; ${waitingCommand}`, `sleep 3; ${recordedExecutor}`],
    [`sleep 0.1; ${waitingCommand}`, "sleep 1; exit 0"],
    [waitingCommand, recordedExecutor],
    [String(local.port), portIn(first(folder))],
    [String(agent?.port), portIn(first(`${folder}/${executor}`))],
    [agent?.hostname ?? "", "127.0.0.1"],
    ["1.11.0", "1.12.0"],
  ];
}

/** What one scenario is, beside its recordings. */
export interface ScenarioPlan {
  readonly folder: string;
  /** Folder of one of its executors. */
  readonly executor: string;
  readonly options?: Partial<LocalOptions>;
  readonly executors: (frameworkId: string) => readonly ExecutorScript[];
  /** What the recorder did before some calls. */
  readonly deeds: (
    scenario: Scenario,
    frameworkId: string,
  ) => Readonly<Record<string, () => Promise<void>>>;
}

/** The framework of the first stream, as recorded. */
function frameworkIn(folder: string): string {
  const body = readCall(`${folder}/${callNames(folder)[0]}`).request.body.toString("latin1");
  return /[0-9a-f-]{36}-\d{4}/.exec(body)?.[0] ?? "";
}

/** Replays a scenario on a master and an agent of its own, and holds it against the list of differences. */
export async function replay(plan: ScenarioPlan): Promise<void> {
  const { folder, executor } = plan;
  const local = await startTestLocal({
    agentsCount: 1,
    agentCpus: 4,
    agentMemoryMb: 4096,
    agentDiskMb: 8192,
    ports: { begin: 6379, end: 6500 },
    attributes: { rack: "r1", zone: "z1" },
    allocationIntervalMs: 100,
    adminPort: 0,
    ...plan.options,
  });
  const ledger = new Ledger(knownDifferences);
  let failure: unknown;
  try {
    const places = placesOf(folder, executor, local);
    const scenario = new Scenario(folder, local, ledger, places);
    const frameworkId = frameworkIn(`${folder}/${executor}`);
    const players = plan.executors(frameworkId).map((script) => playExecutor(scenario, script));
    const steps = timelines[folder] ?? [];
    await Promise.all([scenario.run(steps, plan.deeds(scenario, frameworkId)), ...players]);
    await scenario.finish();
  } catch (error) {
    failure = error;
  }
  console.log(`${folder}: ${ledger}`);
  await local.end().catch((error: unknown) => {
    failure ??= error;
  });
  if (failure !== undefined) throw failure;
  expect({ unknown: ledger.unknown(), outdated: ledger.outdated([folder]) }).toEqual({
    unknown: [],
    outdated: [],
  });
}

interface StateView {
  readonly frameworks: readonly { readonly id: string; readonly isConnected: boolean }[];
  readonly agents: readonly { readonly state: string }[];
  readonly tasks: readonly unknown[];
}

/** The master's books, for waits on what no event tells. */
export const stateOf = (scenario: Scenario): StateView =>
  scenario.local.state() as unknown as StateView;

/** Breaks a scheduler's stream, and waits until the master has noticed. */
export async function dropSession(
  scenario: Scenario,
  stream: string,
  frameworkId: string,
): Promise<void> {
  await scenario.drop(stream);
  const id = scenario.matching.nowOf(frameworkId);
  const isConnected = () =>
    stateOf(scenario).frameworks.some((framework) => framework.id === id && framework.isConnected);
  await until(() => !isConnected(), { what: `the end of ${stream}` });
}
