/**
 * Owns on which connection a call of a scheduler goes: one keeps the order of everything that decides, some more carry what
 * there is most of and what needs no order with it.
 * Not: the connections (call-queue.ts), nor what an answer means. Called by the scheduler session.
 * Why: Mesos takes the requests of one connection in order, and one after the other is a few hundred in a second on a busy
 * machine, while each launch brings acknowledgements and messages by the thousand. An ACCEPT behind those came minutes late.
 * Source of the rule: no order between connections; an ACCEPT before its RECONCILE, KILL and REVIVE matters. Updates of one
 * task come one after the other, each for the acknowledgement of the one before, so acknowledgements need no order at all;
 * messages for one executor keep theirs.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { SchedulerCallBody } from "../wire/scheduler-calls.js";
import {
  type CallAnswer,
  type CallQueue,
  type CallQueueOptions,
  type CallRequest,
  createCallQueue,
} from "./call-queue.js";

/** Connections beside the ordered one: enough to keep a busy master busy, few beside those of a thousand agents. */
export const sideLanesCount = 4;

/** All connections for the calls of one subscription; each connects with its first call. */
export interface CallLanes {
  /** As of {@link CallQueue}; answers on different connections come in any order. */
  send(call: SchedulerCallBody, request: CallRequest, settle: (answer: CallAnswer) => void): void;
  /** Ends all of them. Idempotent. */
  close(because: string): Promise<void>;
}

/** Lanes to one master. */
export function createCallLanes(options: CallQueueOptions): CallLanes {
  const ordered = createCallQueue(options);
  const side = Array.from({ length: sideLanesCount }, () => createCallQueue(options));
  const all = [ordered, ...side];
  const laneOf = (call: SchedulerCallBody): CallQueue => {
    const key = sideKeyOf(call);
    return (key === null ? undefined : side[hashOf(key) % side.length]) ?? ordered;
  };
  return {
    send: (call, request, settle) => laneOf(call).send(request, settle),
    async close(because) {
      await Promise.all(all.map((queue) => queue.close(because)));
    },
  };
}

/** Calls with the same key keep their order; null: in order with everything that decides. */
function sideKeyOf({ acknowledge, message }: SchedulerCallBody): string | null {
  if (acknowledge !== undefined) return acknowledge.task_id.value;
  if (message !== undefined) return `${message.agent_id.value} ${message.executor_id.value}`;
  return null;
}

/** Spreads texts evenly; FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}
