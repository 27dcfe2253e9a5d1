/**
 * Owns the master machine: one event in, the effects out; and the checks of a call that need the books.
 * Not: HTTP, timers, transport (shell/, http/). Called by shell/master-shell.ts and by tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import { unreachable } from "@mr-redis/core";
import type { SchedulerCall } from "@mr-redis/mesos";
import type { AgentMessage } from "../border/messages.js";
import { accept, decline } from "./accept.js";
import {
  agentDisconnected,
  agentGone,
  agentLeaving,
  agentRecovered,
  agentRegistered,
  agentRemoved,
  agentUnreachable,
  executorExited,
} from "./agents.js";
import { allocate, discardOffers } from "./allocator.js";
import type { Books, FrameworkBook, MachinePorts, MasterSettings } from "./books.js";
import type {
  CallRefusal,
  MasterEffect,
  MasterEvent,
  MasterTimer,
  OperatorEvent,
} from "./effects.js";
import { answerInverseOffers, scheduleMaintenance, sendInverseOffers } from "./maintenance.js";
import { drainAgent, reactivateAgent, rescindOffers, setOfferTimeout } from "./operator.js";
import { kill, reconcile, reconcileOperations } from "./reconcile.js";
import {
  failoverTimedOut,
  heartbeat,
  removeFramework,
  revive,
  streamClosed,
  subscribe,
  suppress,
  updateFramework,
} from "./session.js";
import { acknowledge, acknowledgeOperation, agentOperationUpdate, agentUpdate } from "./updates.js";

/** The master of one cluster. Its state changes only in `handle` and `updateFramework`. */
export interface Master {
  /** Read-only for views and tests. */
  readonly books: Books;
  handle(event: MasterEvent): readonly MasterEffect[];
  /** UPDATE_FRAMEWORK is the one call that is answered after its effect. */
  updateFramework(call: SchedulerCall): {
    readonly refusal: CallRefusal | undefined;
    readonly effects: readonly MasterEffect[];
  };
  /** Why a call other than SUBSCRIBE is not taken (rows 12 to 17 of the table in reference 2.3). */
  refusal(call: SchedulerCall, streamId: string | undefined): CallRefusal | undefined;
}

/** A master without agents and frameworks; its id is new each time. */
export function createMaster(settings: MasterSettings, ports: MachinePorts): Master {
  const books: Books = {
    masterId: ports.newUuid(),
    settings,
    ports,
    agents: new Map(),
    frameworks: new Map(),
    completedFrameworkIds: [],
    offers: new Map(),
    offerTimeoutMs: null,
    offersEnded: { accepted: 0, declined: 0, rescinded: 0, void: 0 },
    nextFrameworkNumber: 0,
    nextOfferNumber: 0,
    nextAgentNumber: 0,
    out: [],
  };
  const effectsOf = (): readonly MasterEffect[] => {
    const effects = books.out;
    books.out = [];
    return effects;
  };
  return {
    books,
    handle(event) {
      apply(books, event);
      return effectsOf();
    },
    updateFramework(call) {
      const refusal = updateFramework(books, call);
      return { refusal, effects: effectsOf() };
    },
    refusal: (call, streamId) => callRefusal(books, call, streamId),
  };
}

function apply(books: Books, event: MasterEvent): void {
  switch (event.type) {
    case "started":
      setAllocationTimer(books);
      return;
    case "subscribed":
      subscribe(books, event.streamId, event.call);
      return;
    case "called":
      applyCall(books, event.call);
      return;
    case "stream-closed":
      streamClosed(books, event.streamId);
      return;
    case "timer-fired":
      timerFired(books, event.timer);
      return;
    case "agent-said":
      agentSaid(books, event.agentKey, event.message);
      return;
    case "agent-disconnected":
      agentDisconnected(books, event.agentId);
      return;
    case "agent-unreachable":
      agentUnreachable(books, event.agentId);
      return;
    case "agent-gone":
      agentGone(books, event.agentId);
      return;
    case "agent-recovered":
      agentRecovered(books, event.agentId);
      return;
    case "agent-removed":
      agentRemoved(books, event.agentId, event.why);
      return;
    default:
      applyOperator(books, event);
  }
}

function applyOperator(books: Books, event: OperatorEvent): void {
  const agent = "agentId" in event ? books.agents.get(event.agentId ?? "") : undefined;
  switch (event.type) {
    case "drain-agent":
      if (agent !== undefined) drainAgent(books, agent, drainOf(event));
      return;
    case "reactivate-agent":
      if (agent !== undefined) reactivateAgent(books, agent);
      return;
    case "schedule-maintenance":
      if (agent !== undefined) scheduleMaintenance(books, agent, event.unavailability);
      return;
    case "rescind-offers":
      rescindOffers(books, event.agentId);
      return;
    case "set-offer-timeout":
      setOfferTimeout(books, event.timeoutMs);
      return;
    case "tear-down-framework": {
      const framework = books.frameworks.get(event.frameworkId);
      if (framework !== undefined) removeFramework(books, framework);
      return;
    }
    default:
      unreachable(event);
  }
}

const drainOf = ({ markGone, graceMsMax }: Extract<OperatorEvent, { type: "drain-agent" }>) => ({
  markGone,
  graceMsMax,
});

