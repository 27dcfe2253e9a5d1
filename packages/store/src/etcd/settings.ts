/**
 * Owns the check of what the configuration says about etcd, before any server is asked.
 * Not: the reading of the configuration (packages/core) nor of files. Called by store.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { MrrError } from "@mr-redis/core";
import type { StoreTls } from "../index.js";

const invalid = (text: string): MrrError => new MrrError("config-invalid", text);

const endpointForm = /^(?:(https?):\/\/)?((?:\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::(\d{1,5}))?)\/?$/;

/** etcd's own port for clients. */
const portDefault = 2379;

/**
 * Servers as URLs. Without a scheme it is `https` where `hasTls`. Throws MrrError `config-invalid` naming DBEndPoint; a
 * text with `@` is not repeated, since it may hold a password.
 */
export function etcdEndpoints(entries: readonly string[], hasTls: boolean): readonly string[] {
  const endpoints = entries.map((entry) => {
    const found = endpointForm.exec(entry);
    const [, scheme, host, port] = found ?? [];
    const isPort = port === undefined || (Number(port) >= 1 && Number(port) <= 65_535);
    if (host === undefined || !isPort) {
      const shown = entry.includes("@") ? "an entry with @" : JSON.stringify(entry);
      throw invalid(
        `DBEndPoint: ${shown} is no server of etcd; it is host:port or http(s)://host:port`,
      );
    }
    const address = port === undefined ? `${host}:${portDefault}` : host;
    return `${scheme ?? (hasTls ? "https" : "http")}://${address}`;
  });
  if (endpoints.length === 0) throw invalid("DBEndPoint: the store etcd needs at least one server");
  const plain = endpoints.filter((endpoint) => endpoint.startsWith("http://"));
  if (plain.length > 0 && plain.length < endpoints.length) {
    throw invalid("DBEndPoint: either all servers of etcd are https:// or none is");
  }
  if (plain.length > 0 && hasTls) {
    throw invalid("DBEndPoint: it is https:// where DBCAFile, DBCertFile or DBKeyFile is given");
  }
  return [...new Set(endpoints)];
}

const certificateForm = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function checkCertificates(key: string, pem: string): void {
  const certificates = pem.match(certificateForm) ?? [];
  if (certificates.length === 0) throw invalid(`${key}: there is no certificate (PEM) in the file`);
  try {
    for (const certificate of certificates) new X509Certificate(certificate);
  } catch (error) {
    throw invalid(`${key}: a certificate in the file cannot be read: ${reason(error)}`);
  }
}

/** OpenSSL's reason alone: it never repeats the file. */
const reason = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error
    ? String(error.code)
    : "unknown reason";

/** Throws MrrError `config-invalid` naming the key of the file that cannot be used; nothing of its text is repeated. */
export function checkTls(tls: StoreTls | null): void {
  if (tls === null) return;
  if (tls.ca !== null) checkCertificates("DBCAFile", tls.ca);
  if (tls.client === null) return;
  const { certificate, key } = tls.client;
  checkCertificates("DBCertFile", certificate);
  try {
    createPrivateKey(key);
  } catch (error) {
    throw invalid(`DBKeyFile: the key in the file cannot be read: ${reason(error)}`);
  }
  try {
    createSecureContext({ cert: certificate, key });
  } catch (error) {
    throw invalid(`DBKeyFile: the key does not belong to DBCertFile: ${reason(error)}`);
  }
}
