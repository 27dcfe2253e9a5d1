/**
 * Owns the words between executor and scheduler about certificates for Redis: a public key up, a certificate down.
 * Not: their encoding (codec.ts), who signs (packages/scheduler), nor who uses it (packages/executor).
 * A private key is in neither message: it is made where it is used and stays there.
 * SPDX-License-Identifier: Apache-2.0
 */

/** An executor asks for a certificate. It names no address: the scheduler knows the agent's, and believes nobody else. */
export interface CertificateRequest {
  readonly version: 1;
  readonly type: "certificate-request";
  /** Names the run of the executor, so that an answer to an earlier one is not taken for its own. */
  readonly runId: string;
  /** Of a P-256 key pair: its SubjectPublicKeyInfo (DER) as base64. */
  readonly publicKey: string;
}

/** The scheduler's answer: a certificate, or why there is none. */
export interface CertificateAnswer {
  readonly version: 1;
  readonly type: "certificate";
  readonly runId: string;
  /** PEM, one certificate; null: there is none, see `problem`. */
  readonly certificate: string | null;
  /** PEM: the authority that signed it; null exactly when there is no certificate. */
  readonly ca: string | null;
  /** For people; null exactly when there is a certificate. */
  readonly problem: string | null;
}

/** Longest certificate as PEM: ours have about 1 KB, with a dozen long names 4 KB. */
export const certificateCharactersMax = 16 * 1024;

/** Longest text of a problem. */
export const certificateProblemCharactersMax = 500;

/** Life of a certificate for Redis: short enough that a stolen key is of no use for ever. */
export const certificateLifeMs = 90 * 86_400_000;

/** A certificate is renewed after this part of its life: a month is left to mend what keeps it from being renewed. */
export const certificateRenewalShare = 2 / 3;

/** So long a launch waits for its certificate: below what a scheduler waits for a launch by default. */
export const certificateWaitMsMax = 30_000;
