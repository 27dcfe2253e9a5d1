/**
 * Owns the scheduler endpoint: the checks in their order and the answers (reference section 2.3).
 * Not: effects of calls (master/). Called by shell/local.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { SchedulerCall } from "@mr-redis/mesos";
import type { CallRefusal } from "../master/effects.js";
import { answerAccepted, answerEmpty, answerRefusal, type Refusal } from "./answer.js";
import { readCall } from "./call.js";
import { schedulerCallProblem } from "./call-check.js";
import { acceptText, streamCodec } from "./encoding.js";
import { type EventStream, openStream, type StreamPorts } from "./event-stream.js";

/** What the endpoint needs of the master's shell. */
export interface SchedulerServer {
  readonly streamPorts: StreamPorts;
  newStreamId(): string;
  refusal(call: SchedulerCall, streamId: string | undefined): CallRefusal | undefined;
  updateFramework(call: SchedulerCall): CallRefusal | undefined;
  subscribed(stream: EventStream<"scheduler.Event">, call: SchedulerCall): void;
  streamClosed(streamId: string): void;
  called(call: SchedulerCall): void;
}

/** Answers one request to the scheduler endpoint. */
export async function serveScheduler(
  server: SchedulerServer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const read = await readCall(request, "scheduler.Call");
  const refusal = read.ok ? callRefusal(server, request, read.call) : read.refusal;
  if (refusal !== undefined) {
    answerRefusal(response, refusal);
  } else if (read.ok && read.call.type === "SUBSCRIBE") {
    subscribe(server, request, response, read.call);
  } else if (read.ok && read.call.type === "UPDATE_FRAMEWORK") {
    const problem = server.updateFramework(read.call);
    if (problem === undefined) answerEmpty(response);
    else answerRefusal(response, problem);
  } else if (read.ok) {
    answerAccepted(response);
    server.called(read.call);
  }
}

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
  if (isStreaming && streamCodec(request.headers.accept) === undefined) {
    return { status: 406, text: acceptText };
  }
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

function subscribe(
  server: SchedulerServer,
  request: IncomingMessage,
  response: ServerResponse,
  call: SchedulerCall,
): void {
  const codec = streamCodec(request.headers.accept);
  if (codec === undefined) return;
  const id = server.newStreamId();
  const stream = openStream(response, {
    id,
    name: "scheduler.Event",
    codec,
    headers: { "Mesos-Stream-Id": id },
    ports: server.streamPorts,
    onClose: () => server.streamClosed(id),
  });
  server.subscribed(stream, call);
}
