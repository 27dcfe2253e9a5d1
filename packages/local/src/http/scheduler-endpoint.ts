/**
 * Owns the scheduler endpoint: the checks in their order and their texts (reference section 2.3).
 * Not: effects of calls (master/). Called by shell/local.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { SchedulerCall } from "@mr-redis/mesos";
import type { CallRefusal } from "../master/effects.js";
import { answerEmpty, answerRefusal, type Refusal } from "./answer.js";
import { schedulerCallProblem } from "./call-check.js";
import { type EndpointServer, serveCall, streamRefusal } from "./endpoint.js";

/** What the endpoint needs of the master's shell. */
export interface SchedulerServer extends EndpointServer<"scheduler"> {
  refusal(call: SchedulerCall, streamId: string | undefined): CallRefusal | undefined;
  updateFramework(call: SchedulerCall): CallRefusal | undefined;
}

/** Answers one request to the scheduler endpoint. */
export const serveScheduler = (
  server: SchedulerServer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> =>
  serveCall(
    server,
    {
      side: "scheduler",
      refusal: (call) => callRefusal(server, request, call),
      streamHeaders: (id) => ({ "Mesos-Stream-Id": id }),
      answer(call) {
        if (call.type !== "UPDATE_FRAMEWORK") return false;
        const problem = server.updateFramework(call);
        if (problem === undefined) answerEmpty(response);
        else answerRefusal(response, problem);
        return true;
      },
    },
    request,
    response,
  );

function callRefusal(
  server: SchedulerServer,
  request: IncomingMessage,
  call: SchedulerCall,
): Refusal | undefined {
  const problem = schedulerCallProblem(call);
  if (problem !== undefined) {
    return { status: 400, text: `Failed to validate scheduler::Call: ${problem}` };
  }
  const isStreaming = call.type === "SUBSCRIBE" || call.type === "RECONCILE_OPERATIONS";
  const unreadable = isStreaming ? streamRefusal(request) : undefined;
  if (unreadable !== undefined) return unreadable;
  const header = request.headers["mesos-stream-id"];
  const streamId = Array.isArray(header) ? header[0] : header;
  if (call.type === "SUBSCRIBE") {
    const text = "Subscribe calls should not include the 'Mesos-Stream-Id' header";
    return streamId === undefined ? undefined : { status: 400, text };
  }
  const refusal = server.refusal(call, streamId);
  // A real master aborts on a call of type UNKNOWN.
  return refusal === undefined && call.type === "UNKNOWN"
    ? { status: 501, text: "Received 'UNKNOWN' call" }
    : refusal;
}
