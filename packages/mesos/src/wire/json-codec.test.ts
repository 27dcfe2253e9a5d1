/**
 * Owns the proof that the JSON codec maps and refuses as Mesos does. The recordings are in recordings.test.ts, hostile
 * input is in hostile.test.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { AssertionError } from "@mr-redis/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { wireProblemsText } from "./codec.js";
import { createJsonCodec, jsonCodec } from "./json-codec.js";
import type { MessageTypes } from "./message-types.js";
import { type MessageName, messageSchemas } from "./schema.js";

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const json = (encoded: Uint8Array) => JSON.parse(new TextDecoder().decode(encoded));

describe("the JSON mapping", () => {
  const decode = (name: MessageName, value: unknown) => {
    const decoded = jsonCodec.decode(name, bytes(value));
    return decoded.ok ? decoded.value : wireProblemsText(decoded.problems);
  };

  it("takes numbers as strings, null as unset and one value for a list", () => {
    const call = {
      type: "SUBSCRIBE",
      framework_id: null,
      subscribe: {
        framework_info: {
          user: "u",
          name: "n",
          roles: "kv",
          failover_timeout: "604800.5",
          checkpoint: "true",
          capabilities: { type: "MULTI_ROLE" },
        },
        suppressed_roles: [null, "kv"],
      },
    };
    expect(decode("scheduler.Call", call)).toEqual({
      type: "SUBSCRIBE",
      subscribe: {
        framework_info: {
          user: "u",
          name: "n",
          roles: ["kv"],
          failover_timeout: 604800.5,
          checkpoint: true,
          capabilities: [{ type: "MULTI_ROLE" }],
        },
        suppressed_roles: ["kv"],
      },
    });
    expect(decode("Value.Scalar", { value: "Infinity" })).toEqual({ value: Infinity });
    expect(decode("DurationInfo", { nanoseconds: 1.9 })).toEqual({ nanoseconds: 1 });
  });

  it("drops an unknown name of an enum in an optional field and refuses it in a required one", () => {
    expect(decode("Offer.Operation", { type: "LAUCNH" })).toEqual({});
    expect(decode("TaskStatus", { task_id: { value: "t" }, state: "TASK_NEW" })).toBe(
      "Failed to convert JSON into Call protobuf: Failed to find enum for 'TASK_NEW'",
    );
  });

  it("names every missing field with its path", () => {
    const call = {
      type: "ACCEPT",
      accept: {
        offer_ids: [{ value: "o" }, {}],
        operations: [{}, { launch: { task_infos: [{ name: "t", resources: [{}] }] } }],
      },
    };
    expect(decode("scheduler.Call", call)).toBe(
      "Failed to convert JSON into Call protobuf: Missing required fields: " +
        "accept.offer_ids[1].value, accept.operations[1].launch.task_infos[0].task_id, " +
        "accept.operations[1].launch.task_infos[0].agent_id, " +
        "accept.operations[1].launch.task_infos[0].resources[0].name, " +
        "accept.operations[1].launch.task_infos[0].resources[0].type",
    );
  });

  it.each([
    ["TaskID", { value: 1 }, "Not expecting a JSON number for field 'value'"],
    ["TaskID", { value: ["a"] }, "Not expecting a JSON array for field 'value'"],
    ["TaskID", { value: true }, "Not expecting a JSON boolean for field 'value'"],
    ["TaskID", { value: {} }, "Not expecting a JSON object for field 'value'"],
    ["Port", { number: -1 }, "The number for field 'number' is out of range"],
    ["Port", { number: 1e300 }, "The number for field 'number' is out of range"],
    ["Port", { number: "x" }, "Failed to parse 'x' for field 'number'"],
    ["Port", { number: "" }, "Failed to parse '' for field 'number'"],
    ["TaskInfo", { limits: [] }, "Not expecting a JSON array for field 'limits'"],
    ["TaskInfo", { limits: { mem: 1 } }, "Not expecting a JSON number for field 'limits'"],
    ["TaskInfo", { resources: [[]] }, "Not expecting a JSON array for field 'resources'"],
    ["TaskInfo", { z: 1, name: 1, data: 1 }, "Not expecting a JSON number for field 'data'"],
    [
      "UUID",
      { value: "a-_b" },
      "Failed to base64 decode bytes field 'value': Invalid character '-'",
    ],
  ] as const)("refuses in %s %j", (name, value, rule) => {
    const decoded = jsonCodec.decode(name, bytes(value));
    expect(decoded.ok ? [] : decoded.problems.map((problem) => problem.rule)).toEqual([rule]);
  });

  it("says where the misfit is", () => {
    const value = { accept: { operations: [{}, { type: 7 }] } };
    expect(jsonCodec.decode("scheduler.Call", bytes(value))).toEqual({
      ok: false,
      problems: [
        {
          kind: "convert",
          path: "accept.operations[1].type",
          rule: "Not expecting a JSON number for field 'type'",
        },
      ],
    });
  });

  it("normalises base64: white space goes, what follows the padding too", () => {
    expect(decode("UUID", { value: "aG\nVs bG8=ignored" })).toEqual({ value: "aGVsbG8=" });
    expect(decode("UUID", { value: "aGVsbG8" })).toEqual({ value: "aGVsbG8=" });
  });

  it("keeps what it does not know, as it is, in order at the end", () => {
    const resource = {
      name: "cpus",
      type: "SCALAR",
      scalar: { value: 1, exact: [1] },
      future: { a: null },
    };
    const decoded = jsonCodec.decode("Resource", bytes(resource));
    expect(decoded).toEqual({ ok: true, value: resource });
    if (decoded.ok) expect(json(jsonCodec.encode("Resource", decoded.value))).toEqual(resource);
  });

  it("cannot be made to change a prototype", () => {
    const text = '{"value":"a","__proto__":{"polluted":1},"constructor":2,"toString":3}';
    const decoded = jsonCodec.decode("TaskID", new TextEncoder().encode(text));
    expect(decoded.ok && JSON.stringify(decoded.value)).toBe(text);
    if (decoded.ok) {
      const again = new TextDecoder().decode(jsonCodec.encode("TaskID", decoded.value));
      expect(again).toBe(text);
    }
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    const coerced = '{"number":"1","__proto__":{"polluted":1}}';
    const port = jsonCodec.decode("Port", new TextEncoder().encode(coerced));
    expect(port.ok && (port.value as unknown as Record<string, unknown>).polluted).toBeUndefined();
  });

  it("refuses bottomless nesting, known or unknown, without a crash", () => {
    const deep = (name: string) =>
      `${`{"value":"c","${name}":`.repeat(100_000)}1${"}".repeat(100_000)}`;
    for (const name of ["parent", "unknown"]) {
      const decoded = jsonCodec.decode("ContainerID", new TextEncoder().encode(deep(name)));
      expect(decoded.ok ? [] : decoded.problems.map((problem) => problem.rule)).toEqual([
        "Nested deeper than 100 levels",
      ]);
    }
  });
});

/** Names of messages whose shape message-types.ts does not know; the annotation below fails to compile then. */
type Unmapped = {
  [Name in MessageName]: unknown extends MessageTypes[Name] ? Name : never;
}[MessageName];

