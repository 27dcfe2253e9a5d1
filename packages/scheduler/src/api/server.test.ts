/**
 * Owns the proof that hostile and broken clients are refused on real sockets and that nothing else suffers.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createServer } from "node:net";
import { isMrrError } from "@mr-redis/core";
import { eventually } from "@mr-redis/testing";
import { afterEach, describe, expect, it } from "vitest";
import { documentOf, FakeControlPort, runningView } from "../../test/fake-control-port.js";
import { machineClock } from "../../test/machine-clock.js";
import { openRaw, type RawClient } from "../../test/raw-client.js";
import { createLog } from "../log.js";
import type { ApiLimits } from "./limits.js";
import { type ApiServer, createApiServer } from "./server.js";

const host = "127.0.0.1";
const ends: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function serve(limits: Partial<ApiLimits> = {}) {
  const control = new FakeControlPort();
  control.put(runningView("ok"));
  const lines: string[] = [];
  const server: ApiServer = createApiServer({
    port: control,
    limits: { timeCheckMs: 50, ...limits },
    clock: machineClock,
    corsOrigins: [],
    names: { bind: host, advertise: "" },
    version: "9.9.9",
    log: createLog({
      program: "test",
      level: "debug",
      destination: { write: (line) => lines.push(line) },
    }),
  });
  const { port } = await server.listen({ host, port: 0 });
  ends.push(() => server.close());
  const url = `http://${host}:${port}`;
  const open = async (): Promise<RawClient> => {
    const client = await openRaw(port);
    ends.push(() => void client.socket.destroy());
    return client;
  };
  /** True when the server answers an ordinary request at once. */
  const works = async () => {
    const response = await fetch(`${url}/v1/STATUS`, { signal: AbortSignal.timeout(20_000) });
    return response.status === 200;
  };
  return { server, control, port, url, open, works, lines };
}

describe("a body that is too large", () => {
  it("of 10 MB is refused with 413, the sender reads it, and others are served", async () => {
    const { url, control, works } = await serve();
    const body = Buffer.alloc(10 * 1024 * 1024, "x");
    for (const path of ["/v1/CREATE/a/100/1/0", "/v2/instances", "/v1/nowhere", "/v2/nowhere"]) {
      const response = await fetch(url + path, { method: "POST", body });
      expect([path, response.status]).toEqual([path, 413]);
      expect(await works()).toBe(true);
    }
    expect(control.requests).toEqual([]);
  });

  it("of unknown length is refused at the limit", async () => {
    const { url, works } = await serve();
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 1;
        if (sent > 160) controller.close();
        else controller.enqueue(new Uint8Array(65_536).fill(0x78));
      },
    });
    const init = { method: "POST", body, duplex: "half" };
    const response = await fetch(`${url}/v2/instances`, init as RequestInit);
    expect(response.status).toBe(413);
    expect((await response.json()) as object).toMatchObject({ code: "body-too-large" });
    expect(await works()).toBe(true);
  });

  it("is not read for ever", async () => {
    const { open, works } = await serve({ drainBytesMax: 1024 * 1024 });
    const client = await open();
    client.write(
      `POST /v2/instances HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${1024 ** 4}\r\n\r\n`,
    );
    const chunk = Buffer.alloc(65_536, "x");
    const pump = () => {
      while (!client.socket.destroyed && client.socket.write(chunk));
      client.socket.once("drain", pump);
    };
    pump();
    expect(await client.closed).toMatch(/^HTTP\/1.1 413 /);
    expect(await works()).toBe(true);
  });
});

describe("slow and half requests", () => {
  it("closes those who send nothing, half a header or half a body in time", async () => {
    const { open, works } = await serve({ headersMsMax: 200, requestMsMax: 300 });
    const silent = await open();
    const header = await open();
    header.write("GET /v1/STATUS HTTP/1.1\r\nHost: localhost\r\nX-");
    const body = await open();
    body.write("POST /v2/instances HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{");
    expect(await works()).toBe(true);
    expect(await Promise.all([silent.closed, header.closed, body.closed])).toEqual([
      expect.stringMatching(/^(HTTP\/1.1 408 |$)/),
      expect.stringMatching(/^HTTP\/1.1 408 /),
      expect.stringMatching(/^HTTP\/1.1 408 /),
    ]);
  });

  it("notices half a request whose sender has gone", async () => {
    const { open, server, control } = await serve();
    const client = await open();
    client.write("POST /v2/instances HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{");
    client.socket.end();
    await client.closed;
    await eventually(() => expect(server.connections.count).toBe(0));
    expect(control.requests).toEqual([]);
  });

  it("lets newcomers in while idle connections hold every place", async () => {
    const { open, works, server } = await serve({ connectionsMax: 10 });
    const holders = await Promise.all(Array.from({ length: 10 }, () => open()));
    for (const holder of holders) holder.write("GET /v1/STATUS HTTP/1.1\r\nX-");
    for (let round = 0; round < 5; round++) expect(await works()).toBe(true);
    expect(server.connections.count).toBeLessThanOrEqual(10);
    expect(server.connections.evictedCount).toBeGreaterThan(0);
  });

  it("does not give up a request that is being worked on for a newcomer", async () => {
    const { control, url, open, server } = await serve({ connectionsMax: 3 });
    control.put({ document: documentOf("young"), processes: [], unplaced: null });
    const waiting = fetch(`${url}/v2/instances/young?wait=60`);
    await eventually(() => expect(control.listenerCount).toBe(1));
    for (let count = 0; count < 10; count++) await open();
    await eventually(() => expect(server.connections.evictedCount).toBeGreaterThanOrEqual(8));
    control.put(runningView("young"));
    expect((await waiting).status).toBe(200);
  });
});

