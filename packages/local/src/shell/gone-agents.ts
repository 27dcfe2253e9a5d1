/**
 * Owns the agents that are gone for good: those on record in the work directory that this start does not have any more.
 * Their ids are remembered, so that the master can say what became of their tasks (TASK_GONE_BY_OPERATOR); an agent that
 * is started in such a place later is a new one, as Mesos demands of an agent that was marked gone.
 * Not: the end of their executors (seats.ts). Called by shell/local.ts before the master serves.
 * SPDX-License-Identifier: Apache-2.0
 */
import { appendFileSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { lostAgentsMax } from "../master/books.js";
import type { LocalOptions } from "../options.js";
import { readAgentRecord } from "./agent-file.js";
import type { Log } from "./master-shell.js";

/** One id on each line, newest last. */
const fileOf = (options: LocalOptions): string => join(options.workDir, "gone-agents");

function remembered(options: LocalOptions): readonly string[] {
  try {
    const lines = readFileSync(fileOf(options), "utf8").split("\n");
    // A last line without its end was cut off: its agent is still on record, and found again.
    return lines.slice(0, -1).filter((line) => line !== "");
  } catch {
    return [];
  }
}

/**
 * Finds the agents that are no more, and gives the ids of all that ever were, newest last, at most as many as the master
 * remembers. Call it when their executors have ended: their records are removed.
 */
export function takeGoneAgents(options: LocalOptions, log: Log): readonly string[] {
  const names = readdirSync(options.workDir).filter((name) => {
    const number = /^agent-(\d+)$/.exec(name)?.[1];
    return number !== undefined && Number(number) > options.agentsCount;
  });
  const gone = names.flatMap((hostname) => {
    const workDir = join(options.workDir, hostname);
    const id = readAgentRecord(workDir)?.agentId;
    return id === undefined ? [] : [{ hostname, id, workDir }];
  });
  const known = remembered(options);
  for (const { hostname, id, workDir } of gone) {
    // The line stands before the record goes: killed in between, the agent is found again. A line may follow one that
    // was cut off.
    if (!known.includes(id)) appendFileSync(fileOf(options), `\n${id}\n`);
    rmSync(join(workDir, "meta"), { recursive: true, force: true });
    log("an agent of a former run is gone for good: it is not started any more", { hostname, id });
  }
  return [...new Set([...known, ...gone.map(({ id }) => id)])].slice(-lostAgentsMax);
}
