/**
 * Owns the proof of TLS to clients of the userspace plane: bytes and ends, another certificate while clients are served,
 * material that cannot be used, old versions, clients that begin no handshake.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import type { Clock } from "@mr-redis/core";
import { Authority, eventually, freePort, startRedisServer, until } from "@mr-redis/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { PlaneSettings } from "../src/routes.js";
import { systemClock } from "../src/system-clock.js";
import { LocalPlane } from "../src/userspace/local-plane.js";
import { planeOptions, route } from "./planes.js";
import { connectTo, type Side, startBackend, watched } from "./sockets.js";

const deadline = { deadlineMs: 30_000 };

let authority: Authority;
beforeAll(() => {
  authority = new Authority();
});
afterAll(() => authority.remove());

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const settings = (tls: PlaneSettings["tls"]): PlaneSettings => ({
  ...planeOptions().settings,
  tls,
});

async function served(target: number, told: string[] = []) {
  const port = await freePort();
  const tls = authority.certificate("IP:127.0.0.1");
  const plane = new LocalPlane(planeOptions({ tls }, told));
  ends.push(() => plane.close());
  await plane.apply([route(port, target)]);
  return { plane, port, tls };
}

function secureTo(port: number, options: ConnectionOptions = {}): Side & { socket: TLSSocket } {
  const socket = connect({ port, host: "127.0.0.1", ca: authority.ca, ...options });
  ends.push(async () => void socket.destroy());
  return watched(socket) as Side & { socket: TLSSocket };
}

const echoServer = async () => {
  const server = await startBackend((side) => {
    side.socket.on("data", (chunk) => side.socket.write(chunk));
    side.socket.on("end", () => side.socket.end());
  });
  ends.push(() => server.close());
  return server;
};

const counters = async (plane: LocalPlane) => (await plane.states())[0]?.counters;

describe("TLS to clients", () => {
  it("carries Redis, and ends with the client", async () => {
    const redis = await startRedisServer();
    ends.push(() => redis.stop());
    const { plane, port } = await served(redis.port);
    const side = secureTo(port);
    side.socket.write("SET key value\r\nGET key\r\n");
    await until(() => side.received === "+OK\r\n$5\r\nvalue\r\n", { ...deadline, what: "answers" });
    expect(await counters(plane)).toMatchObject({ open: 1, bytesUp: 24, bytesDown: 16 });
    side.socket.end();
    await until(async () => (await counters(plane))?.open === 0, { ...deadline, what: "the end" });
  });

  it("carries more than any buffer holds, in both directions", async () => {
    const server = await echoServer();
    const { port } = await served(server.port);
    const side = secureTo(port);
    const bytes = 8 * 1024 * 1024;
    side.socket.write(Buffer.alloc(bytes, "x"));
    await until(() => side.bytes === bytes, { ...deadline, what: "all of it" });
  });

  it("cuts at a change of the target", async () => {
    const [first, second] = [await echoServer(), await echoServer()];
    const { plane, port } = await served(first.port);
    const side = secureTo(port);
    side.socket.write("x");
    await until(() => side.received === "x", { ...deadline, what: "the echo" });
    await plane.change([route(port, second.port)], []);
    await until(() => side.closed !== null, { ...deadline, what: "the cut" });
    await until(() => first.sides[0]?.closed != null, { ...deadline, what: "the target's cut" });
    expect(await counters(plane)).toMatchObject({ cuts: 1 });
  });

  it("gives new clients a new certificate, and keeps the old one when the new is none", async () => {
    const server = await echoServer();
    const told: string[] = [];
    const { plane, port } = await served(server.port, told);
    const before = secureTo(port);
    before.socket.write("a");
    await until(() => before.received === "a", { ...deadline, what: "the first" });
    const first = before.socket.getPeerCertificate().fingerprint256;

    const next = authority.certificate("IP:127.0.0.1");
    plane.configure(settings(next));
    const after = secureTo(port);
    after.socket.write("b");
    await until(() => after.received === "b", { ...deadline, what: "the second" });
    const second = after.socket.getPeerCertificate().fingerprint256;
    expect(second).not.toBe(first);
    before.socket.write("a");
    await until(() => before.received === "aa", { ...deadline, what: "the first goes on" });

    expect(told).toEqual([]);
    plane.configure(settings({ cert: next.cert, key: authority.certificate("IP:1.1.1.1").key }));
    plane.configure(settings({ cert: "nothing", key: "nothing" }));
    const text = "The new certificate cannot be used; the old one stays";
    expect(told).toEqual([text, text]);
    const last = secureTo(port);
    last.socket.write("c");
    await until(() => last.received === "c", { ...deadline, what: "the third" });
    expect(last.socket.getPeerCertificate().fingerprint256).toBe(second);
  });

  it("begins with no certificate that cannot be used", () => {
    const tls = { cert: "nothing", key: "nothing" };
    expect(() => new LocalPlane(planeOptions({ tls }))).toThrow("the certificate for clients: ");
  });

  it("speaks no version before 1.2", async () => {
    const server = await echoServer();
    const { plane, port } = await served(server.port);
    const old = secureTo(port, { maxVersion: "TLSv1.1", minVersion: "TLSv1" });
    await until(() => old.closed !== null, { ...deadline, what: "the refusal" });
    expect(old.received).toBe("");
    const plain = connectTo(port);
    ends.push(async () => void plain.socket.destroy());
    plain.socket.write("PING\r\n");
    await until(() => plain.ended || plain.closed !== null, { ...deadline, what: "its end" });
    plain.socket.destroy();
    await until(async () => (await counters(plane))?.waiting === 0, { ...deadline, what: "none" });
    expect(server.sides).toEqual([]);
    const good = secureTo(port);
    good.socket.write("x");
    await until(() => good.received === "x", { ...deadline, what: "who speaks 1.2" });
  });

  it("ends a client that begins no handshake, and counts those who have left as gone", async () => {
    const server = await echoServer();
    const port = await freePort();
    const tls = authority.certificate("IP:127.0.0.1");
    // The limit of the first client comes fifty times sooner.
    let haste = 50;
    const after: Clock["after"] = (delayMs, call) => systemClock.after(delayMs / haste, call);
    const clock = { ...systemClock, after };
    const plane = new LocalPlane({ ...planeOptions({ tls, clientsTotalMax: 1 }), clock });
    ends.push(() => plane.close());
    await plane.apply([route(port, server.port)]);
    const silent = connectTo(port);
    ends.push(async () => void silent.socket.destroy());
    await until(async () => (await counters(plane))?.accepted === 1, { ...deadline, what: "it" });
    await until(() => silent.ended || silent.closed !== null, { ...deadline, what: "its end" });
    silent.socket.destroy();
    await until(async () => (await counters(plane))?.waiting === 0, { ...deadline, what: "none" });
    haste = 1;
    for (let turn = 0; turn < 2; turn += 1) {
      // The place is free a moment after the client before has gone.
      const side = await eventually(async () => {
        const tried = secureTo(port);
        tried.socket.write("x");
        await until(() => tried.received === "x" || tried.closed !== null, {
          ...{ ...deadline, what: "an answer" },
        });
        if (tried.closed !== null) throw new Error("refused");
        return tried;
      }, deadline);
      const many = secureTo(port);
      await until(() => many.closed !== null, { ...deadline, what: "one too many" });
      side.socket.destroy();
      await until(async () => (await counters(plane))?.open === 0, { ...deadline, what: "none" });
    }
  });
});
