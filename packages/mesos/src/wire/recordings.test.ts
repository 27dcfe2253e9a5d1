/**
 * Owns the proof that both codecs read what a real Mesos wrote, however it is split, to the same values, and write calls
 * as Mesos took them. The framing alone is in recordio.test.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { describe, expect, it } from "vitest";
import {
  expectedEvents,
  recordedStreams,
  recordingBody,
  recordingBytes,
  recordingPaths,
  recordingText,
  withoutUnknown,
} from "../../test/recordings.js";
import { type WireCodec, wireProblemsText } from "./codec.js";
import { createWireCodec } from "./codec-choice.js";
import { createJsonCodec, jsonCodec } from "./json-codec.js";
import { type MessagePlan, messagePlan } from "./message-plan.js";
import { protobufCodec } from "./protobuf-codec.js";
import { createRecordDecoder } from "./recordio.js";
import type { MessageName } from "./schema.js";
import { unknownFieldsOf } from "./unknown-fields.js";

const streams = recordedStreams();
const json = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));

const splits: readonly [string, (stream: Uint8Array) => readonly Uint8Array[]][] = [
  ["whole", (stream) => [stream]],
  [
    "in halves",
    (stream) => [stream.subarray(0, stream.length >> 1), stream.subarray(stream.length >> 1)],
  ],
  ["byte by byte", (stream) => Array.from(stream, (byte) => Uint8Array.of(byte))],
];

function recordsOf(path: string, split = splits[0]?.[1]): readonly Uint8Array[] {
  const decoder = createRecordDecoder();
  return (split?.(recordingBytes(path)) ?? []).flatMap((piece) => decoder.push(piece).records);
}

/**
 * What both encodings can say of a message: names that the schema does not have are JSON's alone, unknown bytes are
 * protobuf's alone, and protobuf does not tell an empty list from an unset one.
 */
function sharedPart(plan: MessagePlan, message: object): object {
  const entries = plan.fields.flatMap((field): [string, unknown][] => {
    const value: unknown = Reflect.get(message, field.name);
    if (value === undefined || (Array.isArray(value) && value.length === 0)) return [];
    if (field.kind !== "message" || field.rule === "map") return [[field.name, value]];
    const part = (item: unknown) => sharedPart(field.message(), item as object);
    return [[field.name, Array.isArray(value) ? value.map(part) : part(value)]];
  });
  return Object.fromEntries(entries);
}

/** The unknown fields of a message and its parts by their place. */
function unknownBytes(value: unknown, place = ""): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  const own = unknownFieldsOf(value);
  const inner = Object.entries(value).flatMap(([key, item]) =>
    unknownBytes(item, `${place}.${key}`),
  );
  return own === undefined ? inner : [`${place} ${Buffer.from(own).toString("hex")}`, ...inner];
}

