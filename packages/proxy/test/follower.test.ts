/**
 * Owns the proof of the follower against real HTTP: streams, resumption, redirects, silence, nonsense, pages, several
 * schedulers. Not: a real scheduler (e2e).
 * SPDX-License-Identifier: Apache-2.0
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { InstanceEndpoints } from "@mr-redis/core";
import { freePort, until } from "@mr-redis/testing";
import { afterEach, describe, expect, it } from "vitest";
import { type FollowEvent, Follower, type FollowLimits } from "../src/follow/follower.js";
import { createLog } from "../src/log.js";
import { systemClock } from "../src/system-clock.js";

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** An HTTP server that is no scheduler, but may speak as one. */
async function serve(handler: Handler): Promise<string> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const limits: FollowLimits = {
  silenceMsMax: 20_000,
  retryMsFirst: 5,
  retryMsMax: 20,
  pollMs: 10,
  pollsOfStream: 5,
};

function follow(urls: readonly string[], own: Partial<FollowLimits> = {}) {
  const events: FollowEvent[] = [];
  const lines: string[] = [];
  const follower = new Follower({
    urls,
    clock: systemClock,
    log: createLog(Date.now, (line) => lines.push(line)),
    random: () => 0.5,
    sink: (heard) => events.push(...heard),
    limits: { ...limits, ...own },
  });
  ends.push(() => follower.close());
  return { follower, events, lines };
}

const instance = (name: string): InstanceEndpoints => ({
  name,
  incarnation: "1",
  type: "S",
  status: "RUNNING",
  epoch: 1,
  writer: "none",
  master: null,
  replicas: [],
  proxy: null,
});

