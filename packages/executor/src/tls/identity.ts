/**
 * Owns what a redis-server shows of itself by TLS: certificate, key and authority, checked to belong together.
 * Not: where they come from (own-source.ts, directory-source.ts), nor the files of a process (work-directory.ts).
 * No message of this file holds anything of a key.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";

/** A certificate with all that belongs to it. */
export interface TlsIdentity {
  /** PEM: the certificate, those between it and the authority, and the private key. */
  readonly pair: string;
  /** PEM: the authorities. */
  readonly ca: string;
  /** The certificate itself. */
  readonly leaf: X509Certificate;
  readonly validFromMs: number;
  readonly validToMs: number;
}

/** Where identities come from. */
export interface TlsSource {
  /** The present one; rejects with a sentence for people when there is none, after a limit. */
  identity(): Promise<TlsIdentity>;
  /** Looks for no other one any more. Idempotent. */
  close(): void;
}

/** Longest chain below an authority, and most authorities of one file. */
const certificatesMax = 100;

const pemBlock = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]{1,65536}-----END CERTIFICATE-----/g;

const day = 86_400_000;

/** An end that is nearer than this is worth a word. */
export const expiryWarningMs = 14 * day;

/** The certificates of a text, the first one first. Throws what is wrong with `name`. */
function certificatesOf(text: string, name: string): readonly X509Certificate[] {
  const blocks = text.match(pemBlock) ?? [];
  if (blocks.length === 0) throw new Error(`${name} holds no certificate (PEM)`);
  if (blocks.length > certificatesMax) {
    throw new Error(`${name} holds more than ${certificatesMax} certificates`);
  }
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    throw new Error(`${name} holds something that is no certificate`);
  }
}

function keyOf(text: string, name: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch {
    // Nothing of OpenSSL's own words about a secret.
    throw new Error(`${name} holds no private key (PEM) without a passphrase`);
  }
}

const isSignedBy = (certificate: X509Certificate, issuer: X509Certificate): boolean =>
  certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);

/** True when one of `authorities` vouches for `leaf`, through `between`. */
function isVouchedFor(
  leaf: X509Certificate,
  between: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
): boolean {
  let certificate: X509Certificate | undefined = leaf;
  const left = new Set(between);
  while (certificate !== undefined) {
    const { raw } = certificate;
    const subject: X509Certificate = certificate;
    if (authorities.some((each) => each.raw.equals(raw) || isSignedBy(subject, each))) return true;
    certificate = [...left].find((each) => isSignedBy(subject, each));
    if (certificate !== undefined) left.delete(certificate);
  }
  return false;
}

/** What is read from three texts; the names are for messages. */
export interface IdentityTexts {
  readonly certificate: { readonly name: string; readonly text: string };
  readonly key: { readonly name: string; readonly text: string };
  readonly ca: { readonly name: string; readonly text: string };
}

/** Checks that they belong together and are valid at `nowMs`. Throws an Error with a sentence for people. */
export function identityOf({ certificate, key, ca }: IdentityTexts, nowMs: number): TlsIdentity {
  const [leaf, ...between] = certificatesOf(certificate.text, certificate.name);
  if (leaf === undefined) throw new Error(`${certificate.name} holds no certificate (PEM)`);
  const authorities = certificatesOf(ca.text, ca.name);
  const secret = keyOf(key.text, key.name);
  if (!leaf.checkPrivateKey(secret)) {
    throw new Error(`${key.name} is not the key of the certificate in ${certificate.name}`);
  }
  const validFromMs = Date.parse(leaf.validFrom);
  const validToMs = Date.parse(leaf.validTo);
  if (nowMs > validToMs) throw new Error(`${certificate.name} has expired: ${leaf.validTo}`);
  if (nowMs < validFromMs) {
    throw new Error(`${certificate.name} is not valid before ${leaf.validFrom} by our clock`);
  }
  if (!isVouchedFor(leaf, between, authorities)) {
    throw new Error(
      `no authority in ${ca.name} vouches for the certificate in ${certificate.name}`,
    );
  }
  const chain = [leaf, ...between].map((each) => each.toString()).join("");
  const pem = secret.export({ type: "pkcs8", format: "pem" }).toString();
  const trusted = authorities.map((each) => each.toString()).join("");
  return { pair: `${chain}${pem}`, ca: trusted, leaf, validFromMs, validToMs };
}
