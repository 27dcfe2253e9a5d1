/**
 * Owns the events that the master machine takes and the effects it answers with.
 * Not: their meaning (master.ts) nor their execution (shell/master-shell.ts). Called by both.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { SchedulerCall, SchedulerEvent, Unavailability } from "@mr-redis/mesos";
import type { AgentMessage, MasterMessage } from "../border/messages.js";

/** Names of timers that the master sets; setting one again replaces it. */
export type MasterTimer =
  | { readonly type: "allocation" }
  | { readonly type: "heartbeat"; readonly frameworkId: string; readonly streamId: string }
  | { readonly type: "failover"; readonly frameworkId: string }
  | { readonly type: "offer-timeout"; readonly offerId: string };

/** What happened. Calls come only after the checks of the endpoint (http/scheduler-endpoint.ts) were passed. */
export type MasterEvent =
  | { readonly type: "started" }
  | { readonly type: "subscribed"; readonly streamId: string; readonly call: SchedulerCall }
  | { readonly type: "called"; readonly call: SchedulerCall }
  | { readonly type: "stream-closed"; readonly streamId: string }
  | { readonly type: "timer-fired"; readonly timer: MasterTimer }
  | {
      readonly type: "agent-said";
      readonly agentKey: string;
      readonly message: AgentMessage;
    }
  | { readonly type: "agent-disconnected"; readonly agentId: string }
  | { readonly type: "agent-unreachable"; readonly agentId: string }
  | { readonly type: "agent-gone"; readonly agentId: string }
  | { readonly type: "agent-recovered"; readonly agentId: string }
  /** It unregistered, or its machine was taken down. */
  | { readonly type: "agent-removed"; readonly agentId: string; readonly why: string }
  | OperatorEvent;

/** What an operator asks for. Unknown agents and frameworks are passed over. */
export type OperatorEvent =
  | {
      readonly type: "drain-agent";
      readonly agentId: string;
      readonly markGone: boolean;
      readonly graceMsMax: number | null;
    }
  | { readonly type: "reactivate-agent"; readonly agentId: string }
  | {
      readonly type: "schedule-maintenance";
      readonly agentId: string;
      readonly unavailability: Unavailability | null;
    }
  /** Of all agents when null. */
  | { readonly type: "rescind-offers"; readonly agentId: string | null }
  | { readonly type: "set-offer-timeout"; readonly timeoutMs: number | null }
  | { readonly type: "tear-down-framework"; readonly frameworkId: string };

/** What is to be done. */
export type MasterEffect =
  | { readonly type: "send-event"; readonly streamId: string; readonly event: SchedulerEvent }
  | { readonly type: "close-stream"; readonly streamId: string }
  | { readonly type: "send-agent"; readonly agentId: string; readonly message: MasterMessage }
  /** The agent at `agentKey` (the shell's name for a connection) has this id from now on. */
  | { readonly type: "bind-agent"; readonly agentKey: string; readonly agentId: string }
  | { readonly type: "set-timer"; readonly timer: MasterTimer; readonly delayMs: number }
  | { readonly type: "cancel-timer"; readonly timer: MasterTimer }
  | {
      readonly type: "log";
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    };

/** Outcome of the checks that need the books: what the endpoint answers instead of 202. */
export interface CallRefusal {
  readonly status: number;
  readonly text: string;
}
