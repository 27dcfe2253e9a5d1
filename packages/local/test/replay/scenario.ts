/**
 * Owns the replay of one recorded scenario: the scheduler's calls in their order, each once what was heard before it is
 * heard now, with the ids of now in the place of the recorded ones; answers and events go into the ledger.
 * Not: the executors' side (executor-script.ts). Called by the replay tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import { jsonCodec, protobufCodec, type WireCodec } from "@mr-redis/mesos";
import { until } from "@mr-redis/testing";
import { postJson, type TestLocal } from "../harness.js";
import { compareAnswers } from "./answer.js";
import type { Ledger } from "./ledger.js";
import { Matching, type Place } from "./matching.js";
import {
  endedByFinalChunk,
  type HttpMessage,
  headerOf,
  parseHttp,
  type RecordedCall,
  readCall,
  recordedEvents,
} from "./recording.js";
import { type AnyEvent, type AnyOffer, StreamPairing, subjectOf } from "./stream-pairing.js";
import { exchange, LiveStream } from "./wire.js";

/** Longest wait for what was recorded: on a busy machine far more than it takes. */
export const waitMsMax = 20_000;

/** How long an offer of the recorded resources is waited for before another one is taken. */
const likeOfferMs = 20_000;

/** Offers are given back at most so often, which is more than two ticks. */
const gatherPauseMs = 400;

/** When a call was made: events of which stream, how many of them, were heard before. */
export interface Step {
  readonly call: string;
  readonly stream?: string;
  readonly seenCount?: number;
}

/** The API that a call belongs to. */
export type Side = "scheduler" | "executor";

interface OpenStream {
  readonly live: LiveStream;
  readonly pairing: StreamPairing;
  isDropped: boolean;
}

/** One scenario on one master with one agent. */
export class Scenario {
  /** Of the recordings: `json`. */
  readonly folder: string;
  readonly ledger: Ledger;
  readonly matching: Matching;
  local: TestLocal;
  readonly #streams = new Map<string, OpenStream>();
  /** Offers of now that were not used yet. */
  readonly #offers: AnyOffer[] = [];
  /** Offers of now that are kept for the call that names the recorded one. */
  readonly #claimed = new Map<string, AnyOffer>();
  readonly #offersUsed = new Map<string, string>();
  readonly #answered = new Set<string>();
  /** Calls of our own that are under way. */
  readonly #own: Promise<unknown>[] = [];
  #gatheredAtMs = 0;
  /** Every recorded call was made. */
  isOver = false;

  constructor(folder: string, local: TestLocal, ledger: Ledger, places: readonly Place[]) {
    this.folder = folder;
    this.local = local;
    this.ledger = ledger;
    this.matching = new Matching(places);
  }

  /** True once the call was answered. */
  isAnswered(name: string): boolean {
    return this.#answered.has(name);
  }

  /** True once so many recorded events of the stream have come. */
  hasSeen(stream: string, count: number): boolean {
    return this.#streams.get(stream)?.pairing.hasSeen(count) ?? false;
  }

