/**
 * Owns the coming and going of agents and of their executors, as the master sees it.
 * Not: the tasks' updates (updates.ts). Called by master.ts.
 * Source of the rules: reference sections 6.2 and 13; recordings recovery-json and extra-json.
 *
 * | state        | register             | disconnected | unreachable  | gone |
 * | ------------ | -------------------- | ------------ | ------------ | ---- |
 * | (unknown id) | registered           | -            | -            | -    |
 * | registered   | registered           | disconnected | unreachable  | gone |
 * | disconnected | registered           | -            | unreachable  | gone |
 * | unreachable  | registered, tasks back | -          | -            | gone |
 * | recovered    | registered           | -            | unreachable  | gone |
 * | gone         | told to end          | -            | -            | -    |
 * An agent that is removed (it unregistered, or its machine was taken down) is unknown afterwards.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "@mr-redis/core";
import {
  addResources,
  isTerminalState,
  type Resource,
  subtractResources,
  type TaskState,
} from "@mr-redis/mesos";
import type { AgentMessage, ReportedTask } from "../border/messages.js";
import { allocate, discardOffers, recover } from "./allocator.js";
import {
  type AgentBook,
  type Books,
  type ExecutorBook,
  type FrameworkBook,
  lostAgentsMax,
  type TaskBook,
} from "./books.js";
import { charged } from "./charge.js";
import { discardInverseOffers } from "./maintenance.js";
import { createFramework } from "./session.js";
import { sendStatus, stateFor } from "./status.js";

type RegisterMessage = Extract<AgentMessage, { type: "register" }>;

/** An agent that is known from before this start of the master; nothing is answered for its tasks until it is back. */
export function agentRecovered(books: Books, agentId: string): void {
  if (books.agents.has(agentId)) return;
  const agent = emptyAgent(agentId, { hostname: "", id: { value: agentId } });
  agent.state = "recovered";
  books.agents.set(agentId, agent);
}

const emptyAgent = (id: string, info: AgentBook["info"]): AgentBook => ({
  id,
  info,
  endpoint: { ip: "", port: 0 },
  state: "registered",
  total: [],
  free: [],
  executors: new Map(),
  killsPending: new Map(),
  isLeaving: false,
  drain: null,
  unavailability: null,
  inverseOffers: new Map(),
  inverseRefusals: new Map(),
  inverseAnswers: new Map(),
});

/** An agent registers, for the first time or again: its word about tasks and executors is taken. */
export function agentRegistered(books: Books, agentKey: string, message: RegisterMessage): void {
  const askedId = message.info.id?.value ?? "";
  const known = books.agents.get(askedId);
  if (known?.state === "gone") {
    const message = { type: "shutdown-agent" } as const;
    books.out.push({ type: "send-agent", agentId: agentKey, message });
    return;
  }
  const id = askedId === "" ? `${books.masterId}-S${books.nextAgentNumber++}` : askedId;
  const info = { ...message.info, id: { value: id } };
  const agent = known ?? emptyAgent(id, info);
  const wasUnreachable = agent.state === "unreachable";
  agent.info = info;
  agent.endpoint = message.endpoint;
  agent.state = "registered";
  agent.isLeaving = false;
  delete agent.unreachableSinceNs;
  books.agents.set(id, agent);
  books.out.push({ type: "bind-agent", agentKey, agentId: id });
  discardOffers(books, (offer) => offer.agentId === id, true);
  const reported = takeReport(books, agent, message);
  books.out.push({ type: "send-agent", agentId: id, message: { type: "registered", agentId: id } });
  reconcileUnreported(books, agent, reported);
  if (wasUnreachable) tasksCameBack(books, agent, message.tasks);
  for (const { frameworkId, taskId } of agent.killsPending.values()) {
    const kill = { type: "kill-task", frameworkId, taskId } as const;
    books.out.push({ type: "send-agent", agentId: id, message: kill });
  }
  agent.killsPending.clear();
  for (const framework of books.frameworks.values()) {
    if (framework.streamId === null) continue;
    const update = { type: "update-framework", framework: framework.info } as const;
    books.out.push({ type: "send-agent", agentId: id, message: update });
  }
  for (const { id: frameworkId } of message.frameworks) {
    // It ended while the agent was away.
    if (frameworkId === undefined || !books.completedFrameworkIds.includes(frameworkId.value))
      continue;
    const shutdown = { type: "shutdown-framework", frameworkId: frameworkId.value } as const;
    books.out.push({ type: "send-agent", agentId: id, message: shutdown });
  }
  if (agent.drain !== null) {
    const message = { type: "drain-agent", ...agent.drain } as const;
    books.out.push({ type: "send-agent", agentId: id, message });
  }
  allocate(books, [agent]);
}

