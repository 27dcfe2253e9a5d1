/**
 * Owns what the endpoints of master and agent have in common: a call is read, checked, and answered with 202 or, when it
 * subscribes, with an open stream of events.
 * Not: the checks and their texts (the two endpoints). Called by them.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { MessageType } from "@mr-redis/mesos";
import { answerAccepted, answerRefusal, type Refusal } from "./answer.js";
import { readCall } from "./call.js";
import { acceptText, streamCodec } from "./encoding.js";
import { type EventStream, openStream, type StreamPorts } from "./event-stream.js";

/** Whose endpoint: the messages are `scheduler.Call` and `scheduler.Event`, or those of executors. */
export type EndpointSide = "scheduler" | "executor";

/** A call to the endpoint of this side. */
export type EndpointCall<Side extends EndpointSide> = MessageType<`${Side}.Call`>;

/** What an endpoint needs of the shell behind it. */
export interface EndpointServer<Side extends EndpointSide> {
  readonly streamPorts: StreamPorts;
  newStreamId(): string;
  subscribed(stream: EventStream<`${Side}.Event`>, call: EndpointCall<Side>): void;
  streamClosed(streamId: string): void;
  called(call: EndpointCall<Side>): void;
}

/** In what the endpoints differ. */
export interface EndpointRules<Side extends EndpointSide> {
  readonly side: Side;
  /** Why the call is not taken; undefined when it is. */
  readonly refusal: (call: EndpointCall<Side>) => Refusal | undefined;
  /** Headers of a stream beside those of all. */
  readonly streamHeaders: (streamId: string) => Readonly<Record<string, string>>;
  /** Answers a call that is not handed on; false for all others. */
  readonly answer: (call: EndpointCall<Side>) => boolean;
}

/** The refusal of a stream that the caller cannot read; undefined when it can. */
export const streamRefusal = (request: IncomingMessage): Refusal | undefined =>
  streamCodec(request.headers.accept) === undefined ? { status: 406, text: acceptText } : undefined;

/** Answers one request. */
export async function serveCall<Side extends EndpointSide>(
  server: EndpointServer<Side>,
  rules: EndpointRules<Side>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const read = await readCall<`${Side}.Call`>(request, `${rules.side}.Call`);
  const refusal = read.ok ? rules.refusal(read.call) : read.refusal;
  if (refusal !== undefined) {
    answerRefusal(response, refusal);
  } else if (read.ok && read.call.type === "SUBSCRIBE") {
    subscribe(server, rules, read.call, request, response);
  } else if (read.ok && !rules.answer(read.call)) {
    answerAccepted(response);
    server.called(read.call);
  }
}

function subscribe<Side extends EndpointSide>(
  server: EndpointServer<Side>,
  rules: EndpointRules<Side>,
  call: EndpointCall<Side>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const codec = streamCodec(request.headers.accept);
  if (codec === undefined) return;
  const id = server.newStreamId();
  const stream = openStream(response, {
    id,
    name: `${rules.side}.Event` as const,
    codec,
    headers: rules.streamHeaders(id),
    ports: server.streamPorts,
    onClose: () => server.streamClosed(id),
  });
  server.subscribed(stream, call);
}
