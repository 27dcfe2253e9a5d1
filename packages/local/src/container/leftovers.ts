/**
 * Owns ending what a killed run left behind: recorded executors with their trees, and everything whose marker or
 * directory lies in this work directory. Called by shell/local.ts before it serves.
 * SPDX-License-Identifier: Apache-2.0
 */

import { join } from "node:path";
import type { Clock } from "@mr-redis/core";
import { endProcesses, seeProcess } from "./processes.js";
import { forgetContainer, readRecords } from "./records.js";

/** Ends all leftovers of one agent's work directory; the number of containers that still had a live executor. */
export async function endLeftovers(workDir: string, clock: Clock): Promise<number> {
  let count = 0;
  for (const record of readRecords(workDir)) {
    const { leaderPid, leaderStartTicks, directory } = record;
    const leader = leaderPid === null ? null : seeProcess(leaderPid);
    const isSame = leader !== null && leader.startTicks === leaderStartTicks;
    if (isSame) count += 1;
    // A number that belongs to someone else now leads nothing of ours: only the marker counts then.
    const trace = isSame ? record : { leaderPid: null, leaderStartTicks, directory };
    await endProcesses(trace, "linux", clock);
    forgetContainer(workDir, record.containerId);
  }
  const sandboxes = join(workDir, "slaves");
  await endProcesses(
    { leaderPid: null, leaderStartTicks: null, directory: sandboxes },
    "linux",
    clock,
  );
  return count;
}
