/**
 * Owns the proof that hostile or many clients of the userspace plane harm nobody else: limits over all routes, clients that
 * never read, a lack of file descriptors, a long series of connections without a leak.
 * MRR_PROXY_CONNECTIONS: how many that series has (default 5,000).
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Clock } from "@mr-redis/core";
import {
  eventually,
  freePort,
  freePorts,
  launch,
  pause,
  redisCommand,
  until,
} from "@mr-redis/testing";
import { build } from "esbuild";
import { afterEach, describe, expect, it } from "vitest";
import type { PlaneSettings } from "../src/routes.js";
import { systemClock } from "../src/system-clock.js";
import { LocalPlane } from "../src/userspace/local-plane.js";
import { planeOptions, route } from "./planes.js";
import { connectTo, type Side, startBackend } from "./sockets.js";

const home = fileURLToPath(new URL("..", import.meta.url));
const deadline = { deadlineMs: 50_000 };

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function echoServer() {
  const server = await startBackend((side) => {
    side.socket.on("data", (chunk) => side.socket.write(chunk));
    side.socket.on("end", () => side.socket.end());
  });
  ends.push(() => server.close());
  return server;
}

function planeOf(settings: Partial<PlaneSettings>, told: string[] = []): LocalPlane {
  const plane = new LocalPlane(planeOptions(settings, told));
  ends.push(() => plane.close());
  return plane;
}

function client(port: number, isReading = true): Side {
  const side = connectTo(port, isReading);
  ends.push(async () => void side.socket.destroy());
  return side;
}

const echoed = async (side: Side): Promise<void> => {
  side.socket.write("x");
  await until(() => side.received.endsWith("x"), { ...deadline, what: "the echo" });
};

describe("limits over all routes", () => {
  it("refuse clients of any route, and lower limits end nobody", async () => {
    const server = await echoServer();
    const [one = 0, two = 0] = await freePorts(2);
    const plane = planeOf({ clientsTotalMax: 2 });
    await plane.apply([route(one, server.port), route(two, server.port)]);
    const sides = [client(one), client(two)] as const;
    await Promise.all(sides.map(echoed));
    const third = client(two);
    await until(() => third.ended, { ...deadline, what: "the refusal" });
    expect(third.received).toBe("-ERR mr-redis proxy: max number of clients reached\r\n");
    plane.configure({ ...planeOptions().settings, clientsMax: 0 });
    const fourth = client(one);
    await until(() => fourth.ended, { ...deadline, what: "the refusal" });
    await Promise.all(sides.map(echoed));
    plane.configure(planeOptions().settings);
    await echoed(client(one));
  });

  it("leave the others their place when a crowd comes that waits or sends garbage", async () => {
    const server = await echoServer();
    const [dead = 0, port = 0] = await freePorts(2);
    const plane = planeOf({ clientsMax: 500 });
    await plane.apply([
      { ...route(dead), name: "dead" },
      { ...route(port, server.port), name: "good" },
    ]);
    const crowd = Array.from({ length: 700 }, () => client(dead));
    for (const { socket } of crowd) socket.write(Buffer.alloc(1_000, "\u0000garbage"));
    await until(() => crowd.filter(({ closed, ended }) => ended || closed !== null).length >= 200, {
      ...{ ...deadline, what: "refusals" },
    });
    await echoed(client(port));
    const dropped = (await plane.states()).find(({ route: { name } }) => name === "dead");
    expect(dropped?.counters).toMatchObject({ waiting: 500, refusals: 200 });
    await plane.change([], ["dead"]);
    await until(() => crowd.every(({ closed, ended }) => ended || closed !== null), {
      ...{ ...deadline, what: "the end of the crowd" },
    });
    await echoed(client(port));
  });
});

describe("what must not hold up a change", () => {
  it("is a client that is told why it is refused, and stays", async () => {
    const server = await echoServer();
    const [full = 0, port = 0] = await freePorts(2);
    // Its patience with whoever is refused never ends.
    const clock: Clock = { ...systemClock, after: () => ({ cancel: () => {} }) };
    const plane = new LocalPlane({ ...planeOptions({ clientsMax: 0 }), clock });
    ends.push(() => plane.close());
    await plane.apply([{ ...route(full, server.port), name: "full" }]);
    const stays = client(full);
    await until(() => stays.ended, { ...deadline, what: "the refusal" });
    plane.configure(planeOptions().settings);
    await plane.change([route(port, server.port)], ["full"]);
    await echoed(client(port));
  });

  it("is the end of other routes: a cut comes first", async () => {
    const [first, second] = [await echoServer(), await echoServer()];
    const [port = 0, other = 0] = await freePorts(2);
    const plane = planeOf({});
    await plane.apply([route(port, first.port), { ...route(other, first.port), name: "other" }]);
    const side = client(port);
    await echoed(side);
    const cuts = async () => (await plane.states())[0]?.counters.cuts;
    const changed = plane.change([route(port, second.port)], ["other"]);
    // Long before a listener has ended, which takes some turns.
    await Promise.resolve();
    expect(await cuts()).toBe(1);
    await changed;
  });

  it("is one that cannot be made", async () => {
    const [first, second] = [await echoServer(), await echoServer()];
    const port = await freePort();
    const plane = planeOf({});
    await plane.apply([route(port, first.port)]);
    const side = client(port);
    await echoed(side);
    // No plane is told this by a configuration; node:net throws at it.
    const broken = { ...route(70_000, first.port), name: "broken" };
    await expect(plane.change([broken], [])).rejects.toThrow(/70000/);
    await plane.change([route(port, second.port)], ["broken"]);
    await until(() => side.closed !== null, { ...deadline, what: "the cut" });
    await echoed(client(port));
  });

  it("is a try to reach a target that answers nothing and lost its role", async () => {
    const second = await echoServer();
    const port = await freePort();
    const silent = await silentServer();
    // No try ends by itself.
    const clock: Clock = { ...systemClock, after: () => ({ cancel: () => {} }) };
    const plane = new LocalPlane({ ...planeOptions(), clock });
    ends.push(() => plane.close());
    await plane.apply([route(port, silent)]);
    const side = client(port);
    side.socket.write("x");
    await until(async () => (await plane.states())[0]?.counters.waiting === 1, {
      ...{ ...deadline, what: "the try" },
    });
    await plane.change([route(port, second.port)], []);
    await until(() => side.received === "x", { ...deadline, what: "the echo of the other one" });
  });
});

/** A port of a program that stands still: its queue is full, and who comes gets no answer. */
async function silentServer(): Promise<number> {
  const port = await freePort();
  const text = `require("node:net").createServer().listen({ port: ${port}, host: "127.0.0.1", backlog: 1 }, () => console.log(JSON.stringify({ msg: "ready" })));`;
  const program = await launch({ command: process.execPath, args: ["-e", text] });
  ends.push(async () => void (await program.kill()));
  await program.waitReady(deadline.deadlineMs);
  process.kill(program.pid, "SIGSTOP");
  const answered = async (): Promise<boolean> => {
    const { socket } = client(port);
    await pause(500);
    // After a standstill of this process timers come before sockets.
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    return !socket.connecting;
  };
  await until(async () => !(await answered()), { ...deadline, what: "a full queue" });
  return port;
}

