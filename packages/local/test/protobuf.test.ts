/**
 * Owns the check that a scheduler may speak protobuf (C09): calls and stream, mixed as it likes.
 * SPDX-License-Identifier: Apache-2.0
 */
import http from "node:http";
import {
  createRecordDecoder,
  protobufCodec,
  type SchedulerCall,
  type SchedulerEvent,
} from "@mr-redis/mesos";
import { until } from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { request, startTestLocal, type TestLocal, testFramework, testTask } from "./harness.js";

let local: TestLocal;
beforeAll(async () => {
  local = await startTestLocal({ agentsCount: 1 });
});
afterAll(() => local.end());

const encode = (call: SchedulerCall): Buffer =>
  Buffer.from(protobufCodec.encode("scheduler.Call", call));

test("C09: a protobuf session launches a task in an executor that speaks JSON", async () => {
  const url = `${local.url}/api/v1/scheduler`;
  const events: SchedulerEvent[] = [];
  const body = encode({ type: "SUBSCRIBE", subscribe: { framework_info: testFramework } });
  const headers = { "Content-Type": "application/x-protobuf", Accept: "application/x-protobuf" };
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const options = {
      method: "POST",
      agent: false,
      headers: { ...headers, "Content-Length": body.length },
    };
    const sent = http.request(url, options, resolve);
    sent.on("error", reject);
    sent.end(body);
  });
  expect(response.headers["content-type"]).toBe("application/x-protobuf");
  const decoder = createRecordDecoder();
  response.on("data", (chunk: Buffer) => {
    for (const record of decoder.push(chunk).records) {
      const event = protobufCodec.decode("scheduler.Event", record);
      if (event.ok) events.push(event.value);
    }
  });
  const offer = () => events.find(({ type }) => type === "OFFERS")?.offers?.offers?.[0];
  await until(() => offer() !== undefined, { what: "an offer" });
  const first = offer();
  if (first === undefined) throw new Error("no offer");
  const accept = encode({
    framework_id: first.framework_id,
    type: "ACCEPT",
    accept: {
      offer_ids: [first.id],
      operations: [{ type: "LAUNCH", launch: { task_infos: [testTask(first, "t-pb")] } }],
      filters: { refuse_seconds: 0 },
    },
  });
  const streamId = String(response.headers["mesos-stream-id"]);
  const answer = await request(url, {
    headers: { "Content-Type": "application/x-protobuf", "Mesos-Stream-Id": streamId },
    body: accept,
  });
  expect(answer).toMatchObject({ status: 202, text: "" });
  const update = () => events.find(({ type }) => type === "UPDATE")?.update?.status;
  await until(() => update() !== undefined, { what: "an update" });
  expect(update()).toMatchObject({ state: "TASK_STARTING", source: "SOURCE_EXECUTOR" });
  expect(events.slice(0, 2).map(({ type }) => type)).toEqual(["SUBSCRIBED", "HEARTBEAT"]);
  response.destroy();
});
