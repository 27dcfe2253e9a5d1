/**
 * Owns the tests of the messages about certificates: rounds, and what is refused.
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeCertificateAnswer,
  decodeCertificateRequest,
  encodeCertificateAnswer,
  encodeCertificateRequest,
  isCertificateAnswer,
  isCertificateRequest,
} from "./codec.js";
import type { CertificateAnswer, CertificateRequest } from "./types.js";

const pem = `-----BEGIN CERTIFICATE-----\n${"A".repeat(64)}\nAAA=\n-----END CERTIFICATE-----\n`;
const publicKey = `MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE${"b".repeat(85)}A==`;

const request: CertificateRequest = {
  version: 1,
  type: "certificate-request",
  runId: "run-1",
  publicKey,
};
const issued: CertificateAnswer = {
  version: 1,
  type: "certificate",
  runId: "run-1",
  certificate: pem,
  ca: pem,
  problem: null,
};

const rulesOf = (json: string): string[] => {
  const read = decodeCertificateRequest(json);
  return read.ok ? [] : read.problems.map(({ path, rule }) => `${path} ${rule}`);
};

describe("a request for a certificate", () => {
  it("is read as it was written", () => {
    const json = encodeCertificateRequest(request);
    expect(isCertificateRequest(json)).toBe(true);
    expect(isCertificateAnswer(json)).toBe(false);
    expect(decodeCertificateRequest(json)).toEqual({ ok: true, value: request });
  });

  it("with any other key than one of P-256 is refused, names that it would like to have, too", () => {
    const rule = "publicKey must be the SubjectPublicKeyInfo of a P-256 key as base64";
    // P-384, Ed25519, a point that is not whole, a bit that base64 does not use.
    for (const other of [
      `MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE${"b".repeat(128)}`,
      "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
      publicKey.slice(0, -8),
      `${publicKey.slice(0, -3)}B==`,
      "",
    ]) {
      expect(rulesOf(JSON.stringify({ ...request, publicKey: other }))).toEqual([rule]);
    }
    expect(rulesOf(JSON.stringify({ ...request, names: ["evil.example"] }))).toEqual([
      "names is not known",
    ]);
  });
});

describe("an answer", () => {
  it("is read as it was written, with a certificate or with a problem", () => {
    const refusal = { ...issued, certificate: null, ca: null, problem: "not now" };
    for (const answer of [issued, refusal]) {
      const json = encodeCertificateAnswer(answer);
      expect(isCertificateAnswer(json)).toBe(true);
      expect(isCertificateRequest(json)).toBe(false);
      expect(decodeCertificateAnswer(json)).toEqual({ ok: true, value: answer });
    }
  });

  it("is one or the other, and its certificate is one", () => {
    for (const other of [
      { problem: "both" },
      { certificate: null },
      { certificate: null, ca: null },
      { certificate: `${pem}${pem}` },
      { certificate: pem.replaceAll("CERTIFICATE", "PRIVATE KEY") },
      { ca: `x${pem}` },
      { ca: `-----BEGIN CERTIFICATE-----\n${"A".repeat(20_000)}\n-----END CERTIFICATE-----\n` },
    ]) {
      expect(decodeCertificateAnswer(JSON.stringify({ ...issued, ...other })).ok).toBe(false);
    }
  });
});

it("never throws, whatever it is given", () => {
  const damaged = fc
    .tuple(fc.constantFrom(JSON.stringify(request), JSON.stringify(issued)), fc.nat(), fc.string())
    .map(([json, at, text]) => {
      const place = at % json.length;
      return json.slice(0, place) + text + json.slice(place + text.length);
    });
  fc.assert(
    fc.property(fc.oneof(damaged, fc.string(), fc.json()), (json) => {
      decodeCertificateRequest(json);
      decodeCertificateAnswer(json);
    }),
  );
});
