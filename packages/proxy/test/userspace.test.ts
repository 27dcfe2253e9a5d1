/**
 * Owns the proof of the userspace plane on real sockets: bytes, ends, limits, waiting, moves. Two tests would fail on the
 * ancestor: the client of a target that cannot be reached, and the end of a target's half.
 * SPDX-License-Identifier: Apache-2.0
 */
import { freePort, freePorts, until } from "@mr-redis/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DataPlane, PlaneSettings } from "../src/routes.js";
import { LocalPlane } from "../src/userspace/local-plane.js";
import { nodeStreams } from "../src/userspace/node-handles.js";
import { planeOptions, route } from "./planes.js";
import { type Backend, connectTo, type Side, startBackend } from "./sockets.js";

/** Both ways of carrying bytes keep the same promises. */
const ways = [
  { name: "on handles", streams: nodeStreams },
  { name: "by streams", streams: null },
] as const;
let streams: (typeof ways)[number]["streams"] = null;

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function backend(...args: Parameters<typeof startBackend>): Promise<Backend> {
  const made = await startBackend(...args);
  ends.push(() => made.close());
  return made;
}

function plane(settings: Partial<PlaneSettings> = {}): LocalPlane {
  const made = new LocalPlane(planeOptions(settings), streams);
  ends.push(() => made.close());
  return made;
}

function client(port: number, isReading = true): Side {
  const made = connectTo(port, isReading);
  ends.push(async () => void made.socket.destroy());
  return made;
}

const echo = (side: Side): void => {
  side.socket.on("data", (chunk) => side.socket.write(chunk));
  side.socket.on("end", () => side.socket.end());
};

const deadline = { deadlineMs: 30_000 };

const counters = async (made: DataPlane) => (await made.states())[0]?.counters;

describe.each(ways)("bytes and ends, $name", (way) => {
  beforeEach(() => {
    streams = way.streams;
  });

  it("carries bytes in both directions and counts them", async () => {
    const server = await backend(echo);
    const port = await freePort();
    const made = plane();
    await made.apply([route(port, server.port)]);
    const side = client(port);
    side.socket.write("PING\r\n");
    await until(() => side.received === "PING\r\n", { ...deadline, what: "the echo" });
    expect(await counters(made)).toEqual({
      accepted: 1,
      waits: 0,
      open: 1,
      waiting: 0,
      bytesUp: 6,
      bytesDown: 6,
      cuts: 0,
      refusals: 0,
    });
  });

  it("passes the end of the target's half on while the client goes on sending", async () => {
    const server = await backend((side) => side.socket.end("bye"));
    const port = await freePort();
    const made = plane();
    await made.apply([route(port, server.port)]);
    const side = client(port);
    await until(() => side.ended && side.received === "bye", { ...deadline, what: "FIN" });
    expect(side.closed).toBe(null);
    side.socket.end("more");
    await until(() => server.sides[0]?.received === "more", { ...deadline, what: "the rest" });
    await until(() => side.closed !== null, { ...deadline, what: "the close" });
    expect(side.closed).toBe("clean");
    await until(async () => (await counters(made))?.open === 0, {
      ...deadline,
      what: "nothing left",
    });
  });

  it("passes the end of the client's half on, and the answers that follow it", async () => {
    const server = await backend((side) => {
      side.socket.on("end", () => side.socket.end("late answer"));
    });
    const port = await freePort();
    const made = plane();
    await made.apply([route(port, server.port)]);
    const side = client(port);
    side.socket.end("question");
    await until(() => side.received === "late answer", { ...deadline, what: "the answer" });
    expect(server.sides[0]?.received).toBe("question");
  });

  it("ends the client abruptly when its target does, and the other way round", async () => {
    const server = await backend((side) => {
      side.socket.on("data", () => side.socket.resetAndDestroy());
    });
    const port = await freePort();
    const made = plane();
    await made.apply([route(port, server.port)]);
    const side = client(port);
    side.socket.write("x");
    await until(() => side.closed === "abrupt", { ...deadline, what: "the reset of the client" });
    const other = client(port);
    await until(() => server.sides.length === 2, { ...deadline, what: "the second connection" });
    other.socket.resetAndDestroy();
    await until(() => server.sides[1]?.closed != null, { ...deadline, what: "the target's end" });
    await until(async () => (await counters(made))?.open === 0, {
      ...deadline,
      what: "nothing left",
    });
  });

  it("stops a target whose client does not read, and goes on when it does", async () => {
    const bytes = 64 * 1024 * 1024;
    const server = await backend((side) => void side.socket.end(Buffer.alloc(bytes)), {
      isReading: false,
    });
    const port = await freePort();
    const made = plane();
    await made.apply([route(port, server.port)]);
    const side = client(port, false);
    side.socket.pause();
    await until(async () => ((await counters(made))?.bytesDown ?? 0) > 0, {
      ...deadline,
      what: "first bytes",
    });
    // It settles where the buffers of the kernel and one of ours are full.
    let last = -1;
    await until(
      async () => {
        const now = (await counters(made))?.bytesDown ?? 0;
        const isStill = now === last;
        last = now;
        return isStill;
      },
      { ...deadline, intervalMs: 200, what: "a standstill" },
    );
    expect(last).toBeLessThan(bytes / 2);
    let read = 0;
    side.socket.on("data", (chunk: Buffer) => {
      read += chunk.length;
    });
    side.socket.resume();
    await until(() => read === bytes, { ...deadline, what: "everything" });
  });
});