  /** All calls of the scheduler; `before` does what the recording shows only by its effects. */
  async run(
    steps: readonly Step[],
    before: Readonly<Record<string, () => Promise<void>>>,
  ): Promise<void> {
    this.#noteOffersUsed(steps);
    for (const { call, stream, seenCount } of steps) {
      await before[call]?.();
      if (stream !== undefined && seenCount !== undefined) {
        const waits = [this.waitSeen(stream, seenCount), this.#waitOffers(stream, seenCount)];
        await Promise.all(waits);
      }
      await Promise.all(this.#own.splice(0));
      await this.send("scheduler", call);
    }
    this.isOver = true;
  }

  /** Recorded offers and the first call that names each. */
  #noteOffersUsed(steps: readonly Step[]): void {
    for (const { call } of steps) {
      const { request } = readCall(`${this.folder}/${call}`);
      for (const id of Matching.idsIn(request.body.toString("latin1"))) {
        if (!this.#offersUsed.has(id)) this.#offersUsed.set(id, call);
      }
    }
  }

  /** An offer that was recorded before a call, and used later, is out before the call now, too: it holds what it holds. */
  async #waitOffers(stream: string, count: number): Promise<void> {
    const recorded = this.#streams.get(stream)?.pairing.recorded.slice(0, count) ?? [];
    for (const offer of recorded.flatMap((event) => event.offers?.offers ?? [])) {
      const id = offer.id.value;
      const user = this.#offersUsed.get(id);
      if (user === undefined || this.matching.nowOf(id) !== undefined) continue;
      if (this.ledger.isKnown(`${this.folder}/${user} offer`)) continue;
      const options = { deadlineMs: likeOfferMs, what: `an offer like ${id}` };
      await until(() => this.hasOfferLike(id), options).catch(() => undefined);
    }
  }

  /** Waits until the first recorded events of a stream came; what does not come in time differs. */
  async waitSeen(stream: string, count: number): Promise<void> {
    const open = this.#streams.get(stream);
    if (open === undefined) return;
    await until(() => open.pairing.hasSeen(count), {
      deadlineMs: waitMsMax,
      intervalMs: 2,
      what: `${this.folder}/${stream}: ${count} events`,
    }).catch(() => undefined);
    for (const subject of open.pairing.missing(count)) {
      this.ledger.differs(`${open.pairing.id} ${subject}`, "does not come in time");
    }
  }

  /** What the recorder did to master or agent, by the admin API. */
  async inflict(fault: Readonly<Record<string, unknown>>): Promise<void> {
    const answer = await postJson(`http://127.0.0.1:${this.local.adminPort}/faults`, fault);
    if (answer.status !== 200) throw new Error(`${JSON.stringify(fault)}: ${answer.text}`);
  }

  /** Sends a recorded call and compares its answer; a SUBSCRIBE opens its stream. */
  async send(side: Side, name: string): Promise<void> {
    const call = readCall(`${this.folder}/${name}`);
    const port = side === "scheduler" ? this.local.port : (this.local.agents[0]?.port ?? 0);
    await this.#acquireOffers(call);
    const bytes = this.#bytesOf(side, call);
    const isStream = recordedHead(call).startLine.includes(" 200 ") && isSubscribe(name);
    if (isStream) await this.#open(side, name, call, port, bytes);
    else this.#compare(call, parseHttp(await exchange(port, bytes, [recordedHead(call)])));
    this.#answered.add(name);
  }

  /** How many events of a stream were recorded before the ERROR that ends it. */
  countBeforeError(stream: string): number {
    const recorded = this.#streams.get(stream)?.pairing.recorded ?? [];
    const index = recorded.findIndex(({ type }) => type === "ERROR");
    return index < 0 ? recorded.length : index;
  }

  /** How many events of a stream were recorded up to the first one on a subject: `UPDATE u-1`. */
  countTo(stream: string, subject: string): number {
    const recorded = this.#streams.get(stream)?.pairing.recorded ?? [];
    return recorded.findIndex((event) => subjectOf(event) === subject) + 1;
  }

  /** True once an offer with the resources and executors of a recorded one is at hand; it is kept for its call. */
  hasOfferLike(recordedId: string): boolean {
    if (this.#claimed.has(recordedId) || this.matching.nowOf(recordedId) !== undefined) return true;
    const recorded = this.#recordedOffer(recordedId);
    if (recorded === undefined) return false;
    const offer = this.#offerLike(recorded);
    if (offer === undefined) {
      this.#gather();
      return false;
    }
    this.#offers.splice(this.#offers.indexOf(offer), 1);
    this.#claimed.set(recordedId, offer);
    return true;
  }

  /**
   * Gives back, now and then, all offers that are held: what came in pieces, because a tick fell between two ends of
   * tasks, comes in one piece.
   */
  #gather(): void {
    const nowMs = performance.now();
    if (nowMs < this.#gatheredAtMs + gatherPauseMs || this.#offers.length === 0) return;
    this.#gatheredAtMs = nowMs;
    this.#giveBack();
  }

  /** One offer of all that there is, and no other. */
  async gatherAll(): Promise<void> {
    this.#giveBack();
    await this.heldOffer();
  }

  /** An offer is out. */
  async heldOffer(): Promise<void> {
    await until(() => this.#offers.length > 0, { deadlineMs: waitMsMax, what: "an offer" });
  }

  /** Gives back every offer, refused for so long. */
  async refuseOffers(seconds: number): Promise<void> {
    this.#giveBack(seconds);
    await Promise.all(this.#own.splice(0));
  }

  #giveBack(refuseSeconds = 0): void {
    const offers = this.#offers.splice(0);
    for (const { live } of this.#streams.values()) {
      const { frameworkId, streamId } = sessionOf(live);
      const own = offers.filter(({ framework_id }) => framework_id.value === frameworkId);
      const offer_ids = own.map(({ id }) => id);
      const filters = { refuse_seconds: refuseSeconds };
      if (own.length > 0)
        this.#post(streamId, { type: "DECLINE", decline: { offer_ids, filters } }, frameworkId);
    }
  }

  /** A call of our own, which is not compared. */
  #post(streamId: string, call: object, frameworkId: string): void {
    const url = `http://127.0.0.1:${this.local.port}/api/v1/scheduler`;
    const body = { ...call, framework_id: { value: frameworkId } };
    // A stream that is over takes none.
    const answer = postJson(url, body, { "Mesos-Stream-Id": streamId }).catch(() => undefined);
    this.#own.push(answer);
  }

  /** Breaks a stream without a word, as the recorder did, once all that was recorded of it came. */
  async drop(stream: string): Promise<void> {
    const open = this.#streams.get(stream);
    if (open === undefined) return;
    await this.waitSeen(stream, open.pairing.recorded.length);
    open.isDropped = true;
    open.live.drop();
  }

  /** The end of a stream is the end of the executor that reads it: nobody heard more. */
  leave(stream: string): void {
    const open = this.#streams.get(stream);
    if (open !== undefined) open.isDropped = true;
  }

  /** Waits for all that was recorded, then books what is missing, and how the streams ended. */
  async finish(): Promise<void> {
    for (const [name, open] of this.#streams) {
      if (open.isDropped) {
        open.pairing.finish();
        open.live.drop();
        continue;
      }
      await this.waitSeen(name, open.pairing.recorded.length);
      const isFinal = endedByFinalChunk(readCall(open.pairing.id));
      if (isFinal) {
        const options = { deadlineMs: waitMsMax, what: `${name}: the final chunk` };
        await until(() => open.live.isEnded, options).catch(() => undefined);
      }
      const { isEnded, isClosed, isChunkForRecord } = open.live;
      if (isEnded !== isFinal) {
        this.ledger.differs(`${open.pairing.id} end`, `final chunk: ${isFinal}, now ${isEnded}`);
      } else if (isFinal && isClosed) {
        this.ledger.differs(`${open.pairing.id} end`, "the connection stays open, now it ends");
      }
      if (!isChunkForRecord) this.ledger.differs(`${open.pairing.id} chunks`, "not one a record");
      open.pairing.finish();
      open.live.drop();
    }
  }

  #compare(call: RecordedCall, now: HttpMessage): void {
    this.ledger.calls.add(call.id);
    for (const detail of compareAnswers(parseHttp(call.responseBytes), now, this.matching)) {
      this.ledger.differs(`${call.id} answer`, detail);
    }
  }

  async #open(side: Side, name: string, call: RecordedCall, port: number, bytes: Buffer) {
    const isProtobuf = headerOf(call.request, "Accept") === protobufCodec.contentType;
    const eventName = `${side}.Event` as const;
    const recorded = recordedEvents(call.id).map((event) => {
      if (!isProtobuf) return event as AnyEvent;
      // The recorder wrote 64-bit integers of protobuf as strings.
      const text = new TextEncoder().encode(JSON.stringify(event));
      return plain(jsonCodec.decode(eventName, text));
    });
    const pairing = new StreamPairing(call.id, recorded, this.ledger, this.matching);
    const live = await LiveStream.open(port, bytes, {
      name: eventName,
      codecOf: (contentType) => (contentType === jsonCodec.contentType ? rawJson : protobufCodec),
      onEvent: (event, stream) => {
        const taken = JSON.parse(JSON.stringify(event)) as AnyEvent;
        this.#offers.push(...(taken.offers?.offers ?? []));
        this.#rescind(taken);
        pairing.take(taken);
        if (side === "scheduler") this.#settle(pairing, taken, stream);
      },
    });
    this.#streams.set(name, { live, pairing, isDropped: false });
    await this.waitSeen(name, 1);
    const head = { ...live.head, body: Buffer.alloc(0) };
    const recordedOnly = { ...recordedHead(call), body: Buffer.alloc(0) };
    this.ledger.calls.add(call.id);
    for (const detail of compareAnswers(recordedOnly, head, this.matching)) {
      this.ledger.differs(`${call.id} answer`, detail);
    }
  }

