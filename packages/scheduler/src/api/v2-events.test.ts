/**
 * Owns the proof of /v2/events and /v2/endpoints over HTTP: on real sockets where it is about sockets.
 * SPDX-License-Identifier: Apache-2.0
 */
import { get, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { eventually } from "@mr-redis/testing";
import { Value } from "typebox/value";
import { afterEach, describe, expect, it } from "vitest";
import { endpointsOfView, FakeControlPort, runningView } from "../../test/fake-control-port.js";
import { machineClock } from "../../test/machine-clock.js";
import { Picture } from "../../test/picture.js";
import { openRaw } from "../../test/raw-client.js";
import { EventsHub, type EventsLimits } from "../events/hub.js";
import { createLog } from "../log.js";
import { EndpointsListSchema, EndpointsSchema } from "./endpoints-schema.js";
import { createApiServer } from "./server.js";

const host = "127.0.0.1";
const ends: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function serve(limits: Partial<EventsLimits> = {}) {
  const control = new FakeControlPort();
  const hub = new EventsHub({
    clock: machineClock,
    source: (name) => endpointsOfView(control.views.get(name)),
    names: [],
    stream: "s1",
    limits,
  });
  control.hub = hub;
  const server = createApiServer({
    port: control,
    clock: machineClock,
    corsOrigins: ["http://pages.example"],
    names: { bind: host, advertise: "" },
    version: "9.9.9",
    log: createLog({ program: "test", level: "silent", destination: { write: () => {} } }),
  });
  const { port } = await server.listen({ host, port: 0 });
  ends.push(() => server.close());
  const follow = (headers: Record<string, string> = {}, picture = new Picture()) =>
    followAt(port, headers, picture);
  return { control, hub, server, port, follow };
}

interface Following {
  readonly picture: Picture;
  readonly headers: IncomingHttpHeaders;
  readonly message: IncomingMessage;
  /** Resolves when the stream is over; true when it came to its end, false when it was cut. */
  readonly over: Promise<boolean>;
}

function followAt(
  port: number,
  headers: Record<string, string>,
  picture: Picture,
): Promise<Following> {
  return new Promise((resolve, reject) => {
    const request = get({ host, port, path: "/v2/events", headers, agent: false }, (message) => {
      message.setEncoding("utf8");
      message.on("data", (text: string) => picture.take(text));
      message.on("error", () => {});
      const over = new Promise<boolean>((done) => {
        message.once("close", () => done(message.complete));
      });
      resolve({ picture, headers: message.headers, message, over });
    });
    request.once("error", reject);
    ends.push(() => void request.destroy());
  });
}

const truthOf = (control: FakeControlPort) =>
  [...control.views.values()].flatMap((view) => endpointsOfView(view) ?? []);

describe("GET /v2/events", () => {
  it("tells what there is, then what changes, as server-sent events", async () => {
    const { control, follow } = await serve();
    control.put(runningView("a"));
    const { headers, picture } = await follow({ origin: "http://pages.example" });
    expect(headers).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
      "access-control-allow-origin": "http://pages.example",
      "mr-redis-state-age-ms": "7",
    });
    await eventually(() => expect(picture.isComplete).toBe(true));
    expect(picture.sorted()).toEqual(truthOf(control));
    for (const each of picture.sorted()) expect(Value.Check(EndpointsSchema, each)).toBe(true);
    control.put(runningView("a", { epoch: 2 }));
    control.put(runningView("b"));
    control.put(runningView("b", { status: "DELETED" }));
    await eventually(() => expect(picture.events.at(-1)?.type).toBe("removed"));
    expect(picture.sorted()).toEqual(truthOf(control));
  });

  it("is resumed behind Last-Event-ID", async () => {
    const { control, follow } = await serve();
    control.put(runningView("a"));
    const first = await follow();
    await eventually(() => expect(first.picture.isComplete).toBe(true));
    first.message.destroy();
    await first.over;
    control.put(runningView("b"));
    const picture = new Picture();
    await follow({ "last-event-id": first.picture.lastEventId ?? "" }, picture);
    await eventually(() => expect(picture.isComplete).toBe(true));
    expect(picture.events.map(({ type }) => type)).toEqual(["instance", "complete"]);
    const lost = await follow({ "last-event-id": "x".repeat(5_000) });
    await eventually(() => expect(lost.picture.isComplete).toBe(true));
    expect(lost.picture.events[0]?.type).toBe("reset");
  });

  it("ends whole with the reign and with the server, and tells nothing after it", async () => {
    const { control, follow, hub, server } = await serve();
    const { over, picture } = await follow();
    const other = await follow();
    await eventually(() => expect([picture.isComplete, hub.readerCount]).toEqual([true, 2]));
    hub.end();
    expect(await over).toBe(true);
    expect(await other.over).toBe(true);
    const again = await fetch(
      `http://${host}:${(server.app.server.address() as { port: number }).port}/v2/events`,
    );
    expect([again.status, (await again.json()) as object]).toEqual([
      503,
      expect.objectContaining({ code: "not-ready" }),
    ]);
    control.put(runningView("late"));
    expect(picture.instances.size).toBe(0);
  });

  it("ends with the server", async () => {
    const { follow, server } = await serve();
    const { over } = await follow();
    await server.close();
    expect(await over).toBe(true);
  });

  it("is refused with a problem when too many follow, until one has gone", async () => {
    const { follow, port, hub } = await serve({ readersMax: 1 });
    const first = await follow();
    const refused = await fetch(`http://${host}:${port}/v2/events`);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    expect((await refused.json()) as object).toMatchObject({ code: "overloaded" });
    first.message.destroy();
    await eventually(() => expect(hub.readerCount).toBe(0));
    expect((await follow()).headers["content-type"]).toMatch(/event-stream/);
  });

  it("cuts off who does not read, and holds little for him", async () => {
    const { control, port, hub } = await serve({ stallMsMax: 300 });
    for (let count = 0; count < 200; count += 1) control.put(runningView(`n${count}`));
    const slow = await openRaw(port);
    slow.socket.pause();
    slow.write("GET /v2/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await eventually(() => expect(hub.readerCount).toBe(1));
    let epoch = 1;
    // What the kernel takes for him is some megabytes; then he is full, and his time runs.
    await eventually(
      () => {
        epoch += 1;
        for (let count = 0; count < 200; count += 1)
          control.put(runningView(`n${count}`, { epoch }));
        expect(hub.readerCount).toBe(0);
      },
      { deadlineMs: 40_000 },
    );
    slow.socket.destroy();
    await slow.closed;
  });

  it("keeps to the rules of the other routes", async () => {
    const { control, port, hub } = await serve();
    const ask = (headers: Record<string, string>, method = "GET") =>
      new Promise<number>((resolve, reject) => {
        const options = { host, port, path: "/v2/events", method, headers, agent: false };
        const request = get(options, (message) => {
          message.destroy();
          resolve(message.statusCode ?? 0);
        });
        request.once("error", reject);
      });
    expect(await ask({ host: "rebound.example" })).toBe(403);
    expect(await ask({}, "HEAD")).toBe(200);
    expect(await ask({}, "POST")).toBe(405);
    control.standing = { type: "standby", leaderUrl: "http://leader:5656", text: "x" };
    expect(await ask({})).toBe(307);
    control.standing = { type: "leaderless", reason: "nobody" };
    expect(await ask({})).toBe(503);
    expect(hub.readerCount).toBe(0);
  });
});