describe.each(ways)("targets, $name", (way) => {
  beforeEach(() => {
    streams = way.streams;
  });

  it("tells the client when no target can be reached in time, and ends", async () => {
    const [port = 0, dead = 0] = await freePorts(2);
    const made = plane({ targetWaitMs: 200 });
    await made.apply([route(port, dead)]);
    const side = client(port);
    side.socket.write("PING\r\n");
    await until(() => side.ended, { ...deadline, what: "the end" });
    expect(side.received).toMatch(
      /^-ERR mr-redis proxy: route-\d+: 127\.0\.0\.1:\d+ cannot be reached/,
    );
    expect(side.received.endsWith("try again later\r\n")).toBe(true);
    expect(await counters(made)).toMatchObject({ open: 0, waiting: 0, refusals: 1 });
  });

  it("serves a client at once though it would wait for nobody, and refuses it where nobody is", async () => {
    const server = await backend(echo);
    const [port = 0, dead = 0, none = 0, nobody = 0] = await freePorts(4);
    const made = plane({ targetWaitMs: 0 });
    await made.apply([route(port, server.port), route(dead, nobody), route(none)]);
    const sides = [port, dead, none].map((each) => client(each));
    for (const { socket } of sides) socket.write("x");
    await until(() => sides.every(({ received }) => received !== ""), { ...deadline, what: "all" });
    expect(sides.map(({ received }) => received.slice(0, 4))).toEqual(["x", "-ERR", "-ERR"]);
  });

  it("keeps a client while there is no target, and serves it when there is one", async () => {
    const server = await backend(echo);
    const port = await freePort();
    const made = plane();
    await made.apply([route(port)]);
    const side = client(port);
    side.socket.write("patience");
    await until(async () => (await counters(made))?.waiting === 1, {
      ...deadline,
      what: "waiting",
    });
    await made.apply([route(port, server.port)]);
    await until(() => side.received === "patience", { ...deadline, what: "the echo" });
  });

  it("tries again while a target starts", async () => {
    const [port = 0, later = 0] = await freePorts(2);
    const made = plane();
    await made.apply([route(port, later)]);
    const side = client(port);
    side.socket.write("hello");
    await until(async () => (await counters(made))?.waiting === 1, {
      ...deadline,
      what: "waiting",
    });
    await backend(echo, { port: later });
    await until(() => side.received === "hello", { ...deadline, what: "the echo" });
  });

  it("forgets a client that leaves while it waits", async () => {
    const port = await freePort();
    const made = plane();
    await made.apply([route(port)]);
    const side = client(port);
    await until(async () => (await counters(made))?.waiting === 1, {
      ...deadline,
      what: "waiting",
    });
    side.socket.resetAndDestroy();
    await until(async () => (await counters(made))?.waiting === 0, {
      ...deadline,
      what: "forgotten",
    });
    expect(await counters(made)).toMatchObject({ refusals: 0 });
  });

  it("serves a client that has asked and ended its half before there was a target", async () => {
    const server = await backend((side) => {
      side.socket.on("end", () => side.socket.end(`got ${side.bytes} bytes`));
    });
    const port = await freePort();
    const made = plane();
    await made.apply([route(port)]);
    const side = client(port);
    side.socket.end(Buffer.alloc(500_000));
    await until(async () => (await counters(made))?.waiting === 1, {
      ...deadline,
      what: "waiting",
    });
    await made.apply([route(port, server.port)]);
    await until(() => side.ended, { ...deadline, what: "the answer" });
    expect(side.received).toBe("got 500000 bytes");
  });

  it("cuts connections to a target that is one no more, at once, and leaves the others alone", async () => {
    const first = await backend(echo);
    const second = await backend(echo);
    const [port = 0, other = 0] = await freePorts(2);
    const made = plane();
    await made.apply([route(port, first.port), route(other, first.port)]);
    const moved = client(port);
    const kept = client(other);
    moved.socket.write("a");
    kept.socket.write("a");
    await until(() => moved.received + kept.received === "aa", { ...deadline, what: "both" });
    await made.apply([route(port, second.port), route(other, first.port)]);
    await until(() => moved.closed === "abrupt", { ...deadline, what: "the cut" });
    await until(() => first.sides.some(({ closed }) => closed !== null), {
      ...deadline,
      what: "the cut at the target",
    });
    kept.socket.write("b");
    await until(() => kept.received === "ab", { ...deadline, what: "the other one" });
    const again = client(port);
    again.socket.write("c");
    await until(() => again.received === "c", { ...deadline, what: "the new target" });
    expect(second.sides).toHaveLength(1);
    expect(await counters(made)).toMatchObject({ cuts: 1, open: 1 });
  });

  it("spreads connections over several targets", async () => {
    const servers = [await backend(echo), await backend(echo)];
    const port = await freePort();
    const made = plane();
    await made.apply([route(port, ...servers.map((server) => server.port))]);
    const sides = Array.from({ length: 6 }, () => client(port));
    for (const side of sides) side.socket.write("x");
    await until(() => sides.every(({ received }) => received === "x"), {
      ...deadline,
      what: "all",
    });
    expect(servers.map((server) => server.sides.length)).toEqual([3, 3]);
  });
});

