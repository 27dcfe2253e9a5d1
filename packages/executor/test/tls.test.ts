/**
 * Owns the tests of redis-servers that speak TLS, on real ones: replication, renewal without a dropped connection, what a
 * launch without a certificate says, and who is let in.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createPublicKey } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer, type TLSSocket } from "node:tls";
import { decodeCertificateRequest, type LaunchOrder } from "@mr-redis/core";
import { systemClock } from "@mr-redis/mesos";
import { Authority, freePort, until } from "@mr-redis/testing";
import { afterEach, expect, test } from "vitest";
import { connectRedis } from "../src/connect.js";
import { RedisConnection } from "../src/redis-connection.js";
import { createHarness, deadlineMs, type Harness, masterOf, orderOf } from "./harness.js";

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function authority(): Authority {
  const made = new Authority();
  closers.push(() => made.remove());
  return made;
}

const names = "IP:127.0.0.1";

function write(directory: string, from: Authority): string {
  const { cert, key } = from.certificate(names);
  writeFileSync(join(directory, "tls.crt"), cert);
  writeFileSync(join(directory, "tls.key"), key, { mode: 0o600 });
  writeFileSync(join(directory, "ca.crt"), from.ca);
  return cert;
}

function directoryOf(from: Authority): string {
  const directory = mkdtempSync(join(tmpdir(), "mrr-tls-"));
  closers.push(() => rmSync(directory, { recursive: true, force: true }));
  write(directory, from);
  return directory;
}

function harness(options: Parameters<typeof createHarness>[0]): Harness {
  const made = createHarness(options);
  closers.push(() => made.close());
  return made;
}

/** A client that trusts `ca`; what it is sent is collected. */
async function client(port: number, ca: string) {
  const socket: TLSSocket = connect({ host: "127.0.0.1", port, ca });
  closers.push(() => socket.destroy());
  let heard = "";
  socket.on("data", (chunk) => {
    heard += String(chunk);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", resolve).once("error", reject);
  });
  return {
    socket,
    certificate: () => socket.getPeerX509Certificate()?.toString(),
    async says(command: string, answer: string): Promise<void> {
      heard = "";
      socket.write(`${command}\r\n`);
      await until(() => heard.includes(answer), { deadlineMs, what: `${answer} of ${command}` });
    },
  };
}

async function pair(made: Harness): Promise<readonly [LaunchOrder, LaunchOrder]> {
  const master = orderOf("inst::m", await freePort(), { tls: true });
  const replica = orderOf("inst::r", await freePort(), {
    tls: true,
    goal: { role: "replica", master: masterOf(master) },
  });
  made.launch(master);
  made.launch(replica);
  await made.reported("inst::r", (report) => report.synced && report.linkUp);
  return [master, replica];
}

test("master and replica speak TLS only, to each other too; a renewed certificate drops nobody", async () => {
  const old = authority();
  const directory = directoryOf(old);
  const made = harness({ tlsDirectory: directory });
  const [master, replica] = await pair(made);
  const first = await client(master.port, old.ca);
  await first.says("SET a 1", "+OK");
  await first.says("WAIT 1 20000", ":1");
  const reader = await client(replica.port, old.ca);
  await reader.says("GET a", "$1\r\n1");

  // Whoever speaks in the clear hears nothing of Redis.
  const plain = createConnection(master.port, "127.0.0.1");
  let heard = "";
  plain.on("data", (chunk) => {
    heard += String(chunk);
  });
  plain.on("error", () => undefined);
  plain.write("PING\r\n");
  await new Promise<void>((resolve) => void plain.once("close", () => resolve()));
  expect(heard).not.toContain("PONG");

  const before = first.certificate();
  const cert = write(directory, old);
  await until(() => made.logs.some((line) => line.includes("renewed certificate is in force")), {
    deadlineMs,
    what: "the renewal",
  });
  const second = await client(master.port, old.ca);
  expect([second.certificate(), second.certificate() === before]).toEqual([cert, false]);
  await second.says("SET a 2", "+OK");
  await first.says("GET a", "$1\r\n2");
  await reader.says("GET a", "$1\r\n2");
  expect(made.report("inst::m")?.phase).toBe("serving");
  expect(made.updates.map(({ state }) => state)).toEqual(["TASK_RUNNING", "TASK_RUNNING"]);
});

