/**
 * Owns ending what a killed run left behind: recorded executors with their trees, and everything whose marker or
 * directory lies in the sandboxes of these agents. Called by shell/local.ts before it serves.
 * SPDX-License-Identifier: Apache-2.0
 */
import { join } from "node:path";
import type { Clock } from "@mr-redis/core";
import { endProcesses, seeProcess } from "./processes.js";
import { forgetContainer, readRecords } from "./records.js";

/** Ends all leftovers in the agents' work directories; the number of executors that still lived. */
export async function endLeftovers(workDirs: readonly string[], clock: Clock): Promise<number> {
  let count = 0;
  for (const workDir of workDirs) {
    for (const record of readRecords(workDir)) {
      const { leaderPid, leaderStartTicks, directory } = record;
      const leader = leaderPid === null ? null : seeProcess(leaderPid);
      // A number that belongs to someone else now leads nothing of ours: only the marker counts then.
      if (leader !== null && leader.startTicks === leaderStartTicks) {
        count += 1;
        const trace = { leaderPid, leaderStartTicks, directories: [directory] };
        await endProcesses(trace, "linux", clock);
      }
      forgetContainer(workDir, record.containerId);
    }
  }
  const directories = workDirs.map((workDir) => join(workDir, "slaves"));
  await endProcesses({ leaderPid: null, leaderStartTicks: null, directories }, "linux", clock);
  return count;
}
