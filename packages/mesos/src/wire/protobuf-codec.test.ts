/**
 * Owns the proof that the protobuf codec follows proto2 (presence, merging, unknown fields), agrees with protobufjs' own
 * reflection, and refuses what is no protobuf. What both codecs share is in codec.test.ts, the recordings in
 * recordings.test.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { AssertionError } from "@mr-redis/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { damaged, seededRandom } from "../../test/mutations.js";
import { recordedStreams, recordingBytes, withoutUnknown } from "../../test/recordings.js";
import { reflectedBytes, reflectedValue } from "../../test/reflection.js";
import { schemaValue } from "../../test/schema-values.js";
import { wireProblemsText } from "./codec.js";
import { jsonCodec } from "./json-codec.js";
import { protobufCodec } from "./protobuf-codec.js";
import { fieldsMax } from "./protobuf-decode.js";
import { createRecordDecoder } from "./recordio.js";
import { addResources, subtractResources } from "./resources.js";
import { type MessageName, messageSchemas } from "./schema.js";
import type { Resource } from "./types.js";
import { unknownFieldsOf } from "./unknown-fields.js";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const unhex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
const decode = (name: MessageName, text: string) => {
  const decoded = protobufCodec.decode(name, unhex(text));
  return decoded.ok ? decoded.value : decoded.problems;
};
/** What is refused, without the details that protobufjs words. */
const refusal = (name: MessageName, bytes: Uint8Array) => {
  const decoded = protobufCodec.decode(name, bytes);
  return decoded.ok ? [] : decoded.problems.map(({ kind, path }) => `${kind} ${path}`);
};

/** What protobufjs' reflection reads; null when it throws. */
function reflectedOrNull(name: MessageName, bytes: Uint8Array): object | null {
  try {
    return reflectedValue(name, bytes);
  } catch {
    return null;
  }
}

describe("presence", () => {
  it.each<[MessageName, object, string]>([
    ["Filters", { refuse_seconds: 0 }, "09 0000000000000000"],
    ["Filters", {}, ""],
    ["CommandInfo", { shell: false }, "30 00"],
    ["CommandInfo", { shell: true, value: "" }, "1a 00 30 01"],
    ["CommandInfo.URI", { value: "", extract: false }, "0a 00 18 00"],
    ["TaskStatus", { task_id: { value: "t" }, state: "TASK_STARTING" }, "0a 03 0a 01 74 10 00"],
    [
      "TaskStatus",
      { task_id: { value: "" }, state: "TASK_RUNNING", source: "SOURCE_MASTER", data: "" },
      "0a 02 0a 00 10 01 1a 00 48 00",
    ],
    [
      "Resource",
      { name: "cpus", type: "SCALAR", scalar: { value: 0 } },
      "0a 04 63707573 10 00 1a 09 09 0000000000000000",
    ],
    ["Resource.ReservationInfo", { principal: "", labels: {} }, "0a 00 12 00"],
    ["scheduler.Event.Failure", { status: 0 }, "18 00"],
    ["scheduler.Event.Failure", { status: -1 }, "18 ffffffffffffffffff01"],
    ["executor.Call.Subscribe", { unacknowledged_tasks: [], unacknowledged_updates: [] }, ""],
  ])("of %s %j is written and read", (name, value, bytes) => {
    expect(hex(protobufCodec.encode(name, value as never))).toBe(bytes.replaceAll(" ", ""));
    const set = Object.entries(value).filter(
      ([, item]) => !(Array.isArray(item) && item.length === 0),
    );
    expect(decode(name, bytes)).toEqual(Object.fromEntries(set));
  });
});

describe("against protobufjs' own reflection", () => {
  const names = Object.keys(messageSchemas) as MessageName[];
  const pairs = fc
    .constantFrom(...names)
    .chain((name) => fc.tuple(fc.constant(name), schemaValue(name)));

  it("writes the same bytes and reads the same values, which are the values that JSON gives", () => {
    fc.assert(
      fc.property(pairs, ([name, value]) => {
        const bytes = protobufCodec.encode(name, value);
        expect(hex(bytes)).toBe(hex(reflectedBytes(name, value as object)));
        expect(protobufCodec.decode(name, bytes)).toEqual({ ok: true, value });
        expect(protobufCodec.decode(name, bytes)).toEqual(
          jsonCodec.decode(name, jsonCodec.encode(name, value)),
        );
        expect(reflectedValue(name, bytes)).toEqual(value);
      }),
      { numRuns: 400 },
    );
  });

  it("agrees about damaged bytes: what is no protobuf to one is none to the other, and the rest has the same values", () => {
    const random = seededRandom(2);
    const records = recordedStreams()
      .filter(({ codec, name }) => codec === protobufCodec && name === "scheduler.Event")
      .flatMap(({ path }) => createRecordDecoder().push(recordingBytes(path)).records);
    const seen = { both: 0, neither: 0, incomplete: 0 };
    for (let count = 0; count < 5000; count += 1) {
      const bytes = damaged(records, random);
      const ours = protobufCodec.decode("scheduler.Event", bytes);
      const reflected = reflectedOrNull("scheduler.Event", bytes);
      if (ours.ok) {
        expect([hex(bytes), withoutUnknown(ours.value)]).toEqual([
          hex(bytes),
          withoutUnknown(reflected),
        ]);
        seen.both += 1;
      } else if (ours.problems[0]?.kind === "syntax") {
        expect([hex(bytes), reflected]).toEqual([hex(bytes), null]);
        seen.neither += 1;
      } else seen.incomplete += 1;
    }
    expect(Math.min(seen.both, seen.neither)).toBeGreaterThan(500);
  });
});

