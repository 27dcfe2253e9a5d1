/**
 * Owns the changes of one leader: in order for each key, many at once, each with its own outcome.
 * Not: whether it leads (leadership.ts, which asks here to stop), nor limits of time of a call (store.ts).
 *
 * A change is one conditional request on the session that leads: create, set with version or delete with version. A
 * session that has ended can apply nothing, and another leads only after that. Versions begin at 0 again with each life of
 * a node, so `basedOn` (which no two lives share) is compared first with what the node was when this leader last
 * read or wrote it; nobody else writes meanwhile, so the version that belongs to it then names that very state. (Someone
 * who removes and makes documents by hand under a running leader is caught by the version in all but the case that
 * both lives have the same number of changes.)
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Buffer } from "node:buffer";
import type { Clock } from "@mr-redis/core";
import { refusalOf } from "../change.js";
import type { Change, CommitOutcome, DocumentKey, Revision, StoredDocument } from "../port.js";
import { ConnectionLost, code, isLost, nameOf } from "./codes.js";
import { awaitingText, contentOf, encodeDocument, revisionOf } from "./document.js";
import type { Layout } from "./layout.js";
import type { Stat } from "./native.js";
import type { Answer, Session } from "./session.js";
import { Window } from "./window.js";

/** Requests and bytes on their way: enough to keep a server busy, few enough for the socket to take them. */
const requestsMax = 200;
const bytesMax = 2 * 1024 * 1024;

/** Changes that wait; more come only from a caller that does not wait for outcomes. */
export const changesWaitingMax = 20_000;

/** What a writer works with. */
export interface WriterOptions {
  readonly session: Session;
  readonly layout: Layout;
  readonly clock: Clock;
  /** Of the leadership: makes the stamps of its documents its own. */
  readonly term: number;
  /** Asked before each request. */
  readonly isLeading: () => boolean;
  /** Resolves when reads on the present connection see every earlier commit; rejects with ConnectionLost. */
  readonly catchUp: () => Promise<void>;
}

/** What is to be done, once it is known what is there. */
type Plan =
  | { readonly type: "end"; readonly outcome: CommitOutcome }
  | { readonly type: "create"; readonly text: Text }
  | { readonly type: "set"; readonly text: Text; readonly version: number }
  | { readonly type: "remove"; readonly version: number };

/** What is to be written, with the stamp that is in it. */
interface Text {
  readonly stamp: string;
  readonly bytes: Buffer;
}

/** A document as this leader knows it. */
interface Known {
  readonly revision: Revision;
  readonly version: number;
}

/** What is there: read on the leader's session, behind all its writes. */
interface Present {
  readonly document: StoredDocument | null;
  readonly version: number | null;
}

const notLeader: CommitOutcome = { type: "refused", reason: "not-leader" };
const done = (revision: Revision | null): CommitOutcome => ({ type: "done", revision });
const unknown = (cause: string): CommitOutcome => ({ type: "unknown", cause });
const stale = (current: StoredDocument | null): CommitOutcome => ({
  type: "refused",
  reason: "stale",
  current,
});

/** Refused for certain, but what is there now cannot be told; a retry tells. */
const lostAfterRefusal = "refused, and the connection was lost before it was read why";

/** Why a plan cannot be made: nothing was written. */
class Unplanned extends Error {}

