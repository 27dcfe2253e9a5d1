/**
 * Owns the tests of what the authority signs: by Node's own reading, by openssl at its strictest, by a real handshake.
 * SPDX-License-Identifier: Apache-2.0
 */
import { execFileSync } from "node:child_process";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer } from "node:tls";
import { expect, test } from "vitest";
import { Authority, newAuthority } from "./authority.js";

const nowMs = Date.parse("2026-11-23T03:00:00Z");
const names = ["10.0.0.5", "fd00::5", "agent-1.example", "127.0.0.1"];

function keys() {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    publicKey: publicKey.export({ type: "spki", format: "der" }),
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

function signed(authority: Authority, publicKey: Uint8Array, atMs = nowMs): string {
  const certificate = authority.sign(publicKey, names, atMs);
  if (certificate === null) throw new Error("not signed");
  return certificate;
}

test("a certificate says who, for how long, and nothing that would make it an authority", () => {
  const made = newAuthority("MrRedis", nowMs);
  const { publicKey } = keys();
  const certificate = new X509Certificate(signed(new Authority(made), publicKey));
  const ca = new X509Certificate(made.certificate);
  expect([certificate.ca, ca.ca]).toEqual([false, true]);
  expect([ca.subject, certificate.issuer, certificate.subject]).toEqual([
    "CN=mr-redis MrRedis",
    "CN=mr-redis MrRedis",
    "CN=10.0.0.5",
  ]);
  expect(certificate.subjectAltName).toBe(
    "IP Address:10.0.0.5, IP Address:FD00:0:0:0:0:0:0:5, DNS:agent-1.example, IP Address:127.0.0.1",
  );
  expect(certificate.publicKey.export({ type: "spki", format: "der" })).toEqual(publicKey);
  const days = (Date.parse(certificate.validTo) - nowMs) / 86_400_000;
  expect([days, Date.parse(certificate.validFrom) < nowMs]).toEqual([90, true]);
  expect(certificate.serialNumber).not.toBe(
    new X509Certificate(signed(new Authority(made), publicKey)).serialNumber,
  );
});

test("openssl accepts both at its strictest, for each use and each name", () => {
  const directory = mkdtempSync(join(tmpdir(), "mrr-x509-"));
  try {
    const made = newAuthority("Ünïcode / of, odd=letters", nowMs);
    writeFileSync(join(directory, "ca.pem"), made.certificate);
    writeFileSync(join(directory, "leaf.pem"), signed(new Authority(made), keys().publicKey));
    const verify = (...args: string[]): string =>
      execFileSync(
        "openssl",
        [
          ...["verify", "-x509_strict", "-attime", String(nowMs / 1000), "-CAfile", "ca.pem"],
          ...args,
          "leaf.pem",
        ],
        { cwd: directory, encoding: "utf8" },
      ).trim();
    for (const args of [
      ["-purpose", "sslserver", "-verify_ip", "fd00::5"],
      ["-purpose", "sslserver", "-verify_hostname", "agent-1.example"],
      ["-purpose", "sslclient"],
    ]) {
      expect(verify(...args)).toBe("leaf.pem: OK");
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("a client that trusts the authority shakes hands, one that trusts another does not", async () => {
  const made = newAuthority("MrRedis", Date.now());
  const { publicKey, key } = keys();
  const cert = signed(new Authority(made), publicKey, Date.now());
  const server = createServer({ key, cert }, (socket) => void socket.end());
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  try {
    const address = server.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    const shakes = (ca: string): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect({ host: "127.0.0.1", port, ca });
        socket.once("secureConnect", () => resolve("yes")).once("close", () => socket.destroy());
        socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""));
      });
    expect(await shakes(made.certificate)).toBe("yes");
    expect(await shakes(newAuthority("MrRedis", Date.now()).certificate)).toMatch(
      /SIGNATURE|ISSUER/,
    );
  } finally {
    await new Promise((resolve) => void server.close(resolve));
  }
});

test("signs no key that is no point of the curve, and nothing once it has ended itself", () => {
  const authority = new Authority(newAuthority("MrRedis", nowMs));
  const { publicKey } = keys();
  const bent = Uint8Array.from(publicKey);
  bent[bent.length - 1] = (bent.at(-1) ?? 0) ^ 1;
  expect(authority.sign(bent, names, nowMs)).toBeNull();
  expect(authority.sign(publicKey, names, nowMs + 21 * 365 * 86_400_000)).toBeNull();
  const late = nowMs + 20 * 365 * 86_400_000 - 1_000;
  expect(Date.parse(new X509Certificate(signed(authority, publicKey, late)).validTo)).toBeLessThan(
    late + 2_000,
  );
});

test("a key of another authority is noticed", () => {
  const { certificate } = newAuthority("a", nowMs);
  const { key } = newAuthority("a", nowMs);
  expect(() => new Authority({ certificate, key })).toThrow("the key is another authority's");
});
