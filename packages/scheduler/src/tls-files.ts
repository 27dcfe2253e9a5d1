/**
 * Owns the certificate of a server: read from two files, checked as a pair, and read again when they change.
 * Not: the servers. Called by server-access.ts for the HTTP API and for the artifact server.
 * SPDX-License-Identifier: Apache-2.0
 */
import { X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { type Clock, MrrError } from "@mr-redis/core";
import type { Log } from "./log.js";
import { type ReloadedFiles, reloadFiles } from "./reloaded-files.js";

/** What a server is told for TLS. */
export type ServerTls = SecureContextOptions;

/** Oldest protocol that is spoken. */
export const tlsVersionMin = "TLSv1.2";

/** Largest file: a chain of ten long certificates has 30 KB. */
const fileBytesMax = 256 * 1024;

/** A certificate that ends sooner than this is worth a word. */
const expiryWarningMs = 14 * 86_400_000;

/** Where a certificate and its key are, with the keys of the configuration that name them. */
export interface TlsPlace {
  readonly certificate: { readonly key: string; readonly path: string };
  readonly key: { readonly key: string; readonly path: string };
}

/** Reads both; `apply` gets the later ones. Rejects with `config-invalid` when they are no pair. */
export function reloadTls(
  place: TlsPlace,
  apply: (tls: ServerTls) => void,
  { clock, log, intervalMs }: { clock: Clock; log: Log; intervalMs?: number },
): Promise<ReloadedFiles<ServerTls>> {
  return reloadFiles({
    files: [place.certificate, place.key].map((file) => ({ ...file, bytesMax: fileBytesMax })),
    parse: ([cert = "", key = ""]) => {
      const leaf = pairOf(place, cert, key);
      const leftMs = Date.parse(leaf.validTo) - clock.nowMs();
      if (leftMs < expiryWarningMs) {
        const fields = { file: place.certificate.path, validTo: leaf.validTo };
        log.warn(fields, leftMs < 0 ? "the certificate has expired" : "the certificate ends soon");
      }
      return { cert, key, minVersion: tlsVersionMin };
    },
    apply,
    clock,
    log,
    ...(intervalMs === undefined ? {} : { intervalMs }),
  });
}

/** The certificate of the server itself; throws when the two do not belong together. */
function pairOf(
  { certificate, key }: TlsPlace,
  certText: string,
  keyText: string,
): X509Certificate {
  const refuse = (rule: string, cause?: unknown): never => {
    throw new MrrError("config-invalid", rule, { cause });
  };
  const read = <T>(act: () => T, rule: string): T => {
    try {
      return act();
    } catch (error) {
      return refuse(rule, error);
    }
  };
  const leaf = read(
    () => new X509Certificate(certText),
    `${certificate.key} ${certificate.path} must begin with a certificate (PEM)`,
  );
  // Nothing of OpenSSL's own words: those about a key are of no use, and it is a secret.
  read(
    () => createSecureContext({ key: keyText }),
    `${key.key} ${key.path} must be a key (PEM) without a passphrase`,
  );
  read(
    () => createSecureContext({ cert: certText, key: keyText, minVersion: tlsVersionMin }),
    `${key.key} ${key.path} must be the key of the certificate in ${certificate.key} ${certificate.path}`,
  );
  return leaf;
}
