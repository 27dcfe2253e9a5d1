/**
 * Owns what an answer to a call means: taken, refused, or not taken for a reason that passes.
 * Not: the connection (call-queue.ts), nor what is done then (the sessions).
 * Source of the rule: the order of checks of the master's scheduler endpoint (src/master/http.cpp) and recordings.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { CallAnswer } from "./call-queue.js";

/**
 * What became of a call. `accepted`: it is in the master's queue, its effects come as events or never. `rejected`: it
 * was wrong; sending it again does not help. `lost`: the session ended first; when `sent`, the master may have taken
 * it. A lost call is never repeated by the session.
 */
export type CallOutcome =
  | { readonly type: "accepted" }
  | { readonly type: "rejected"; readonly status: number; readonly text: string }
  | { readonly type: "lost"; readonly sent: boolean; readonly because: string };

/** Begin of the text of a 400 to a call of a stream that is not the framework's any more. */
const streamReplaced = "The stream ID";

/** Texts of a 400 that say that the master does not know this session (it was replaced, or restarted). */
const sessionUnknown = [
  "Framework cannot be found",
  streamReplaced,
  "All non-subscribe calls should include the 'Mesos-Stream-Id' header",
];

/** The outcome of a call. `lost` ends the session, except for a call that the full queue did not take. */
export function callOutcome(answer: CallAnswer): CallOutcome {
  if (answer.type === "full") return { type: "lost", sent: false, because: "too many calls wait" };
  if (answer.type === "lost") return answer;
  const { status, text } = answer;
  if (status === 200 || status === 202) return { type: "accepted" };
  if (isSessionOver(status, text)) {
    return { type: "lost", sent: false, because: `the master answered ${status} ${text}`.trim() };
  }
  return { type: "rejected", status, text };
}

/** True when the answer says that another stream has the framework: the stream of the call gets an ERROR that says so. */
export function isStreamReplaced(answer: CallAnswer): boolean {
  return (
    answer.type === "answered" && answer.status === 400 && answer.text.startsWith(streamReplaced)
  );
}

/** The outcome of an executor's call; `lost` with a status that passes: the agent is starting or recovering. */
export function executorCallOutcome(answer: CallAnswer): CallOutcome {
  if (answer.type === "full") return { type: "lost", sent: false, because: "too many calls wait" };
  if (answer.type === "lost") return answer;
  const { status, text } = answer;
  if (status === 200 || status === 202) return { type: "accepted" };
  if (status === 404 || status === 408 || status === 429 || status >= 500) {
    return { type: "lost", sent: false, because: `the agent answered ${status} ${text}`.trim() };
  }
  return { type: "rejected", status, text };
}

function isSessionOver(status: number, text: string): boolean {
  if (status === 400) return sessionUnknown.some((start) => text.startsWith(start));
  // 401: the next subscription tells; 307: not the leader any more; 403: not subscribed; 404 and 5xx: starting, recovering or without a leader.
  return [401, 307, 403, 404].includes(status) || (status >= 500 && status !== 501);
}