/** The changes of one leadership. */
export class Writer {
  readonly #options: WriterOptions;
  readonly #window = new Window(requestsMax, bytesMax);
  readonly #known = new Map<DocumentKey, Known>();
  /** The last group that has changes of the key. */
  readonly #lanes = new Map<DocumentKey, Promise<void>>();
  readonly #underWay = new Set<Promise<unknown>>();
  #waitingCount = 0;
  #stamps = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** Resolves when no request is on its way. */
  async drained(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled([...this.#underWay]);
  }

  /** The outcomes in the order of the changes. Requests that were not sent at `deadlineMs` are not sent any more. */
  commit(changes: readonly Change[], deadlineMs: number): readonly Promise<CommitOutcome>[] {
    if (this.#waitingCount + changes.length > changesWaitingMax) {
      return changes.map(async () => unknown(`${changesWaitingMax} changes wait already`));
    }
    const outcomes: Promise<CommitOutcome>[] = [];
    let before: Promise<void> = Promise.resolve();
    for (const group of groupsOf(changes)) {
      const turns = [before, ...group.map((each) => this.#lanes.get(each.key))];
      const results = this.#group(group, Promise.all(turns), deadlineMs);
      before = Promise.allSettled(results).then(() => this.#leave(group, before));
      for (const { key } of group) this.#lanes.set(key, before);
      outcomes.push(...results);
    }
    return outcomes;
  }

  #leave(group: readonly Change[], lane: Promise<void>): void {
    this.#waitingCount -= group.length;
    for (const { key } of group) if (this.#lanes.get(key) === lane) this.#lanes.delete(key);
  }

  /** Changes of different keys: looked up together, then sent in order. */
  #group(
    group: readonly Change[],
    turn: Promise<unknown>,
    deadlineMs: number,
  ): readonly Promise<CommitOutcome>[] {
    this.#waitingCount += group.length;
    const plans = group.map((change) => turn.then(() => this.#plan(change, deadlineMs)));
    let sentBefore: Promise<unknown> = Promise.allSettled(plans);
    return group.map((change, index) => {
      const plan = plans[index] ?? Promise.reject(new Error("each change has a plan"));
      const sending = sentBefore.then(async () => this.#send(change, await plan, deadlineMs));
      sentBefore = sending.catch(() => {});
      return sending
        .then((sent) => sent.outcome)
        .catch((error: Error) => {
          if (!this.#options.isLeading()) return notLeader;
          return unknown(error.message);
        });
    });
  }

  async #plan(change: Change, deadlineMs: number): Promise<Plan> {
    const refusal = refusalOf(change);
    if (refusal !== null) return { type: "end", outcome: { type: "refused", reason: refusal } };
    const { key, basedOn } = change;
    const text = change.value === null ? null : this.#text(change.value);
    if (basedOn === null && text !== null && !this.#options.session.hasUser) {
      return { type: "create", text };
    }
    const known = this.#known.get(key);
    if (known !== undefined && basedOn === known.revision) return write(text, known.version);
    const present = await this.#asking(deadlineMs, () =>
      basedOn === null && text !== null ? this.#prepare(key) : this.#read(key),
    );
    const { document, version } = present;
    if ((document?.revision ?? null) !== basedOn) return { type: "end", outcome: stale(document) };
    if (version !== null && (document !== null || text !== null)) return write(text, version);
    if (text === null) return { type: "end", outcome: done(null) };
    return { type: "create", text };
  }

  #text(value: string): Text {
    this.#stamps += 1;
    const stamp = `${this.#options.term}.${this.#stamps}`;
    return { stamp, bytes: encodeDocument(stamp, value) };
  }

  /** Sends the request as soon as there is room; resolves then, with the outcome to come. */
  async #send(
    change: Change,
    plan: Plan,
    deadlineMs: number,
  ): Promise<{ outcome: Promise<CommitOutcome> | CommitOutcome }> {
    if (plan.type === "end") return { outcome: plan.outcome };
    const bytes = plan.type === "remove" ? 0 : plan.text.bytes.length;
    if (!this.#window.tryEnter(bytes)) await this.#window.enter(bytes);
    const { session } = this.#options;
    if (!session.isConnected) await session.whenConnected().catch(() => {});
    if (!this.#options.isLeading()) {
      this.#window.leave(bytes);
      return { outcome: notLeader };
    }
    if (this.#options.clock.monotonicMs() >= deadlineMs) {
      this.#window.leave(bytes);
      return { outcome: unknown("it could not be sent within the limit") };
    }
    const outcome = this.#request(change, plan).finally(() => {
      this.#window.leave(bytes);
      this.#underWay.delete(outcome);
    });
    this.#underWay.add(outcome);
    return { outcome };
  }

  async #request(change: Change, plan: Exclude<Plan, { type: "end" }>): Promise<CommitOutcome> {
    const { session, layout } = this.#options;
    const { key } = change;
    const path = layout.pathOf(key);
    if (plan.type === "remove") {
      const answer = await session.remove(path, plan.version);
      if (answer.code !== code.ok) return this.#failed(change, answer.code);
      this.#known.delete(key);
      return done(null);
    }
    const { stamp, bytes } = plan.text;
    if (plan.type === "set") {
      return this.#written(change, stamp, await session.set(path, bytes, plan.version));
    }
    const created = await session.create(path, bytes);
    if (created.code === code.ok) return this.#stored(key, stamp, 0);
    if (created.code !== code.nodeExists) return this.#failed(change, created.code);
    const present = await this.#read(key).catch(() => null);
    // A node that still waits for its text was left by a leader that had a user.
    if (present?.document === null && present.version !== null) {
      return this.#written(change, stamp, await session.set(path, bytes, present.version));
    }
    return present === null ? unknown(lostAfterRefusal) : stale(present.document);
  }

  #written(
    change: Change,
    stamp: string,
    answer: Answer<Stat>,
  ): Promise<CommitOutcome> | CommitOutcome {
    if (answer.value === null) return this.#failed(change, answer.code);
    return this.#stored(change.key, stamp, answer.value.version);
  }

  #stored(key: DocumentKey, stamp: string, version: number): CommitOutcome {
    const revision = revisionOf(stamp, version);
    this.#known.set(key, { revision, version });
    return done(revision);
  }

