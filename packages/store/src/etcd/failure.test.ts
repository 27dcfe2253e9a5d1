/**
 * Owns the tests of what failures of etcd and gRPC are taken for (failure.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError } from "@mr-redis/core";
import { expect, test } from "vitest";
import { EtcdFailure, failureOf, toMrrError } from "./failure.js";

const at = "http://a:1";
const status = (code: number, details: string) =>
  failureOf(Object.assign(new Error(`${code}: ${details}`), { code, details }), at);

test.each([
  [
    14,
    "No connection established. Last error: Error: connect ECONNREFUSED 1.1.1.1:1",
    "away",
    false,
  ],
  [4, "Deadline exceeded after 2.004s", "away", false],
  [14, "etcdserver: request timed out", "away", false],
  [14, "etcdserver: leader changed", "away", false],
  [8, "etcdserver: too many requests", "other", false],
  [8, "etcdserver: mvcc: database space exceeded", "full", false],
  [11, "etcdserver: mvcc: required revision has been compacted", "compacted", true],
  [5, "etcdserver: requested lease not found", "no-lease", true],
  [16, "etcdserver: invalid auth token", "token", true],
  [3, "etcdserver: revision of auth store is old", "token", true],
  [3, "etcdserver: request is too large", "large", true],
  [8, "grpc: received message larger than max (2 vs. 1)", "large", true],
  [8, "Received message larger than max (2 vs 1)", "large", false],
  [7, "etcdserver: permission denied", "config", true],
  [12, "unknown service etcdserverpb.KV", "config", false],
  [14, "No connection established. Last error: Protocol error", "config", false],
  [14, "No connection established. Last error: Error: self-signed certificate", "config", false],
  [2, "whatever", "other", false],
] as const)("code %i, %s: %s", (code, details, kind, isRefusal) => {
  const failure = status(code, details);
  expect([failure.kind, failure.isRefusal]).toEqual([kind, isRefusal]);
  expect(failure.message.startsWith(`etcd at ${at}: ${details}`)).toBe(true);
});

test("what changes from one time to the next, or is endless, is left out", () => {
  const text = "No connection established. Last error: Protocol error (2026-01-02T03:04:05.678Z)";
  expect(status(14, `${text}. Resolution note: `).message).toBe(
    `etcd at ${at}: No connection established. Last error: Protocol error; what answers there is no etcd v3: correct DBEndPoint`,
  );
  expect(status(2, "x".repeat(10_000)).message.length).toBeLessThan(400);
});

test("a wrong configuration is one only as long as the store has never answered", () => {
  const failure = new EtcdFailure("config", "text");
  expect(toMrrError(failure, false)).toMatchObject({ code: "config-invalid", message: "text" });
  expect(toMrrError(failure, true)).toMatchObject({ code: "store-unavailable" });
  const other = new MrrError("store-corrupt", "text");
  expect(toMrrError(other, false)).toBe(other);
});
