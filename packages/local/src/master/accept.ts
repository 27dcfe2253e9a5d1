/**
 * Owns ACCEPT and DECLINE: the stages of an ACCEPT, launching, and what becomes of the rest of the offers.
 * Not: the checks of one task (task-check.ts), RESERVE and its kin (operations.ts). Called by master.ts.
 * Source of the rules: reference section 7.3; Apache Mesos, src/master/master.cpp, accept and _accept.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "@mr-redis/core";
import {
  addResources,
  allocateResources,
  excessResources,
  type Filters,
  type OfferID,
  type OfferOperation,
  type Resource,
  resourcesProblem,
  type SchedulerCallAccept,
  type SchedulerCallDecline,
  subtractResources,
  type TaskInfo,
  type TaskStatusReason,
  unallocateResources,
} from "@mr-redis/mesos";
import { recover, removeOffer } from "./allocator.js";
import {
  type AgentBook,
  type Books,
  executorIdOf,
  type FrameworkBook,
  type OfferBook,
} from "./books.js";
import { completedTask, tasksOf } from "./charge.js";
import { applyOperation, refuseOperation } from "./operations.js";
import { sendStatus, stateFor } from "./status.js";
import { neededBy, taskProblem } from "./task-check.js";

/** One ACCEPT while its operations are applied in order. */
export interface AcceptSession {
  readonly framework: FrameworkBook;
  readonly agent: AgentBook;
  readonly role: string;
  /** What is left, allocated to `role`. */
  available: readonly Resource[];
}

/** ACCEPT. Nothing is answered here but events: the caller got its 202 already. */
export function accept(books: Books, framework: FrameworkBook, call: SchedulerCallAccept): void {
  const ids = (call.offer_ids ?? []).map((id: OfferID) => id.value);
  const operations = call.operations ?? [];
  const problem = offersProblem(books, framework, ids);
  const offers = [...new Set(ids)].flatMap((id) => {
    const offer = books.offers.get(id);
    return offer === undefined || offer.frameworkId !== framework.id ? [] : [offer];
  });
  for (const offer of offers) removeOffer(books, offer, "accepted");
  const [first] = offers;
  if (problem !== undefined || first === undefined) {
    for (const offer of offers) giveBack(books, offer);
    const text = `Task launched with invalid offers: ${problem ?? "No offers specified"}`;
    dropOperations(books, framework, operations, "REASON_INVALID_OFFERS", text);
    return;
  }
  const agent = books.agents.get(first.agentId);
  const bundle = addResources(...offers.map((offer) => offer.resources));
  if (agent === undefined || agent.state !== "registered") {
    for (const offer of offers) giveBack(books, offer);
    const isGone = agent === undefined || agent.state !== "disconnected";
    const reason = isGone ? "REASON_AGENT_REMOVED" : "REASON_AGENT_DISCONNECTED";
    dropOperations(
      books,
      framework,
      operations,
      reason,
      isGone ? "Agent removed" : "Agent disconnected",
    );
    return;
  }
  const available = allocateResources(bundle, first.role);
  const session: AcceptSession = { framework, agent, role: first.role, available };
  for (const operation of operations) applyOne(books, session, operation);
  returnRest(books, session, bundle, call.filters);
}

/** DECLINE: offers that are not (or no longer) this framework's are passed over silently. */
export function decline(books: Books, framework: FrameworkBook, call: SchedulerCallDecline): void {
  for (const { value } of call.offer_ids ?? []) {
    const offer = books.offers.get(value);
    if (offer === undefined || offer.frameworkId !== framework.id) continue;
    removeOffer(books, offer, "declined");
    const agent = books.agents.get(offer.agentId);
    const refusal = { framework, role: offer.role, filters: call.filters };
    if (agent !== undefined) recover(books, agent, offer.resources, refusal);
  }
}

function giveBack(books: Books, offer: OfferBook): void {
  const agent = books.agents.get(offer.agentId);
  if (agent !== undefined) recover(books, agent, offer.resources);
}

