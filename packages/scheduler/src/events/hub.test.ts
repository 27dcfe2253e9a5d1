/**
 * Owns the proof that whoever follows the events knows the truth in the end, whatever he missed, and costs little.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFileSync } from "node:fs";
import { type InstanceEndpoints, isMrrError } from "@mr-redis/core";
import { VirtualClock } from "@mr-redis/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Picture } from "../../test/picture.js";
import {
  EventsHub,
  type EventsLimits,
  type EventsReader,
  type EventsSink,
  eventsLimits,
} from "./hub.js";

const endpoints = (name: string, epoch: number): InstanceEndpoints => ({
  name,
  incarnation: `of-${name}`,
  type: "S",
  status: "RUNNING",
  epoch,
  writer: "ready",
  master: { processId: `${name}::1`, address: "10.0.0.1", port: 6380 },
  replicas: [],
  proxy: { write: 20_000, read: null },
});

/** A hub over instances in a map. */
function house(limits: Partial<EventsLimits> = {}, names: readonly string[] = []) {
  const clock = new VirtualClock();
  const truth = new Map(names.map((name) => [name, endpoints(name, 1)]));
  let looks = 0;
  const hub = new EventsHub({
    clock,
    source: (name) => {
      looks += 1;
      return truth.get(name) ?? null;
    },
    names,
    stream: "s1",
    limits,
  });
  const change = (name: string, epoch: number | null): void => {
    if (epoch === null) truth.delete(name);
    else truth.set(name, endpoints(name, epoch));
    hub.changed(name);
    hub.flush();
  };
  return { clock, truth, hub, change, looks: () => looks };
}

/** A socket that takes what it is given only when it is read. */
class Socket implements EventsSink {
  readonly picture: Picture;
  waiting = "";
  ended: "whole" | "cut" | null = null;
  readonly #isFast: boolean;

  constructor(picture = new Picture(), isFast = true) {
    this.picture = picture;
    this.#isFast = isFast;
  }