  /** Acknowledges an update that is known to differ: it would come again and again. */
  #settle(pairing: StreamPairing, event: AnyEvent, stream: LiveStream): void {
    const { uuid, agent_id, task_id } = event.update?.status ?? {};
    if (uuid === undefined || agent_id === undefined) return;
    if (!this.ledger.isKnown(`${pairing.id} ${subjectOf(event)}`)) return;
    const { frameworkId, streamId } = sessionOf(stream);
    const call = { type: "ACKNOWLEDGE", acknowledge: { uuid, agent_id, task_id } };
    this.#post(streamId, call, frameworkId);
  }

  #rescind(event: AnyEvent): void {
    const { rescind } = event as { rescind?: { offer_id: { value: string } } };
    const index = this.#offers.findIndex(({ id }) => id.value === rescind?.offer_id.value);
    if (index >= 0) this.#offers.splice(index, 1);
    for (const [recordedId, { id }] of this.#claimed) {
      if (id.value === rescind?.offer_id.value) this.#claimed.delete(recordedId);
    }
  }

  /** The request with the ids of now; byte for byte the recorded one where it has none. */
  #bytesOf(side: Side, call: RecordedCall): Buffer {
    const { startLine, headers, body } = call.request;
    const newBody = this.#bodyOf(side, call.request) ?? body;
    const lines = headers.map(([name, value]) => {
      if (name === "Content-Length") return `${name}: ${newBody.length}`;
      return `${name}: ${name === "Mesos-Stream-Id" ? this.matching.toNow(value) : value}`;
    });
    return Buffer.concat([Buffer.from(`${[startLine, ...lines].join("\r\n")}\r\n\r\n`), newBody]);
  }

  #bodyOf(side: Side, request: HttpMessage): Buffer | undefined {
    const name = `${side}.Call` as const;
    const isProtobuf = headerOf(request, "Content-Type") === protobufCodec.contentType;
    const codec: WireCodec = isProtobuf ? protobufCodec : rawJson;
    const decoded = codec.decode(name, new Uint8Array(request.body));
    if (!decoded.ok) return undefined;
    const now = this.matching.toNow(decoded.value);
    if (JSON.stringify(now) === JSON.stringify(decoded.value)) return undefined;
    return Buffer.from(codec.encode(name, now as typeof decoded.value));
  }

  /** Every recorded offer that the call names gets an offer of now with the same resources. */
  async #acquireOffers(call: RecordedCall): Promise<void> {
    const ids = Matching.idsIn(call.request.body.toString("latin1"));
    for (const id of new Set(ids)) {
      if (!/-O\d+$/.test(id) || this.matching.nowOf(id) !== undefined) continue;
      const recorded = this.#recordedOffer(id);
      if (recorded !== undefined) await this.#acquireOffer(call, recorded);
    }
  }

  #recordedOffer(id: string): AnyOffer | undefined {
    return [...this.#streams.values()]
      .flatMap(({ pairing }) => pairing.recorded.flatMap((event) => event.offers?.offers ?? []))
      .find((offer) => offer.id.value === id);
  }

  #offerLike(recorded: AnyOffer): AnyOffer | undefined {
    const one = this.matching;
    const wanted = shownOf(recorded);
    return this.#offers.findLast((offer) => one.differences(wanted, shownOf(offer)).length === 0);
  }

  async #acquireOffer(call: RecordedCall, recorded: AnyOffer): Promise<void> {
    const key = `${call.id} offer`;
    const { value } = recorded.id;
    const options = { deadlineMs: likeOfferMs, what: `an offer like ${value}` };
    // One that is known to differ is taken whole, so that it differs each time.
    if (this.ledger.isKnown(key)) await this.gatherAll();
    else await until(() => this.hasOfferLike(value), options).catch(() => undefined);
    const offer = this.#claimed.get(value) ?? this.#offers.pop();
    if (offer === undefined) {
      this.ledger.differs(key, "no offer comes");
      return;
    }
    this.#claimed.delete(recorded.id.value);
    this.ledger.eventsCount += 1;
    const [difference] = this.matching.differences(recorded, offer);
    if (difference !== undefined) this.ledger.differs(key, difference);
  }
}