/** Books of this agent are made anew from what it says. Gives the tasks that it named. */
function takeReport(books: Books, agent: AgentBook, message: RegisterMessage): ReadonlySet<string> {
  for (const info of message.frameworks) {
    const id = info.id?.value;
    if (id === undefined || books.frameworks.has(id) || books.completedFrameworkIds.includes(id))
      continue;
    books.frameworks.set(id, { ...createFramework(info, id), isRecovered: true });
  }
  const reported = new Set<string>();
  for (const task of message.tasks) {
    const framework = books.frameworks.get(task.frameworkId);
    if (framework === undefined) continue;
    const taskId = task.info.task_id.value;
    reported.add(`${task.frameworkId}\n${taskId}`);
    framework.unreachableTasks.delete(taskId);
    framework.tasks.set(taskId, bookOf(agent, task, framework.tasks.get(taskId)));
  }
  agent.executors.clear();
  for (const info of message.executors) {
    const frameworkId = info.framework_id?.value ?? "";
    if (!books.frameworks.has(frameworkId)) continue;
    const executors = agent.executors.get(frameworkId) ?? new Map<string, ExecutorBook>();
    executors.set(info.executor_id.value, { info, frameworkId, agentId: agent.id });
    agent.executors.set(frameworkId, executors);
  }
  agent.total = addResources(agent.info.resources ?? []);
  agent.free = agent.total;
  const free = freeOf(books, agent) ?? freeWithout(books, agent, reported);
  assert(free !== undefined, "an agent has the resources that its tasks use");
  agent.free = free;
  return reported;
}

const freeOf = (books: Books, agent: AgentBook): readonly Resource[] | undefined =>
  subtractResources(agent.total, addResources(...usesOf(books, agent)));

/** The agent came back smaller than it was: what never arrived there has no place any more, and uses nothing. */
function freeWithout(
  books: Books,
  agent: AgentBook,
  reported: ReadonlySet<string>,
): readonly Resource[] | undefined {
  for (const framework of books.frameworks.values()) {
    for (const [taskId, task] of framework.tasks) {
      const isReported = reported.has(`${framework.id}\n${taskId}`);
      if (task.agentId === agent.id && !isReported) task.isCharged = false;
    }
  }
  return freeOf(books, agent);
}

const bookOf = (agent: AgentBook, task: ReportedTask, before: TaskBook | undefined): TaskBook => ({
  ...before,
  info: task.info,
  frameworkId: task.frameworkId,
  agentId: agent.id,
  executorId: task.executorId,
  state: task.state,
  ...(task.pending === undefined
    ? {}
    : { forwardedState: task.pending.state, forwardedUuid: task.pending.uuid }),
  isCharged: !isTerminalState(task.state),
});

/**
 * Tasks that were sent and never arrived. The agent is asked, as a real master does (a launch may have been on its way
 * while it registered): they stay on the books until it has said that it does not know them.
 */
