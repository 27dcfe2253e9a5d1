/**
 * Owns the proof that both servers speak TLS with the certificate of their files, and with the next one once it changes.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type PeerCertificate, type TLSSocket } from "node:tls";
import { parseConfig } from "@mr-redis/core";
import { Authority, eventually } from "@mr-redis/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FakeControlPort } from "../test/fake-control-port.js";
import { machineClock } from "../test/machine-clock.js";
import { openRaw } from "../test/raw-client.js";
import type { ApiLimits } from "./api/limits.js";
import { type ApiServer, createApiServer } from "./api/server.js";
import { hashOf } from "./api/tokens.js";
import { createArtifactServer } from "./artifact/server.js";
import { createLog } from "./log.js";
import { openServerAccess } from "./server-access.js";

const host = "127.0.0.1";
let authority: Authority;
let directory: string;
let lines: string[];
const ends: (() => Promise<void> | void)[] = [];

beforeAll(() => {
  authority = new Authority();
});
afterAll(() => authority.remove());
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "mrr-tls-"));
  lines = [];
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  await rm(directory, { recursive: true });
});

const place = (name: string): string => join(directory, name);
const token = `mrr_${"t".repeat(43)}`;
const tokenFile = (role: string) => `me ${role} sha256:${hashOf(token).toString("hex")}\n`;

/** Writes a certificate and its key; returns the number of the certificate. */
const writeIdentity = async (): Promise<void> => {
  const { cert, key } = authority.certificate(`IP:${host}`);
  await Promise.all([writeFile(place("cert.pem"), cert), writeFile(place("key.pem"), key)]);
};

const configOf = (raw: Record<string, unknown>) => {
  const result = parseConfig(raw, {});
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.value.config;
};

const keys = {
  HTTPCertificateFile: () => place("cert.pem"),
  HTTPKeyFile: () => place("key.pem"),
  ArtifactCertificateFile: () => place("cert.pem"),
  ArtifactKeyFile: () => place("key.pem"),
  HTTPTokenFile: () => place("tokens"),
};

const openAccess = async () => {
  const raw = Object.fromEntries(Object.entries(keys).map(([key, path]) => [key, path()]));
  const log = createLog({
    program: "test",
    level: "info",
    destination: { write: (line) => lines.push(line) },
  });
  const shell = { clock: machineClock, log, intervalMs: 5 };
  const access = await openServerAccess(configOf(raw), shell);
  ends.push(() => access.close());
  return { access, log };
};

async function serve(limits: Partial<ApiLimits> = {}) {
  await writeIdentity();
  await Promise.all([
    writeFile(place("tokens"), tokenFile("read")),
    writeFile(place("stored"), "executor"),
  ]);
  const { access, log } = await openAccess();
  const api: ApiServer = createApiServer({
    port: new FakeControlPort(),
    log,
    clock: machineClock,
    version: "9.9.9",
    corsOrigins: [],
    names: { bind: host, advertise: "" },
    tokens: access.tokens,
    tls: access.httpTls,
    limits: { timeCheckMs: 50, ...limits },
  });
  const artifacts = createArtifactServer({
    files: [{ name: "executor.cjs", path: place("stored") }],
    log,
    clock: machineClock,
    tls: access.artifactTls,
  });
  ends.push(
    () => artifacts.close(),
    () => api.close(),
  );
  const { port } = await api.listen({ host, port: 0 });
  const { port: artifactPort } = await artifacts.listen({ host, port: 0 });
  access.follow({ api, artifacts });
  return { api, port, artifactPort };
}

/** One request over TLS, on a connection of its own. */
const ask = (port: number, path: string, headers: Record<string, string> = {}) =>
  new Promise<{ status: number; text: string; hsts: unknown; peer: PeerCertificate }>(
    (resolve, reject) => {
      const sent = request(
        { host, port, path, ca: authority.ca, agent: false, headers },
        (answer) => {
          // Read at once: it is gone with the connection.
          const peer = (answer.socket as TLSSocket).getPeerCertificate();
          let text = "";
          answer.setEncoding("utf8").on("data", (chunk: string) => {
            text += chunk;
          });
          answer.on("end", () => {
            const { statusCode: status = 0, headers: got } = answer;
            resolve({ status, text, hsts: got["strict-transport-security"], peer });
          });
        },
      );
      sent.on("error", reject).end();
    },
  );