const sent = (id: number, type: string, data: unknown): string =>
  `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;

const whole = (...names: string[]): string =>
  [
    sent(1, "reset", {}),
    ...names.map((name, index) => sent(2 + index, "instance", { instance: instance(name) })),
    sent(2 + names.length, "complete", {}),
  ].join("");

const streamHead = { "content-type": "text/event-stream" };

const deadline = { deadlineMs: 30_000 };

describe("Follower", () => {
  it("follows a stream, and goes on behind what it heard when it ends", async () => {
    const resumed: unknown[] = [];
    const url = await serve((request, response) => {
      resumed.push(request.headers["last-event-id"]);
      response.writeHead(200, streamHead);
      if (resumed.length === 1) response.end(whole("a"));
      else response.write(sent(9, "removed", { name: "a" }));
    });
    const { follower, events } = follow([url]);
    await until(() => events.length === 4, { ...deadline, what: "four events" });
    expect(events).toEqual([
      { type: "reset" },
      { type: "instance", instance: instance("a") },
      { type: "complete" },
      { type: "removed", name: "a" },
    ]);
    expect(resumed).toEqual([undefined, "3"]);
    expect(follower.status()).toMatchObject({
      state: "following",
      scheduler: url,
      isComplete: true,
    });
  });

  it("follows the redirect of a standby, and takes the next address when one is away", async () => {
    const leader = await serve((_request, response) => {
      response.writeHead(200, streamHead).write(whole("a"));
    });
    const standby = await serve((request, response) => {
      response.writeHead(307, { location: `${leader}${request.url}` }).end();
    });
    const away = `http://127.0.0.1:${await freePort()}`;
    const { follower, events } = follow([away, standby]);
    await until(() => events.length === 3, { ...deadline, what: "the account" });
    expect(follower.status()).toMatchObject({
      state: "following",
      scheduler: leader,
    });
  });

  it("does not follow redirects in a circle, nor to what is no HTTP", async () => {
    const url = await serve((request, response) => {
      const location = request.url === "/v2/events" ? "/v2/events" : "file:///etc/passwd";
      response.writeHead(307, { location }).end();
    });
    const { follower, lines } = follow([url]);
    await until(() => lines.some((line) => line.includes("in a circle")), {
      ...deadline,
      what: "a line about the circle",
    });
    expect(follower.status()).toMatchObject({ state: "away", events: 0 });
  });

  it("gives up a stream that falls silent, and hears heartbeats", async () => {
    let streams = 0;
    const url = await serve((_request, response) => {
      streams += 1;
      response.writeHead(200, streamHead).write(whole());
    });
    const { events } = follow([url], { silenceMsMax: 50 });
    await until(() => streams >= 3, { ...deadline, what: "three streams" });
    expect(events.length).toBeGreaterThanOrEqual(4);
  });

  it("reads pages where there is no stream, and takes the stream when it comes", async () => {
    let isStream = false;
    const url = await serve((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? "", "http://x");
      if (pathname === "/v2/endpoints") {
        const after = searchParams.get("after");
        const page =
          after === null
            ? { instances: [instance("a")], next: "a" }
            : { instances: [instance("b")], next: null };
        response.end(JSON.stringify(page));
      } else if (isStream) response.writeHead(200, streamHead).write(whole("c"));
      else response.writeHead(404).end("{}");
    });
    const { follower, events } = follow([url]);
    await until(() => follower.status().polls >= 2, { ...deadline, what: "two polls" });
    expect(events.slice(0, 4)).toEqual([
      { type: "reset" },
      { type: "instance", instance: instance("a") },
      { type: "instance", instance: instance("b") },
      { type: "complete" },
    ]);
    expect(follower.status()).toMatchObject({ state: "polling", isComplete: true });
    isStream = true;
    await until(() => follower.status().state === "following", {
      ...deadline,
      what: "the stream",
    });
    expect(events.slice(-2)[0]).toEqual({ type: "instance", instance: instance("c") });
  });

  it("does not take what an old leader remembers, and finds the next one", async () => {
    let isLed = false;
    const old = await serve(({ url }, response) => {
      if (url === "/v2/events") response.writeHead(503).end();
      else {
        const page = { instances: [instance("old")], next: null, lastEventId: null };
        response.end(JSON.stringify(page));
      }
    });
    let asked = 0;
    const next = await serve(({ url }, response) => {
      asked += 1;
      // Its pages never come: who has just been refused the stream asks for them, and then for the stream again.
      if (isLed && url === "/v2/events") response.writeHead(200, streamHead).write(whole("new"));
      else response.writeHead(503).end();
    });
    const { follower, events } = follow([old, next], { pollsOfStream: 1_000_000 });
    await until(() => asked > 5, { ...deadline, what: "some rounds" });
    expect([events, follower.status().state]).toEqual([[], "away"]);
    isLed = true;
    await until(() => events.length === 3, { ...deadline, what: "the events of the next leader" });
    expect(events[1]).toEqual({ type: "instance", instance: instance("new") });
  });

  it("passes over an event that cannot be read, says so once, and asks for everything anew", async () => {
    const ids: unknown[] = [];
    const url = await serve((request, response) => {
      ids.push(request.headers["last-event-id"]);
      response.writeHead(200, streamHead);
      const bad = sent(5, "instance", { instance: { name: "x" } });
      response.end(
        sent(1, "reset", {}) + bad + bad + sent(6, "colour", {}) + sent(7, "complete", {}),
      );
    });
    const { events, lines, follower } = follow([url]);
    await until(() => ids.length >= 2, { ...deadline, what: "two streams" });
    expect(events.slice(0, 4)).toEqual([
      { type: "reset" },
      { type: "unreadable" },
      { type: "unreadable" },
      { type: "complete" },
    ]);
    expect(ids.slice(0, 2)).toEqual([undefined, undefined]);
    expect(follower.status().unreadable).toBeGreaterThanOrEqual(2);
    expect(lines.filter((line) => line.includes("data.instance.type"))).not.toEqual([]);
  });

  it("hears what follows an event that cannot be read, also where that one comes first", async () => {
    let streams = 0;
    const url = await serve((_request, response) => {
      streams += 1;
      response.writeHead(200, streamHead);
      if (streams === 1) {
        response.end(whole("a"));
        return;
      }
      response.write(sent(8, "instance", 1));
      // In a piece of its own, as events come.
      const later = setTimeout(() => response.write(sent(9, "removed", { name: "a" })), 200);
      response.once("close", () => clearTimeout(later));
    });
    const { follower, events } = follow([url]);
    await until(() => events.some(({ type }) => type === "removed"), {
      ...{ ...deadline, what: "the removal" },
    });
    expect(follower.status().state).toBe("following");
  });

  it("asks the next one first when one has fallen silent", async () => {
    let asked = 0;
    const frozen = await serve((_request, response) => {
      asked += 1;
      // Whoever asks again gets no answer.
      if (asked === 1) response.writeHead(200, streamHead).write(whole("a"));
    });
    const next = await serve((_request, response) => {
      response.writeHead(200, streamHead).write(whole("b"));
      const beat = setInterval(() => response.write(":\n\n"), 20);
      response.once("close", () => clearInterval(beat));
    });
    const { events } = follow([frozen, next], { silenceMsMax: 500 });
    await until(() => events.length >= 6, { ...deadline, what: "the next one" });
    expect([asked, events[4]]).toEqual([1, { type: "instance", instance: instance("b") }]);
  });

  it.each([
    ["HTML", { "content-type": "text/html" }, "<h1>hello</h1>"],
    ["an endless line", streamHead, `data: ${"x".repeat(2 * 1024 * 1024)}`],
    ["only nonsense", streamHead, sent(1, "instance", 1).repeat(200)],
    ["nothing", streamHead, ""],
    [
      "JSON of another kind",
      { "content-type": "application/json" },
      '{"instances":[1],"next":null}',
    ],
  ])("keeps what it knows when the scheduler answers %s", async (_what, head, body) => {
    let asked = 0;
    const url = await serve((_request, response) => {
      asked += 1;
      response.writeHead(200, head).end(body);
    });
    const { events, lines, follower } = follow([url]);
    await until(() => asked >= 6, { ...deadline, what: "some tries" });
    expect(events.filter(({ type }) => type !== "unreadable")).toEqual([]);
    expect(follower.status()).toMatchObject({ state: "away", isComplete: false });
    // The same again and again is not a line each.
    expect(lines.length).toBeLessThanOrEqual(4);
  });

  it("ends at once in any state", async () => {
    const hanging = await serve(() => {});
    for (const url of [hanging, `http://127.0.0.1:${await freePort()}`]) {
      const { follower } = follow([url], { retryMsFirst: 60_000, retryMsMax: 60_000 });
      await follower.close();
      await follower.close();
    }
  });
});
