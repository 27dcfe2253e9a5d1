/**
 * Owns the answers to RECONCILE, and KILL, whose answer for an unknown task is the same.
 * Source of the rules: reference sections 6.4 and 6.5. Called by master.ts.
 *
 * | first that matches                                     | answer              |
 * | ------------------------------------------------------ | ------------------- |
 * | task known                                             | last forwarded state |
 * | its agent (none named: any agent) is recovered         | none                |
 * | agent registered or disconnected                       | GONE                |
 * | agent named, unreachable                               | UNREACHABLE         |
 * | agent named, gone                                      | GONE_BY_OPERATOR    |
 * | else                                                   | UNKNOWN             |
 * SPDX-License-Identifier: Apache-2.0
 */
import type {
  SchedulerCallKill,
  SchedulerCallReconcile,
  SchedulerCallReconcileOperations,
  TaskState,
  TaskStatus,
} from "@mr-redis/mesos";
import type { AgentBook, Books, FrameworkBook, TaskBook } from "./books.js";
import { sendOperationStatus } from "./operations.js";
import { sendStatus, stateFor } from "./status.js";

/** RECONCILE: all that is known for an empty list, else one answer (or none) for each task named. */
export function reconcile(
  books: Books,
  framework: FrameworkBook,
  call: SchedulerCallReconcile,
): void {
  const asked = call.tasks ?? [];
  if (asked.length === 0) {
    for (const task of framework.tasks.values()) answerKnown(books, framework, task);
    return;
  }
  for (const { task_id, agent_id } of asked) {
    reconcileOne(books, framework, task_id.value, agent_id?.value);
  }
}

function reconcileOne(
  books: Books,
  framework: FrameworkBook,
  taskId: string,
  agentId: string | undefined,
): void {
  const task = framework.tasks.get(taskId);
  if (task !== undefined) {
    answerKnown(books, framework, task);
    return;
  }
  const agent = agentId === undefined ? undefined : books.agents.get(agentId);
  const isRecovering =
    agentId === undefined
      ? [...books.agents.values()].some((one) => one.state === "recovered")
      : agent?.state === "recovered";
  if (isRecovering) return;
  const { state, text } = unknownAnswer(agent);
  const since = agent?.state === "unreachable" ? agent.unreachableSinceNs : undefined;
  sendStatus(books, framework, {
    taskId,
    state: stateFor(framework, state),
    reason: "REASON_RECONCILIATION",
    message: `Reconciliation: ${text}`,
    ...(agentId === undefined ? {} : { agentId }),
    ...(since === undefined ? {} : { more: { unreachable_time: { nanoseconds: since } } }),
  });
}

function unknownAnswer(agent: AgentBook | undefined): { state: TaskState; text: string } {
  switch (agent?.state) {
    case "registered":
    case "disconnected":
      return { state: "TASK_GONE", text: "Task is unknown to the agent" };
    case "unreachable":
      return { state: "TASK_UNREACHABLE", text: "Task is unreachable" };
    case "gone":
      return { state: "TASK_GONE_BY_OPERATOR", text: "Task is gone by operator" };
    default:
      return { state: "TASK_UNKNOWN", text: "Task is unknown" };
  }
}

function answerKnown(books: Books, framework: FrameworkBook, task: TaskBook): void {
  const more: Partial<TaskStatus> = {
    ...(task.info.executor === undefined ? {} : { executor_id: { value: task.executorId } }),
    ...(task.healthy === undefined ? {} : { healthy: task.healthy }),
    ...(task.checkStatus === undefined ? {} : { check_status: task.checkStatus }),
    ...(task.containerStatus === undefined ? {} : { container_status: task.containerStatus }),
  };
  sendStatus(books, framework, {
    taskId: task.info.task_id.value,
    state: task.forwardedState ?? task.state,
    reason: "REASON_RECONCILIATION",
    message: "Reconciliation: Latest task state",
    agentId: task.agentId,
    more,
  });
}

/** KILL: forwarded, or remembered for a disconnected agent (without its policy), or answered as RECONCILE. */
export function kill(books: Books, framework: FrameworkBook, call: SchedulerCallKill): void {
  const taskId = call.task_id.value;
  const task = framework.tasks.get(taskId);
  if (task === undefined) {
    reconcileOne(books, framework, taskId, call.agent_id?.value);
    return;
  }
  if (call.agent_id !== undefined && call.agent_id.value !== task.agentId) return;
  const agent = books.agents.get(task.agentId);
  if (agent === undefined) return;
  if (agent.state !== "registered") {
    agent.killsPending.set(`${framework.id}\n${taskId}`, { frameworkId: framework.id, taskId });
    return;
  }
  books.out.push({
    type: "send-agent",
    agentId: agent.id,
    message: {
      type: "kill-task",
      frameworkId: framework.id,
      taskId,
      ...(call.kill_policy === undefined ? {} : { killPolicy: call.kill_policy }),
    },
  });
}

/** RECONCILE_OPERATIONS: what is known of the operations named, or of all. */
export function reconcileOperations(
  books: Books,
  framework: FrameworkBook,
  call: SchedulerCallReconcileOperations,
): void {
  const asked = call.operations ?? [];
  const ids =
    asked.length === 0
      ? [...framework.operations.keys()].map((id) => ({ id, agentId: undefined }))
      : asked.map((one) => ({ id: one.operation_id.value, agentId: one.agent_id?.value }));
  for (const { id, agentId } of ids) {
    const known = framework.operations.get(id);
    const where = known?.agentId ?? agentId;
    const text =
      agentId === undefined
        ? "Reconciliation: Operation is unknown and no 'agent_id' was provided"
        : "Reconciliation: Operation is unknown";
    sendOperationStatus(books, framework, {
      operation_id: { value: id },
      state: known?.state ?? "OPERATION_UNKNOWN",
      ...(known === undefined ? { message: text } : {}),
      ...(where === undefined ? {} : { agent_id: { value: where } }),
    });
  }
}