function setAllocationTimer(books: Books): void {
  const delayMs = books.settings.allocationIntervalMs;
  books.out.push({ type: "set-timer", timer: { type: "allocation" }, delayMs });
}

function timerFired(books: Books, timer: MasterTimer): void {
  switch (timer.type) {
    case "allocation":
      setAllocationTimer(books);
      allocate(books);
      sendInverseOffers(books);
      return;
    case "heartbeat":
      heartbeat(books, timer.frameworkId, timer.streamId);
      return;
    case "failover":
      failoverTimedOut(books, timer.frameworkId);
      return;
    case "offer-timeout":
      discardOffers(books, (offer) => offer.id === timer.offerId, true);
      return;
    default:
      unreachable(timer);
  }
}

function agentSaid(books: Books, agentKey: string, message: AgentMessage): void {
  if (message.type === "register") {
    agentRegistered(books, agentKey, message);
    return;
  }
  const agent = books.agents.get(agentKey);
  if (agent === undefined || agent.state !== "registered") return;
  switch (message.type) {
    case "update":
      agentUpdate(books, agent, message);
      return;
    case "executor-exited":
      executorExited(books, agent, message);
      return;
    case "executor-message": {
      const streamId = books.frameworks.get(message.frameworkId)?.streamId ?? null;
      if (streamId === null) return;
      const event = {
        type: "MESSAGE",
        message: {
          agent_id: { value: agent.id },
          executor_id: { value: message.executorId },
          data: message.data,
        },
      } as const;
      books.out.push({ type: "send-event", streamId, event });
      return;
    }
    case "leaving":
      agentLeaving(books, agent);
      return;
    case "operation-update":
      agentOperationUpdate(books, message);
      return;
    default:
      unreachable(message);
  }
}

/** A call whose framework is connected; the member named after the type is there (http/call-check.ts). */
function applyCall(books: Books, call: SchedulerCall): void {
  const framework = books.frameworks.get(call.framework_id?.value ?? "");
  if (framework === undefined) return;
  switch (call.type) {
    case "TEARDOWN":
      removeFramework(books, framework);
      return;
    case "ACCEPT":
      if (call.accept !== undefined) accept(books, framework, call.accept);
      return;
    case "DECLINE":
      if (call.decline !== undefined) decline(books, framework, call.decline);
      return;
    case "REVIVE":
      revive(books, framework, call.revive?.roles ?? []);
      return;
    case "SUPPRESS":
      suppress(framework, call.suppress?.roles ?? []);
      return;
    case "KILL":
      if (call.kill !== undefined) kill(books, framework, call.kill);
      return;
    case "RECONCILE":
      if (call.reconcile !== undefined) reconcile(books, framework, call.reconcile);
      return;
    case "ACKNOWLEDGE":
      if (call.acknowledge !== undefined) acknowledge(books, framework, call.acknowledge);
      return;
    default:
      applyRareCall(books, framework, call);
  }
}

function applyRareCall(books: Books, framework: FrameworkBook, call: SchedulerCall): void {
  const { shutdown, message } = call;
  if (call.type === "SHUTDOWN" && shutdown !== undefined) {
    toRegisteredAgent(books, shutdown.agent_id.value, {
      type: "shutdown-executor",
      frameworkId: framework.id,
      executorId: shutdown.executor_id.value,
    });
  } else if (call.type === "MESSAGE" && message !== undefined) {
    toRegisteredAgent(books, message.agent_id.value, {
      type: "scheduler-message",
      frameworkId: framework.id,
      executorId: message.executor_id.value,
      data: message.data,
    });
  } else if (call.accept_inverse_offers !== undefined) {
    answerInverseOffers(books, framework, "accepted", call.accept_inverse_offers);
  } else if (call.decline_inverse_offers !== undefined) {
    answerInverseOffers(books, framework, "declined", call.decline_inverse_offers);
  } else if (call.acknowledge_operation_status !== undefined) {
    acknowledgeOperation(books, framework, call.acknowledge_operation_status);
  } else if (call.reconcile_operations !== undefined) {
    reconcileOperations(books, framework, call.reconcile_operations);
  }
}

function toRegisteredAgent(
  books: Books,
  agentId: string,
  message: Extract<MasterEffect, { type: "send-agent" }>["message"],
): void {
  if (books.agents.get(agentId)?.state !== "registered") return;
  books.out.push({ type: "send-agent", agentId, message });
}

function callRefusal(
  books: Books,
  call: SchedulerCall,
  streamId: string | undefined,
): CallRefusal | undefined {
  const id = call.framework_id?.value ?? "";
  const framework = books.frameworks.get(id);
  if (framework === undefined) return { status: 400, text: "Framework cannot be found" };
  if (framework.streamId === null) return { status: 403, text: "Framework is not subscribed" };
  if (streamId === undefined) {
    const text = "All non-subscribe calls should include the 'Mesos-Stream-Id' header";
    return { status: 400, text };
  }
  if (streamId === framework.streamId) return undefined;
  const text = `The stream ID '${streamId}' included in this request didn't match the stream ID currently associated with framework ID ${id}`;
  return { status: 400, text };
}
