/**
 * Owns the proof that master and agent know the same secret, before either believes a word: both prove it to each other
 * over fresh random bytes, so that the secret itself never travels and a recorded proof is of no use.
 * What follows is neither encrypted nor signed: whoever can change packets between them is not kept out; the network is.
 * Not: the connection. Called by agent-links.ts and master-link.ts.
 *
 *   agent:  GET /agent-link, Upgrade: mrr-agent-link/1, X-Nonce: A
 *   master: 101, X-Nonce: B, X-Proof: HMAC(secret, "master A B")
 *   agent:  first frame {"proof": HMAC(secret, "agent A B")}
 *
 * SPDX-License-Identifier: Apache-2.0
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";

/** Where the master takes links. */
export const linkPath = "/agent-link";

/** Name and version of the protocol. */
export const linkProtocol = "mrr-agent-link/1";

/** The environment's name of the secret. */
export const secretVariable = "MRR_LOCAL_SECRET";

/** A shorter secret can be guessed. */
export const secretLengthMin = 16;

/** Fresh random bytes of one side. */
export const newNonce = (): string => randomBytes(16).toString("hex");

/** True for what {@link newNonce} makes. */
export const isNonce = (value: unknown): value is string =>
  typeof value === "string" && /^[0-9a-f]{32}$/.test(value);

/** What shows that its maker knows the secret; without one it shows nothing. */
export const proofOf = (
  secret: string | null,
  side: "master" | "agent",
  agentNonce: string,
  masterNonce: string,
): string =>
  createHmac("sha256", secret ?? "")
    .update(`${linkProtocol} ${side} ${agentNonce} ${masterNonce}`)
    .digest("hex");

/** Compares in the same time whatever differs. */
export function isSameProof(given: unknown, expected: string): boolean {
  if (typeof given !== "string" || given.length !== expected.length) return false;
  return timingSafeEqual(Buffer.from(given), Buffer.from(expected));
}

/** A secret, or why there is none. */
export type ReadSecret =
  | { readonly ok: true; readonly secret: string | null }
  | { readonly ok: false; readonly rule: string };

/** The secret of a file (its first line), or of the environment; null when neither is given. */
export function readSecret(
  file: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): ReadSecret {
  let secret = environment[secretVariable] ?? null;
  if (file !== undefined) {
    try {
      secret = (readFileSync(file, "utf8").split("\n", 1)[0] ?? "").trim();
    } catch (error) {
      return { ok: false, rule: `cannot be read: ${(error as NodeJS.ErrnoException).code}` };
    }
  }
  if (secret === null) return { ok: true, secret };
  return secret.length < secretLengthMin
    ? { ok: false, rule: `must hold a secret of at least ${secretLengthMin} characters` }
    : { ok: true, secret };
}