describe("clients that never read", () => {
  it("stop their targets, and nobody else", async () => {
    const piece = Buffer.alloc(1024 * 1024);
    const server = await startBackend(
      ({ socket }) => {
        const more = (): void => {
          while (socket.write(piece));
        };
        socket.on("drain", more);
        more();
      },
      { isReading: false },
    );
    ends.push(() => server.close());
    const echo = await echoServer();
    const [flood = 0, port = 0] = await freePorts(2);
    const plane = planeOf({});
    await plane.apply([
      { ...route(flood, server.port), name: "flood" },
      { ...route(port, echo.port), name: "good" },
    ]);
    const sides = Array.from({ length: 20 }, () => client(flood, false));
    for (const { socket } of sides) socket.pause();
    const carried = async (): Promise<number> =>
      (await plane.states()).find(({ route: { name } }) => name === "flood")?.counters.bytesDown ??
      0;
    let last = -1;
    await until(
      async () => {
        const before = last;
        last = await carried();
        return last > 0 && last === before;
      },
      { ...deadline, intervalMs: 300, what: "a standstill" },
    );
    await echoed(client(port));
  });
});

const bundle = async (): Promise<string> => {
  const directory = mkdtempSync(join(tmpdir(), "mrr-limits-"));
  ends.push(async () => rmSync(directory, { recursive: true, force: true }));
  const main = join(directory, "dist", "main.mjs");
  await build({
    ...{ entryPoints: [join(home, "src/main.ts")], outfile: main, bundle: true, format: "esm" },
    ...{ platform: "node", target: "node20", conditions: ["mr-redis-source"], logLevel: "warning" },
  });
  writeFileSync(join(directory, "package.json"), '{"version":"9.9.9","type":"module"}');
  return main;
};

