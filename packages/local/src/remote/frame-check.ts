/**
 * Owns the frames that may pass between a master and an agent, and the check of what comes in, field by field: what
 * is not of this form ends the link instead of the program.
 * Not: how frames travel (frames.ts, link-socket.ts). Called by agent-links.ts and master-link.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  addResources,
  isTerminalState,
  jsonCodec,
  type MessageName,
  resourcesProblem,
  subtractResources,
  wireProblemsText,
} from "@mr-redis/mesos";
import type { AgentMessage, MasterMessage } from "../border/messages.js";
import { charged } from "../master/charge.js";

/** From the agent. */
export type AgentFrame =
  | { readonly type: "proof"; readonly proof: string }
  | { readonly type: "pong"; readonly number: number }
  | { readonly type: "said"; readonly message: AgentMessage };

/** From the master. */
export type MasterFrame =
  | {
      readonly type: "ping";
      readonly number: number;
      /** Without a ping for so long the agent holds the link for dead and makes another. */
      readonly timeoutMs: number;
    }
  | { readonly type: "said"; readonly message: MasterMessage }
  /** The last one of a link: the agent is not taken. */
  | { readonly type: "refused"; readonly why: string };

/** Says what is wrong with a value; undefined when nothing is. */
type Rule = (value: unknown) => string | undefined;

const is =
  (type: "string" | "number" | "boolean"): Rule =>
  (value) =>
    typeof value === type ? undefined : `is no ${type}`;

const text = is("string");
const number = is("number");

const message =
  (name: MessageName): Rule =>
  (value) => {
    const bytes = Buffer.from(JSON.stringify(value ?? null));
    const decoded = jsonCodec.decode(name, bytes);
    return decoded.ok ? undefined : wireProblemsText(decoded.problems, name);
  };

const list =
  (rule: Rule): Rule =>
  (value) => {
    if (!Array.isArray(value)) return "is no list";
    for (const one of value) {
      const problem = rule(one);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };

const optional =
  (rule: Rule): Rule =>
  (value) =>
    value === undefined ? undefined : rule(value);

const orNull =
  (rule: Rule): Rule =>
  (value) =>
    value === null ? undefined : rule(value);

const oneOf =
  (...values: readonly string[]): Rule =>
  (value) =>
    values.some((one) => one === value) ? undefined : `is none of ${values.join(", ")}`;

const shape =
  (fields: Readonly<Record<string, Rule>>): Rule =>
  (value) => {
    if (typeof value !== "object" || value === null) return "is no object";
    for (const [name, rule] of Object.entries(fields)) {
      const problem = rule((value as Readonly<Record<string, unknown>>)[name]);
      if (problem !== undefined) return `${name} ${problem}`;
    }
    return undefined;
  };

/** What `type` says decides about the rest. */
const byType =
  (shapes: Readonly<Record<string, Rule>>): Rule =>
  (value) => {
    const type = (value as { readonly type?: unknown } | null | undefined)?.type;
    const rule = typeof type === "string" && Object.hasOwn(shapes, type) ? shapes[type] : undefined;
    return rule === undefined ? "is of no known type" : rule(value);
  };

const taskStatus = message("TaskStatus");
const state: Rule = (value) =>
  taskStatus({ task_id: { value: "" }, state: value }) === undefined ? undefined : "is no state";
const resources = list(message("Resource"));

const agentMessages = {
  leaving: shape({}),
  register: shape({
    info: message("AgentInfo"),
    endpoint: shape({ ip: text, port: number }),
    tasks: list(
      shape({
        frameworkId: text,
        executorId: text,
        info: message("TaskInfo"),
        state,
        pending: optional(shape({ state, uuid: text })),
      }),
    ),
    executors: list(message("ExecutorInfo")),
    frameworks: list(message("FrameworkInfo")),
  }),
  update: shape({ frameworkId: text, status: taskStatus, latestState: state }),
  "executor-exited": shape({ frameworkId: text, executorId: text, status: number }),
  "executor-message": shape({ frameworkId: text, executorId: text, data: text }),
  "operation-update": shape({ frameworkId: text, status: message("OperationStatus") }),
} satisfies Record<AgentMessage["type"], Rule>;

const masterMessages = {
  "leave-noted": shape({}),
  registered: shape({ agentId: text }),
  "run-task": shape({
    framework: message("FrameworkInfo"),
    task: message("TaskInfo"),
    launchExecutor: is("boolean"),
  }),
  "reconcile-tasks": shape({
    framework: message("FrameworkInfo"),
    tasks: list(shape({ taskId: text, executorId: text })),
  }),
  "kill-task": shape({ frameworkId: text, taskId: text }),
  "acknowledge-update": shape({ frameworkId: text, taskId: text, uuid: text }),
  "scheduler-message": shape({ frameworkId: text, executorId: text, data: text }),
  "shutdown-executor": shape({ frameworkId: text, executorId: text }),
  "shutdown-framework": shape({ frameworkId: text }),
  "shutdown-agent": shape({}),
  "drain-agent": shape({ markGone: is("boolean"), graceMsMax: orNull(number) }),
  "reactivate-agent": shape({}),
  "update-framework": shape({ framework: message("FrameworkInfo") }),
  "apply-operation": shape({
    frameworkId: text,
    operationId: optional(text),
    consumed: resources,
    converted: resources,
    kind: oneOf("reserve", "unreserve", "create", "destroy"),
  }),
  "acknowledge-operation": shape({ frameworkId: text, operationId: text, uuid: text }),
} satisfies Record<MasterMessage["type"], Rule>;

const agentFrame = byType({
  proof: shape({ proof: text }),
  pong: shape({ number }),
  said: shape({ message: byType(agentMessages) }),
} satisfies Record<AgentFrame["type"], Rule>);

const masterFrame = byType({
  ping: shape({ number, timeoutMs: number }),
  said: shape({ message: byType(masterMessages) }),
  refused: shape({ why: text }),
} satisfies Record<MasterFrame["type"], Rule>);

/** A frame, or what is wrong with it. */
export type CheckedFrame<Frame> =
  | { readonly ok: true; readonly frame: Frame }
  | { readonly ok: false; readonly problem: string };

const checked =
  <Frame>(rule: Rule) =>
  (value: unknown): CheckedFrame<Frame> => {
    const problem = rule(value);
    return problem === undefined ? { ok: true, frame: value as Frame } : { ok: false, problem };
  };

/** Checks what an agent sent. */
export const checkAgentFrame = checked<AgentFrame>(agentFrame);

/** Checks what a master sent. */
export const checkMasterFrame = checked<MasterFrame>(masterFrame);

/**
 * Why a registration cannot be booked: the master's books hold that what an agent's tasks use is a part of what it has.
 * Undefined when it can. Frameworks that are not `isBooked` do not count.
 */
export function registrationProblem(
  { info, tasks, executors }: Extract<AgentMessage, { type: "register" }>,
  isBooked: (frameworkId: string) => boolean,
): string | undefined {
  const problem = resourcesProblem(info.resources ?? []);
  if (problem !== undefined) return `info.resources: ${problem}`;
  const uses = [
    ...tasks
      .filter((one) => isBooked(one.frameworkId) && !isTerminalState(one.state))
      .map((one) => one.info.resources),
    ...executors
      .filter((one) => isBooked(one.framework_id?.value ?? ""))
      .map((one) => one.resources),
  ];
  const used = addResources(...uses.map(charged));
  return subtractResources(addResources(info.resources ?? []), used) === undefined
    ? "its tasks and executors use more than it has"
    : undefined;
}