describe("required fields", () => {
  it("are named with their paths as in JSON, in the words of Mesos", () => {
    const call = protobufCodec.decode(
      "scheduler.Call",
      unhex("10 03 22 08 0a 00 0a 02 0a 00 12 00"),
    );
    expect(call).toEqual({
      ok: false,
      problems: [
        {
          kind: "missing",
          path: "accept.offer_ids[0].value",
          rule: "is a missing required field",
          encoding: "protobuf",
        },
      ],
    });
    if (!call.ok) {
      expect(wireProblemsText(call.problems)).toBe("Failed to parse body into Call protobuf");
      expect(wireProblemsText(call.problems, "Event")).toBe(
        "Failed to parse body into Event protobuf",
      );
    }
    expect(refusal("executor.Call", unhex(""))).toEqual([
      "missing executor_id",
      "missing framework_id",
    ]);
  });

  it("may come in a later part of the same message", () => {
    // Two Values of `scalar`: the first is empty.
    expect(decode("Resource", "0a 01 61 10 00 1a 00 1a 09 09 000000000000f03f")).toEqual({
      name: "a",
      type: "SCALAR",
      scalar: { value: 1 },
    });
  });

  it("stop the program when they miss in what it wants to send", () => {
    const broken = { state: "TASK_LOST" } as never;
    expect(() => protobufCodec.encode("TaskStatus", broken)).toThrow(AssertionError);
    expect(() => protobufCodec.encode("TaskStatus", broken)).toThrow(
      "cannot encode TaskStatus: task_id is a missing",
    );
    expect(() => protobufCodec.encode("TaskID", { value: 1 } as never)).toThrow(AssertionError);
  });
});

describe("what the schema does not know", () => {
  /** cpus with a field 99 of text and a `scalar` with a field 15. */
  const text = "0a 04 63707573 10 00 1a 0b 09 0000000000001040 78 07 9a06 03 6e6577 5a 03 0a 01 2a";

  it("of a resource is kept and goes back, also from copies and parts", () => {
    const decoded = protobufCodec.decode("Resource", unhex(text));
    if (!decoded.ok) throw new Error("not decoded");
    const resource: Resource = decoded.value;
    expect(JSON.stringify(resource)).toBe(
      '{"name":"cpus","type":"SCALAR","scalar":{"value":4},"allocation_info":{"role":"*"}}',
    );
    expect(unknownFieldsOf(resource)).toEqual(unhex("9a06 03 6e6577"));
    const sorted =
      "0a 04 63707573 10 00 1a 0b 09 0000000000001040 78 07 5a 03 0a 01 2a 9a06 03 6e6577";
    expect(hex(protobufCodec.encode("Resource", { ...resource }))).toBe(sorted.replaceAll(" ", ""));
    const part: Resource = { ...resource, scalar: { ...resource.scalar, value: 1 } };
    const rest = subtractResources([resource], [part]) ?? [];
    const sum = addResources(rest, [part])[0];
    expect(rest.map((entry) => entry.scalar?.value)).toEqual([3]);
    expect(hex(protobufCodec.encode("Resource", sum ?? part))).toBe(sorted.replaceAll(" ", ""));
  });

  it("makes a resource another kind than one without it", () => {
    const decoded = protobufCodec.decode("Resource", unhex(text));
    const plain: Resource = {
      name: "cpus",
      type: "SCALAR",
      scalar: { value: 1 },
      allocation_info: { role: "*" },
    };
    if (!decoded.ok) throw new Error("not decoded");
    expect(addResources([decoded.value], [plain])).toHaveLength(2);
    expect(subtractResources([decoded.value], [plain])).toBeUndefined();
  });

  it("joins from all parts of a message, and holds nothing of the buffer", () => {
    const bytes = unhex("0a 01 61 78 01 10 00 80 01 02 88 01 03");
    const decoded = protobufCodec.decode("Resource", bytes);
    bytes.fill(0xff);
    if (!decoded.ok) throw new Error("not decoded");
    const unknown = unknownFieldsOf(decoded.value);
    expect(unknown).toEqual(unhex("78 01 80 01 02 88 01 03"));
    expect(unknown?.buffer.byteLength).toBe(8);
    expect(decoded.value.name).toBe("a");
  });

  it("cannot be claimed by JSON", () => {
    const body = {
      name: "a",
      type: "SCALAR",
      unknownFields: "CgFi",
      "Symbol(unknown protobuf fields)": "CgFi",
    };
    const decoded = jsonCodec.decode("Resource", new TextEncoder().encode(JSON.stringify(body)));
    if (!decoded.ok) throw new Error("not decoded");
    expect(unknownFieldsOf(decoded.value)).toBeUndefined();
    expect(hex(protobufCodec.encode("Resource", decoded.value))).toBe("0a01611000");
  });

  it("as an enum value leaves the field unset, where JSON drops the name too", () => {
    const event = protobufCodec.decode("scheduler.Event", unhex("08 63"));
    expect(event.ok && [{ ...event.value }.type, JSON.stringify(event.value)]).toEqual([
      undefined,
      "{}",
    ]);
    expect(event.ok && hex(protobufCodec.encode("scheduler.Event", event.value))).toBe("0863");
    expect(refusal("TaskStatus", unhex("0a 03 0a 01 74 10 63"))).toEqual(["missing state"]);
  });

  it("of another wire type than the schema says is unknown", () => {
    const decoded = protobufCodec.decode(
      "scheduler.Event",
      unhex("0a 01 08 1a 00 09 0000000000000000 08 08"),
    );
    expect(decoded.ok && JSON.stringify(decoded.value)).toBe('{"offers":{},"type":"HEARTBEAT"}');
  });
});