describe("recorded streams", () => {
  it("are all there, in both encodings", () => {
    const counts = new Map<string, number>();
    for (const { codec, path } of streams) {
      const key = codec.contentType;
      counts.set(key, (counts.get(key) ?? 0) + recordsOf(path).length);
    }
    expect([streams.length, Object.fromEntries(counts)]).toEqual([
      60,
      { "application/json": 298, "application/x-protobuf": 292 },
    ]);
  });

  it.each(splits)("decode to their events when fed %s", (_name, split) => {
    for (const stream of streams) {
      const decoded = recordsOf(stream.path, split).map((record) =>
        stream.codec.decode(stream.name, record),
      );
      // What the recorder did not know either; the next test counts it.
      const plain = decoded.map((event) => withoutUnknown(event));
      expect([stream.path, plain]).toEqual([stream.path, expectedEvents(stream)]);
    }
  });

  it("hold one field that the schema does not know: the checkpoint flag of agents of old", () => {
    const seen: Record<string, number> = {};
    for (const { path, name, codec } of streams) {
      for (const record of recordsOf(path)) {
        const event = codec.decode(name, record);
        const places = event.ok ? unknownBytes(event.value) : [];
        for (const place of places) seen[place] = (seen[place] ?? 0) + 1;
      }
    }
    expect(seen).toEqual({
      ".subscribed.agent_info 3801": 11,
      ".subscribed.get_state.get_agents.agents.0.agent_info 3801": 1,
    });
  });

  it("give the same values from either encoding", () => {
    const through = (codec: WireCodec, name: MessageName, value: unknown) =>
      codec.decode(name, codec.encode(name, value as never));
    for (const { path, name, codec } of streams) {
      for (const record of recordsOf(path)) {
        const event = codec.decode(name, record);
        expect(event.ok).toBe(true);
        if (!event.ok) continue;
        const value = sharedPart(messagePlan(name), event.value);
        expect([path, through(jsonCodec, name, value)]).toEqual([path, { ok: true, value }]);
        expect([path, through(protobufCodec, name, value)]).toEqual([path, { ok: true, value }]);
      }
    }
  });

  it("are written again as they were: in JSON with every default that Mesos writes", () => {
    const codec = createJsonCodec({ defaults: true });
    for (const { path, name } of streams.filter((stream) => stream.codec === jsonCodec)) {
      for (const record of recordsOf(path)) {
        const event = codec.decode(name, record);
        const again = event.ok ? json(codec.encode(name, event.value)) : event;
        expect([path, again]).toEqual([path, json(record)]);
      }
    }
  });

  it("are written again as they were: in protobuf byte for byte, except for times beyond 2^53 ns", () => {
    const rounded: Record<string, number> = {};
    let same = 0;
    for (const { path, name } of streams.filter((stream) => stream.codec === protobufCodec)) {
      for (const record of recordsOf(path)) {
        const event = protobufCodec.decode(name, record);
        expect(event.ok).toBe(true);
        if (!event.ok) continue;
        const again = protobufCodec.encode(name, event.value);
        if (Buffer.compare(again, record) === 0) same += 1;
        else {
          expect(JSON.stringify(event.value)).toMatch(/"nanoseconds":\d{17,}/);
          rounded[path] = (rounded[path] ?? 0) + 1;
        }
      }
    }
    expect([same, rounded]).toEqual([
      286,
      {
        "extra-pb/001-operator-subscribe.recordio": 1,
        "extra-pb/002-subscribe-offer-timeout.recordio": 2,
        "pb/001-subscribe.recordio": 3,
      },
    ]);
  });
});

/** The recorded calls of the scheduler and the executor API in this encoding, with what Mesos answered. */
function recordedCalls(codec: WireCodec) {
  return recordingPaths("", ".request.http").flatMap((path) => {
    const request = recordingText(path);
    const api = /^POST \S*\/(scheduler|executor) HTTP/.exec(request)?.[1];
    const isPlain = request.includes(`\r\nContent-Type: ${codec.contentType}\r\n`);
    const isEncoded = /(Transfer|Content)-Encoding|HTTP\/1.1[\s\S]*HTTP\/1.1/.test(request);
    const response = recordingText(path.replace(".request.", ".response."));
    const refusal = /\r\n\r\n(Failed to (?:parse body|convert JSON)[\s\S]*)/.exec(response)?.[1];
    const isTaken = /^HTTP\/1.1 20/.test(response);
    if (api === undefined || !isPlain || isEncoded) return [];
    const name = `${api}.Call` as MessageName;
    return [{ path, name, body: recordingBody(path), refusal, isTaken }];
  });
}

describe("recorded requests", () => {
  it.each([
    ["application/json", { taken: 213, refused: 28 }],
    ["application/x-protobuf", { taken: 202, refused: 5 }],
  ] as const)(
    "of %s decode where Mesos took them, and fail with its text where it did not",
    (contentType, counts) => {
      const codec = createWireCodec(contentType);
      const seen = { taken: 0, refused: 0 };
      for (const { path, name, body, refusal, isTaken } of recordedCalls(codec)) {
        if (refusal === undefined && !isTaken) continue;
        const call = codec.decode(name, body);
        const text = call.ok ? undefined : wireProblemsText(call.problems);
        expect([path, text]).toEqual([path, refusal]);
        seen[isTaken ? "taken" : "refused"] += 1;
      }
      expect(seen).toEqual(counts);
    },
  );

  it("in protobuf that decode at all are written again byte for byte", () => {
    let same = 0;
    for (const { path, name, body } of recordedCalls(protobufCodec)) {
      const call = protobufCodec.decode(name, body);
      if (!call.ok) continue;
      const again = protobufCodec.encode(name, call.value);
      expect([path, Buffer.from(again).toString("hex")]).toEqual([
        path,
        Buffer.from(body).toString("hex"),
      ]);
      same += 1;
    }
    expect(same).toBe(222);
  });
});
