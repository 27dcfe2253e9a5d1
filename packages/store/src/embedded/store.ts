/**
 * Owns the embedded driver: the Store port for one machine, durable, over LevelDB.
 * Leadership is the lock on the data directory, and a term that is stored before a campaign resolves.
 * Not: what is on the disk (table.ts), nor the order of work on it (lane.ts). Called by createStore.
 * SPDX-License-Identifier: Apache-2.0
 */
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { type Clock, isMrrError, MrrError, type Timer } from "@mr-redis/core";
import { isDocumentKey, refusalOf } from "../change.js";
import { OpenCalls } from "../deadline.js";
import { checkHolder, HeldLeadership, Seat } from "../election.js";
import { type GroupLimits, Lane, type Weighed } from "../lane.js";
import type {
  Change,
  CommitOutcome,
  DocumentKey,
  LeaderRecord,
  Leadership,
  Store,
  StoredDocument,
  WatchEvent,
} from "../port.js";
import { type OpenDisk, openDisk } from "./disk.js";
import { type DirectoryLock, lockDirectory } from "./lock.js";
import { Table } from "./table.js";

/** What an embedded store is made of. */
export interface EmbeddedStoreOptions {
  /** Made when missing, with mode 0700. Holds `data/` and `lock/`; whatever else is there is left alone. */
  readonly directory: string;
  readonly clock: Clock;
  /** Limit of every call but `campaign`. */
  readonly timeLimitMs: number;
  /** Way to the disk; tests put their faults here. Default: LevelDB. */
  readonly openDisk?: OpenDisk;
}

/** Pause between attempts to open the data files again after a failed write (a full disk, say). */
export const reopenDelayMs = 1000;

/**
 * A group is one write: at most LevelDB's write buffer, beyond which it waits for a flush, and so few changes that they
 * are planned within some milliseconds.
 */
const groupLimits: GroupLimits = { bytesMax: 4 * 1024 * 1024, countMax: 1000 };

/** A change that waits for its group. */
interface Waiting extends Weighed {
  readonly leadership: Leadership;
  readonly change: Change;
  readonly settle: (outcome: CommitOutcome) => void;
  /** Its caller was told `unknown` already: it is not written any more. */
  abandoned: boolean;
}

const closedError = () => new MrrError("store-unavailable", "the store is closed");

/** What a failed call rejects with: our own errors as they are. */
const unavailable = (error: unknown): MrrError =>
  isMrrError(error)
    ? error
    : new MrrError("store-unavailable", "the store failed", { cause: error });

/** The durable store of one machine. Made by {@link EmbeddedStore.open}. */
export class EmbeddedStore implements Store {
  readonly #clock: Clock;
  readonly #calls: OpenCalls;
  readonly #lock: DirectoryLock;
  readonly #table: Table;
  readonly #timeLimitMs: number;
  readonly #lane = new Lane<Waiting>(groupLimits, (items) => this.#runGroup(items));
  readonly #seat = new Seat();
  readonly #watchers = new Set<(event: WatchEvent) => void>();
  #leadership: HeldLeadership | null = null;
  #leader: LeaderRecord | null = null;
  #reopening: Timer | null = null;
  #closed: Promise<void> | null = null;

  private constructor(options: EmbeddedStoreOptions, lock: DirectoryLock, table: Table) {
    this.#clock = options.clock;
    this.#timeLimitMs = options.timeLimitMs;
    this.#calls = new OpenCalls(options.clock, options.timeLimitMs);
    this.#lock = lock;
    this.#table = table;
  }

  /**
   * Locks and opens the directory. Rejects with MrrError `store-locked` (another process uses it), `store-newer`
   * (a newer layout), `store-corrupt` (the files as a whole cannot be read) or `store-unavailable`.
   */
  static async open(options: EmbeddedStoreOptions): Promise<EmbeddedStore> {
    const lock = await lockDirectory(options.directory);
    try {
      const table = await Table.open(options.openDisk ?? openDisk, join(lock.directory, "data"));
      return new EmbeddedStore(options, lock, table);
    } catch (error) {
      await lock.release();
      throw unavailable(error);
    }
  }

