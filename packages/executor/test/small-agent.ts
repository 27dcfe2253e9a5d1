/**
 * Owns an agent for one executor, as small as the executor API allows: SUBSCRIBE stream, UPDATE, MESSAGE, ACKNOWLEDGED,
 * in the encoding that the executor asks for.
 * Not: an agent of packages/local, which holds to the conformance list; here only the program's own ends are tested.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  encodeGoalBatch,
  encodeLaunchOrder,
  type GoalBatch,
  type LaunchOrder,
} from "@mr-redis/core";
import {
  createWireCodec,
  type ExecutorCall,
  type ExecutorEvent,
  encodeRecord,
  type TaskStatus,
  textToBase64,
  type WireCodec,
} from "@mr-redis/mesos";

/** The agent's side of one executor. */
export interface SmallAgent {
  readonly endpoint: string;
  readonly calls: ExecutorCall[];
  readonly statuses: (TaskStatus & { readonly atMs: number })[];
  /** Texts of MESSAGE, oldest first. */
  readonly messages: string[];
  /** True while the executor's stream is open. */
  isSubscribed(): boolean;
  send(event: ExecutorEvent): void;
  launch(order: LaunchOrder): void;
  goals(batch: GoalBatch): void;
  /** Ends the stream and refuses all further connections. */
  close(): Promise<void>;
}

const identity = { value: "framework-1" };

/** Environment that the agent gives, on top of nothing. */
export const agentEnvironment = (agent: SmallAgent, sandbox: string): Record<string, string> => ({
  LIBPROCESS_IP: "127.0.0.1",
  LIBPROCESS_PORT: "0",
  MESOS_AGENT_ENDPOINT: agent.endpoint,
  MESOS_CHECKPOINT: "0",
  MESOS_DIRECTORY: sandbox,
  MESOS_EXECUTOR_ID: "executor-1",
  MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: "3secs",
  MESOS_FRAMEWORK_ID: identity.value,
  MESOS_HTTP_COMMAND_EXECUTOR: "0",
  MESOS_SANDBOX: sandbox,
  MESOS_SLAVE_ID: "agent-1",
  MESOS_SLAVE_PID: `slave(1)@${agent.endpoint}`,
});

const codecOf = (request: IncomingMessage): WireCodec =>
  createWireCodec(
    request.headers["content-type"] === "application/json"
      ? "application/json"
      : "application/x-protobuf",
  );

/** Starts the agent on a free port of 127.0.0.1. */
export async function startSmallAgent(): Promise<SmallAgent> {
  const calls: ExecutorCall[] = [];
  const statuses: SmallAgent["statuses"] = [];
  const messages: string[] = [];
  let stream: { readonly response: ServerResponse; readonly codec: WireCodec } | null = null;

  const send = (event: ExecutorEvent): void => {
    stream?.response.write(encodeRecord(stream.codec.encode("executor.Event", event)));
  };

  const take = (call: ExecutorCall, codec: WireCodec, response: ServerResponse): void => {
    calls.push(call);
    if (call.type === "SUBSCRIBE") {
      stream = { response, codec };
      response.writeHead(200, { "content-type": codec.contentType });
      response.on("close", () => {
        if (stream?.response === response) stream = null;
      });
      send({
        type: "SUBSCRIBED",
        subscribed: {
          executor_info: { executor_id: { value: "executor-1" } },
          framework_info: { user: "root", name: "mr-redis" },
          agent_info: { hostname: "localhost" },
        },
      });
      return;
    }
    response.writeHead(202).end();
    if (call.message !== undefined) {
      messages.push(Buffer.from(call.message.data, "base64").toString("utf8"));
    }
    const status = call.update?.status;
    if (status?.uuid === undefined) return;
    statuses.push({ ...status, atMs: performance.now() });
    const { task_id, uuid } = status;
    send({ type: "ACKNOWLEDGED", acknowledged: { task_id, uuid } });
  };

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const codec = codecOf(request);
      const call = codec.decode("executor.Call", Buffer.concat(chunks));
      if (call.ok) take(call.value, codec, response);
      else response.writeHead(400).end(JSON.stringify(call.problems));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  return {
    endpoint: `127.0.0.1:${port}`,
    calls,
    statuses,
    messages,
    isSubscribed: () => stream !== null,
    send,
    launch(order) {
      const task = {
        name: order.processId,
        task_id: { value: order.processId },
        agent_id: { value: "agent-1" },
        data: textToBase64(encodeLaunchOrder(order)),
      };
      send({ type: "LAUNCH", launch: { task } });
    },
    goals: (batch) =>
      send({ type: "MESSAGE", message: { data: textToBase64(encodeGoalBatch(batch)) } }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
