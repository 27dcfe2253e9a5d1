/**
 * Owns the executor endpoint of one agent: the checks in their order and their texts (reference section 11.1).
 * Not: effects of calls (agent/). Called by shell/local.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ExecutorCall } from "@mr-redis/mesos";
import type { ExecutorRefusal } from "../agent/effects.js";
import { answerAccepted, type Refusal } from "./answer.js";
import { executorCallProblem } from "./call-check.js";
import { type EndpointServer, serveCall, streamRefusal } from "./endpoint.js";

/** What the endpoint needs of the agent's shell. */
export interface ExecutorServer extends EndpointServer<"executor"> {
  refusal(call: ExecutorCall): ExecutorRefusal | undefined;
}

/** Answers one request to the executor endpoint. */
export const serveExecutor = (
  server: ExecutorServer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> =>
  serveCall(
    server,
    {
      side: "executor",
      refusal: (call) => callRefusal(server, request, call),
      streamHeaders: () => ({}),
      answer(call) {
        if (call.type !== "HEARTBEAT") return false;
        answerAccepted(response);
        return true;
      },
    },
    request,
    response,
  );

function callRefusal(
  server: ExecutorServer,
  request: IncomingMessage,
  call: ExecutorCall,
): Refusal | undefined {
  const problem = executorCallProblem(call);
  if (problem !== undefined) {
    return { status: 400, text: `Failed to validate Executor::Call: ${problem}` };
  }
  const refusal = call.type === "SUBSCRIBE" ? streamRefusal(request) : undefined;
  if (refusal !== undefined) return refusal;
  if (call.type === "HEARTBEAT") return undefined;
  if (call.type === "UNKNOWN") return { status: 501, text: "Received 'UNKNOWN' call" };
  return server.refusal(call);
}
