/**
 * Owns the authority that signs certificates for Redis: its making, and what it signs. Loaded when first needed.
 * Not: where it is kept, nor who gets a certificate (desk.ts), nor the form of certificates (x509.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  X509Certificate,
} from "node:crypto";
import { certificateLifeMs } from "@mr-redis/core";
import { authorityCertificate, serverCertificate, subjectOf } from "./x509.js";

/** Clients keep a certificate of an authority for as long as they live. */
const authorityLifeMs = 20 * 365 * 86_400_000;

/** Clocks of agents and clients may be behind ours by so much. */
const clockSkewMsMax = 600_000;

/** Longest common name. */
const nameCharactersMax = 64;

/** A new authority: both in PEM, the key in the clear. */
export interface NewAuthority {
  readonly certificate: string;
  readonly key: string;
}

const derOf = (key: KeyObject): Buffer => key.export({ type: "spki", format: "der" });

/** Makes an authority for the framework of this name. */
export function newAuthority(frameworkName: string, nowMs: number): NewAuthority {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const plain = frameworkName.replace(/[^\x20-\x7e]/g, "?");
  const certificate = authorityCertificate({
    publicKey: derOf(publicKey),
    subject: `mr-redis ${plain}`.slice(0, nameCharactersMax),
    validFromMs: nowMs - clockSkewMsMax,
    validToMs: nowMs + authorityLifeMs,
    signingKey: privateKey,
  });
  return { certificate, key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}

/** An authority that can sign. */
export class Authority {
  /** PEM. */
  readonly certificate: string;
  readonly #issuer: ReturnType<typeof subjectOf>;
  readonly #key: KeyObject;
  readonly #publicKey: Buffer;
  readonly #validToMs: number;

  /** Throws where the two are no pair. */
  constructor({ certificate, key }: NewAuthority) {
    const parsed = new X509Certificate(certificate);
    this.#key = createPrivateKey(key);
    if (!parsed.checkPrivateKey(this.#key)) throw new Error("the key is another authority's");
    this.certificate = certificate;
    this.#publicKey = derOf(parsed.publicKey);
    this.#issuer = subjectOf(parsed.raw);
    this.#validToMs = Date.parse(parsed.validTo);
  }

  /**
   * A certificate (PEM) of a redis-server for its public key (DER, SubjectPublicKeyInfo) and its names, at least one. Null
   * for a key that is no point of P-256, and once the authority itself has ended.
   */
  sign(publicKey: Uint8Array, names: readonly string[], nowMs: number): string | null {
    if (!isPoint(publicKey) || nowMs >= this.#validToMs) return null;
    const parts = {
      publicKey,
      subject: (names[0] ?? "redis").slice(0, nameCharactersMax),
      issuer: this.#issuer,
      validFromMs: nowMs - clockSkewMsMax,
      validToMs: Math.min(nowMs + certificateLifeMs, this.#validToMs),
      signingKey: this.#key,
    };
    return serverCertificate(parts, names, this.#publicKey);
  }
}

/** OpenSSL looks whether it is on the curve. */
function isPoint(publicKey: Uint8Array): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(publicKey), format: "der", type: "spki" });
    return key.asymmetricKeyDetails?.namedCurve === "prime256v1";
  } catch {
    return false;
  }
}