/** Ids of the session that a stream belongs to. */
function sessionOf(stream: LiveStream): {
  readonly frameworkId: string;
  readonly streamId: string;
} {
  const [first] = stream.events as { subscribed?: { framework_id?: { value: string } } }[];
  return {
    frameworkId: first?.subscribed?.framework_id?.value ?? "",
    streamId: headerOf(stream.head, "Mesos-Stream-Id") ?? "",
  };
}

/** What an offer shows of the state of its agent. */
function shownOf(offer: AnyOffer): unknown {
  const { resources, executor_ids } = offer as { resources?: unknown; executor_ids?: unknown };
  return { resources: resources ?? [], executor_ids };
}

const isSubscribe = (name: string): boolean => name.includes("subscribe");

const recordedHead = (call: RecordedCall): HttpMessage => parseHttp(call.responseBytes);

const plain = (decoded: { ok: boolean; value?: unknown }): AnyEvent =>
  JSON.parse(JSON.stringify(decoded.value));

/** JSON as it stands, so that members that the codec does not know are compared, too. */
const rawJson: WireCodec = {
  contentType: jsonCodec.contentType,
  encode: (_name, value) => new TextEncoder().encode(JSON.stringify(value)),
  decode(_name, bytes) {
    try {
      return { ok: true, value: JSON.parse(new TextDecoder().decode(bytes)) };
    } catch {
      return { ok: false, problems: [] };
    }
  },
};