describe("the wire format", () => {
  it("merges messages, adds to lists, and lets the last of other fields win", () => {
    expect(decode("scheduler.Event.Failure", "0a 03 0a 01 61 18 01 0a 03 0a 01 62 18 02")).toEqual({
      agent_id: { value: "b" },
      status: 2,
    });
    expect(decode("Labels", "0a 03 0a 01 61 0a 03 0a 01 62")).toEqual({
      labels: [{ key: "a" }, { key: "b" }],
    });
  });

  it("reads lists of numbers packed, unpacked and mixed", () => {
    const statuses = { port: 1, statuses: [200, 1, 2, 300] };
    expect(decode("HealthCheck.HTTPCheckInfo", "08 01 20 c801 22 02 01 02 20 ac02")).toEqual(
      statuses,
    );
    expect(decode("HealthCheck.HTTPCheckInfo", "08 01 22 00")).toEqual({ port: 1, statuses: [] });
  });

  it("reads maps: the last of equal keys wins, unset parts are empty, __proto__ is a key", () => {
    const one = (key: string, rest: string) =>
      `7a ${(key.length / 2 + 13).toString(16)} 0a 0${key.length / 2} ${key} 12 09 09 ${rest}`;
    const head = "0a 01 6e 12 03 0a 01 74 1a 03 0a 01 61";
    const decoded = decode(
      "TaskInfo",
      `${head} ${one("6d656d", "000000000000f03f")} ${one("6d656d", "0000000000000040")} 7a 0b 12 09 09 000000000000f07f`,
    );
    expect(decoded).toEqual({
      name: "n",
      task_id: { value: "t" },
      agent_id: { value: "a" },
      limits: { mem: { value: 2 }, "": { value: Infinity } },
    });
    expect(refusal("TaskInfo", unhex(`${head} 7a 03 0a 01 78`))).toEqual([
      "missing limits[0].value.value",
    ]);
    const poisoned = decode(
      "TaskInfo",
      `${head} 7a 16 0a 09 5f5f70726f746f5f5f 12 09 09 000000000000f03f`,
    );
    expect(JSON.stringify(poisoned)).toContain('"limits":{"__proto__":{"value":1}}');
    expect(({} as { value?: unknown }).value).toBeUndefined();
  });

  it.each<[string, string, number]>([
    ["5", "08 05", 5],
    ["2^53 - 1", "08 ffffffffffffff0f", Number.MAX_SAFE_INTEGER],
    ["-1", "08 ffffffffffffffffff01", -1],
    ["the least", "08 80808080808080808001", -(2 ** 63)],
  ])("carries 64-bit integers: %s", (_name, bytes, nanoseconds) => {
    expect(decode("DurationInfo", bytes)).toEqual({ nanoseconds });
    expect(hex(protobufCodec.encode("DurationInfo", { nanoseconds }))).toBe(bytes.replace(" ", ""));
  });

  it("rounds larger 64-bit integers as JSON does, and never wraps", () => {
    expect(decode("DurationInfo", "08 ffffffffffffffff7f")).toEqual({ nanoseconds: 2 ** 63 });
    expect(hex(protobufCodec.encode("DurationInfo", { nanoseconds: 2 ** 63 }))).toBe(
      "08ffffffffffffffff7f",
    );
    const widest = { begin: 0, end: 2 ** 64 };
    expect(decode("Value.Range", "08 00 10 ffffffffffffffffff01")).toEqual(widest);
    expect(hex(protobufCodec.encode("Value.Range", widest))).toBe("080010ffffffffffffffffff01");
    const nanoseconds = 1_793_355_120_123_456_789n;
    const text = new TextEncoder().encode(`{"nanoseconds":${nanoseconds}}`);
    const varint = Array.from(
      { length: 9 },
      (_, index) => Number((nanoseconds >> BigInt(7 * index)) & 0x7fn) | (index < 8 ? 0x80 : 0),
    );
    expect(protobufCodec.decode("DurationInfo", Uint8Array.from([8, ...varint]))).toEqual(
      jsonCodec.decode("DurationInfo", text),
    );
  });

  it("repairs strings that are not UTF-8", () => {
    expect(decode("TaskID", "0a 03 61 ff 62")).toEqual({ value: "a\ufffdb" });
  });
});