const authorization = `Bearer ${token}`;
const linesOf = (text: string): number => lines.filter((line) => line.includes(text)).length;

describe("servers with TLS", () => {
  it("answer, tell browsers to stay with TLS, and ask for tokens", async () => {
    const { port, artifactPort } = await serve();
    const open = await ask(port, "/healthz");
    expect([open.status, open.hsts]).toEqual([200, "max-age=31536000"]);
    expect((await ask(port, "/v2/version")).status).toBe(401);
    expect((await ask(port, "/v2/version", { authorization })).status).toBe(200);
    const file = await ask(artifactPort, "/executor.cjs");
    expect([file.status, file.text]).toEqual([200, "executor"]);
  });

  it("take new certificates and tokens without a restart, and no bad ones", async () => {
    const { port, artifactPort } = await serve();
    const serial = async (at: number, path: string) => (await ask(at, path)).peer.serialNumber;
    const before = await serial(port, "/healthz");
    await writeIdentity();
    await eventually(async () => {
      expect(await serial(port, "/healthz")).not.toBe(before);
      expect(await serial(artifactPort, "/executor.cjs")).not.toBe(before);
    });
    const good = await serial(port, "/healthz");
    // A look in between may have seen the new certificate with the old key.
    lines.length = 0;
    await writeFile(place("key.pem"), authority.certificate(`IP:${host}`).key);
    await eventually(() =>
      expect(linesOf("must be the key of the certificate in HTTPCertificateFile")).toBeGreaterThan(
        0,
      ),
    );
    expect(await serial(port, "/healthz")).toBe(good);

    await writeFile(place("tokens"), tokenFile("root"));
    await eventually(() => expect(linesOf("line 1 must have the role")).toBeGreaterThan(0));
    expect((await ask(port, "/v2/version", { authorization })).status).toBe(200);
    await writeFile(place("tokens"), tokenFile("read").replace(/[0-9a-f]{64}/, "0".repeat(64)));
    await eventually(async () =>
      expect((await ask(port, "/v2/version", { authorization })).status).toBe(401),
    );
    expect(lines.join("")).not.toMatch(/PRIVATE KEY/);
  });

  it("refuse old protocols and plain HTTP, and go on", async () => {
    const { port } = await serve();
    const old = await new Promise<string>((resolve) => {
      const socket = connect({
        ...{ host, port, ca: authority.ca },
        ...{ minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" },
      });
      socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""));
      socket.once("secureConnect", () => resolve(`spoken: ${socket.getProtocol()}`));
    });
    expect(old).not.toMatch(/spoken/);
    const plain = await openRaw(port);
    plain.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    expect(await plain.closed).not.toMatch(/200/);
    expect((await ask(port, "/healthz")).status).toBe(200);
  });

  it("give way to others with connections that shake no hands, or do not ask", async () => {
    const { port, api } = await serve({ connectionsMax: 10, headersMsMax: 500 });
    const silent = await Promise.all(Array.from({ length: 30 }, () => openRaw(port)));
    ends.push(() => {
      for (const { socket } of silent) socket.destroy();
    });
    await eventually(async () => expect((await ask(port, "/healthz")).status).toBe(200));
    expect(api.connections.evictedCount).toBeGreaterThan(0);
    await Promise.all(silent.map(({ closed }) => closed));
    await eventually(() =>
      expect([api.connections.count, api.connections.busyCount]).toEqual([0, 0]),
    );
  });
});

describe("at the start", () => {
  it.each([
    ["cert.pem", null, "HTTPCertificateFile .*cannot be read: ENOENT"],
    ["cert.pem", "nonsense", "HTTPCertificateFile .* must begin with a certificate"],
    ["key.pem", "nonsense", "HTTPKeyFile .* must be a key \\(PEM\\) without a passphrase"],
    ["tokens", "me root sha256:00", "HTTPTokenFile .*: line 1 must have the role"],
    ["tokens", "", "HTTPTokenFile .*: file must hold at least one token"],
    ["tokens", "long", "HTTPTokenFile .* is larger than 524288 bytes"],
  ])("%s that is %j is refused, by its key", async (name, content, text) => {
    await writeIdentity();
    await writeFile(place("tokens"), tokenFile("read"));
    if (content === null) await rm(place(name));
    else await writeFile(place(name), content === "long" ? "#".repeat(600_000) : content);
    await expect(openAccess()).rejects.toThrow(new RegExp(text));
  });
});