  write(text: string): boolean {
    this.waiting += text;
    if (this.#isFast) this.read();
    return this.waiting === "";
  }

  end(how: "whole" | "cut"): void {
    this.ended = how;
  }

  read(): void {
    this.picture.take(this.waiting);
    this.waiting = "";
  }
}

const typesOf = (socket: Socket) => socket.picture.events.map(({ type }) => type);

describe("a reader", () => {
  it("is told everything, then each change once, at once", () => {
    const { hub, change } = house({}, ["a", "b"]);
    const socket = new Socket();
    hub.follow(socket, null);
    expect(socket.picture.events).toEqual([
      { id: "s1-0", type: "reset", data: {} },
      { id: "s1-1", type: "instance", data: { instance: endpoints("a", 1) } },
      { id: "s1-2", type: "instance", data: { instance: endpoints("b", 1) } },
      { id: "s1-2", type: "complete", data: {} },
    ]);
    change("a", 1);
    change("b", 2);
    change("c", 1);
    change("a", null);
    change("a", null);
    expect(socket.picture.events.slice(4)).toEqual([
      { id: "s1-3", type: "instance", data: { instance: endpoints("b", 2) } },
      { id: "s1-4", type: "instance", data: { instance: endpoints("c", 1) } },
      { id: "s1-5", type: "removed", data: { name: "a" } },
    ]);
    expect(socket.picture.retryMs).toBe(1_000);
  });

  it("goes on where it was, or begins anew when that is not known", () => {
    const { hub, change } = house({}, ["a", "b"]);
    const first = new Socket();
    hub.follow(first, null);
    change("a", 2);
    const resumed = new Socket(first.picture);
    first.picture.events.length = 0;
    change("b", null);
    hub.follow(resumed, "s1-3");
    expect(typesOf(first)).toEqual(["removed", "removed", "complete"]);
    for (const id of ["", "garbage", "s2-3", "s1-", "s1-99", "s1--1", "s1-1e1", "s1-3 ", "S1-3"]) {
      const anew = new Socket();
      hub.follow(anew, id);
      expect([id, ...typesOf(anew)]).toEqual([id, "reset", "instance", "complete"]);
    }
  });

  it("that reads nothing is told the end of many changes, holds a chunk, and is cut in the end", () => {
    const { hub, change, clock } = house({ chunkCharsMax: 2_000, stallMsMax: 30_000 }, ["a"]);
    const socket = new Socket(new Picture(), false);
    const reader = hub.follow(socket, null);
    for (let epoch = 2; epoch <= 2_000; epoch += 1) {
      change("a", epoch);
      change(`n${epoch % 100}`, epoch);
    }
    expect(socket.waiting.length).toBeLessThan(3_000);
    for (let turn = 0; turn < 100 && socket.waiting !== ""; turn += 1) {
      socket.read();
      reader.drained();
    }
    expect(socket.picture.instances.get("a")).toEqual(endpoints("a", 2_000));
    expect(socket.picture.instances.size).toBe(101);
    expect(socket.picture.events.length).toBeLessThan(110);
    change("a", 3_000);
    clock.advanceBy(29_999);
    expect(socket.ended).toBe(null);
    clock.advanceBy(1);
    expect([socket.ended, hub.readerCount]).toEqual(["cut", 0]);
    change("a", 3_001);
    expect(socket.waiting).not.toContain("3001");
  });

  it("is sent a comment while nothing happens, unless it does not read", () => {
    const { hub, clock, change } = house({ heartbeatMs: 5_000, stallMsMax: 60_000 });
    const fast = new Socket();
    const slow = new Socket(new Picture(), false);
    hub.follow(fast, null);
    hub.follow(slow, null);
    const { waiting } = slow;
    clock.advanceBy(50_000);
    expect([fast.picture.comments, slow.waiting]).toEqual([10, waiting]);
    change("a", 1);
    expect(typesOf(fast)).toEqual(["reset", "complete", "instance"]);
  });

  it("is refused beyond the limit, and when the reign is over", () => {
    const { hub } = house({ readersMax: 2 });
    const sockets = [new Socket(), new Socket()];
    const readers = sockets.map((socket) => hub.follow(socket, null));
    const refused = (): unknown => {
      try {
        hub.follow(new Socket(), null);
        return null;
      } catch (error) {
        return isMrrError(error) ? error.code : error;
      }
    };
    expect(refused()).toBe("overloaded");
    readers[0]?.close();
    readers[0]?.close();
    expect(refused()).toBe(null);
    hub.end();
    expect([refused(), hub.readerCount]).toEqual(["not-ready", 0]);
    expect(sockets.map(({ ended }) => ended)).toEqual([null, "whole"]);
  });
});

it("one event costs the same whatever else there is", () => {
  const names = Array.from({ length: 10_000 }, (_, index) => `inst-${index}`);
  const { hub, change, looks } = house({}, names);
  expect(looks()).toBe(0);
  const texts = Array.from({ length: 100 }, () => {
    const text: string[] = [];
    const sink = { write: (part: string) => text.push(part) > 0, end: () => {} };
    hub.follow(sink, null);
    text.length = 0;
    return text;
  });
  expect(looks()).toBe(10_000);
  change("inst-7", 2);
  // Looked at for the change and to be told: once for all readers.
  expect(looks()).toBe(10_002);
  expect(new Set(texts.map((text) => text.join())).size).toBe(1);
  expect(texts[0]).toEqual([expect.stringContaining('"epoch":2')]);
});

type Step =
  | { readonly type: "change"; readonly name: string; readonly epoch: number | null }
  | { readonly type: "read" | "leave" | "come" | "come-anew"; readonly who: number };

const name = fc.constantFrom("a", "b", "c", "d", "e", "f");
const who = fc.nat({ max: 2 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({
      type: fc.constant("change" as const),
      name,
      epoch: fc.option(fc.nat({ max: 3 }), { nil: null }),
    }),
    fc.record({ type: fc.constantFrom("read", "leave", "come", "come-anew"), who }),
  ),
  { maxLength: 120 },
);

it("ends with the truth, whatever happens in between", () => {
  fc.assert(
    fc.property(
      steps,
      fc.nat({ max: 3 }),
      fc.integer({ min: 1, max: 600 }),
      (story, kept, chars) => {
        const { hub, change, truth } = house({ removedMax: kept, chunkCharsMax: chars }, [
          "a",
          "b",
        ]);
        const clients = [0, 1, 2].map(() => ({
          picture: new Picture(),
          open: null as { socket: Socket; reader: EventsReader } | null,
        }));
        const leave = (client: (typeof clients)[number]): void => {
          client.open?.reader.close();
          client.open = null;
        };
        const come = (client: (typeof clients)[number], lastEventId: string | null): void => {
          leave(client);
          const socket = new Socket(client.picture, false);
          client.open = { socket, reader: hub.follow(socket, lastEventId) };
        };
        const read = (client: (typeof clients)[number]): boolean => {
          if (client.open === null || client.open.socket.waiting === "") return false;
          client.open.socket.read();
          client.open.reader.drained();
          return true;
        };
        for (const step of story) {
          if (step.type === "change") {
            change(step.name, step.epoch);
            continue;
          }
          const client = clients[step.who];
          if (client === undefined) continue;
          if (step.type === "read") read(client);
          else if (step.type === "leave") leave(client);
          else come(client, step.type === "come" ? client.picture.lastEventId : null);
        }
        for (const client of clients) {
          if (client.open === null) come(client, client.picture.lastEventId);
          for (let turn = 0; turn < 100 && read(client); turn += 1);
          expect(client.picture.isComplete).toBe(true);
          expect(client.picture.sorted()).toEqual(
            [...truth.values()].sort((one, other) => (one.name < other.name ? -1 : 1)),
          );
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

it("forgets what is outdated", () => {
  const { hub, change } = house({ removedMax: 10 });
  const socket = new Socket();
  hub.follow(socket, null);
  for (let round = 0; round < 5_000; round += 1) {
    change(`n${round}`, 1);
    change(`n${round}`, null);
  }
  expect(hub.size).toBeLessThan(200);
  expect(socket.picture.sorted()).toEqual([]);
});

it("the page about events names the limits that are in force", () => {
  const page = readFileSync(
    new URL("../../../../docs/reference/events.md", import.meta.url),
    "utf8",
  );
  const { readersMax, heartbeatMs, stallMsMax, retryMs, chunkCharsMax, removedMax } = eventsLimits;
  const cells = (row: string): string => page.split("\n").find((line) => line.includes(row)) ?? "";
  const number = (value: number): string => value.toLocaleString("en");
  expect([
    cells("| streams at one scheduler"),
    cells("| pause between"),
    cells("| time for a client"),
    cells("| sent ahead"),
    cells("(`retry`)"),
    cells("| deleted names"),
  ]).toEqual([
    expect.stringContaining(`| ${number(readersMax)} |`),
    expect.stringContaining(`| ${heartbeatMs / 1_000} s |`),
    expect.stringContaining(`| ${stallMsMax / 1_000} s |`),
    expect.stringContaining(`| ${number(chunkCharsMax)} characters`),
    expect.stringContaining(`| ${retryMs / 1_000} s |`),
    expect.stringContaining(`| ${number(removedMax)} |`),
  ]);
});
