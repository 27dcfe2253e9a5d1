/**
 * Owns what a killed run left behind: which of its containers may go on, and the complete end of all others: recorded
 * executors with their trees, and everything whose marker or directory lies in the sandboxes of these agents.
 * Not: the containers that go on (adopted.ts). Called by shell/local.ts before it serves.
 * SPDX-License-Identifier: Apache-2.0
 */
import { join } from "node:path";
import type { Clock } from "@mr-redis/core";
import { endProcesses, seeProcess } from "./processes.js";
import { type ContainerRecord, forgetContainer, readRecords } from "./records.js";

/** What became of the containers of a killed run. */
export interface Leftovers {
  /** Their executors live and are left alone, by work directory. */
  readonly living: ReadonlyMap<string, readonly ContainerRecord[]>;
  /** Ids of containers whose executor lived and was ended. */
  readonly ended: ReadonlySet<string>;
}

/**
 * Keeps the containers that `mayLive` allows and whose executor lives; ends all others. Where there is no /proc nobody
 * can be recognised: nothing is kept, and executors end themselves when their agent refuses them.
 */
export async function sortLeftovers(
  workDirs: readonly string[],
  mayLive: (workDir: string, record: ContainerRecord) => boolean,
  clock: Clock,
): Promise<Leftovers> {
  const living = new Map<string, readonly ContainerRecord[]>();
  const ended = new Set<string>();
  for (const workDir of workDirs) {
    const kept: ContainerRecord[] = [];
    for (const record of readRecords(workDir)) {
      const lives = isAlive(record);
      if (lives && mayLive(workDir, record)) {
        kept.push(record);
        continue;
      }
      if (lives) {
        ended.add(record.containerId);
        await endContainer(record, clock);
      }
      forgetContainer(workDir, record.containerId);
    }
    living.set(workDir, kept);
  }
  const directories = workDirs.map((workDir) => join(workDir, "slaves"));
  const except = [...living.values()].flat().map(({ directory }) => directory);
  const trace = { leaderPid: null, leaderStartTicks: null, directories, except };
  await endProcesses(trace, "linux", clock);
  return { living, ended };
}

/** A number that belongs to someone else now leads nothing of ours: only the marker counts then. */
function isAlive({ leaderPid, leaderStartTicks }: ContainerRecord): boolean {
  const leader = leaderPid === null ? null : seeProcess(leaderPid);
  return leader !== null && leader.startTicks === leaderStartTicks;
}

async function endContainer(record: ContainerRecord, clock: Clock): Promise<void> {
  const { leaderPid, leaderStartTicks, directory } = record;
  await endProcesses({ leaderPid, leaderStartTicks, directories: [directory] }, "linux", clock);
}
