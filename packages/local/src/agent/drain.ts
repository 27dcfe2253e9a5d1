/**
 * Owns what an agent does while it drains: it kills its tasks and says why they end. Called by agent.ts and
 * executor-calls.ts; that no task is taken meanwhile is in tasks.ts.
 * Source of the rules: Apache Mesos, src/slave/slave.cpp, drain and statusUpdate; reference sections 6.2 and 9.4.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { KillPolicy, TaskStatus } from "@mr-redis/mesos";
import type { MasterMessage } from "../border/messages.js";
import type { AgentBooks } from "./books.js";
import { killTask } from "./tasks.js";

/** DrainSlave of the master; also said again after a registration, when what is left is killed again. */
export function drain(
  books: AgentBooks,
  message: Extract<MasterMessage, { type: "drain-agent" }>,
): void {
  books.drain = { markGone: message.markGone };
  for (const framework of books.frameworks.values()) {
    for (const executor of framework.executors.values()) {
      const tasks = [...executor.queued.values(), ...executor.launched.values()];
      for (const { info } of tasks) {
        const policy = cappedPolicy(info.kill_policy, message.graceMsMax);
        killTask(books, framework.id, info.task_id.value, policy);
      }
    }
  }
}

/** The task's own grace, cut to the longest that the operator allows. */
function cappedPolicy(
  own: KillPolicy | undefined,
  graceMsMax: number | null,
): KillPolicy | undefined {
  if (graceMsMax === null) return own;
  const nanoseconds = Math.min(
    own?.grace_period?.nanoseconds ?? Number.POSITIVE_INFINITY,
    graceMsMax * 1e6,
  );
  return { grace_period: { nanoseconds } };
}

/**
 * How the agent changes an update of an executor while it drains: the kill has its reason, and where the agent is to be
 * gone afterwards TASK_KILLING too becomes the terminal TASK_GONE_BY_OPERATOR, while the process still runs.
 */
export function drainingChange(books: AgentBooks, status: TaskStatus): Partial<TaskStatus> {
  const isKill = status.state === "TASK_KILLING" || status.state === "TASK_KILLED";
  if (books.drain === null || !isKill) return {};
  return {
    reason: "REASON_AGENT_DRAINING",
    ...(books.drain.markGone ? { state: "TASK_GONE_BY_OPERATOR" } : {}),
  };
}
