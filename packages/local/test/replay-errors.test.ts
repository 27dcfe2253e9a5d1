/**
 * Owns the replay of the recorded calls that stand alone: malformed and refused ones (errors/), and the choice of
 * encodings (negotiation/). Each is sent byte for byte; what comes back is compared the same way.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createRecordDecoder, jsonCodec, protobufCodec } from "@mr-redis/mesos";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestLocal, type TestLocal } from "./harness.js";
import { compareAnswers } from "./replay/answer.js";
import { knownDifferences } from "./replay/differences.js";
import { Ledger } from "./replay/ledger.js";
import { Matching, type Place } from "./replay/matching.js";
import {
  callNames,
  dechunked,
  type HttpMessage,
  headerOf,
  parseAnswers,
  readCall,
} from "./replay/recording.js";
import { Scenario } from "./replay/scenario.js";
import { exchange } from "./replay/wire.js";

/** Calls of errors/ that ask for what is not served: the operator API, and pages of master and agent. */
const isServed = (name: string): boolean => {
  const number = Number(name.slice(0, 3));
  const isCall = number < 50 || (number >= 59 && number < 108) || number === 126;
  return isCall || served.includes(name);
};

/** GETs that are served. */
const served = [
  "052-master-get-version",
  "053-master-get-health",
  "058-master-get-jsonp",
  "111-agent-get-health",
  "117-master-redirect",
  "118-master-redirect-path",
];

/** What is compared of a stream: SUBSCRIBED. HEARTBEAT and OFFERS were recorded behind it in either order. */
const eventsCompared = 1;

describe("recorded calls that stand alone", () => {
  let local: TestLocal;
  /** Of two runs of the recorder: the same ids mean nothing in the other. */
  const matchings = new Map<string, Matching>();
  const ledger = new Ledger(knownDifferences);
  beforeAll(async () => {
    local = await startTestLocal({ agentsCount: 1 });
    for (const folder of ["errors", "negotiation"]) {
      matchings.set(folder, new Matching(placesOf(local)));
    }
  });
  afterAll(async () => {
    console.log(`errors, negotiation: ${ledger}`);
    await local.end();
  });

  const names = [
    ...callNames("errors")
      .filter(isServed)
      .map((name) => `errors/${name}`),
    ...callNames("negotiation")
      .filter((name) => Number(name.slice(0, 3)) < 15)
      .map((name) => `negotiation/${name}`),
  ];

  test.each(names)("%s", async (id) => {
    const call = readCall(id);
    const recorded = parseAnswers(call.responseBytes);
    const port = id.includes("-agent-") ? (local.agents[0]?.port ?? 0) : local.port;
    const now = parseAnswers(await exchange(port, ownHost(call.requestBytes), recorded));
    ledger.calls.add(id);
    const matching = matchings.get(id.split("/", 1)[0] ?? "");
    const details = matching === undefined ? ["no matching"] : compareAll(recorded, now, matching);
    for (const detail of details) ledger.differs(`${id} answer`, detail);
    expect(details.length > 0 && !ledger.isOnList(`${id} answer`) ? details : []).toEqual([]);
  });

  test("negotiation: calls of a session, and what follows the last chunk", async () => {
    const scenario = new Scenario("negotiation", local, ledger, placesOf(local));
    const names = callNames("negotiation").filter((name) => Number(name.slice(0, 3)) >= 15);
    await scenario.run(
      names.map((call) => ({ call })),
      {},
    );
    await scenario.finish();
    expect(ledger.unknown()).toEqual([]);
  });

  test("a Host that is no name of this machine is refused", async () => {
    const call = readCall("errors/043-master-pipelined");
    const recorded = parseAnswers(call.responseBytes);
    const [now] = parseAnswers(await exchange(local.port, call.requestBytes, recorded.slice(0, 1)));
    expect(now?.startLine).toBe("HTTP/1.1 403 Forbidden");
    ledger.differs("errors/Host answer", "403");
  });

  test("the list of differences has no entry that differs no more", () => {
    expect(ledger.outdated(["errors", "negotiation"])).toEqual([]);
  });
});

/** What differs between the machine of the recordings and this one. */
const placesOf = (local: TestLocal): readonly Place[] => [
  [String(local.port), "5050"],
  [String(local.agents[0]?.port), "5051"],
  ["1.11.0", "1.12.0"],
];

/** The recorded bytes; a made-up Host would be taken for a web page's (http/page-guard.ts). */
const ownHost = (bytes: Buffer): Buffer =>
  Buffer.from(bytes.toString("latin1").replaceAll(/^Host: x\r$/gm, "Host: localhost\r"), "latin1");

function compareAll(
  recorded: readonly HttpMessage[],
  now: readonly HttpMessage[],
  matching: Matching,
): readonly string[] {
  if (recorded.length !== now.length) {
    return [`recorded ${recorded.length} answers, now ${now.length}`];
  }
  return recorded.flatMap((message, index) => {
    const other = now[index];
    if (other === undefined) return [];
    if (headerOf(message, "Mesos-Stream-Id") === undefined) {
      return compareAnswers(message, other, matching);
    }
    const [a, b] = [eventsOf(message), eventsOf(other)];
    const headOnly = (one: HttpMessage) => ({ ...one, body: Buffer.alloc(0) });
    return [
      ...compareAnswers(headOnly(message), headOnly(other), matching),
      ...matching.differences(a, b, "events"),
    ];
  });
}

/** The first events of a stream, in the encoding that its head names. */
function eventsOf(message: HttpMessage): readonly unknown[] {
  const isJson = headerOf(message, "Content-Type") === jsonCodec.contentType;
  const { records } = createRecordDecoder().push(new Uint8Array(dechunked(message.body)));
  return records.slice(0, eventsCompared).map((record): unknown => {
    if (isJson) return JSON.parse(new TextDecoder().decode(record));
    const decoded = protobufCodec.decode("scheduler.Event", record);
    return decoded.ok ? JSON.parse(JSON.stringify(decoded.value)) : "undecodable";
  });
}
