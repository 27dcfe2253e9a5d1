/**
 * Owns the proof that the artifact server gives its files whole, in parts and with their hashes, and nothing else.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createHash } from "node:crypto";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMrrError } from "@mr-redis/core";
import { afterEach, describe, expect, it } from "vitest";
import { machineClock } from "../../test/machine-clock.js";
import { openRaw } from "../../test/raw-client.js";
import { createLog } from "../log.js";
import { type ArtifactLimits, createArtifactServer } from "./server.js";

const host = "127.0.0.1";
const ends: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const sha256 = (data: Buffer): string => createHash("sha256").update(data).digest("hex");

async function serve(limits: Partial<ArtifactLimits> = {}, data = Buffer.from("0123456789")) {
  const folder = await mkdtemp(join(tmpdir(), "mrr-artifact-"));
  ends.push(() => rm(folder, { recursive: true }));
  const path = join(folder, "stored-name.mjs");
  await writeFile(path, data);
  await writeFile(join(folder, "private.json"), "{}");
  const server = createArtifactServer({
    files: [{ name: "executor.mjs", path }],
    clock: machineClock,
    limits: { timeCheckMs: 50, ...limits },
    log: createLog({ program: "test", level: "silent", destination: "stderr" }),
  });
  ends.push(() => server.close());
  const { port } = await server.listen({ host, port: 0 });
  const url = `http://${host}:${port}`;
  return { server, folder, path, port, url, data };
}

describe("a file of the list", () => {
  it("is given whole, with its length, hash and time", async () => {
    const { url, data, server } = await serve();
    const response = await fetch(`${url}/executor.mjs?v=1`);
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "accept-ranges": "bytes",
      "content-length": "10",
      "content-type": "application/octet-stream",
      etag: `"${sha256(data)}"`,
      "last-modified": expect.stringMatching(/ GMT$/),
    });
    expect(Buffer.from(await response.arrayBuffer())).toEqual(data);
    expect(server.state("executor.mjs")).toMatchObject({ bytes: 10, sha256: sha256(data) });
  });

  it("is described by HEAD", async () => {
    const { url, data } = await serve();
    const response = await fetch(`${url}/executor.mjs`, { method: "HEAD" });
    expect([
      response.status,
      response.headers.get("content-length"),
      await response.text(),
    ]).toEqual([200, "10", ""]);
    expect(response.headers.get("etag")).toBe(`"${sha256(data)}"`);
  });

  it.each([
    [{ range: "bytes=2-4" }, 206, "bytes 2-4/10", "234"],
    [{ range: "bytes=99-" }, 416, "bytes */10", ""],
    [{ "if-none-match": "*" }, 304, null, ""],
    [{ "if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT" }, 304, null, ""],
    [{ "if-match": '"other"' }, 412, null, ""],
  ])("%j -> %i", async (headers, status, range, text) => {
    const { url } = await serve();
    const response = await fetch(`${url}/executor.mjs`, { headers: { ...headers } });
    expect([response.status, response.headers.get("content-range"), await response.text()]).toEqual(
      [status, range, text],
    );
  });

  it("of 20 MB reaches 20 agents at once", async () => {
    const data = Buffer.alloc(20 * 1024 * 1024, "mr-redis");
    const { url } = await serve({}, data);
    const sums = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const response = await fetch(`${url}/executor.mjs`);
        return sha256(Buffer.from(await response.arrayBuffer()));
      }),
    );
    expect(new Set(sums)).toEqual(new Set([sha256(data)]));
  });

  it("that was replaced is given with its new hash", async () => {
    const { url, path, folder, server } = await serve();
    const next = Buffer.from("another build");
    await writeFile(join(folder, "next"), next);
    await rename(join(folder, "next"), path);
    const responses = await Promise.all([1, 2, 3].map(() => fetch(`${url}/executor.mjs`)));
    for (const response of responses) {
      expect(response.headers.get("etag")).toBe(`"${sha256(next)}"`);
      expect(Buffer.from(await response.arrayBuffer())).toEqual(next);
    }
    expect(server.state("executor.mjs").sha256).toBe(sha256(next));
  });

  it("that has gone is a 500 with a text, and 200 when it is back", async () => {
    const { url, path, data } = await serve();
    await rm(path);
    const response = await fetch(`${url}/executor.mjs`);
    expect([response.status, await response.text()]).toEqual([500, "executor.mjs cannot be read"]);
    await writeFile(path, data);
    expect((await fetch(`${url}/executor.mjs`)).status).toBe(200);
  });
});