describe("refuses with a typed problem", () => {
  const deep = (levels: number) => {
    let bytes = unhex("0a 01 63");
    for (let level = 1; level < levels; level += 1) {
      const head = protobufCodec.encode("UUID", { value: Buffer.from(bytes).toString("base64") });
      const inner = Buffer.from(head);
      inner[0] = 0x12;
      bytes = new Uint8Array(Buffer.concat([unhex("0a 01 63"), inner]));
    }
    return bytes;
  };

  it.each<[string, MessageName, string]>([
    ["a tag without a value", "TaskID", "0a"],
    ["a length beyond the end", "TaskID", "0a 05 61"],
    ["a length of 4 GiB", "TaskID", "0a ffffffff0f"],
    ["a length of more than 32 bits", "TaskID", "0a ffffffffffffffffff01"],
    ["a message that ends in its field", "TaskStatus", "0a 02 0a 05 6162636465 10 00"],
    ["an endless varint", "Port", "08 ffffffffffffffffffffffffffff01"],
    ["a cut varint", "Port", "08 80"],
    ["a cut 64-bit varint", "DurationInfo", "08 8080808080"],
    ["a cut double", "Filters", "09 00000000"],
    ["the field number 0", "TaskID", "00 00"],
    ["an unknown field with wire type 6", "TaskID", "1e 00"],
    ["a known field with wire type 7", "TaskID", "0f 00"],
    ["the end of a group that never began", "TaskID", "0a 01 61 7c"],
    ["a group without an end", "TaskID", "0a 01 61 7b 08 01"],
    ["a group that another one ends", "TaskID", "0a 01 61 7b 08 01 84 01"],
    ["bottomless groups", "TaskID", `0a 01 61 ${"7b".repeat(100_000)}`],
    ["an overlong tag", "TaskID", "8a808080808080808000 01 61"],
    ["a cut list of numbers", "HealthCheck.HTTPCheckInfo", "08 01 22 02 01 80"],
  ])("%s", (_name, message, bytes) => {
    expect(refusal(message, unhex(bytes))).toEqual(["syntax "]);
  });

  it("NaN", () => {
    expect(decode("Value.Scalar", "09 000000000000f87f")).toEqual([
      {
        kind: "convert",
        path: "",
        rule: "The number for field 'value' is not a number",
        encoding: "protobuf",
      },
    ]);
  });

  it("bottomless nesting", () => {
    expect(protobufCodec.decode("ContainerID", deep(100)).ok).toBe(true);
    expect(refusal("ContainerID", deep(101))).toEqual(["convert "]);
  });

  it("more fields than memory is given for", () => {
    // Empty labels; each misses its key, so the limit is what is told first.
    const labels = (count: number) => Buffer.alloc(2 * count, "0a00", "hex");
    expect(refusal("Labels", labels(fieldsMax))[0]).toBe("missing labels[0].key");
    expect(refusal("Labels", labels(fieldsMax + 1))).toEqual(["convert "]);
  });

  it("unless a group is whole: that is kept like any unknown field", () => {
    const decoded = protobufCodec.decode("TaskID", unhex("0a 01 61 7b 08 01 83 01 84 01 7c"));
    expect(decoded.ok && hex(protobufCodec.encode("TaskID", decoded.value))).toBe(
      "0a01617b0801830184017c",
    );
  });
});
