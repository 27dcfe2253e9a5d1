/**
 * Owns ending what an ended executor of this agent has left: containers are no children of their executor (rule 11).
 * Not: reporting it (supervisor.ts). Called when an executor starts, and from time to time: another version's executor may serve
 * beside this one, and its containers are looked at only once they have ended and nobody has removed them.
 * SPDX-License-Identifier: Apache-2.0
 */
import { endOf } from "./container-process.js";
import { type Engine, EngineError } from "./engine.js";

/** Labels of every container of mr-redis. */
export const containerLabels = {
  framework: "mr-redis.framework",
  agent: "mr-redis.agent",
  executor: "mr-redis.executor",
  run: "mr-redis.run",
  instance: "mr-redis.instance",
  process: "mr-redis.process",
  start: "mr-redis.start",
} as const;

/** Whose containers are looked for. */
export interface Owner {
  readonly frameworkId: string;
  readonly agentId: string;
  readonly executorId: string;
  readonly runId: string;
}

/** A process that an ended executor had left, and that is no more. */
export interface EndedLeftover {
  readonly processId: string;
  readonly startId: string;
  readonly code: number | null;
  readonly signal: string | null;
  readonly text: string;
}

/** Its executor would have removed it long before. */
const abandonedMs = 60_000;

/**
 * Ends and removes what is left; tells of each process once it is certainly gone. Rejects at the first that cannot be ended: what
 * was not told of is found again. True when nothing was left.
 */
export async function endLeftovers(
  engine: Engine,
  owner: Owner,
  nowMs: () => number,
  ended: (leftover: EndedLeftover) => void,
): Promise<boolean> {
  const listed = await engine.list(`${containerLabels.framework}=${owner.frameworkId}`);
  let isClean = true;
  for (const { id, labels } of listed) {
    if (labels[containerLabels.run] === owner.runId) continue;
    const isOfAgent = labels[containerLabels.agent] === owner.agentId;
    // An executor that starts has no living one of its own name on its agent.
    const isOrphan = isOfAgent && labels[containerLabels.executor] === owner.executorId;
    const state = await engine.look(id);
    if (state !== null && !isOrphan) {
      const isOver = !state.isRunning && state.finishedAtMs > 0;
      if (!isOver || nowMs() - state.finishedAtMs < abandonedMs) continue;
    }
    isClean = false;
    await engine.remove(id);
    if ((await engine.look(id)) !== null) {
      throw new EngineError("a container that an ended executor has left is still there");
    }
    const processId = labels[containerLabels.process] ?? "";
    const startId = labels[containerLabels.start] ?? "";
    if (!isOfAgent || processId === "" || startId === "") continue;
    const end =
      state === null || state.isRunning ? { code: null, signal: "SIGKILL" } : endOf(state.exitCode);
    const how = state?.isRunning === true ? "killed" : "it had ended";
    ended({ processId, startId, ...end, text: `left by an executor that has ended: ${how}` });
  }
  return isClean;
}