/** Stage 1: one bad offer spoils all. */
function offersProblem(
  books: Books,
  framework: FrameworkBook,
  ids: readonly string[],
): string | undefined {
  if (ids.length === 0) return "No offers specified";
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) return `Duplicate offer ${twice} in offer list`;
  const offers: OfferBook[] = [];
  for (const id of ids) {
    const offer = books.offers.get(id);
    if (offer === undefined) return `Offer ${id} is no longer valid`;
    offers.push(offer);
  }
  const [first] = offers;
  for (const offer of offers) {
    if (offer.frameworkId !== framework.id) {
      return `Offer ${offer.id} has invalid framework ${offer.frameworkId} while framework ${framework.id} is expected`;
    }
    if (first === undefined) continue;
    if (offer.role !== first.role) {
      return `Aggregated offers must be allocated to the same role. Offer ${offer.id} uses role ${offer.role} but another is using role ${first.role}`;
    }
    if (offer.agentId !== first.agentId) {
      return `Aggregated offers must belong to one single agent. Offer ${offer.id} uses agent ${offer.agentId} and agent ${first.agentId}`;
    }
  }
  return undefined;
}

/** Every task is dropped; other operations vanish, with an id they are answered. */
function dropOperations(
  books: Books,
  framework: FrameworkBook,
  operations: readonly OfferOperation[],
  reason: TaskStatusReason,
  message: string,
): void {
  for (const operation of operations) {
    for (const task of tasksOf(operation)) {
      sendStatus(books, framework, {
        taskId: task.task_id.value,
        state: stateFor(framework, "TASK_DROPPED"),
        reason,
        message,
        agentId: task.agent_id.value,
      });
    }
    if (tasksOf(operation).length === 0) refuseOperation(books, framework, operation, message);
  }
}

function applyOne(books: Books, session: AcceptSession, operation: OfferOperation): void {
  switch (operation.type) {
    case undefined:
    case "UNKNOWN":
      return;
    case "LAUNCH":
      launch(books, session, operation);
      return;
    case "LAUNCH_GROUP":
      for (const task of tasksOf(operation)) {
        refuseTask(
          books,
          session,
          task,
          "REASON_TASK_GROUP_INVALID",
          "Task groups are not supported",
        );
      }
      return;
    default:
      applyOperation(books, session, operation);
  }
}

/** Stages 2 and 5: the syntax of all, then one task after the other; later ones go on when one fails. */
function launch(books: Books, session: AcceptSession, operation: OfferOperation): void {
  const tasks = tasksOf(operation);
  const syntax = tasks
    .map((task) =>
      resourcesProblem([...(task.resources ?? []), ...(task.executor?.resources ?? [])]),
    )
    .find((problem) => problem !== undefined);
  const whole =
    operation.id === undefined
      ? syntax && `Task uses invalid resources: ${syntax}`
      : "The 'id' field is not supported for a LAUNCH operation";
  for (const asked of tasks) {
    const task = completedTask(asked, session.role, session.framework.id);
    const problem = whole ?? taskProblem(task, session);
    if (problem === undefined) addTask(books, session, task);
    else refuseTask(books, session, task, "REASON_TASK_INVALID", problem);
  }
}

function refuseTask(
  books: Books,
  session: AcceptSession,
  task: TaskInfo,
  reason: TaskStatusReason,
  message: string,
): void {
  sendStatus(books, session.framework, {
    taskId: task.task_id.value,
    state: "TASK_ERROR",
    reason,
    message,
    agentId: task.agent_id.value,
  });
}

function addTask(books: Books, session: AcceptSession, task: TaskInfo): void {
  const { framework, agent } = session;
  const left = subtractResources(session.available, neededBy(task, session));
  assert(left !== undefined, "a checked task fits");
  session.available = left;
  const executorId = executorIdOf(task);
  const executors = agent.executors.get(framework.id) ?? new Map();
  const launchExecutor = !executors.has(executorId);
  if (launchExecutor && task.executor !== undefined) {
    executors.set(executorId, {
      info: task.executor,
      frameworkId: framework.id,
      agentId: agent.id,
    });
    agent.executors.set(framework.id, executors);
  }
  framework.tasks.set(task.task_id.value, {
    info: task,
    frameworkId: framework.id,
    agentId: agent.id,
    executorId,
    state: "TASK_STAGING",
    isCharged: true,
  });
  books.out.push({
    type: "send-agent",
    agentId: agent.id,
    message: { type: "run-task", framework: framework.info, task, launchExecutor },
  });
}

/** What was converted and not used comes back without a filter; the rest is refused as `filters` say. */
function returnRest(
  books: Books,
  session: AcceptSession,
  offered: readonly Resource[],
  filters: Filters | undefined,
): void {
  const { agent, framework, role } = session;
  const rest = unallocateResources(session.available);
  const converted = excessResources(rest, offered);
  const declined = subtractResources(rest, converted);
  assert(declined !== undefined, "what was converted is part of the rest");
  recover(books, agent, declined, { framework, role, filters });
  recover(books, agent, converted);
}