test("files of a process with TLS are for its user alone, and go with it", async () => {
  const made = harness({ tlsDirectory: directoryOf(authority()) });
  const order = orderOf("inst::m", await freePort(), { tls: true });
  made.launch(order);
  await made.updated("inst::m", "TASK_RUNNING");
  const work = join(made.sandbox, "work");
  const files = () => readdirSync(work, { recursive: true }).map(String);
  const [pem] = files().filter((name) => name.endsWith("tls.pem"));
  expect(statSync(join(work, pem ?? "")).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(work, pem ?? ""), "utf8")).toContain("PRIVATE KEY");
  expect(made.logs.join("\n")).not.toContain("PRIVATE KEY");
  made.supervisor.handle({ type: "kill-received", taskId: "inst::m", graceMs: 0 });
  await made.updated("inst::m", "TASK_KILLED");
  await until(() => !files().some((name) => /tls\.pem|ca\.crt/.test(name)), {
    deadlineMs,
    what: "the end of the key",
  });
});

test.each([
  [
    "no file",
    (directory: string) => rmSync(join(directory, "tls.crt")),
    /tls\.crt cannot be read: ENOENT/,
  ],
  [
    "another key",
    (directory: string) =>
      writeFileSync(join(directory, "tls.key"), authority().certificate(names).key),
    /tls\.key is not the key of the certificate in .*tls\.crt/,
  ],
  [
    "another authority",
    (directory: string) => writeFileSync(join(directory, "ca.crt"), authority().ca),
    /no authority in .*ca\.crt vouches for the certificate in .*tls\.crt/,
  ],
  [
    "no key",
    (directory: string) => writeFileSync(join(directory, "tls.key"), "secret words"),
    /tls\.key holds no private key \(PEM\) without a passphrase/,
  ],
])("a launch says at once what is wrong with the directory: %s", async (_name, spoil, text) => {
  const directory = directoryOf(authority());
  spoil(directory);
  const made = harness({ tlsDirectory: directory });
  made.launch(orderOf("inst::m", await freePort(), { tls: true }));
  const { message } = await made.updated("inst::m", "TASK_FAILED");
  expect(message).toMatch(text);
  expect(message).not.toContain("secret words");
});

test("a launch waits for the certificate that the scheduler gives for the public key", async () => {
  const signer = authority();
  const asked: string[] = [];
  const made = harness({ onMessage: (text) => void asked.push(text) });
  const answer = (certificate: string | null, problem: string | null) =>
    made.certificates().answered({
      ...{ version: 1, type: "certificate", runId: "run-1" },
      ...{ certificate, ca: certificate === null ? null : signer.ca, problem },
    });
  made.launch(orderOf("inst::m", await freePort(), { tls: true }));
  await until(() => asked.length > 0, { deadlineMs, what: "the question" });
  const request = decodeCertificateRequest(asked[0] ?? "");
  if (!request.ok) throw new Error(JSON.stringify(request.problems));
  const spki = Buffer.from(request.value.publicKey, "base64");
  const key = createPublicKey({ key: spki, format: "der", type: "spki" });
  // A certificate for another key and a refusal are no answers: it goes on asking.
  answer(signer.certificate(names).cert, null);
  answer(null, "the store does not answer");
  await until(() => asked.length > 1, { deadlineMs, what: "the same question" });
  expect(new Set(asked).size).toBe(1);
  expect(made.updates).toEqual([]);
  answer(signer.sign(key.export({ type: "spki", format: "pem" }).toString(), names), null);
  await made.updated("inst::m", "TASK_RUNNING");
});

test("the executor lets nobody in who shows another certificate, even of the same authority", async () => {
  const signer = authority();
  const made = harness({ tlsDirectory: directoryOf(signer) });
  await made.certificates().identity();
  const stranger = createServer(signer.certificate(names), (socket) => {
    socket.on("error", () => undefined);
    socket.write("+PONG\r\n");
  });
  stranger.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => void stranger.listen(0, "127.0.0.1", resolve));
  closers.push(() => new Promise((resolve) => void stranger.close(resolve)));
  const at = stranger.address();
  if (at === null || typeof at === "string") throw new Error("no port");
  const target = { address: "127.0.0.1", port: at.port, executorSecret: "secret" };
  const connection = new RedisConnection(
    { ...target, isOurs: made.certificates().isOurs },
    connectRedis,
    systemClock,
  );
  closers.push(() => connection.close());
  await expect(connection.pipeline([["ping"]], deadlineMs)).rejects.toThrow(
    "it shows a certificate that is not its own",
  );
});