describe("GET /v2/endpoints", () => {
  it("gives pages, and where the events go on", async () => {
    const { control, port, follow } = await serve();
    for (const name of ["c", "a", "b"]) control.put(runningView(name));
    control.put(runningView("d", { status: "DELETED" }));
    const page = async (query: string) => {
      const response = await fetch(`http://${host}:${port}/v2/endpoints${query}`);
      return (await response.json()) as {
        instances: { name: string }[];
        next: string | null;
        lastEventId: string | null;
      };
    };
    const first = await page("?limit=2");
    expect(Value.Check(EndpointsListSchema, first)).toBe(true);
    expect([first.instances.map(({ name }) => name), first.next]).toEqual([["a", "b"], "b"]);
    control.put(runningView("a", { epoch: 2 }));
    const rest = await page("?after=b");
    expect([rest.instances.map(({ name }) => name), rest.next]).toEqual([["c"], null]);
    const { picture } = await follow({ "last-event-id": first.lastEventId ?? "" });
    await eventually(() => expect(picture.isComplete).toBe(true));
    expect(picture.events.map(({ type }) => type)).toEqual(["instance", "complete"]);
    expect(picture.instances.get("a")?.epoch).toBe(2);
    const wrong = await fetch(`http://${host}:${port}/v2/endpoints?limit=0&x=1`);
    expect(wrong.status).toBe(400);
    control.standing = { type: "memory", stateAgeMs: 9_000, reason: "the lease ran out" };
    expect(await page("")).toMatchObject({ lastEventId: null, stateAgeMs: 9_000 });
  });
});