it.each([
  "GET /",
  "GET /private.json",
  "GET /stored-name.mjs",
  "GET /../private.json",
  "GET /executor.mjs/../private.json",
  "GET /%2e%2e/private.json",
  "GET /executor.mjs/",
  "GET //executor.mjs",
  "GET /executor%2Emjs",
  "GET /EXECUTOR.MJS",
  "GET /executor.mjs%00",
  "GET /constructor",
  "GET /__proto__",
  "GET http://127.0.0.1/executor.mjs",
  "POST /executor.mjs",
  "PUT /executor.mjs",
  "DELETE /executor.mjs",
])("%s is a 404", async (line) => {
  const { port } = await serve();
  const client = await openRaw(port);
  client.write(`${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  expect(await client.closed).toMatch(/^HTTP\/1.1 404 [\s\S]*\r\n\r\n404 page not found$/);
});

describe("hostile clients", () => {
  it("who are slow with their request are closed", async () => {
    const { port, url } = await serve({ headersMsMax: 200 });
    const client = await openRaw(port);
    client.write("GET /executor.mjs HTTP/1.1\r\nX-");
    expect((await fetch(`${url}/executor.mjs`)).status).toBe(200);
    expect(await client.closed).toMatch(/^HTTP\/1.1 408 /);
  });

  it("who do not read are closed, and hold no file open", async () => {
    const { port, url } = await serve({ silenceMsMax: 300 }, Buffer.alloc(20 * 1024 * 1024));
    const client = await openRaw(port);
    client.write("GET /executor.mjs HTTP/1.1\r\nHost: x\r\n\r\n");
    client.socket.pause();
    const ended = new Promise((resolve) => client.socket.once("close", resolve));
    expect((await fetch(`${url}/executor.mjs`, { method: "HEAD" })).status).toBe(200);
    // The reset is only seen by one who reads or writes.
    const poke = setInterval(() => client.socket.write("x"), 50);
    await ended;
    clearInterval(poke);
  });

  it("who hold every place give way", async () => {
    const { port, url } = await serve({ connectionsMax: 5 });
    const holders = await Promise.all(Array.from({ length: 5 }, () => openRaw(port)));
    for (let round = 0; round < 3; round++) {
      expect((await fetch(`${url}/executor.mjs`)).status).toBe(200);
    }
    for (const holder of holders) holder.socket.destroy();
  });
});

describe("listening", () => {
  const make = (path: string) => {
    const server = createArtifactServer({
      files: [{ name: "executor.mjs", path }],
      clock: machineClock,
      log: createLog({ program: "test", level: "silent", destination: "stderr" }),
    });
    ends.push(() => server.close());
    return server;
  };
  const failure = async (promise: Promise<unknown>) => {
    const error = await promise.then(
      () => null,
      (cause: unknown) => cause,
    );
    return isMrrError(error) ? [error.code, error.message] : error;
  };

  it("names the key and the remedy when the port is taken", async () => {
    const { port, path } = await serve();
    expect(await failure(make(path).listen({ host, port }))).toEqual([
      "port-taken",
      `127.0.0.1:${port} (ArtifactPort) is taken by another program: stop that program or set ArtifactPort to a free port.`,
    ]);
  });

  it("names the file that cannot be read, and the address that is not ours", async () => {
    const { path, folder } = await serve();
    const missing = join(folder, "missing");
    expect(await failure(make(missing).listen({ host, port: 0 }))).toEqual([
      "config-invalid",
      `${missing} cannot be read, so agents could not fetch it.`,
    ]);
    expect(await failure(make(folder).listen({ host, port: 0 }))).toEqual([
      "config-invalid",
      `${folder} is no file, so agents could not fetch it.`,
    ]);
    expect(await failure(make(path).listen({ host: "192.0.2.1", port: 0 }))).toEqual([
      "config-invalid",
      "192.0.2.1:0 cannot be opened (EADDRNOTAVAIL): set ArtifactBind to an address of this machine.",
    ]);
  });
});