describe("what is no HTTP", () => {
  it.each([
    ["garbage", "\x16\x03\x01\x02\x00\r\n\r\n", /^HTTP\/1.1 400 /],
    [
      "headers too large",
      `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${"y".repeat(20_000)}\r\n\r\n`,
      /^HTTP\/1.1 431 /,
    ],
    [
      "path too long",
      `GET /v1/STATUS/${"y".repeat(20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      /^HTTP\/1.1 431 /,
    ],
    [
      "two lengths",
      "POST /v2/instances HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
      /^HTTP\/1.1 400 /,
    ],
    [
      "length and chunks (smuggling)",
      "POST /v2/instances HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      /^HTTP\/1.1 400 /,
    ],
  ])("%s", async (_what, text, answer) => {
    const { open, works } = await serve();
    const client = await open();
    client.write(text);
    const came = await client.closed;
    expect(came).toMatch(answer);
    expect(came).not.toMatch(/at .*\.js/);
    expect(await works()).toBe(true);
  });
});

describe("waiting", () => {
  it("outlives the limit for silent connections, which is back afterwards", async () => {
    const { control, open } = await serve({ silenceMsMax: 200, keepAliveMs: 5_000 });
    control.put({ document: documentOf("young"), processes: [], unplaced: null });
    const client = await open();
    client.write("GET /v2/instances/young?wait=1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await eventually(() => expect(client.text()).toMatch(/^HTTP\/1.1 200 /));
    const stuck = "POST /v2/instances HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{";
    client.write(stuck);
    await client.closed;
  });

  it("ends with its client", async () => {
    const { control, open } = await serve();
    control.put({ document: documentOf("young"), processes: [], unplaced: null });
    const client = await open();
    client.write("GET /v2/instances/young?wait=600 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await eventually(() => expect(control.listenerCount).toBe(1));
    client.socket.destroy();
    await eventually(() => expect(control.listenerCount).toBe(0));
  });

  it("ends with the server, which answers with the present state", async () => {
    const { server, control, url } = await serve();
    control.put({ document: documentOf("young"), processes: [], unplaced: null });
    const waiting = fetch(`${url}/v2/instances/young?wait=600`);
    await eventually(() => expect(control.listenerCount).toBe(1));
    await server.close();
    expect(((await (await waiting).json()) as { status: string }).status).toBe("CREATING");
  });
});

describe("listening and closing", () => {
  it("names the key and the remedy when the port is taken", async () => {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(0, host, resolve));
    ends.push(() => void squatter.close());
    const { port } = squatter.address() as { port: number };
    const server = createApiServer({
      port: new FakeControlPort(),
      clock: machineClock,
      corsOrigins: [],
      names: { bind: host, advertise: "" },
      version: "9.9.9",
      log: createLog({ program: "test", level: "silent", destination: "stderr" }),
    });
    ends.push(() => server.close());
    const error: unknown = await server.listen({ host, port }).catch((cause: unknown) => cause);
    expect(isMrrError(error) && [error.code, error.message]).toEqual([
      "port-taken",
      `127.0.0.1:${port} (HTTPPort) is taken by another program: stop that program or set HTTPPort to a free port.`,
    ]);
  });

  it("cuts those who do not end in time", async () => {
    const { server, open } = await serve({ closeMsMax: 100 });
    const client = await open();
    client.write("POST /v2/instances HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{");
    await eventually(() => expect(server.connections.count).toBe(1));
    await server.close();
    await client.closed;
    expect(server.connections.count).toBe(0);
  });
});

it("logs each request with its outcome, not its query", async () => {
  const { url, lines } = await serve();
  await fetch(`${url}/v1/DELETE/ok?token=abc`, { method: "DELETE" });
  await eventually(() => expect(lines).toHaveLength(1));
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    level: "info",
    program: "test",
    message: "request answered",
    method: "DELETE",
    path: "/v1/DELETE/ok",
    status: 200,
  });
});