function reconcileUnreported(books: Books, agent: AgentBook, reported: ReadonlySet<string>): void {
  for (const framework of books.frameworks.values()) {
    const tasks: { readonly taskId: string; readonly executorId: string }[] = [];
    for (const task of [...framework.tasks.values()]) {
      const taskId = task.info.task_id.value;
      if (task.agentId !== agent.id || reported.has(`${framework.id}\n${taskId}`)) continue;
      if (isTerminalState(task.state)) framework.tasks.delete(taskId);
      else tasks.push({ taskId, executorId: task.executorId });
    }
    if (tasks.length === 0) continue;
    const message = { type: "reconcile-tasks", framework: framework.info, tasks } as const;
    books.out.push({ type: "send-agent", agentId: agent.id, message });
  }
}

/** What tasks and executors use of an agent, without allocation roles. */
export function* usesOf(books: Books, agent: AgentBook): Iterable<ReturnType<typeof charged>> {
  for (const framework of books.frameworks.values()) {
    for (const task of framework.tasks.values()) {
      if (task.agentId === agent.id && task.isCharged) yield charged(task.info.resources);
    }
  }
  for (const executors of agent.executors.values()) {
    for (const executor of executors.values()) yield charged(executor.info.resources);
  }
}

function tasksCameBack(books: Books, agent: AgentBook, tasks: readonly ReportedTask[]): void {
  for (const task of tasks) {
    const framework = books.frameworks.get(task.frameworkId);
    if (framework === undefined) continue;
    sendStatus(books, framework, {
      taskId: task.info.task_id.value,
      state: task.state,
      reason: "REASON_AGENT_REREGISTERED",
      message: "Unreachable agent re-reregistered",
      agentId: agent.id,
      more: { executor_id: { value: task.executorId } },
    });
  }
}

/** The agent is about to end: nobody shall launch anything there, and what is on its way there was sent before the answer. */
export function agentLeaving(books: Books, agent: AgentBook): void {
  agent.isLeaving = true;
  discardOffers(books, (offer) => offer.agentId === agent.id, true);
  books.out.push({ type: "send-agent", agentId: agent.id, message: { type: "leave-noted" } });
}

/** The connection to the agent broke: offers go; frameworks that do not checkpoint lose their tasks at once. */
export function agentDisconnected(books: Books, agentId: string): void {
  const agent = books.agents.get(agentId);
  if (agent === undefined || agent.state !== "registered") return;
  agent.state = "disconnected";
  discardOffers(books, (offer) => offer.agentId === agentId, true);
  discardInverseOffers(books, agent);
  for (const framework of books.frameworks.values()) {
    if (framework.info.checkpoint === true) continue;
    const message = `Agent ${agent.info.hostname} disconnected`;
    loseTasks(books, framework, agent, "TASK_LOST", "REASON_AGENT_DISCONNECTED", message);
    // As recorded, no FAILURE tells of their executors.
    agent.executors.delete(framework.id);
  }
}

/** The agent missed its pings. Its tasks are remembered apart: they may come back. */
export function agentUnreachable(books: Books, agentId: string): void {
  const agent = books.agents.get(agentId);
  if (agent === undefined || agent.state === "gone" || agent.state === "unreachable") return;
  agent.state = "unreachable";
  agent.unreachableSinceNs = books.ports.clock.nowMs() * 1e6;
  endAgent(books, agent, {
    stateFor: (framework) => stateFor(framework, "TASK_UNREACHABLE"),
    reason: "REASON_AGENT_REMOVED",
    message: "health check timed out",
  });
}

/** The operator says that the agent is gone for ever. */
export function agentGone(books: Books, agentId: string): void {
  const agent = books.agents.get(agentId);
  if (agent === undefined || agent.state === "gone") return;
  const message = { type: "shutdown-agent" } as const;
  if (agent.state === "registered") books.out.push({ type: "send-agent", agentId, message });
  agent.state = "gone";
  endAgent(books, agent, {
    stateFor: (framework) => stateFor(framework, "TASK_GONE_BY_OPERATOR"),
    reason: "REASON_AGENT_REMOVED_BY_OPERATOR",
    message: "Agent was marked gone by the operator",
  });
}