describe("out of file descriptors", () => {
  it("ends the clients that it cannot take, does not spin, and serves on afterwards", async () => {
    const server = await echoServer();
    const [http = 0, port = 0] = await freePorts(2);
    const main = await bundle();
    const entry = {
      Name: "a",
      Pair: { From: `127.0.0.1:${port}`, To: `127.0.0.1:${server.port}` },
    };
    const file = join(main, "..", "config.json");
    writeFileSync(file, JSON.stringify({ HTTPPort: http, State: "", Entries: [entry] }));
    // Its own limit of clients would refuse them before: so the descriptors become fewer behind its back.
    const program = await launch({
      command: process.execPath,
      args: [main, `-config=${file}`],
      env: { PATH: process.env.PATH },
    });
    ends.push(async () => void (await program.kill()));
    await eventually(() => redisCommand(port, "PING", 5_000), deadline);
    const lowered = await launch({
      command: "prlimit",
      args: [`--pid=${program.pid}`, "--nofile=120:120"],
    });
    expect(await lowered.exited).toEqual({ code: 0, signal: null });
    const crowd = Array.from({ length: 300 }, () => client(port));
    for (const { socket } of crowd) socket.write("x");
    const isOver = ({ closed, ended }: Side): boolean => ended || closed !== null;
    await until(() => crowd.some(isOver) && crowd.some(({ received }) => received === "x"), {
      ...{ ...deadline, what: "some served, some ended" },
    });
    for (const { socket } of crowd) socket.destroy();
    await eventually(async () => {
      const side = client(port);
      side.socket.write("x");
      await until(() => side.received === "x" || isOver(side), {
        ...{ ...deadline, what: "an answer" },
      });
      expect(side.received).toBe("x");
    }, deadline);
  });
});

describe("a long series of connections", () => {
  const count = Number(process.env.MRR_PROXY_CONNECTIONS ?? 5_000);
  const atOnce = 50;

  it(
    `leaves nothing behind after ${count}`,
    async () => {
      const server = await startBackend((side) => {
        server.sides.length = 0;
        side.socket.on("data", (chunk) => side.socket.write(chunk));
        side.socket.on("end", () => side.socket.end());
      });
      ends.push(() => server.close());
      const port = await freePort();
      const plane = planeOf({});
      await plane.apply([route(port, server.port)]);
      let begun = 0;
      const one = (): Promise<void> =>
        new Promise((resolve) => {
          begun += 1;
          const turn = begun % 3;
          const { socket } = connectTo(port);
          socket.on("close", () => resolve());
          socket.once("data", () => {
            if (turn === 0) socket.resetAndDestroy();
            else if (turn === 1) socket.end();
            else socket.destroy();
          });
          socket.once("end", () => socket.end());
          socket.write("x");
        });
      const series = async (): Promise<void> => {
        while (begun < count) await one();
      };
      await Promise.all(Array.from({ length: atOnce }, series));
      const counters = async () => (await plane.states())[0]?.counters;
      await until(async () => (await counters())?.open === 0, { ...deadline, what: "none left" });
      expect(await counters()).toMatchObject({ accepted: begun, waiting: 0, refusals: 0 });
      // Sockets of the plane and of this test that are open: the two that listen.
      await until(
        () =>
          process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length === 0,
        { ...deadline, what: "the end of every socket" },
      );
    },
    Math.max(120_000, 10 * count),
  );
});
