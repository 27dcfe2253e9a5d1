/**
 * Owns the encoding of what executor and scheduler tell each other about certificates.
 * Not: its meaning (types.ts), nor whether a key or a certificate is a good one (both shells look themselves).
 * Called by both shells. Every input is hostile.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "../assert.js";
import { messageBytesMax } from "../goal/types.js";
import { type Parsed, problemsText, refused } from "../result.js";
import {
  decodeVersioned,
  exactly,
  matching,
  nullable,
  object,
  readVersioned,
  ruled,
  type Shape,
  word,
} from "../shape.js";
import {
  type CertificateAnswer,
  type CertificateRequest,
  certificateCharactersMax,
  certificateProblemCharactersMax,
} from "./types.js";

/**
 * 91 bytes: the header of a P-256 key, the sign of an uncompressed point (0x04), and the point; so nothing else that DER
 * could say is ever parsed.
 */
const publicKey = matching(
  "must be the SubjectPublicKeyInfo of a P-256 key as base64",
  /^MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE[A-Za-z0-9+/]{85}[AQgw]==$/,
);

/** @internal One certificate as PEM. */
export const certificatePem = matching(
  `must be one certificate (PEM) of at most ${certificateCharactersMax} characters`,
  new RegExp(
    `^-----BEGIN CERTIFICATE-----\\n[A-Za-z0-9+/=\\n]{1,${certificateCharactersMax}}-----END CERTIFICATE-----\\n$`,
  ),
);

const problem = matching(
  `must be 1 to ${certificateProblemCharactersMax} characters`,
  new RegExp(`^[^\\p{C}]{1,${certificateProblemCharactersMax}}$`, "u"),
);

const request = object<CertificateRequest>({
  version: exactly(1),
  type: exactly("certificate-request"),
  runId: word,
  publicKey,
});

const answer = ruled(
  object<CertificateAnswer>({
    version: exactly(1),
    type: exactly("certificate"),
    runId: word,
    certificate: nullable(certificatePem),
    ca: nullable(certificatePem),
    problem: nullable(problem),
  }),
  ({ certificate, ca, problem: because }) =>
    (certificate === null) === (ca === null) && (certificate === null) === (because !== null)
      ? null
      : { path: "problem", rule: "must be set exactly when there is no certificate and no ca" },
);

function encode<T>(value: T, name: string, shape: Shape<T>): string {
  const check = readVersioned(value, 1, shape);
  assert(check.ok, `${name}: ${check.ok ? "" : problemsText(check.problems)}`);
  return JSON.stringify(value);
}

const decode = <T>(json: string, shape: Shape<T>): Parsed<T> =>
  json.length > messageBytesMax
    ? refused("", `must have at most ${messageBytesMax} bytes`)
    : decodeVersioned(json, 1, shape);

/** True for a message that says of itself that it asks for a certificate; cheap, since most are reports. */
export const isCertificateRequest = (json: string): boolean =>
  json.startsWith('{"version":1,"type":"certificate-request"');

/** True for a message that says of itself that it answers such a request; cheap, since most are goals. */
export const isCertificateAnswer = (json: string): boolean =>
  json.startsWith('{"version":1,"type":"certificate"');

/** JSON text of a request. One that could not be read back is a programmer error. */
export const encodeCertificateRequest = (value: CertificateRequest): string =>
  encode(value, "certificate request", request);

/** Reads what {@link encodeCertificateRequest} wrote. Strict, all problems with their paths, never throws. */
export const decodeCertificateRequest = (json: string): Parsed<CertificateRequest> =>
  decode(json, request);

/** JSON text of an answer. One that could not be read back is a programmer error. */
export const encodeCertificateAnswer = (value: CertificateAnswer): string =>
  encode(value, "certificate answer", answer);

/** Reads what {@link encodeCertificateAnswer} wrote. Strict, all problems with their paths, never throws. */
export const decodeCertificateAnswer = (json: string): Parsed<CertificateAnswer> =>
  decode(json, answer);
