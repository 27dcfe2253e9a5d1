/**
 * Owns the measurement of both Mesos codecs on an OFFERS event of 100 KB (in protobuf), beside what they stand on.
 * Run by hand in the root of the repository; command and results are in codec.md.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFileSync } from "node:fs";
import {
  createRecordDecoder,
  jsonCodec,
  protobufCodec,
  type SchedulerEvent,
  type WireCodec,
} from "@mr-redis/mesos";
import { reflectedBytes, reflectedValue } from "../packages/mesos/test/reflection.js";

/** Size of the event in protobuf, about. */
const eventBytes = 100 * 1024;

const runs = 500;

/** The first recorded offer of a real master, as often as needed. */
function largeOffers(): SchedulerEvent {
  const path = "packages/mesos/fixtures/wire/pb/001-subscribe.recordio";
  const { records } = createRecordDecoder().push(new Uint8Array(readFileSync(path)));
  for (const record of records) {
    const event = protobufCodec.decode("scheduler.Event", record);
    const offer = event.ok ? event.value.offers?.offers?.[0] : undefined;
    if (offer === undefined) continue;
    const one = protobufCodec.encode("Offer", offer).length + 3;
    return { type: "OFFERS", offers: { offers: Array(Math.round(eventBytes / one)).fill(offer) } };
  }
  throw new Error("no offer was recorded");
}

/** Median and best of many runs in milliseconds, after as many to warm up. */
function measure(work: () => unknown): string {
  const tookMs: number[] = [];
  for (let run = 0; run < 2 * runs; run += 1) {
    const startMs = performance.now();
    work();
    if (run >= runs) tookMs.push(performance.now() - startMs);
  }
  tookMs.sort((a, b) => a - b);
  return `${(tookMs[runs >> 1] ?? 0).toFixed(2)} | ${(tookMs[0] ?? 0).toFixed(2)}`;
}

const event = largeOffers();
const text = new TextDecoder();

function row(name: string, bytes: number, decode: () => unknown, encode: () => unknown): void {
  console.log(`| ${name} | ${bytes} | ${measure(decode)} | ${measure(encode)} |`);
}

function codecRow(name: string, codec: WireCodec): Uint8Array {
  const bytes = codec.encode("scheduler.Event", event);
  const decode = () => codec.decode("scheduler.Event", bytes);
  row(name, bytes.length, decode, () => codec.encode("scheduler.Event", event));
  return bytes;
}

console.log(`${event.offers?.offers?.length} offers, ${runs} runs, milliseconds\n`);
console.log("| | bytes | decode, median | best | encode, median | best |");
console.log("|---|---|---|---|---|---|");
const protobuf = codecRow("protobuf", protobufCodec);
const json = codecRow("JSON", jsonCodec);
row(
  "JSON.parse, JSON.stringify alone",
  json.length,
  () => JSON.parse(text.decode(json)),
  () => new TextEncoder().encode(JSON.stringify(event)),
);
row(
  "protobufjs' reflection, to the same values",
  protobuf.length,
  () => reflectedValue("scheduler.Event", protobuf),
  () => reflectedBytes("scheduler.Event", event),
);
