/**
 * Owns the tests of who gets a certificate for Redis: names that nobody can choose, limits, and an authority that is stored
 * before it signs, sealed, once for all.
 * SPDX-License-Identifier: Apache-2.0
 */
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import {
  type CertificateAnswer,
  type CertificateAuthority,
  type CertificateRequest,
  decodeCertificateAnswer,
} from "@mr-redis/core";
import { VirtualClock } from "@mr-redis/testing";
import { expect, test } from "vitest";
import { createLog } from "../log.js";
import { CertificateDesk, type CertificateDeskOptions, type Sender } from "./desk.js";
import { namesFor } from "./names.js";
import { RequestLimits } from "./request-limits.js";

const sealing = {
  seal: (plain: string) => `sealed:1:k:${Buffer.from(plain).toString("base64url")}`,
  open: (text: string) => Buffer.from(text.slice("sealed:1:k:".length), "base64url").toString(),
};

const sender: Sender = { agentId: "S1", executorId: "e1" };

function requestOf(runId = "run-1"): CertificateRequest {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = publicKey.export({ type: "spki", format: "der" }).toString("base64");
  return { version: 1, type: "certificate-request", runId, publicKey: spki };
}

function house(change: Partial<CertificateDeskOptions> = {}) {
  const clock = new VirtualClock({ wallStartMs: Date.parse("2026-11-23T03:00:00Z") });
  const answers: { readonly to: Sender; readonly answer: CertificateAnswer }[] = [];
  const lines: string[] = [];
  const saved: CertificateAuthority[] = [];
  const log = createLog({
    program: "test",
    level: "debug",
    destination: { write: (line: string) => void lines.push(line) },
  });
  const options: CertificateDeskOptions = {
    clock,
    log,
    frameworkName: "MrRedis",
    sealing,
    stored: () => saved.at(-1) ?? null,
    save: async (authority) => void saved.push(authority),
    hostsOf: ({ agentId, executorId }) =>
      agentId === "S1" && executorId === "e1" ? ["10.0.0.5", "agent-1.example"] : [],
    proxyHost: "redis.example",
    send: (to, text) => {
      const answer = decodeCertificateAnswer(text);
      if (!answer.ok) throw new Error(JSON.stringify(answer.problems));
      answers.push({ to, answer: answer.value });
    },
    ...change,
  };
  return { clock, answers, lines, saved, options, desk: new CertificateDesk(options) };
}

test("names are those that the scheduler knows, the key is the executor's, the answer names its run", async () => {
  const { desk, answers, saved, lines } = house();
  const request = requestOf("run-7");
  await desk.received(sender, request);
  expect(answers.map(({ to, answer }) => [to, answer.runId, answer.problem])).toEqual([
    [sender, "run-7", null],
  ]);
  const certificate = new X509Certificate(answers[0]?.answer.certificate ?? "");
  expect(certificate.subjectAltName).toBe(
    "IP Address:10.0.0.5, DNS:agent-1.example, DNS:redis.example",
  );
  const spki = certificate.publicKey.export({ type: "spki", format: "der" });
  expect(spki.toString("base64")).toBe(request.publicKey);
  expect(answers[0]?.answer.ca).toBe(saved[0]?.certificate);
  expect(desk.ca).toBe(saved[0]?.certificate);
  const key = sealing.open(saved[0]?.key ?? "");
  expect(key).toContain("PRIVATE KEY");
  const secretLine = key.split("\n")[1] ?? "?";
  expect([lines.join(""), JSON.stringify(answers)].join("")).not.toContain(secretLine);
});

test("an executor without a process with TLS gets nothing, not even an authority", async () => {
  const { desk, answers, saved } = house();
  await desk.received({ agentId: "S1", executorId: "e2" }, requestOf());
  await desk.received({ agentId: "S2", executorId: "e1" }, requestOf());
  expect([answers, saved]).toEqual([[], []]);
});

test("one authority for all, stored before anything is signed; another desk goes on with it", async () => {
  let store: () => void = () => {};
  const saving = new Promise<void>((resolve) => {
    store = resolve;
  });
  const first = house();
  const desk = new CertificateDesk({
    ...first.options,
    save: async (authority) => {
      await saving;
      first.saved.push(authority);
    },
  });
  const both = [desk.received(sender, requestOf()), desk.received(sender, requestOf())];
  await new Promise((resolve) => setImmediate(resolve));
  expect(first.answers).toEqual([]);
  store();
  await Promise.all(both);
  const next = house({ stored: () => first.saved[0] ?? null });
  await next.desk.received(sender, requestOf());
  const cas = [...first.answers, ...next.answers].map(({ answer }) => answer.ca);
  expect([cas.length, new Set(cas).size, first.saved.length, next.saved.length]).toEqual([
    3, 1, 1, 0,
  ]);
});

test("what stands in the way is the answer: no key file, a wrong one, a store that does not write", async () => {
  const kept = house();
  await kept.desk.prepare();
  const problems: (string | null | undefined)[] = [];
  for (const change of [
    { sealing: null },
    { stored: () => kept.saved[0] ?? null, sealing: { ...sealing, open: () => null } },
    { save: () => Promise.reject(new Error("the store does not answer")) },
  ]) {
    const { desk, answers } = house(change);
    await desk.received(sender, requestOf());
    problems.push(answers[0]?.answer.problem);
  }
  expect(problems).toEqual([
    "SecretKeyFile is not set, so the authority for certificates cannot be kept",
    "SecretKeyFile holds no key that opens the authority for certificates",
    "the store does not answer",
  ]);
});

test("a point that is not on the curve is refused", async () => {
  const { desk, answers } = house();
  const { publicKey, ...rest } = requestOf();
  const bytes = Buffer.from(publicKey, "base64");
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  await desk.received(sender, { ...rest, publicKey: bytes.toString("base64") });
  expect(answers[0]?.answer.problem).toBe("its public key is no point of P-256");
});

test("an executor is heard ten times, then every five seconds; others are not held up by it", async () => {
  const clock = new VirtualClock({ wallStartMs: 0 });
  const limits = new RequestLimits(clock);
  const admitted = (name: string, count: number): number =>
    Array.from({ length: count }, () => limits.admits(name)).filter(Boolean).length;
  expect([admitted("a", 100), admitted("b", 3)]).toEqual([10, 3]);
  clock.advanceBy(5_000);
  expect(admitted("a", 100)).toBe(1);
});

test("names that no certificate can say are left out", () => {
  const bad = ["", "a b", "*.example", "x".repeat(64), "http://a", "a..b", "\u0000"];
  expect(namesFor([...bad, "[::1]", "fe80::1%eth0", "Agent.Example", "agent.example"])).toEqual([
    "::1",
    "fe80::1",
    "agent.example",
  ]);
  expect(namesFor(["127.0.0.1", "agent"])).toEqual(["127.0.0.1", "localhost", "agent"]);
});
