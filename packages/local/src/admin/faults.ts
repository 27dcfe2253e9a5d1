/**
 * Owns what each fault does to masters, agents, streams and messages.
 * Not: how it is asked for (requests.ts, server.ts), nor what a master or an agent makes of it. Called by server.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { unreachable } from "@mr-redis/core";
import type { FrameworkBook, MachinePorts } from "../master/books.js";
import type { OperatorEvent } from "../master/effects.js";
import type { LogicalAgent } from "../shell/logical-agent.js";
import type { MasterShell } from "../shell/master-shell.js";
import type { Masters } from "../shell/masters.js";
import type { MessageFaults } from "./message-faults.js";
import type { AgentFault, FaultRequest } from "./requests.js";

/** What faults can reach. */
export interface FaultTargets {
  readonly machine: MachinePorts;
  readonly masters: Masters;
  readonly agents: readonly LogicalAgent[];
  readonly faults: MessageFaults;
}

/** What became of a fault; `ok: false`: it is impossible as things stand. */
export type FaultOutcome =
  | { readonly ok: true; readonly result: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly problem: string };

const done: FaultOutcome = { ok: true, result: {} };
const impossible = (problem: string): FaultOutcome => ({ ok: false, problem });

/** The texts in which a real master says why it removed an agent. */
const removalTexts = {
  unregistered: "the agent unregistered",
  "machine-down": "Machine was transitioned to the `DOWN` mode",
} as const;

/** Does it; resolves when its last step is done. */
export async function inflict(targets: FaultTargets, fault: FaultRequest): Promise<FaultOutcome> {
  const { masters, faults } = targets;
  switch (fault.type) {
    case "fail-over-master":
      return failOver(targets, fault);
    case "add-master":
      return { ok: true, result: { port: await masters.listen(fault.port) } };
    case "clear-rules":
      faults.clear();
      return done;
    case "add-rule":
      return addRule(targets, fault);
    case "end-stream":
    case "hold-stream":
    case "take-over-framework":
    case "tear-down-framework":
      return toSession(targets, fault);
    case "set-offer-timeout":
      return toOperator(targets, { type: "set-offer-timeout", timeoutMs: fault.ms });
    case "rescind-offers": {
      const agent = fault.agent === null ? null : agentOf(targets, fault.agent);
      if (agent === undefined) return impossible(noAgent(fault.agent));
      return toOperator(targets, { type: "rescind-offers", agentId: agent?.id ?? null });
    }
    default:
      return toAgent(targets, fault);
  }
}

async function failOver(
  { masters, agents, machine }: FaultTargets,
  fault: Extract<FaultRequest, { type: "fail-over-master" }>,
): Promise<FaultOutcome> {
  const to = fault.to ?? masters.leading;
  if (to >= masters.ports.length) return impossible(`there is no master ${to}`);
  if (!(await masters.elect({ ...fault, to }))) return impossible("a master is being elected");
  for (const agent of agents) {
    const delayMs = machine.random() * fault.agentsReturnMs;
    machine.clock.after(delayMs, () => agent.meetLeader());
  }
  return { ok: true, result: { port: masters.ports[to] } };
}

function addRule(
  targets: FaultTargets,
  { agent: number, ...rule }: Extract<FaultRequest, { type: "add-rule" }>,
): FaultOutcome {
  const agent = number === null ? null : agentOf(targets, number);
  if (agent === undefined) return impossible(noAgent(number));
  return targets.faults.add({ ...rule, agentId: agent?.id ?? null })
    ? done
    : impossible("there are too many rules");
}

type SessionFault = Extract<
  FaultRequest,
  { type: "end-stream" | "hold-stream" | "take-over-framework" | "tear-down-framework" }
>;

/** Faults of the one framework that there is. */
function toSession(targets: FaultTargets, fault: SessionFault): FaultOutcome {
  const { leader } = targets.masters;
  if (leader === null) return impossible("a master is being elected");
  const [framework, ...others] = leader.master.books.frameworks.values();
  if (framework === undefined || others.length > 0) {
    return impossible(`there are ${others.length + (framework === undefined ? 0 : 1)} frameworks`);
  }
  if (fault.type === "tear-down-framework") {
    leader.handle({ type: "tear-down-framework", frameworkId: framework.id });
    return done;
  }
  if (fault.type === "take-over-framework") return takeOver(targets, leader, framework, fault);
  const { streamId } = framework;
  if (streamId === null) return impossible("the framework is not connected");
  if (fault.type === "hold-stream") leader.streams.hold(streamId, fault.ms);
  else {
    if (fault.how === "frozen") leader.streams.freeze(streamId);
    else if (fault.how === "cut") leader.streams.cut(streamId);
    else leader.endSession(streamId);
    if (fault.callsHeldMs > 0) targets.masters.holdCalls(fault.callsHeldMs);
  }
  return done;
}

