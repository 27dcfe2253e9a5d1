/**
 * Owns what the conformance suite needs from a driver, and the helpers of its cases.
 * Not: the cases. Called by the cases and by the test of each driver. Imported by tests only (it needs vitest).
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect } from "vitest";
import type {
  Change,
  CommitOutcome,
  DocumentKey,
  Leadership,
  Revision,
  Store,
  StoredDocument,
} from "../port.js";

/** Bytes between one handle and its server, which a case can hold back. */
export interface HeldLink {
  /** From now on nothing passes, in either direction; the connections stay. */
  hold(): void;
  /** What was held back goes on its way, in order; then everything passes. */
  release(): void;
  /** Ends all connections; new ones are refused until `release`. */
  cut(): void;
}

/** The server of a driver that has one, in the hands of a case. Several handles may be open. */
export interface ServerControl {
  /** SIGSTOP. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** SIGKILL; resolves when it is dead. */
  kill(): Promise<void>;
  /** Starts it again with its data on the same port; resolves when it serves. */
  start(): Promise<void>;
  /** A handle whose bytes pass through a link of its own; close it by the case's `open` rules (the suite does). */
  openThrough(): Promise<{ readonly store: Store; readonly link: HeldLink }>;
  /** Writes a key that is not ours, as another program would: a path below the prefix, with its first slash. */
  putForeign(path: string, value: string): Promise<void>;
  /** Reads such a key; null when it is absent. */
  readForeign(path: string): Promise<string | null>;
  /** Forgets old revisions, where the server keeps them. */
  compact?(): Promise<void>;
  /**
   * Starts another process that leads and counts in the document `key` without pause; ended by the harness at the
   * latest.
   */
  startLeader(key: DocumentKey): Promise<LeaderProcess>;
}

/**
 * A process that leads. It says, a line each: `term <n>`; `done <n>`, `refused <reason>` or `unknown <cause>` for each
 * commit; `invalid` when it finds before a commit that it must stop; `lost <because>`. It ends after a refusal.
 */
export interface LeaderProcess {
  readonly pid: number;
  /** What it has said. */
  readonly lines: readonly string[];
  /** SIGKILL; resolves when it has ended. */
  kill(): Promise<void>;
}

/** One empty store, for one case. */
export interface StoreHarness {
  /** A handle on the stored data; where the driver allows, several at a time. */
  open(): Promise<Store>;
  /**
   * Takes the leadership from its present holder without its help, as an expired lease would; resolves when
   * another campaign can win. The holder may or may not know. Absent where leadership cannot be lost so.
   */
  depose?(): Promise<void>;
  /** Absent where there is no server (memory, embedded). */
  readonly server?: ServerControl;
  /** Lease of the leaders of this harness, in ms; absent where there is none. */
  readonly leaseTtlMs?: number;
  /** Limit of one call of its handles, in ms; default: the one of every store. */
  readonly timeLimitMs?: number;
  /** The next commit of the open handle ends as unknown, having been written or not. */
  unknownNext?(written: boolean): void;
  /** Ends what the harness started and removes what it stored. All handles are closed before. */
  remove(): Promise<void>;
}

/** What a case works with. */
export interface CaseContext {
  readonly harness: StoreHarness;
  /** The server of the harness; only cases whose id begins with `server-` may ask. */
  readonly server: ServerControl;
  /** A handle that is closed after the case. */
  open(): Promise<Store>;
  /** A handle that is closed after the case, behind a link of its own. */
  openThrough(): Promise<{ readonly store: Store; readonly link: HeldLink }>;
}

/** One case of the suite. The id is stable: skips and reports name it. */
export interface ConformanceCase {
  readonly id: string;
  run(context: CaseContext): Promise<void>;
}

/** Longest wait for something that must come. */
const untilMs = 10_000;

/** Resolves as soon as `check` is true; fails naming `what` after a limit. */
export async function until(what: string, check: () => boolean): Promise<void> {
  const endMs = performance.now() + untilMs;
  while (!check()) {
    if (performance.now() > endMs) throw new Error(`not within ${untilMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Longest wait for something that a real server must come to. */
const eventuallyMs = 30_000;

/** As {@link until}, for what a server must come to: `check` is asked again until it is true; it may reject. */
export async function eventually(
  what: string,
  check: () => boolean | Promise<boolean>,
): Promise<void> {
  const endMs = performance.now() + eventuallyMs;
  let failure: unknown = "not true";
  while (performance.now() < endMs) {
    const result = await Promise.resolve()
      .then(check)
      .catch((error: unknown) => {
        failure = error;
        return false;
      });
    if (result) return;
    await pause(20);
  }
  throw new Error(`not within ${eventuallyMs} ms: ${what} (${String(failure)})`);
}

/** Between two looks. */
export const pause = (durationMs: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, durationMs));

/** Runs `during` while the server is dead; then it serves again, whatever happened. */
export async function whileDead(server: ServerControl, during: () => Promise<void>): Promise<void> {
  await server.kill();
  try {
    await during();
  } finally {
    await server.start();
  }
}

/** Runs `during` while the server is stopped (SIGSTOP); then it goes on, whatever happened. */
export async function whileFrozen(
  server: ServerControl,
  during: () => Promise<void>,
): Promise<void> {
  server.freeze();
  try {
    await during();
  } finally {
    server.thaw();
  }
}

/** A signal that never aborts. */
export const never = (): AbortSignal => new AbortController().signal;

/** Campaigns and wins. */
export const lead = (store: Store): Promise<Leadership> => store.campaign("conformance", never());

/** The outcome of one change alone. */
export async function commitOne(
  store: Store,
  leadership: Leadership,
  change: Change,
): Promise<CommitOutcome> {
  const outcomes = await store.commit(leadership, [change]);
  expect(outcomes).toHaveLength(1);
  const [outcome] = outcomes;
  if (outcome === undefined) throw new Error("no outcome");
  return outcome;
}

/** Commits a change that must be done; resolves with the revision. */
export async function mustCommit(
  store: Store,
  leadership: Leadership,
  change: Change,
): Promise<Revision> {
  const outcome = await commitOne(store, leadership, change);
  if (outcome.type !== "done") throw new Error(`not done: ${JSON.stringify(outcome)}`);
  return outcome.revision ?? "";
}

/** A change that makes a document. */
export const create = (key: DocumentKey, value: string): Change => ({ key, basedOn: null, value });

/** The documents sorted by key: stores give them in any order. */
export const sorted = (documents: readonly StoredDocument[]): readonly StoredDocument[] =>
  [...documents].sort((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0));

/** A JSON text of about `bytes` bytes. */
export const sized = (bytes: number, mark: number): string =>
  JSON.stringify({ mark, fill: "x".repeat(Math.max(0, bytes - 30)), end: mark });

/** What a refused late commit must look like. */
export const notLeader = { type: "refused", reason: "not-leader" } as const;
