/**
 * Owns the sealing of what the store still has in the clear, or sealed with an older key, before a reign begins.
 * Not: reading the records (load.ts). Called by succession.ts.
 * Why then: nobody else changes records at that time, so that no decision meets a revision that it does not know.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Clock, changedFramework, encodeFramework, encodeInstance } from "@mr-redis/core";
import type { Change, Leadership, Store } from "@mr-redis/store";
import type { LoadedState } from "../load.js";
import type { Log } from "../log.js";
import type { SecretKeys } from "./secret-keys.js";

/** Records that go to the store together. */
const batchMax = 100;

/** Longest time for it: 10,000 records need a few seconds. The rest follows with each next change, or the next reign. */
const sealMsMax = 10_000;

/** Seals it; true when the records must be read again. What the store does not take is left as it is. */
export async function sealStored(
  { store, leadership }: { readonly store: Store; readonly leadership: Leadership },
  state: LoadedState,
  keys: SecretKeys,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<boolean> {
  if (!keys.areKept || state.unsealed.size === 0) return false;
  const { size } = state.unsealed;
  const untilMs = clock.monotonicMs() + sealMsMax;
  let sealed = 0;
  // Sealed batch by batch: it takes its time, and the lease must be renewed meanwhile.
  for (const batch of batches(changesOf(state, keys))) {
    const outcomes = await store.commit(leadership, batch);
    const done = outcomes.filter(({ type }) => type === "done").length;
    sealed += done;
    if (done < outcomes.length || clock.monotonicMs() >= untilMs) break;
  }
  const [keyId] = keys.ids;
  log.info({ keyId, sealed, left: size - sealed }, "secrets in the store were sealed");
  return true;
}

function* batches(changes: Iterable<Change>): Iterable<Change[]> {
  let batch: Change[] = [];
  for (const change of changes) {
    batch.push(change);
    if (batch.length < batchMax) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function* changesOf(state: LoadedState, keys: SecretKeys): Iterable<Change> {
  const { framework, frameworkRevision } = state;
  const authority = framework?.authority;
  const sealing = keys.sealingOf("framework");
  if (state.unsealed.has("framework") && framework !== null && authority !== undefined) {
    const plain = sealing?.open(authority.key) ?? null;
    if (sealing !== null && plain !== null) {
      const next = { ...authority, key: sealing.seal(plain) };
      yield {
        key: "framework",
        basedOn: frameworkRevision,
        value: encodeFramework(changedFramework(framework, { authority: next })),
      };
    }
  }
  for (const { document, revision } of state.documents) {
    const key = `instance/${document.name}` as const;
    if (!state.unsealed.has(key)) continue;
    const value = encodeInstance(document, keys.sealingOf(key)?.seal);
    yield { key, basedOn: revision, value };
  }
}
