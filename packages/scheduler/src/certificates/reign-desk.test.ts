/**
 * Owns the tests of which messages of executors are requests for certificates.
 * SPDX-License-Identifier: Apache-2.0
 */
import { encodeCertificateRequest } from "@mr-redis/core";
import { type SchedulerEvent, textToBase64 } from "@mr-redis/mesos";
import { expect, test } from "vitest";
import { certificateRequestOf } from "./reign-desk.js";

const request = {
  version: 1,
  type: "certificate-request",
  runId: "run-1",
  publicKey: `MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE${"b".repeat(85)}A==`,
} as const;

const messageOf = (text: string): SchedulerEvent => ({
  type: "MESSAGE",
  message: {
    agent_id: { value: "S1" },
    executor_id: { value: "e1" },
    data: textToBase64(text),
  },
});

test("a request comes with whom Mesos says it is of, whatever it says itself", () => {
  expect(certificateRequestOf(messageOf(encodeCertificateRequest(request)))).toEqual({
    sender: { agentId: "S1", executorId: "e1" },
    request,
  });
});

test("what is no whole request is looked at elsewhere, and said there to be none", () => {
  const text = encodeCertificateRequest(request);
  for (const other of [
    '{"version":1,"type":"reports"}',
    text.slice(0, -1),
    text.replace("run-1", ""),
    JSON.stringify({ ...request, names: ["evil.example"] }),
    `${text}${" ".repeat(10_000)}`,
  ]) {
    expect(certificateRequestOf(messageOf(other))).toBeNull();
  }
  expect(certificateRequestOf({ type: "HEARTBEAT" })).toBeNull();
});