/**
 * The agent unregistered, or its machine was taken down: its tasks are lost at once, whatever still runs of them, and
 * it is unknown from now on. TASK_LOST also for frameworks that know the partition-aware states.
 */
export function agentRemoved(books: Books, agentId: string, why: string): void {
  const agent = books.agents.get(agentId);
  if (agent === undefined || agent.state !== "registered") return;
  const message = { type: "shutdown-agent" } as const;
  books.out.push({ type: "send-agent", agentId, message });
  agent.state = "disconnected";
  endAgent(books, agent, {
    stateFor: () => "TASK_LOST",
    reason: "REASON_AGENT_REMOVED",
    message: `Agent ${agent.info.hostname} removed: ${why}`,
  });
  books.agents.delete(agentId);
}

interface AgentEnd {
  readonly stateFor: (framework: FrameworkBook) => TaskState;
  readonly reason: Parameters<typeof sendStatus>[2]["reason"];
  readonly message: string;
}

function endAgent(books: Books, agent: AgentBook, end: AgentEnd): void {
  discardOffers(books, (offer) => offer.agentId === agent.id, true);
  discardInverseOffers(books, agent);
  for (const framework of books.frameworks.values()) {
    loseTasks(books, framework, agent, end.stateFor(framework), end.reason, end.message);
    if (framework.streamId === null) continue;
    const failure = { agent_id: { value: agent.id } };
    books.out.push({
      type: "send-event",
      streamId: framework.streamId,
      event: { type: "FAILURE", failure },
    });
  }
  agent.executors.clear();
  agent.total = [];
  agent.free = [];
  const lost = [...books.agents.values()].filter((one) => one.state !== "registered");
  if (lost.length > lostAgentsMax && lost[0] !== undefined) books.agents.delete(lost[0].id);
}

function loseTasks(
  books: Books,
  framework: FrameworkBook,
  agent: AgentBook,
  state: TaskState,
  reason: Parameters<typeof sendStatus>[2]["reason"],
  message: string,
): void {
  for (const [taskId, task] of [...framework.tasks]) {
    if (task.agentId !== agent.id) continue;
    framework.tasks.delete(taskId);
    if (task.isCharged) recover(books, agent, charged(task.info.resources));
    if (isTerminalState(task.state)) continue;
    if (agent.state === "unreachable") framework.unreachableTasks.set(taskId, task);
    const since = agent.unreachableSinceNs;
    sendStatus(books, framework, {
      taskId,
      state,
      reason,
      message,
      agentId: agent.id,
      more: {
        ...(task.info.executor === undefined ? {} : { executor_id: { value: task.executorId } }),
        ...(since === undefined ? {} : { unreachable_time: { nanoseconds: since } }),
      },
    });
  }
}

/** An executor ended: its own resources are free, its framework is told (a hint, nothing more). */
export function executorExited(
  books: Books,
  agent: AgentBook,
  message: Extract<AgentMessage, { type: "executor-exited" }>,
): void {
  const { frameworkId, executorId, status } = message;
  const executor = agent.executors.get(frameworkId)?.get(executorId);
  if (executor === undefined) return;
  agent.executors.get(frameworkId)?.delete(executorId);
  recover(books, agent, charged(executor.info.resources));
  const framework = books.frameworks.get(frameworkId);
  if (framework !== undefined) sendFailure(books, framework, agent.id, executorId, status);
}

function sendFailure(
  books: Books,
  framework: FrameworkBook,
  agentId: string,
  executorId: string,
  status: number,
): void {
  if (framework.streamId === null) return;
  books.out.push({
    type: "send-event",
    streamId: framework.streamId,
    event: {
      type: "FAILURE",
      failure: {
        agent_id: { value: agentId },
        executor_id: { value: executorId },
        status,
      },
    },
  });
}
