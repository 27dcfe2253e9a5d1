/**
 * Owns the proof that the RecordIO decoder reads every recorded stream however it is split, and fails typed.
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { recordingBytes, recordingPaths, recordingText } from "../../test/recordings.js";
import {
  createRecordDecoder,
  encodeRecord,
  type RecordBatch,
  type RecordDecoder,
  recordBytesMax,
} from "./recordio.js";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (records: readonly Uint8Array[]) =>
  records.map((record) => new TextDecoder().decode(record));

/** Feeds the pieces and joins the answers. */
function pushAll(decoder: RecordDecoder, pieces: readonly Uint8Array[]): RecordBatch {
  const records: Uint8Array[] = [];
  let last: RecordBatch = { ok: true, records: [] };
  for (const piece of pieces) {
    last = decoder.push(piece);
    records.push(...last.records);
  }
  return { ...last, records };
}

const whole = (stream: Uint8Array) => [stream];
const halved = (stream: Uint8Array) => [
  stream.subarray(0, stream.length >> 1),
  stream.subarray(stream.length >> 1),
];
const bytewise = (stream: Uint8Array) => Array.from(stream, (byte) => Uint8Array.of(byte));

describe("recorded streams", () => {
  const folders = ["json", "pb", "recovery-json", "recovery-pb", "extra-json", "extra-pb"];
  const paths = folders.flatMap((folder) => recordingPaths(folder, ".recordio"));

  it.each([
    ["whole", whole],
    ["halved", halved],
    ["byte by byte", bytewise],
  ])("give the recorded record lengths when fed %s", (_name, split) => {
    expect(paths.length).toBeGreaterThan(50);
    for (const path of paths) {
      const decoder = createRecordDecoder();
      const batch = pushAll(decoder, split(recordingBytes(path)));
      const lengths = recordingText(path.replace(".recordio", ".events.jsonl"))
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line).len);
      expect([path, batch.ok, batch.records.map((record) => record.length)]).toEqual([
        path,
        true,
        lengths,
      ]);
    }
  });
});

describe("createRecordDecoder", () => {
  it("skips records of no bytes and tells an unfinished end", () => {
    const decoder = createRecordDecoder();
    expect(decoder.isTruncated()).toBe(false);
    expect(text(decoder.push(bytes("0\n0\n2\nab0\n3\nx")).records)).toEqual(["ab"]);
    expect(decoder.isTruncated()).toBe(true);
    expect(text(decoder.push(bytes("yz")).records)).toEqual(["xyz"]);
    expect(decoder.isTruncated()).toBe(false);
    decoder.push(bytes("1"));
    expect(decoder.isTruncated()).toBe(true);
  });

  it.each(["x\n", "-1\n", "1.5\n", " 1\n", "\n", "0x10\n", "1\r\n", "111111111111111111111"])(
    "refuses the length line %j",
    (line) => {
      for (const split of [whole, halved, bytewise]) {
        const batch = pushAll(createRecordDecoder(), split(bytes(`2\nok${line}`)));
        expect([text(batch.records), batch.ok]).toEqual([["ok"], false]);
        if (!batch.ok) expect(batch.fault.type).toBe("length-malformed");
      }
    },
  );

  it("refuses a record over the limit and stays refused", () => {
    const decoder = createRecordDecoder(10);
    expect(decoder.push(bytes("10\n0123456789")).ok).toBe(true);
    const refused = { ok: false, records: [], fault: expect.anything() };
    expect(decoder.push(bytes("11\n"))).toEqual({
      ...refused,
      fault: { type: "record-too-large", lengthBytes: 11, bytesMax: 10 },
    });
    expect(decoder.push(bytes("2\nab"))).toEqual(refused);
    expect(createRecordDecoder().push(bytes(`${recordBytesMax + 1}\n`)).ok).toBe(false);
    expect(createRecordDecoder().push(bytes("99999999999999999999\n")).ok).toBe(false);
  });

  it("costs no memory for a length that is only claimed", () => {
    const decoders = Array.from({ length: 2000 }, () => createRecordDecoder());
    const before = process.memoryUsage().arrayBuffers;
    for (const decoder of decoders) decoder.push(bytes(`${recordBytesMax}\nx`));
    const grownMib = (process.memoryUsage().arrayBuffers - before) / 1024 / 1024;
    expect(grownMib).toBeLessThan(400);
  });

  it("reads a large record from small pieces in linear time", () => {
    const record = new Uint8Array(16 * 1024 * 1024).fill(7);
    const framed = encodeRecord(record);
    const decoder = createRecordDecoder();
    const started = performance.now();
    let found = 0;
    for (let at = 0; at < framed.length; at += 1000) {
      found += decoder.push(framed.subarray(at, at + 1000)).records.length;
    }
    expect(found).toBe(1);
    // Copying all for each piece would be 140 GB.
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it("gives back any records split anywhere", () => {
    const recordsArbitrary = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), {
      maxLength: 20,
    });
    const cutsArbitrary = fc.array(fc.nat(6000), { maxLength: 30 });
    fc.assert(
      fc.property(recordsArbitrary, cutsArbitrary, (records, cuts) => {
        const stream = new Uint8Array(Buffer.concat(records.map(encodeRecord)));
        const edges = [0, ...cuts.filter((cut) => cut < stream.length), stream.length];
        edges.sort((a, b) => a - b);
        const pieces = edges.slice(1).map((edge, index) => stream.subarray(edges[index], edge));
        const decoder = createRecordDecoder();
        expect(pushAll(decoder, pieces)).toEqual({ ok: true, records });
        expect(decoder.isTruncated()).toBe(false);
      }),
    );
  });

  it("never throws on any bytes", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (pieces) => {
        pushAll(createRecordDecoder(1000), pieces);
      }),
    );
  });
});
