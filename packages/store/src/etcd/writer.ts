/**
 * Owns the writing of changes: many in one request, each with its own outcome, all of them only while we lead.
 * Not: the order of requests (lane.ts), nor the leadership (leadership.ts). Called by store.ts.
 *
 * One request is one transaction: it compares the leader's key, then holds one nested transaction for each change, which
 * compares the document's revision. After a request of unknown fate the leader's key is written anew (`seal`) before
 * the next: so what a retry is told stays true, though the first request may still be on its way.
 * SPDX-License-Identifier: Apache-2.0
 */
import { Buffer } from "node:buffer";
import type { ICompare, IRequestOp, IResponseOp, ITxnRequest, ITxnResponse } from "etcd3";
import type { GroupLimits, Weighed } from "../lane.js";
import type { Change, CommitOutcome } from "../port.js";
import { EtcdFailure } from "./failure.js";
import { documentOf, type EtcdKeys } from "./keys.js";
import type { EtcdLeadership } from "./leadership.js";
import type { EtcdServers } from "./servers.js";

/**
 * A group fits one request of etcd: 128 operations (--max-txn-ops), counted over both levels and the leader's key, and
 * 1.5 MB (--max-request-bytes).
 */
export const groupLimits: GroupLimits = { bytesMax: 1024 * 1024, countMax: 100 };

/** A change that waits for its group. */
export interface WaitingChange extends Weighed {
  readonly leadership: EtcdLeadership;
  readonly change: Change;
  readonly settle: (outcome: CommitOutcome) => void;
  /** Its caller was told `unknown` already: it is not written any more. */
  isAbandoned: boolean;
}

/** Bytes of a change in a request: its value, and its key at each place. */
export const bytesOf = (change: Change): number =>
  Buffer.byteLength(change.value ?? "") + 3 * Buffer.byteLength(change.key) + 100;

/** Times that one request is made again because the leader's key was written by an older request of ours. */
const sealsMax = 3;

const notLeader: CommitOutcome = { type: "refused", reason: "not-leader" };
const unknown = (cause: string): CommitOutcome => ({ type: "unknown", cause });

/** Cuts a group into runs of one leadership without a repeated key: etcd takes a key once in a transaction. */
export function runsOf(items: readonly WaitingChange[]): readonly (readonly WaitingChange[])[] {
  const runs: WaitingChange[][] = [];
  let keys = new Set<string>();
  for (const item of items) {
    const run = runs.at(-1);
    if (run === undefined || run[0]?.leadership !== item.leadership || keys.has(item.change.key)) {
      runs.push([item]);
      keys = new Set();
    } else run.push(item);
    keys.add(item.change.key);
  }
  return runs;
}

/** Writes groups of changes. */
export class EtcdWriter {
  readonly #servers: EtcdServers;
  readonly #keys: EtcdKeys;

  constructor(servers: EtcdServers, keys: EtcdKeys) {
    this.#servers = servers;
    this.#keys = keys;
  }

  /** Settles every item; never rejects. */
  async write(items: readonly WaitingChange[]): Promise<void> {
    for (const run of runsOf(items)) {
      try {
        await this.#writeRun(run);
      } catch (error) {
        const cause = error instanceof Error ? error.message : String(error);
        for (const item of run) item.settle(unknown(cause));
      }
    }
  }