describe("encoding", () => {
  it("knows the shape of every message", () => {
    const isEveryMessageMapped: [Unmapped] extends [never] ? true : false = true;
    expect(isEveryMessageMapped).toBe(true);
  });

  it("writes the proto2 defaults only when asked, and infinity as a string", () => {
    const info = { user: "u", name: "n", roles: ["kv"] };
    expect(json(jsonCodec.encode("FrameworkInfo", info))).toEqual(info);
    expect(json(createJsonCodec({ defaults: true }).encode("FrameworkInfo", info))).toEqual({
      ...info,
      failover_timeout: 0,
      checkpoint: false,
    });
    expect(
      json(createJsonCodec({ defaults: true }).encode("CommandInfo", { shell: false })),
    ).toEqual({
      shell: false,
    });
    expect(json(jsonCodec.encode("Value.Scalar", { value: Infinity }))).toEqual({
      value: "Infinity",
    });
  });

  it("stops the program on a message that the schema forbids", () => {
    const broken = { task_id: { value: "t" } } as unknown as {
      task_id: { value: string };
      state: "TASK_LOST";
    };
    expect(() => jsonCodec.encode("TaskStatus", broken)).toThrow(AssertionError);
    expect(() => jsonCodec.encode("TaskStatus", broken)).toThrow("Missing required fields: state");
    expect(() => jsonCodec.encode("Value.Scalar", { value: Number.NaN })).toThrow(
      "is not a number",
    );
  });
});

describe("hostile input", () => {
  const names = Object.keys(messageSchemas) as MessageName[];

  it("is decoded or refused, never a crash, and what is decoded can be encoded", () => {
    const keys = [
      ...new Set(Object.values(messageSchemas).flatMap((fields) => Object.keys(fields))),
    ];
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 6 },
        fc.constantFrom(null, true, "", "TASK_RUNNING", "1", "YQ==", 0, -1, 1.5),
        fc.string(),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(fc.oneof(fc.constantFrom(...keys), fc.string()), tie("tree"), { maxKeys: 5 }),
      ),
    }));
    fc.assert(
      fc.property(fc.constantFrom(...names), tree, (name, value) => {
        const decoded = jsonCodec.decode(name, bytes(value));
        if (decoded.ok) jsonCodec.encode(name, decoded.value);
        else expect(wireProblemsText(decoded.problems)).not.toBe("");
      }),
      { numRuns: 2000 },
    );
  });

  it("of any bytes is refused or decoded", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
        jsonCodec.decode("scheduler.Call", noise);
      }),
    );
  });
});