describe.each(ways)("limits, $name", (way) => {
  beforeEach(() => {
    streams = way.streams;
  });

  it("refuses one client too many with a reply, and serves those who are there", async () => {
    const server = await backend(echo);
    const port = await freePort();
    const made = plane({ clientsMax: 2 });
    await made.apply([route(port, server.port)]);
    const sides = [client(port), client(port)];
    await until(async () => (await counters(made))?.open === 2, { ...deadline, what: "two" });
    const third = client(port);
    await until(() => third.ended, { ...deadline, what: "the refusal" });
    expect(third.received).toBe("-ERR mr-redis proxy: max number of clients reached\r\n");
    for (const side of sides) side.socket.write("x");
    await until(() => sides.every(({ received }) => received === "x"), {
      ...deadline,
      what: "both",
    });
  });

  it("says nothing in the clear to clients that speak TLS with the target itself", async () => {
    const server = await backend(echo);
    const [full, mute] = [await freePort(), await freePort()];
    const made = plane({ clientsMax: 1, targetWaitMs: 50 });
    await made.apply([
      { ...route(full, server.port), passesTls: true },
      { ...route(mute), passesTls: true },
    ]);
    const served = client(full);
    await until(async () => (await counters(made))?.open === 1, { ...deadline, what: "one" });
    const refused = [client(full), client(mute)];
    await until(() => refused.every(({ ended, socket }) => ended || socket.destroyed), {
      ...deadline,
      what: "the refusals",
    });
    expect(refused.map(({ received }) => received)).toEqual(["", ""]);
    served.socket.write("x");
    await until(() => served.received === "x", { ...deadline, what: "the one who is served" });
  });

  it("serves the others when one port is taken, and tries that one again", async () => {
    const server = await backend(echo);
    const taken = await startBackend();
    const port = await freePort();
    const made = plane();
    const routes = [route(taken.port, server.port), route(port, server.port)];
    await made.apply(routes);
    expect((await made.states()).map(({ problem }) => problem === null)).toEqual([false, true]);
    expect((await made.states())[0]?.problem).toContain("EADDRINUSE");
    const side = client(port);
    side.socket.write("x");
    await until(() => side.received === "x", { ...deadline, what: "the other route" });
    await taken.close();
    await made.apply(routes);
    expect((await made.states()).map(({ problem }) => problem)).toEqual([null, null]);
  });

  it("leaves nothing open after thousands of connections", async () => {
    const server = await backend(echo);
    const port = await freePort();
    const made = plane();
    await made.apply([route(port, server.port)]);
    for (let round = 0; round < 40; round += 1) {
      const sides = Array.from({ length: 50 }, () => client(port));
      for (const side of sides) side.socket.write("x");
      await until(() => sides.every(({ received }) => received === "x"), {
        ...deadline,
        intervalMs: 5,
        what: "a round",
      });
      for (const [index, { socket }] of sides.entries()) {
        if (index % 3 === 0) socket.resetAndDestroy();
        else if (index % 3 === 1) socket.end();
        else socket.destroy();
      }
    }
    await until(async () => (await counters(made))?.open === 0, {
      ...deadline,
      what: "nothing left",
    });
    expect(await counters(made)).toMatchObject({ accepted: 2_000, waiting: 0, refusals: 0 });
    await until(() => server.sides.every(({ closed }) => closed !== null), {
      ...deadline,
      what: "nothing left at the target",
    });
  });
});