  async #writeRun(all: readonly WaitingChange[]): Promise<void> {
    for (let rest = sealsMax; rest > 0; rest -= 1) {
      const run = all.filter((item) => !item.isAbandoned);
      const leadership = run[0]?.leadership;
      if (leadership === undefined) return;
      if (!leadership.isValid() || !(await leadership.seal()) || !leadership.isValid()) {
        for (const item of run) item.settle(notLeader);
        return;
      }
      const answer = await this.#send(leadership, run);
      if (answer === null) return;
      if (answer.succeeded) {
        if (isCharged(run)) leadership.noteSealed(answer.header.revision);
        this.#settle(run, answer);
        return;
      }
      // Either we do not lead, or an older request of ours has written the leader's key: sealing tells.
      leadership.unseal();
    }
    throw new EtcdFailure("other", "the leader's key does not stay as it was written");
  }

  /** The answer, or null when all items are settled without one. */
  async #send(
    leadership: EtcdLeadership,
    run: readonly WaitingChange[],
  ): Promise<ITxnResponse | null> {
    const request = this.#request(leadership, run);
    try {
      return await this.#servers.call((member, limits) => member.kv.txn(request, limits));
    } catch (error) {
      if (!(error instanceof EtcdFailure)) throw error;
      const isFull = error.kind === "full" && isCharged(run);
      const isRefusal = error.isRefusal || (isFull && (await wasNotApplied(leadership)));
      if (!isRefusal && !isFull) leadership.unseal();
      const parts = isRefusal ? partsAfter(error, run) : null;
      if (parts === null) throw error;
      for (const part of parts) await this.write(part);
      return null;
    }
  }

  #request(leadership: EtcdLeadership, run: readonly WaitingChange[]): ITxnRequest {
    const leads: ICompare = {
      key: this.#keys.leader,
      target: "Mod",
      result: "Equal",
      mod_revision: leadership.sealRevision,
    };
    const success = run.map((item) => this.#operation(item.change));
    if (isCharged(run)) success.push({ request_put: leadership.leaderPut });
    return { compare: [leads], success };
  }

  #operation({ key: name, basedOn, value }: Change): IRequestOp {
    const key = this.#keys.of(name);
    const compare: ICompare = {
      key,
      target: "Mod",
      result: "Equal",
      mod_revision: comparable(basedOn),
    };
    const success: IRequestOp[] = [];
    if (value !== null) success.push({ request_put: { key, value: Buffer.from(value) } });
    else if (basedOn !== null) success.push({ request_delete_range: { key } });
    return {
      request_txn: { compare: [compare], success, failure: [{ request_range: { key } }] },
    };
  }

  #settle(run: readonly WaitingChange[], answer: ITxnResponse): void {
    for (const [index, { change, settle }] of run.entries()) {
      const response: IResponseOp | undefined = answer.responses[index];
      const nested = response?.response_txn;
      if (nested === undefined) settle(unknown("etcd's answer is not that of our request"));
      else if (nested.succeeded) {
        settle({ type: "done", revision: change.value === null ? null : answer.header.revision });
      } else {
        const pair = nested.responses[0]?.response_range?.kvs[0];
        const current = pair === undefined ? null : documentOf(change.key, pair);
        if (pair !== undefined && current === null) {
          settle(unknown(`etcd holds at ${change.key} what is no text`));
        } else settle({ type: "refused", reason: "stale", current });
      }
    }
  }
}

/**
 * etcd counts only what stands in the outer transaction against its quota, so without a writing there the quota would
 * not hold for us: the leader's key is written anew with all but removals, which etcd takes also without space.
 */
const isCharged = (run: readonly WaitingChange[]): boolean =>
  run.some((item) => item.change.value !== null);

/** Revision that is compared: 0 is that of an absent key; what cannot be a revision is never equal. */
const comparable = (basedOn: string | null): string => {
  if (basedOn === null) return "0";
  return /^[1-9]\d{0,17}$/.test(basedOn) ? basedOn : "-1";
};

/** Looks whether a request that met NOSPACE was applied; where that cannot be seen, it may have been. */
async function wasNotApplied(leadership: EtcdLeadership): Promise<boolean> {
  try {
    return await leadership.wasNotApplied();
  } catch {
    leadership.unseal();
    return false;
  }
}

/**
 * What to send instead of a run that etcd refused as a whole; null when nothing would help. NOSPACE: removals alone, which
 * etcd still takes. Too large (an operator may have lowered the limits): halves.
 */
function partsAfter(
  failure: EtcdFailure,
  run: readonly WaitingChange[],
): readonly (readonly WaitingChange[])[] | null {
  if (failure.kind === "large" && run.length > 1) {
    const half = Math.ceil(run.length / 2);
    return [run.slice(0, half), run.slice(half)];
  }
  if (failure.kind !== "full") return null;
  const removals = run.filter((item) => item.change.value === null);
  if (removals.length === 0 || removals.length === run.length) return null;
  for (const item of run) {
    if (item.change.value !== null) item.settle(unknown(failure.message));
  }
  return [removals];
}