  async #failed(change: Change, failure: number): Promise<CommitOutcome> {
    this.#known.delete(change.key);
    if (failure === code.badVersion || failure === code.noNode) {
      const present = await this.#read(change.key).catch(() => null);
      return present === null ? unknown(lostAfterRefusal) : stale(present.document);
    }
    if (isLost(failure)) return unknown(`the answer was lost: ${nameOf(failure)}`);
    return unknown(`ZooKeeper refuses the change: ${nameOf(failure)}`);
  }

  /** Repeats a question over lost connections while it leads and there is time. */
  async #asking<T>(deadlineMs: number, ask: () => Promise<T>): Promise<T> {
    const { session, clock, isLeading } = this.#options;
    for (;;) {
      await session.whenConnected();
      if (!isLeading()) throw new Unplanned("the leadership has ended");
      try {
        return await ask();
      } catch (error) {
        const isLate = clock.monotonicMs() >= deadlineMs;
        if (!(error instanceof ConnectionLost) || isLate || session.endError !== null) throw error;
      }
    }
  }

  /** What is there now. */
  async #read(key: DocumentKey): Promise<Present> {
    const { session, layout, catchUp } = this.#options;
    await catchUp();
    const got = await session.get(layout.pathOf(key));
    if (isLost(got.code)) throw new ConnectionLost(nameOf(got.code));
    if (got.code === code.noNode) {
      this.#known.delete(key);
      return { document: null, version: null };
    }
    if (got.value === null) throw new Unplanned(`ZooKeeper cannot read it: ${nameOf(got.code)}`);
    const content = contentOf(key, got.value.stat, got.value.data);
    if (content.type === "broken") throw new Unplanned("what is stored is not of mr-redis");
    if (content.type === "awaiting-text") return { document: null, version: content.version };
    const { document, version } = content;
    this.#known.set(key, { revision: document.revision, version });
    return { document, version };
  }

  /** Makes a protected node without a text, where there is none; then what is there. */
  async #prepare(key: DocumentKey): Promise<Present> {
    const { session, layout } = this.#options;
    const path = layout.pathOf(key);
    const creating = session.create(path, awaitingText);
    const protecting = session.protect(path);
    const reading = this.#read(key);
    reading.catch(() => {});
    const made = [(await creating).code, (await protecting).code];
    const failure = made.find((each) => each !== code.ok && each !== code.nodeExists);
    if (failure === undefined) return reading;
    if (isLost(failure)) throw new ConnectionLost(nameOf(failure));
    throw new Unplanned(`ZooKeeper refuses the change: ${nameOf(failure)}`);
  }
}

const write = (text: Text | null, version: number): Plan =>
  text === null ? { type: "remove", version } : { type: "set", text, version };

/** Runs of changes in which no key comes twice. */
function groupsOf(changes: readonly Change[]): Change[][] {
  const groups: Change[][] = [];
  let keys = new Set<DocumentKey>();
  for (const change of changes) {
    const last = groups.at(-1);
    if (last === undefined || keys.has(change.key)) {
      groups.push([change]);
      keys = new Set([change.key]);
    } else {
      last.push(change);
      keys.add(change.key);
    }
  }
  return groups;
}
