/**
 * Owns forwarding the updates of agents to schedulers, and their acknowledgements back.
 * Not: their retry (the agent's), nor updates that the master makes (status.ts). Called by master.ts.
 * Source of the rules: reference section 6.3. Resources are free when a terminal state is forwarded; the task is
 * forgotten, and its id free again, when that update is acknowledged.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  isTerminalState,
  type SchedulerCallAcknowledge,
  type SchedulerCallAcknowledgeOperationStatus,
} from "@mr-redis/mesos";
import type { AgentMessage } from "../border/messages.js";
import { recover } from "./allocator.js";
import type { AgentBook, Books, FrameworkBook, TaskBook } from "./books.js";
import { charged } from "./charge.js";
import { sendOperationStatus } from "./operations.js";
import { goneIfDrained } from "./operator.js";

type UpdateMessage = Extract<AgentMessage, { type: "update" }>;

/** An update of an agent: forwarded when the scheduler is connected (else the agent's retry covers it), then booked. */
export function agentUpdate(books: Books, agent: AgentBook, message: UpdateMessage): void {
  const framework = books.frameworks.get(message.frameworkId);
  if (framework === undefined) return;
  if (framework.streamId !== null) {
    books.out.push({
      type: "send-event",
      streamId: framework.streamId,
      event: { type: "UPDATE", update: { status: message.status } },
    });
  }
  const task = framework.tasks.get(message.status.task_id.value);
  if (task !== undefined && task.agentId === agent.id) book(books, agent, task, message);
}

function book(books: Books, agent: AgentBook, task: TaskBook, message: UpdateMessage): void {
  const { status } = message;
  if (!isTerminalState(task.state)) task.state = message.latestState;
  task.forwardedState = status.state;
  if (status.uuid !== undefined) task.forwardedUuid = status.uuid;
  if (status.healthy !== undefined) task.healthy = status.healthy;
  if (status.check_status !== undefined) task.checkStatus = status.check_status;
  task.statusLabels = status.labels;
  if (status.container_status !== undefined) task.containerStatus = status.container_status;
  if (isTerminalState(task.state) && task.isCharged) {
    task.isCharged = false;
    recover(books, agent, charged(task.info.resources));
  }
}

/** ACKNOWLEDGE: passed on to the agent; the acknowledgement of a terminal update ends the task's record. */
export function acknowledge(
  books: Books,
  framework: FrameworkBook,
  call: SchedulerCallAcknowledge,
): void {
  const agent = books.agents.get(call.agent_id.value);
  if (agent === undefined || agent.state !== "registered") return;
  const taskId = call.task_id.value;
  const task = framework.tasks.get(taskId);
  if (task !== undefined && task.agentId === agent.id) {
    if (task.forwardedUuid === undefined || task.forwardedState === undefined) return;
    if (isTerminalState(task.forwardedState) && task.forwardedUuid === call.uuid) {
      framework.tasks.delete(taskId);
    }
  }
  books.out.push({
    type: "send-agent",
    agentId: agent.id,
    message: { type: "acknowledge-update", frameworkId: framework.id, taskId, uuid: call.uuid },
  });
  goneIfDrained(books, agent);
}

/** Feedback of an operation with an id. */
export function agentOperationUpdate(
  books: Books,
  message: Extract<AgentMessage, { type: "operation-update" }>,
): void {
  const framework = books.frameworks.get(message.frameworkId);
  if (framework === undefined) return;
  const id = message.status.operation_id?.value;
  const operation = id === undefined ? undefined : framework.operations.get(id);
  if (operation !== undefined) operation.state = message.status.state;
  sendOperationStatus(books, framework, message.status);
}

/** ACKNOWLEDGE_OPERATION_STATUS: the operation is forgotten, the agent stops to repeat. */
export function acknowledgeOperation(
  books: Books,
  framework: FrameworkBook,
  call: SchedulerCallAcknowledgeOperationStatus,
): void {
  const operationId = call.operation_id.value;
  const agentId = call.agent_id?.value ?? framework.operations.get(operationId)?.agentId;
  if (agentId === undefined || books.agents.get(agentId)?.state !== "registered") return;
  framework.operations.delete(operationId);
  books.out.push({
    type: "send-agent",
    agentId,
    message: {
      type: "acknowledge-operation",
      frameworkId: framework.id,
      operationId,
      uuid: call.uuid,
    },
  });
}
