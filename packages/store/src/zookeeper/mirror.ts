/**
 * Owns knowing of every change of a document: what was told last of each, watches on each node, all read again at every
 * connection. Not: the connections (reader.ts). Called by store.ts.
 *
 * Watches of ZooKeeper fire once and say only that something changed; the answer to the read that sets one anew may
 * hold several changes at once. Answers and watches of one connection come in the order of the changes, so what an
 * answer says is never older than what was told before.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock, Timer } from "@mr-redis/core";
import type { DocumentKey, Revision, WatchEvent } from "../port.js";
import { ConnectionLost, code } from "./codes.js";
import { contentOf } from "./document.js";
import { must } from "./election.js";
import type { Layout } from "./layout.js";
import type { Reader } from "./reader.js";
import type { Session } from "./session.js";
import { Window } from "./window.js";

/** Documents that are read at one time. */
const readsMax = 100;

/** Until the next try when the tree cannot be read for another reason than the connection. */
const retryMs = 1000;

const framework = "framework";

/** What a mirror works with. */
export interface MirrorOptions {
  readonly reader: Reader;
  readonly layout: Layout;
  readonly clock: Clock;
}

/** The revisions of all documents, as of the last news; tells its listeners of each difference. */
export class Mirror {
  readonly #options: MirrorOptions;
  readonly #revisions = new Map<DocumentKey, Revision>();
  readonly #keys = new Map<string, DocumentKey>();
  readonly #listeners = new Set<(event: WatchEvent) => void>();
  readonly #window = new Window(readsMax);
  readonly #forget: (() => void)[] = [];
  #retryTimer: Timer | null = null;
  #first: Promise<void> | null = null;
  #isFirstDone = false;
  #scans = 0;

  constructor(options: MirrorOptions) {
    this.#options = options;
  }

  /** Resolves once every later change will be told; may be waited for by several. */
  start(): Promise<void> {
    this.#first ??= new Promise((resolve) => {
      const scan = () => void this.#scan(resolve);
      this.#forget.push(
        this.#options.reader.onConnect(scan),
        this.#options.reader.onNode((type, path) => void this.#noticed(type, path)),
      );
    });
    return this.#first;
  }

  /** Gives what ends it. */
  listen(listener: (event: WatchEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#retryTimer?.cancel();
    for (const forget of this.#forget) forget();
    this.#listeners.clear();
  }

  /** Reads everything, with new watches. Given up without a word when the connection is lost: the next one scans. */
  async #scan(isDone: () => void): Promise<void> {
    this.#scans += 1;
    const scan = this.#scans;
    this.#retryTimer?.cancel();
    const { reader, layout, clock } = this.#options;
    const { session } = reader;
    try {
      must(await session.sync(layout.root), `read ${layout.root}`);
      await Promise.all([
        this.#list(session, layout.root, true),
        this.#list(session, layout.instances, true),
      ]);
      this.#isFirstDone = true;
      isDone();
    } catch (error) {
      if (error instanceof ConnectionLost || scan !== this.#scans) return;
      // The tree was removed, or is closed to us: it may come back.
      this.#retryTimer = clock.after(retryMs, () => void this.#scan(isDone));
    }
  }

  async #noticed(type: string, path: string): Promise<void> {
    const { reader, layout } = this.#options;
    const { session } = reader;
    try {
      if (path === layout.root || path === layout.instances) {
        // With the node itself the watch is gone; a scan finds it when it is there again.
        if (type === "deleted") await this.#scan(() => {});
        else await this.#list(session, path, false);
        return;
      }
      const key = this.#keys.get(path);
      if (key !== undefined) await this.#read(session, key, path);
    } catch {
      // The connection is lost, or the tree is gone: either is noticed by itself.
    }
  }

  /** The children of one node: tells of those that are gone, reads those that are new (or all). */
  async #list(session: Session, parent: string, isAll: boolean): Promise<void> {
    const { layout } = this.#options;
    const names = must(await session.children(parent, true), `read ${parent}`);
    const isRoot = parent === layout.root;
    const present = new Map<DocumentKey, string>();
    for (const name of names) {
      if (isRoot && name !== framework) continue;
      const key = isRoot ? framework : layout.keyOf(name);
      if (key !== null) present.set(key, `${parent}/${name}`);
    }
    for (const key of [...this.#revisions.keys()]) {
      if ((key === framework) === isRoot && !present.has(key)) this.#gone(key);
    }
    const reads: Promise<void>[] = [];
    for (const [key, path] of present) {
      if (isAll || !this.#revisions.has(key)) reads.push(this.#read(session, key, path));
    }
    await Promise.all(reads);
  }

  async #read(session: Session, key: DocumentKey, path: string): Promise<void> {
    this.#keys.set(path, key);
    await this.#window.enter();
    const answer = await session.get(path, true).finally(() => this.#window.leave());
    if (answer.code === code.noNode) {
      this.#keys.delete(path);
      this.#gone(key);
      return;
    }
    const { stat, data } = must(answer, `read ${path}`);
    const content = contentOf(key, stat, data);
    // The next change of it is told; what is no text is no document yet.
    if (content.type !== "document") return;
    const { revision, value } = content.document;
    if (this.#revisions.get(key) === revision) return;
    this.#revisions.set(key, revision);
    this.#tell({ key, revision, value });
  }

  #gone(key: DocumentKey): void {
    const revision = this.#revisions.get(key);
    if (revision === undefined) return;
    this.#revisions.delete(key);
    this.#tell({ key, revision, value: null });
  }

  #tell(event: WatchEvent): void {
    // What was there when the first watch began is no change.
    if (!this.#isFirstDone) return;
    for (const listener of [...this.#listeners]) listener(event);
  }
}
