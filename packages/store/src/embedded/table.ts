/**
 * Owns the stored documents and the term: what is on the disk, which revision each key has, and what is broken.
 * Not: who may write (store.ts), nor the order of the calls: each method must have ended before the next (lane.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { isMrrError, MrrError } from "@mr-redis/core";
import { isDocumentKey } from "../change.js";
import type {
  Change,
  CommitOutcome,
  DocumentKey,
  Revision,
  StoredDocument,
  WatchEvent,
} from "../port.js";
import type { Disk, DiskOperation, OpenDisk } from "./disk.js";
import {
  decodeRecord,
  documentPrefix,
  encodeRecord,
  layoutVersion,
  termKey,
  termOfRevision,
  versionKey,
} from "./record.js";

/** What became of a group of changes. */
export interface GroupResult {
  readonly outcomes: readonly CommitOutcome[];
  readonly events: readonly WatchEvent[];
}

const brokenText = "it was changed by something else than mr-redis, or the disk is damaged";

const unknown = (cause: string): CommitOutcome => ({ type: "unknown", cause });

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The documents of one data directory. Rejects with MrrError only. */
export class Table {
  readonly #open: OpenDisk;
  readonly #directory: string;
  /** null after a failed write, until it could be opened again. */
  #disk: Disk | null = null;
  #revisions = new Map<DocumentKey, Revision>();
  /** Keys of records that cannot be read. Nothing writes over them. */
  #broken = new Set<string>();
  /** Why not all keys are known, or null. */
  #damage: string | null = null;
  #term = 0;
  #count = 0;

  private constructor(open: OpenDisk, directory: string) {
    this.#open = open;
    this.#directory = directory;
  }

  /** Opens the table in `directory`. Rejects with `store-newer`, `store-corrupt` or `store-unavailable`. */
  static async open(open: OpenDisk, directory: string): Promise<Table> {
    const table = new Table(open, directory);
    await table.reopen();
    return table;
  }

  get isOpen(): boolean {
    return this.#disk !== null;
  }

