/**
 * Owns the proof that no input, however broken, gets more out of the decoders than a typed error: no exception, no
 * endless work, no memory beyond what is named. The inputs are the recordings cut at every byte and damaged by seed,
 * noise, and bodies at the size limit. MRR_HOSTILE_SEED and MRR_HOSTILE_FACTOR choose others and more of them.
 * SPDX-License-Identifier: Apache-2.0
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { damaged, seededRandom } from "../../test/mutations.js";
import {
  recordedStreams,
  recordingBody,
  recordingBytes,
  recordingPaths,
  recordingText,
} from "../../test/recordings.js";
import { type WireCodec, wireProblemsText } from "./codec.js";
import { createWireCodec } from "./codec-choice.js";
import { createRecordDecoder, recordBytesMax } from "./recordio.js";
import { type MessageName, messageSchemas } from "./schema.js";

const seed = Number(process.env.MRR_HOSTILE_SEED ?? 1);
const factor = Number(process.env.MRR_HOSTILE_FACTOR ?? 1);
const damagedCount = 12_000 * factor;
const noiseCount = 6_000 * factor;
const streamCount = 3_000 * factor;
const cutBytesMax = 40_000 * factor;

/** The machine may be busy with other tests. */
const testMsMax = 60_000;

const names = Object.keys(messageSchemas) as MessageName[];

interface Sample {
  readonly name: MessageName;
  readonly bytes: Uint8Array;
}

/** Two bodies with the same: in JSON that differ in values only, in protobuf of the same length. */
function shapeOf({ name, bytes }: Sample): string {
  const text = new TextDecoder().decode(bytes);
  if (!text.startsWith("{")) return `${name} ${bytes.length}`;
  return `${name} ${text.replace(/:\s*("[^"]*"|[-\d.]+)/g, ":")}`;
}

/** Every recorded event and call of an encoding, one of each shape. */
function samplesOf(codec: WireCodec): readonly Sample[] {
  const events = recordedStreams()
    .filter((stream) => stream.codec === codec)
    .flatMap(({ path, name }) =>
      createRecordDecoder()
        .push(recordingBytes(path))
        .records.map((bytes) => ({ name, bytes })),
    );
  const calls = recordingPaths("", ".request.http").flatMap((path): Sample[] => {
    const head = recordingText(path).split("\r\n\r\n")[0] ?? "";
    const api = /^POST \S*\/(scheduler|executor) HTTP/.exec(head)?.[1];
    if (api === undefined || !head.includes(`Content-Type: ${codec.contentType}`)) return [];
    return [{ name: `${api}.Call` as MessageName, bytes: recordingBody(path) }];
  });
  const all = [...events, ...calls];
  return [...new Map(all.map((sample) => [shapeOf(sample), sample])).values()];
}

/** As many as {@link cutBytesMax} allows, the shortest first. */
function samplesToCut(samples: readonly Sample[]): readonly Sample[] {
  let left = cutBytesMax;
  const sorted = [...samples].sort((a, b) => a.bytes.length - b.bytes.length);
  return sorted.filter(({ bytes }) => {
    left -= bytes.length;
    return left >= 0;
  });
}

/** Decodes; what comes out must be encodable to bytes that mean the same. Answers whether it was taken. */
function survives(codec: WireCodec, name: MessageName, bytes: Uint8Array): boolean {
  try {
    const decoded = codec.decode(name, bytes);
    if (!decoded.ok) {
      expect(wireProblemsText(decoded.problems)).not.toBe("");
      return false;
    }
    const once = codec.encode(name, decoded.value);
    const again = codec.decode(name, once);
    if (!again.ok) throw new Error(`not read again: ${wireProblemsText(again.problems)}`);
    expect(Buffer.compare(codec.encode(name, again.value), once)).toBe(0);
    return true;
  } catch (error) {
    const input = Buffer.from(bytes).toString("base64");
    throw new Error(`${name} with seed ${seed}: ${input}`, { cause: error });
  }
}