  async campaign(holder: string, signal: AbortSignal): Promise<Leadership> {
    if (this.#closed !== null) throw closedError();
    checkHolder(holder);
    const leave = await this.#seat.take(signal);
    try {
      const term = await this.#task(() => this.#table.nextTerm(holder));
      signal.throwIfAborted();
      if (this.#closed !== null) throw closedError();
      const leadership = new HeldLeadership(
        term,
        () => this.#clock.monotonicMs(),
        async () => {
          leave();
          // What is being written now ends before the holder is told that it no longer leads.
          await this.#task(async () => {}).catch(() => {});
        },
      );
      this.#leadership = leadership;
      this.#leader = { holder, term };
      return leadership;
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** The lock lets no other process lead, nor ask. */
  readLeader(): Promise<LeaderRecord | null> {
    return this.#task(async () => (this.#leadership?.isValid() === true ? this.#leader : null));
  }

  readAll(): Promise<readonly StoredDocument[]> {
    return this.#task(() => this.#table.readAll());
  }

  async read(key: DocumentKey): Promise<StoredDocument | null> {
    return this.#task(async () => (isDocumentKey(key) ? this.#table.read(key) : null));
  }

  async commit(
    leadership: Leadership,
    changes: readonly Change[],
  ): Promise<readonly CommitOutcome[]> {
    if (this.#closed !== null) return changes.map(() => ({ type: "refused", reason: "closed" }));
    return Promise.all(changes.map((change) => this.#commitOne(leadership, change)));
  }

  async watch(listener: (event: WatchEvent) => void): Promise<{ close(): void }> {
    if (this.#closed !== null) throw closedError();
    const watcher = (event: WatchEvent) => listener(event);
    this.#watchers.add(watcher);
    return { close: () => void this.#watchers.delete(watcher) };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#leadership?.end("the store was closed");
    this.#reopening?.cancel();
    this.#watchers.clear();
    this.#seat.refuseAll(closedError());
    this.#calls.endAll(closedError());
    const ended = this.#lane
      .stop()
      .then(() => this.#table.close())
      .catch(() => {})
      .then(() => this.#lock.release());
    await new OpenCalls(this.#clock, this.#timeLimitMs).run(ended).catch(() => {});
  }

  async #commitOne(leadership: Leadership, change: Change): Promise<CommitOutcome> {
    const refusal = refusalOf(change);
    if (refusal !== null) return { type: "refused", reason: refusal };
    let settle: (outcome: CommitOutcome) => void = () => {};
    const settled = new Promise<CommitOutcome>((resolve) => {
      settle = resolve;
    });
    const bytes = Buffer.byteLength(change.value ?? "") + Buffer.byteLength(change.key);
    const waiting: Waiting = { leadership, change, bytes, settle, abandoned: false };
    if (!this.#lane.add(waiting)) return { type: "unknown", cause: "too many commits wait" };
    try {
      return await this.#calls.run(settled);
    } catch (error) {
      waiting.abandoned = true;
      return { type: "unknown", cause: unavailable(error).message };
    }
  }

  async #runGroup(items: readonly Waiting[]): Promise<void> {
    const failure = await this.#opened().then(
      () => null,
      (error): CommitOutcome => ({ type: "unknown", cause: unavailable(error).message }),
    );
    const leading: Waiting[] = [];
    for (const item of items) {
      if (item.abandoned) continue;
      if (item.leadership !== this.#leadership || !item.leadership.isValid()) {
        item.settle({ type: "refused", reason: "not-leader" });
      } else if (failure !== null) item.settle(failure);
      else leading.push(item);
    }
    if (leading.length === 0) return;
    const { outcomes, events } = await this.#table.apply(leading.map((item) => item.change));
    for (const [index, outcome] of outcomes.entries()) leading[index]?.settle(outcome);
    this.#tell(events);
    if (!this.#table.isOpen) await this.#opened().catch(() => {});
  }

  /** Runs `task` in the lane, on an open table; ends as every call does. */
  async #task<T>(task: () => Promise<T>): Promise<T> {
    if (this.#closed !== null) throw closedError();
    const run = this.#lane.task(async () => {
      await this.#opened();
      return task();
    });
    return this.#calls.run(run).catch((error) => {
      throw unavailable(error);
    });
  }

  /** Opens the table where a failed write closed it, and sees to it that this is tried again. */
  async #opened(): Promise<void> {
    if (this.#table.isOpen) return;
    try {
      this.#tell(await this.#table.reopen());
    } catch (error) {
      this.#reopenLater();
      throw error;
    }
  }

  #reopenLater(): void {
    if (this.#reopening !== null || this.#closed !== null) return;
    this.#reopening = this.#clock.after(reopenDelayMs, () => {
      this.#reopening = null;
      if (this.#closed === null) this.#task(async () => {}).catch(() => {});
    });
  }

  #tell(events: readonly WatchEvent[]): void {
    for (const event of events) for (const watcher of this.#watchers) watcher(event);
  }
}
