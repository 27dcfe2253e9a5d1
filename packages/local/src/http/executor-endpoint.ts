/**
 * Owns the executor endpoint of one agent: the checks in their order and the answers (reference section 11.1).
 * Not: effects of calls (agent/). Called by shell/local.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ExecutorCall } from "@mr-redis/mesos";
import type { ExecutorRefusal } from "../agent/effects.js";
import { answerAccepted, answerRefusal, type Refusal } from "./answer.js";
import { readCall } from "./call.js";
import { executorCallProblem } from "./call-check.js";
import { acceptText, streamCodec } from "./encoding.js";
import { type EventStream, openStream, type StreamPorts } from "./event-stream.js";

/** What the endpoint needs of the agent's shell. */
export interface ExecutorServer {
  readonly streamPorts: StreamPorts;
  newStreamId(): string;
  refusal(call: ExecutorCall): ExecutorRefusal | undefined;
  subscribed(stream: EventStream<"executor.Event">, call: ExecutorCall): void;
  streamClosed(streamId: string): void;
  called(call: ExecutorCall): void;
}

/** Answers one request to the executor endpoint. */
export async function serveExecutor(
  server: ExecutorServer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const read = await readCall(request, "executor.Call");
  const refusal = read.ok ? callRefusal(server, request, read.call) : read.refusal;
  if (refusal !== undefined) {
    answerRefusal(response, refusal);
  } else if (read.ok && read.call.type === "SUBSCRIBE") {
    subscribe(server, request, response, read.call);
  } else if (read.ok) {
    answerAccepted(response);
    if (read.call.type !== "HEARTBEAT") server.called(read.call);
  }
}

function callRefusal(
  server: ExecutorServer,
  request: IncomingMessage,
  call: ExecutorCall,
): Refusal | undefined {
  const problem = executorCallProblem(call);
  if (problem !== undefined) {
    return { status: 400, text: `Failed to validate Executor::Call: ${problem}` };
  }
  if (call.type === "SUBSCRIBE" && streamCodec(request.headers.accept) === undefined) {
    return { status: 406, text: acceptText };
  }
  if (call.type === "HEARTBEAT") return undefined;
  if (call.type === "UNKNOWN") return { status: 501, text: "Received 'UNKNOWN' call" };
  return server.refusal(call);
}

function subscribe(
  server: ExecutorServer,
  request: IncomingMessage,
  response: ServerResponse,
  call: ExecutorCall,
): void {
  const codec = streamCodec(request.headers.accept);
  if (codec === undefined) return;
  const id = server.newStreamId();
  const stream = openStream(response, {
    id,
    name: "executor.Event",
    codec,
    headers: {},
    ports: server.streamPorts,
    onClose: () => server.streamClosed(id),
  });
  server.subscribed(stream, call);
}
