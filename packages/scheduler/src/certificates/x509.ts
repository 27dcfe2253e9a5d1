/**
 * Owns the form of X.509 certificates: what a certificate of an authority and one of a redis-server say, and their
 * signing. Loaded when the first one is made.
 * Not: who gets one (desk.ts), nor where the authority's key is kept (authority.ts).
 * Source of the rules: RFC 5280 (fields and extensions), RFC 5758 (ECDSA with SHA-256); names as RFC 6125 wants them.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createHash, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_clientAuth,
  id_kp_serverAuth,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from "@peculiar/asn1-x509";

/** What stands in every certificate. */
export interface CertificateParts {
  /** DER, SubjectPublicKeyInfo of a P-256 key. */
  readonly publicKey: Uint8Array;
  /** Common name, 1 to 64 characters. */
  readonly subject: string;
  readonly issuer: Name;
  readonly validFromMs: number;
  readonly validToMs: number;
  /** The authority's. */
  readonly signingKey: KeyObject;
}

const idCommonName = "2.5.4.3";
const idEcdsaWithSha256 = "1.2.840.10045.4.3.2";

/** Bytes of a P-256 SubjectPublicKeyInfo before its key: what key identifiers are made of begins behind them. */
const spkiHeaderBytes = 26;

/** Unique without anybody counting; the highest bit is no sign, and the first byte is not 0. */
function newSerial(): ArrayBuffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bufferOf(bytes);
}

/** A buffer of its own: those of Node are pieces of bigger ones. */
const bufferOf = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;

const nameOf = (commonName: string): Name =>
  new Name([
    new RelativeDistinguishedName([
      new AttributeTypeAndValue({
        type: idCommonName,
        value: new AttributeValue({ utf8String: commonName }),
      }),
    ]),
  ]);

const keyIdentifier = (publicKey: Uint8Array): SubjectKeyIdentifier =>
  new SubjectKeyIdentifier(
    bufferOf(createHash("sha1").update(publicKey.subarray(spkiHeaderBytes)).digest()),
  );

const extension = (extnID: string, critical: boolean, value: unknown): Extension =>
  new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) });

function signed(parts: CertificateParts, extensions: readonly Extension[]): string {
  const { publicKey, subject, issuer, validFromMs, validToMs, signingKey } = parts;
  const signatureAlgorithm = new AlgorithmIdentifier({ algorithm: idEcdsaWithSha256 });
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: newSerial(),
    signature: signatureAlgorithm,
    issuer,
    subject: nameOf(subject),
    validity: new Validity({ notBefore: new Date(validFromMs), notAfter: new Date(validToMs) }),
    subjectPublicKeyInfo: AsnConvert.parse(publicKey, SubjectPublicKeyInfo),
    extensions: new Extensions([...extensions]),
  });
  const signature = sign("sha256", Buffer.from(AsnConvert.serialize(tbsCertificate)), signingKey);
  const certificate = new Certificate({
    tbsCertificate,
    signatureAlgorithm,
    signatureValue: bufferOf(signature),
  });
  return pemOf(Buffer.from(AsnConvert.serialize(certificate)));
}

function pemOf(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

/** Whom a certificate (DER) is about, in the very form that those it signs must name. */
export const subjectOf = (certificate: Uint8Array): Name =>
  AsnConvert.parse(certificate, Certificate).tbsCertificate.subject;

/** A certificate that an authority gives itself (PEM). It signs certificates of servers, and no other authorities. */
export const authorityCertificate = (parts: Omit<CertificateParts, "issuer">): string =>
  signed({ ...parts, issuer: nameOf(parts.subject) }, [
    extension(
      id_ce_basicConstraints,
      true,
      new BasicConstraints({ cA: true, pathLenConstraint: 0 }),
    ),
    extension(
      id_ce_keyUsage,
      true,
      new KeyUsage(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign),
    ),
    extension(id_ce_subjectKeyIdentifier, false, keyIdentifier(parts.publicKey)),
  ]);

/**
 * A certificate of a redis-server (PEM), which is a client of its master, too. `names`: IP addresses and host names, at
 * least one. `authorityKey`: DER, SubjectPublicKeyInfo of the authority.
 */
export const serverCertificate = (
  parts: CertificateParts,
  names: readonly string[],
  authorityKey: Uint8Array,
): string =>
  signed(parts, [
    extension(id_ce_basicConstraints, true, new BasicConstraints({ cA: false })),
    extension(id_ce_keyUsage, true, new KeyUsage(KeyUsageFlags.digitalSignature)),
    extension(id_ce_extKeyUsage, false, new ExtendedKeyUsage([id_kp_serverAuth, id_kp_clientAuth])),
    extension(
      id_ce_subjectAltName,
      false,
      new SubjectAlternativeName(
        names.map((name) =>
          isIP(name) === 0
            ? new GeneralName({ dNSName: name })
            : new GeneralName({ iPAddress: name }),
        ),
      ),
    ),
    extension(
      id_ce_authorityKeyIdentifier,
      false,
      new AuthorityKeyIdentifier({ keyIdentifier: keyIdentifier(authorityKey) }),
    ),
    extension(id_ce_subjectKeyIdentifier, false, keyIdentifier(parts.publicKey)),
  ]);