  /** Opens it (again) and resolves with what is now stored otherwise than was known. */
  async reopen(): Promise<readonly WatchEvent[]> {
    if (this.#disk !== null) return [];
    const disk = await this.#open(this.#directory);
    try {
      await this.#checkLayout(disk);
      return await this.#load(disk);
    } catch (error) {
      await disk.close().catch(() => {});
      throw error;
    }
  }

  async close(): Promise<void> {
    const disk = this.#disk;
    this.#disk = null;
    await disk?.close();
  }

  /** Stores the next term and resolves with it. */
  async nextTerm(holder: string): Promise<number> {
    const term = this.#term + 1;
    const entry = { revision: `${term}-0`, text: JSON.stringify({ term, holder }) };
    await this.#write([{ type: "put", key: termKey, value: encodeRecord(termKey, entry) }]);
    this.#term = term;
    return term;
  }

  async read(key: DocumentKey): Promise<StoredDocument | null> {
    const disk = this.#disk;
    if (disk === null) throw new MrrError("store-unavailable", "the data files are not open");
    const record = await disk.get(documentPrefix + key);
    if (record === undefined) return null;
    const entry = decodeRecord(documentPrefix + key, record);
    if (entry === null) throw this.#corrupt([key]);
    return { key, revision: entry.revision, value: entry.text };
  }

  async readAll(): Promise<readonly StoredDocument[]> {
    if (this.#broken.size > 0 || this.#damage !== null) throw this.#corrupt([...this.#broken]);
    const disk = this.#disk;
    if (disk === null) throw new MrrError("store-unavailable", "the data files are not open");
    const documents: StoredDocument[] = [];
    for await (const [at, record] of disk.entries()) {
      if (!at.startsWith(documentPrefix)) continue;
      const key = at.slice(documentPrefix.length);
      const entry = decodeRecord(at, record);
      if (!isDocumentKey(key) || entry === null) throw this.#corrupt([key]);
      documents.push({ key, revision: entry.revision, value: entry.text });
    }
    return documents;
  }

  /** Applies acceptable changes, each on its own, with one write. Never rejects. */
  async apply(changes: readonly Change[]): Promise<GroupResult> {
    const operations: DiskOperation[] = [];
    const events: WatchEvent[] = [];
    /** Documents as they will be after the write. */
    const planned = new Map<DocumentKey, StoredDocument | null>();
    /** Outcomes, and whether they hold only if the write succeeds. */
    const outcomes: { readonly outcome: CommitOutcome; readonly hangs: boolean }[] = [];
    for (const change of changes) {
      const earlier = planned.get(change.key);
      const stale = await this.#mismatch(change, earlier).catch((error) => unknown(textOf(error)));
      if (stale !== null) {
        outcomes.push({ outcome: stale, hangs: earlier !== undefined });
        continue;
      }
      const document = this.#plan(change, operations);
      outcomes.push({
        outcome: { type: "done", revision: document?.revision ?? null },
        hangs: true,
      });
      if (document === null && change.basedOn === null) continue;
      planned.set(change.key, document);
      events.push(document ?? { key: change.key, revision: change.basedOn ?? "", value: null });
    }
    try {
      if (operations.length > 0) await this.#write(operations);
    } catch (error) {
      const failure = unknown(textOf(error));
      return {
        outcomes: outcomes.map((each) => (each.hangs ? failure : each.outcome)),
        events: [],
      };
    }
    for (const [key, document] of planned) this.#remember(key, document?.revision ?? null);
    return { outcomes: outcomes.map((each) => each.outcome), events };
  }

  /** The outcome of a change that must not be written; null for one that may. */
  async #mismatch(
    change: Change,
    earlier: StoredDocument | null | undefined,
  ): Promise<CommitOutcome | null> {
    if (earlier !== undefined) {
      if ((earlier?.revision ?? null) === change.basedOn) return null;
      return { type: "refused", reason: "stale", current: earlier };
    }
    if (this.#disk === null) return unknown("the data files are not open");
    if (this.#broken.has(change.key)) return unknown(this.#corrupt([change.key]).message);
    const revision = this.#revisions.get(change.key) ?? null;
    if (revision === change.basedOn && (revision !== null || this.#damage === null)) return null;
    // Where not all keys are known, one that seems absent may only be unreadable.
    const current = await this.read(change.key);
    if ((current?.revision ?? null) === change.basedOn) return null;
    return { type: "refused", reason: "stale", current };
  }

  /** Adds what `change` writes; the document as it will be. */
  #plan(change: Change, operations: DiskOperation[]): StoredDocument | null {
    const at = documentPrefix + change.key;
    if (change.value === null) {
      if (change.basedOn !== null) operations.push({ type: "del", key: at });
      return null;
    }
    this.#count += 1;
    const revision = `${this.#term}-${this.#count}`;
    const value = encodeRecord(at, { revision, text: change.value });
    operations.push({ type: "put", key: at, value });
    return { key: change.key, revision, value: change.value };
  }

  /** A failed write leaves the end of LevelDB's log in doubt: only opening it anew tells what is stored. */
  async #write(operations: readonly DiskOperation[]): Promise<void> {
    const disk = this.#disk;
    if (disk === null) throw new MrrError("store-unavailable", "the data files are not open");
    try {
      await disk.write(operations);
    } catch (error) {
      this.#disk = null;
      await disk.close().catch(() => {});
      throw error;
    }
  }

  #remember(key: DocumentKey, revision: Revision | null): void {
    if (revision === null) this.#revisions.delete(key);
    else this.#revisions.set(key, revision);
  }

  async #checkLayout(disk: Disk): Promise<void> {
    const version = await disk.get(versionKey);
    if (version === undefined) {
      for await (const [key] of disk.entries()) {
        const text = `${this.#directory} is no store of mr-redis: it holds ${key} but no version`;
        throw new MrrError("store-corrupt", text);
      }
      await disk.write([{ type: "put", key: versionKey, value: String(layoutVersion) }]);
    } else if (!/^[1-9]\d{0,8}$/.test(version)) {
      throw new MrrError("store-corrupt", `${this.#directory}: ${versionKey} is no number`);
    } else if (Number(version) > layoutVersion) {
      throw new MrrError(
        "store-newer",
        `${this.#directory} has layout ${version}; this program knows up to ${layoutVersion}`,
        { details: { version: Number(version) } },
      );
    }
  }

  /** Reads all keys; on success they are what is known, and `disk` is in use. */
  async #load(disk: Disk): Promise<readonly WatchEvent[]> {
    const revisions = new Map<DocumentKey, Revision>();
    const broken = new Set<string>();
    const events: WatchEvent[] = [];
    let term = await this.#readTerm(disk);
    let damage: string | null = null;
    try {
      for await (const [at, record] of disk.entries()) {
        if (at === versionKey || at === termKey) continue;
        const key = at.startsWith(documentPrefix) ? at.slice(documentPrefix.length) : at;
        const entry = decodeRecord(at, record);
        if (entry === null || !isDocumentKey(key)) {
          broken.add(key);
          continue;
        }
        revisions.set(key, entry.revision);
        term = Math.max(term, termOfRevision(entry.revision));
        if (this.#revisions.get(key) !== entry.revision) {
          events.push({ key, revision: entry.revision, value: entry.text });
        }
      }
    } catch (error) {
      if (!isMrrError(error) || error.code !== "store-corrupt") throw error;
      damage = error.message;
    }
    for (const [key, revision] of this.#revisions) {
      if (!revisions.has(key) && !broken.has(key)) events.push({ key, revision, value: null });
    }
    this.#disk = disk;
    this.#revisions = revisions;
    this.#broken = broken;
    this.#damage = damage;
    this.#term = term;
    return events;
  }

  async #readTerm(disk: Disk): Promise<number> {
    const record = await disk.get(termKey);
    if (record === undefined) return this.#term;
    const entry = decodeRecord(termKey, record);
    // A guess might be a term that an executor has seen already.
    if (entry === null) throw this.#corrupt([termKey]);
    return Math.max(this.#term, termOfRevision(entry.revision));
  }

  #corrupt(broken: readonly string[]): MrrError {
    const which = broken.length === 0 ? this.#damage : broken.join(", ");
    return new MrrError(
      "store-corrupt",
      `${this.#directory}: cannot read ${which}: ${brokenText}; restore a backup of the directory`,
      { details: { broken, damage: this.#damage, readable: [...this.#revisions.keys()] } },
    );
  }
}