/** Somebody else subscribes with the framework's id, says nothing, and goes away. */
function takeOver(
  { machine }: FaultTargets,
  leader: MasterShell,
  { id, info }: FrameworkBook,
  { holdMs }: Extract<FaultRequest, { type: "take-over-framework" }>,
): FaultOutcome {
  const streamId = machine.newUuid();
  const subscribe = { framework_info: info };
  const call = { type: "SUBSCRIBE", framework_id: { value: id }, subscribe } as const;
  leader.handle({ type: "subscribed", streamId, call });
  machine.clock.after(holdMs, () => leader.handle({ type: "stream-closed", streamId }));
  return done;
}

function toOperator({ masters }: FaultTargets, event: OperatorEvent): FaultOutcome {
  if (masters.leader === null) return impossible("a master is being elected");
  masters.leader.handle(event);
  return done;
}

const noAgent = (number: number | null): string => `there is no agent ${number}`;

const agentOf = ({ agents }: FaultTargets, number: number): LogicalAgent | undefined =>
  agents[number - 1];

type ToAgent = Extract<FaultRequest, { readonly agent: number }>;

async function toAgent(targets: FaultTargets, fault: ToAgent): Promise<FaultOutcome> {
  const agent = agentOf(targets, fault.agent);
  if (agent === undefined) return impossible(noAgent(fault.agent));
  switch (fault.type) {
    case "restart-agent":
      if (agent.state !== "up") return impossible(`the agent is ${agent.state}`);
      await agent.crash();
      await new Promise<void>((resolve) => {
        targets.machine.clock.after(fault.downMs, resolve);
      });
      await agent.comeBack();
      return done;
    case "remove-agent":
    case "drain-agent":
    case "schedule-maintenance":
    case "mark-gone":
    case "reactivate-agent":
    case "clear-maintenance":
      return toMasterOf(targets, agent, fault);
    case "mark-unreachable":
      agent.cutOff();
      return toMasterOf(targets, agent, fault);
    default:
      return toProgram(agent, fault.type);
  }
}

/** What befalls the agent's program or its connections. */
async function toProgram(
  agent: LogicalAgent,
  type: Exclude<
    AgentFault,
    "mark-unreachable" | "mark-gone" | "reactivate-agent" | "clear-maintenance"
  >,
): Promise<FaultOutcome> {
  switch (type) {
    case "break-link":
      if (agent.state !== "up") return impossible(`the agent is ${agent.state}`);
      agent.breakLink();
      return done;
    case "cut-off-agent":
      agent.cutOff();
      return done;
    case "cut-executors":
      agent.cutExecutors();
      return done;
    case "crash-agent":
      await agent.crash();
      return done;
    case "return-agent":
      await agent.comeBack();
      return done;
    case "renew-agent":
      await agent.renew();
      return { ok: true, result: { agentId: agent.id } };
    default:
      return unreachable(type);
  }
}

type ToMaster = Extract<
  ToAgent,
  {
    readonly type:
      | "remove-agent"
      | "drain-agent"
      | "schedule-maintenance"
      | "mark-gone"
      | "reactivate-agent"
      | "clear-maintenance"
      | "mark-unreachable";
  }
>;

/** What the master is told of the agent. */
function toMasterOf(targets: FaultTargets, agent: LogicalAgent, fault: ToMaster): FaultOutcome {
  const { leader } = targets.masters;
  if (leader === null) return impossible("a master is being elected");
  const agentId = agent.id;
  switch (fault.type) {
    case "mark-unreachable":
      leader.handle({ type: "agent-unreachable", agentId });
      return done;
    case "mark-gone":
      leader.handle({ type: "agent-gone", agentId });
      return done;
    case "remove-agent":
      leader.handle({ type: "agent-removed", agentId, why: removalTexts[fault.why] });
      return done;
    case "drain-agent": {
      const { markGone, graceMsMax } = fault;
      leader.handle({ type: "drain-agent", agentId, markGone, graceMsMax });
      return done;
    }
    case "reactivate-agent":
      leader.handle({ type: "reactivate-agent", agentId });
      return done;
    case "schedule-maintenance": {
      const startMs = targets.machine.clock.nowMs() + fault.startInMs;
      const unavailability = {
        start: { nanoseconds: startMs * 1e6 },
        duration: { nanoseconds: fault.durationMs * 1e6 },
      };
      leader.handle({ type: "schedule-maintenance", agentId, unavailability });
      return done;
    }
    case "clear-maintenance":
      leader.handle({ type: "schedule-maintenance", agentId, unavailability: null });
      return done;
    default:
      return unreachable(fault);
  }
}
