/**
 * Owns the tests of how an executor gets and renews its certificate, on a clock that is moved: how often it asks, what it
 * takes for an answer, and what it does when none comes.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createPublicKey, X509Certificate } from "node:crypto";
import { certificateWaitMsMax, decodeCertificateRequest } from "@mr-redis/core";
import { Authority, VirtualClock } from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TlsIdentity } from "./identity.js";
import { OwnSource } from "./own-source.js";

const hour = 3_600_000;

let authority: Authority;

beforeAll(() => {
  authority = new Authority();
});
afterAll(() => authority.remove());

function house() {
  // Ahead of openssl, whose certificates begin with the second in which they are made.
  const clock = new VirtualClock({ wallStartMs: Date.now() + 60_000 });
  const asked: string[] = [];
  const renewed: TlsIdentity[] = [];
  const errors: string[] = [];
  const use = { count: 1 };
  const source = new OwnSource({
    clock,
    log: { info: () => undefined, error: (message) => void errors.push(message) },
    runId: "run-1",
    send: (text) => void asked.push(text),
    isUsed: () => use.count > 0,
    renewed: (identity) => void renewed.push(identity),
  });
  /** Answers the last question with a certificate that is valid for a day. */
  const answer = (runId = "run-1"): void => {
    const request = decodeCertificateRequest(asked.at(-1) ?? "");
    if (!request.ok) throw new Error("no question");
    const der = Buffer.from(request.value.publicKey, "base64");
    const key = createPublicKey({ key: der, format: "der", type: "spki" });
    const pem = key.export({ type: "spki", format: "pem" }).toString();
    const certificate = authority.sign(pem, "IP:127.0.0.1");
    const { ca } = authority;
    source.answered({ version: 1, type: "certificate", runId, certificate, ca, problem: null });
  };
  return { clock, source, asked, renewed, errors, use, answer };
}

test("one question for all who wait; asked again until there is an answer, then no more", async () => {
  const { clock, source, asked, answer } = house();
  const waiting = [source.identity(), source.identity()];
  expect(asked).toHaveLength(1);
  clock.advanceBy(4_000);
  expect([asked.length, new Set(asked).size]).toEqual([4, 1]);
  answer("another-run");
  answer();
  const [first, second] = await Promise.all(waiting);
  expect(first).toBe(second);
  expect(await source.identity()).toBe(first);
  expect(first?.pair).toContain("PRIVATE KEY");
  clock.advanceBy(hour);
  expect(asked).toHaveLength(4);
  source.close();
});

test("without an answer a launch fails with the reason, and nobody is asked any more", async () => {
  const { clock, source, asked } = house();
  const outcome = source.identity().then(
    () => "a certificate",
    (error: Error) => error.message,
  );
  const problem = "the store does not answer";
  source.answered({
    ...{ version: 1, type: "certificate", runId: "run-1", certificate: null, ca: null },
    problem,
  });
  clock.advanceBy(certificateWaitMsMax);
  expect(await outcome).toBe(
    `no certificate of the scheduler within ${certificateWaitMsMax} ms: ${problem}`,
  );
  const { length } = asked;
  expect(length).toBeLessThanOrEqual(10);
  clock.advanceBy(24 * hour);
  expect(asked.length - length).toBeLessThanOrEqual(1);
  source.close();
});

test("renewed at two thirds with the same key; while nobody answers the old one stays, and the log says so", async () => {
  const { clock, source, asked, renewed, errors, answer } = house();
  const waiting = source.identity();
  answer();
  const first = await waiting;
  clock.advanceBy(15 * hour);
  expect(asked).toHaveLength(1);
  clock.advanceBy(2 * hour);
  expect(asked.length).toBeGreaterThan(1);
  expect(new Set(asked).size).toBe(1);
  expect(await source.identity()).toBe(first);
  expect(errors).toContain("the certificate for Redis ends soon and was not renewed");
  const { length } = asked;
  clock.advanceBy(hour);
  // Once in ten minutes, however long it takes.
  expect(asked.length - length).toBeLessThanOrEqual(8);
  answer();
  expect(renewed).toHaveLength(1);
  const second = await source.identity();
  expect([second === renewed[0], second.leaf.serialNumber === first.leaf.serialNumber]).toEqual([
    true,
    false,
  ]);
  const keyOf = ({ leaf }: TlsIdentity) => leaf.publicKey.export({ type: "spki", format: "pem" });
  expect(keyOf(second)).toBe(keyOf(first));
  source.close();
});

test("a certificate that no process has is not renewed before one needs it", async () => {
  const { clock, source, asked, errors, use, answer } = house();
  const waiting = source.identity();
  answer();
  const first = await waiting;
  use.count = 0;
  clock.advanceBy(20 * hour);
  expect([asked.length, errors]).toEqual([1, []]);
  expect(await source.identity()).toBe(first);
  expect(asked).toHaveLength(2);
  answer();
  expect(await source.identity()).not.toBe(first);
  source.close();
});

test("an answer that nobody asked for is none", async () => {
  const { source, renewed, answer } = house();
  const waiting = source.identity();
  answer();
  const first = await waiting;
  answer();
  expect([renewed, await source.identity()]).toEqual([[], first]);
  expect(first.leaf).toBeInstanceOf(X509Certificate);
  source.close();
});