describe.each(["application/json", "application/x-protobuf"] as const)("in %s", (contentType) => {
  const codec = createWireCodec(contentType);
  const samples = samplesOf(codec);
  const cut = samplesToCut(samples);
  const bytesTotal = cut.reduce((sum, { bytes }) => sum + bytes.length, 0);

  it(
    `${cut.length} recordings cut at each of their ${bytesTotal} bytes are refused or read`,
    () => {
      let taken = 0;
      for (const { name, bytes } of cut) {
        for (let length = 0; length < bytes.length; length += 1) {
          if (survives(codec, name, bytes.subarray(0, length))) taken += 1;
        }
      }
      // Protobuf that is cut between two optional fields is a message; one recorded JSON body had something behind it.
      if (contentType === "application/json") expect(taken).toBeLessThan(10);
      else expect(taken).toBeGreaterThan(100);
    },
    testMsMax,
  );

  it(
    `${damagedCount} damaged recordings are refused or read (seed ${seed})`,
    () => {
      const random = seededRandom(seed);
      const inputs = samples.map(({ bytes }) => bytes);
      const counts = { taken: 0, refused: 0 };
      for (let count = 0; count < damagedCount; count += 1) {
        const sample = samples[Math.floor(random() * samples.length)];
        const other = names[Math.floor(random() * names.length)];
        const name = (random() < 0.9 ? sample?.name : other) ?? "scheduler.Call";
        counts[survives(codec, name, damaged(inputs, random)) ? "taken" : "refused"] += 1;
      }
      expect(counts.taken).toBeGreaterThan(damagedCount / 100);
      expect(counts.refused).toBeGreaterThan(damagedCount / 10);
    },
    testMsMax,
  );

  it(
    `${noiseCount} random bodies are refused or read`,
    () => {
      const bytes = fc.uint8Array({ maxLength: 80 });
      fc.assert(
        fc.property(fc.constantFrom(...names), bytes, (name, noise) => {
          survives(codec, name, noise);
        }),
        { numRuns: noiseCount, seed },
      );
    },
    testMsMax,
  );
});

describe("a stream", () => {
  it(
    `of ${streamCount} damaged ones, in random pieces, is read or refused, and holds no more than it got`,
    () => {
      const random = seededRandom(seed);
      const streams = recordedStreams().map(({ path }) => recordingBytes(path));
      const inputs = streams.map((bytes) => bytes.subarray(0, 20_000));
      for (let count = 0; count < streamCount; count += 1) {
        const bytes = damaged(inputs, random);
        const decoder = createRecordDecoder(100_000);
        let at = 0;
        let given = 0;
        while (at < bytes.length) {
          const end = at + 1 + Math.floor(random() ** 4 * bytes.length);
          const batch = decoder.push(bytes.subarray(at, end));
          given += batch.records.reduce((sum, record) => sum + record.length, 0);
          at = end;
        }
        expect(given).toBeLessThanOrEqual(bytes.length);
      }
    },
    testMsMax,
  );
});

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Most memory that a refusal of the largest record may hold on to, beside the record. */
const heldMibMax = 16;

describe("a body of 64 MiB", () => {
  const filled = (unit: string, head = "", tail = "") => {
    const body = Buffer.alloc(recordBytesMax, unit);
    body.write(head, 0);
    if (tail !== "") body.write(tail, body.length - tail.length);
    return new Uint8Array(body.buffer, body.byteOffset, body.length);
  };
  const json = createWireCodec("application/json");
  const protobuf = createWireCodec("application/x-protobuf");

  it.each<[string, WireCodec, () => Uint8Array, string]>([
    ["JSON of empty objects", json, () => filled("{},", '{"x":[', "{}]}"), "More than"],
    ["JSON of open brackets", json, () => filled("["), "More than"],
    ["JSON of numbers", json, () => filled("1,", "[", "1]"), "More than"],
    ["JSON of line feeds", json, () => filled("\n"), "Failed to parse body into JSON: syntax"],
    ["JSON in one string", json, () => filled("a", '"', '"'), "Expecting a JSON object"],
    ["zeros as JSON", json, () => filled("\0"), "Failed to parse body into JSON: syntax"],
    ["empty messages", protobuf, () => filled("\x1a\x00"), "Failed to parse body"],
    ["unknown fields", protobuf, () => filled("\x78\x01"), "Failed to parse body"],
    ["open groups", protobuf, () => filled("\x7b"), "Failed to parse body"],
    ["zeros as protobuf", protobuf, () => filled("\0"), "Failed to parse body"],
  ])(
    "of %s is refused in 10 s and leaves nothing",
    (_name, codec, make, text) => {
      const body = make();
      collectGarbage();
      const before = process.memoryUsage();
      const startedMs = performance.now();
      const decoded = codec.decode("scheduler.Event", body);
      const tookMs = performance.now() - startedMs;
      collectGarbage();
      const after = process.memoryUsage();
      expect(decoded.ok ? "taken" : wireProblemsText(decoded.problems)).toContain(text);
      expect(tookMs).toBeLessThan(10_000);
      const heldMib =
        (after.heapUsed + after.external - before.heapUsed - before.external) / 2 ** 20;
      expect(heldMib).toBeLessThan(heldMibMax);
    },
    testMsMax,
  );
});
