/**
 * Owns the ZooKeeper driver: the Store port over the package `zookeeper`. Not: the choice of a driver (../index.ts).
 * Called by createStore, which loads it only when it is asked for.
 *
 * Two sessions: one to read and watch, always; one to lead and write, for each candidacy. What fences a deposed leader
 * is the second (writer.ts, leadership.ts, election.ts). While this store leads it reads on the second too: the other may
 * hang at a server that was cut off, where even a `sync` (session.ts) leaves it with an old state, and a leader that
 * loaded that would decide on it. Stores that do not lead read as well as a `sync` lets them.
 * SPDX-License-Identifier: Apache-2.0
 */
import { isMrrError, MrrError } from "@mr-redis/core";
import { isDocumentKey } from "../change.js";
import { OpenCalls } from "../deadline.js";
import { checkHolder, Seat } from "../election.js";
import type { StoreOptions } from "../index.js";
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
import { ConnectionLost, code } from "./codes.js";
import { contentOf } from "./document.js";
import { checkTree, ensureTree, must, parseLeader, winElection } from "./election.js";
import { Layout, parseEndpoints } from "./layout.js";
import { SessionLeadership } from "./leadership.js";
import { Mirror } from "./mirror.js";
import { loadNative } from "./native.js";
import { Reader } from "./reader.js";
import { Session, type SessionOptions } from "./session.js";
import { Window } from "./window.js";
import { Writer } from "./writer.js";

/** What the driver takes beside the options of every store. */
export interface ZookeeperStoreOptions extends StoreOptions {
  /** Gives what the package `zookeeper` exports; default: loads it. */
  readonly load?: () => unknown;
}

/** Documents that are read at one time. */
const readsMax = 200;

/** As in ../index.ts, which loads this file only when it is needed. */
const defaults = { timeLimitMs: 5000, leaseTtlMs: 5000, prefix: "/mr-redis" } as const;

const closedError = () => new MrrError("store-unavailable", "the store is closed");

/** A question; put again to another session, or on another connection, when it does not come to its end. */
type Ask<T> = (session: Session) => Promise<T>;

/** The seat of this process while it leads. */
interface Seated {
  readonly leadership: SessionLeadership;
  readonly session: Session;
  readonly writer: Writer;
}

/** What a store holds itself to. */
interface StoreLimits {
  /** Of every call but `campaign`. */
  readonly timeLimitMs: number;
  /** Nothing is made, and nobody leads. */
  readonly isReadOnly: boolean;
}

/** The Store port on ZooKeeper. */
export class ZookeeperStore implements Store {
  readonly #sessionOptions: SessionOptions;
  readonly #layout: Layout;
  readonly #reader: Reader;
  readonly #mirror: Mirror;
  readonly #calls: OpenCalls;
  readonly #timeLimitMs: number;
  readonly #isReadOnly: boolean;
  readonly #seat = new Seat();
  readonly #window = new Window(readsMax);
  readonly #closing = new AbortController();
  #isPrepared = false;
  #seated: Seated | null = null;
  #closed: Promise<void> | null = null;

  /** @internal use {@link openZookeeperStore} */
  constructor(sessionOptions: SessionOptions, layout: Layout, limits: StoreLimits) {
    const { clock } = sessionOptions;
    const { timeLimitMs, isReadOnly } = limits;
    this.#sessionOptions = sessionOptions;
    this.#layout = layout;
    this.#timeLimitMs = timeLimitMs;
    this.#isReadOnly = isReadOnly;
    this.#calls = new OpenCalls(clock, timeLimitMs);
    this.#reader = new Reader(sessionOptions);
    this.#mirror = new Mirror({ reader: this.#reader, layout, clock });
  }

  /** @internal The session that leads, for tests that end it from outside; null when this process does not lead. */
  get leadingSession(): Session | null {
    return this.#seated?.session ?? null;
  }

  /** @internal Resolves when the tree is there and we may use it; every read sees to that too. */
  prepare(): Promise<void> {
    return this.#ask(async () => {});
  }

  async campaign(holder: string, signal: AbortSignal): Promise<Leadership> {
    checkHolder(holder);
    if (this.#isReadOnly) throw new MrrError("config-invalid", "the store was opened read-only");
    const either = AbortSignal.any([this.#closing.signal, signal]);
    const leave = await this.#seat.take(either);
    let session: Session | null = null;
    try {
      for (;;) {
        session = new Session(this.#sessionOptions);
        const term = await this.#elect(session, holder, either);
        if (term !== null) return this.#sit(session, { term, holder }, leave);
      }
    } catch (error) {
      void session?.close(closedError());
      leave();
      throw error;
    }
  }

  async readLeader(): Promise<LeaderRecord | null> {
    const path = this.#layout.leader;
    return this.#ask(async (session) => {
      const [synced, got] = await Promise.all([session.sync(path), session.get(path)]);
      must(synced, `read ${path}`);
      if (got.code === code.noNode) return null;
      return parseLeader(must(got, `read ${path}`).data);
    });
  }

  readAll(): Promise<readonly StoredDocument[]> {
    const { instances, framework } = this.#layout;
    return this.#askNewest(async (session) => {
      const listed = await session.children(instances);
      const isMissing = this.#isReadOnly && listed.code === code.noNode;
      const names = isMissing ? [] : must(listed, `read ${instances}`);
      const broken: string[] = [];
      const keys: DocumentKey[] = ["framework"];
      for (const name of names) {
        const key = this.#layout.keyOf(name);
        if (key === null) broken.push(`instance/${name}`);
        else keys.push(key);
      }
      const found = await Promise.all(
        keys.map(async (key) => {
          const path = key === "framework" ? framework : this.#layout.pathOf(key);
          await this.#window.enter();
          return this.#document(session, key, path).finally(() => this.#window.leave());
        }),
      );
      const documents: StoredDocument[] = [];
      for (const each of found) {
        if (each?.type === "document") documents.push(each.document);
        if (each?.type === "broken") broken.push(each.key);
      }
      if (broken.length > 0) throw corrupt(broken, documents);
      return documents;
    });
  }

  read(key: DocumentKey): Promise<StoredDocument | null> {
    return this.#askNewest(async (session) => {
      if (!isDocumentKey(key)) return null;
      const found = await this.#document(session, key, this.#layout.pathOf(key));
      if (found?.type === "broken") throw corrupt([key], []);
      return found === null ? null : found.document;
    });
  }

  async commit(
    leadership: Leadership,
    changes: readonly Change[],
  ): Promise<readonly CommitOutcome[]> {
    if (this.#closing.signal.aborted) {
      return changes.map(() => ({ type: "refused", reason: "closed" }));
    }
    const seated = this.#seated;
    if (seated === null || seated.leadership !== leadership || !leadership.isValid()) {
      return changes.map(() => ({ type: "refused", reason: "not-leader" }));
    }
    const deadlineMs = this.#sessionOptions.clock.monotonicMs() + this.#timeLimitMs;
    const outcomes = seated.writer
      .commit(changes, deadlineMs)
      .map((outcome) =>
        this.#calls
          .run(outcome)
          .catch((error: Error): CommitOutcome => ({ type: "unknown", cause: error.message })),
      );
    return Promise.all(outcomes);
  }

  async watch(listener: (event: WatchEvent) => void): Promise<{ close(): void }> {
    if (this.#closing.signal.aborted) throw closedError();
    const close = this.#mirror.listen((event) => listener(event));
    try {
      await this.#calls.run(this.#mirror.start());
    } catch (error) {
      close();
      throw error;
    }
    return { close };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const error = closedError();
    this.#closing.abort(error);
    this.#calls.endAll(error);
    this.#mirror.close();
    const seated = this.#seated;
    seated?.leadership.end("the store was closed");
    await Promise.all([seated?.session.close(error), this.#reader.close(error)]);
  }

  /** The term once the session leads; null when the session expired meanwhile, and another is needed. */
  async #elect(session: Session, holder: string, signal: AbortSignal): Promise<number | null> {
    const { clock } = this.#sessionOptions;
    const options = { session, layout: this.#layout, clock, calls: this.#calls, holder };
    try {
      const term = await unlessAborted(winElection(options, signal), signal);
      signal.throwIfAborted();
      if (session.endError === null) return term;
    } catch (error) {
      signal.throwIfAborted();
      if (session.endError === null || session.endError.code === "config-invalid") throw error;
    }
    return null;
  }

  #sit(session: Session, leader: LeaderRecord, leave: () => void): Leadership {
    const { clock } = this.#sessionOptions;
    let isLeading = true;
    const writer = new Writer({
      session,
      layout: this.#layout,
      clock,
      term: leader.term,
      isLeading: () => isLeading && leadership.isValid(),
      catchUp: () => leadership.catchUp(),
    });
    const over = async () => {
      await session.close(closedError());
      leave();
    };
    let isGivenUp = false;
    const leadership: SessionLeadership = new SessionLeadership({
      ...leader,
      session,
      layout: this.#layout,
      clock,
      ended: () => {
        isLeading = false;
        this.#seated = null;
        // One that resigns waits for what is on its way.
        queueMicrotask(() => {
          if (!isGivenUp) void over();
        });
      },
      giveUp: async () => {
        isGivenUp = true;
        await this.#calls.run(writer.drained()).catch(() => {});
        await over();
      },
    });
    this.#seated = { leadership, session, writer };
    return leadership;
  }

  async #document(session: Session, key: DocumentKey, path: string) {
    const got = await session.get(path);
    if (got.code === code.noNode) return null;
    const { stat, data } = must(got, `read ${path}`);
    const content = contentOf(key, stat, data);
    if (content.type === "broken") return { type: "broken", key } as const;
    return content.type === "document" ? content : null;
  }

  /** What `ask` gives within the limit, on the session that `find` puts it to: the reader's unless told otherwise. */
  async #ask<T>(
    ask: Ask<T>,
    find: (ask: Ask<T>, isOver: () => boolean) => Promise<T> = (asked, isOver) =>
      this.#reader.ask(asked, isOver),
  ): Promise<T> {
    if (this.#closing.signal.aborted) throw closedError();
    let isOver = false;
    try {
      const prepared = async (session: Session) => {
        if (!this.#isPrepared) {
          await (this.#isReadOnly ? checkTree : ensureTree)(session, this.#layout);
        }
        this.#isPrepared = true;
        return ask(session);
      };
      return await this.#calls.run(find(prepared, () => isOver));
    } finally {
      isOver = true;
    }
  }

  /** As {@link #ask}, of what is stored now. */
  #askNewest<T>(ask: Ask<T>): Promise<T> {
    return this.#ask(ask, (asked, isOver) => this.#onNewest(asked, isOver));
  }

  /** On the session that leads, as long as there is one; else on the reader's, after a sync. */
  async #onNewest<T>(ask: Ask<T>, isOver: () => boolean): Promise<T> {
    for (;;) {
      const seated = this.#seated;
      if (seated === null || !seated.leadership.isValid()) break;
      const { session, leadership } = seated;
      try {
        await session.whenConnected();
        return await onOneConnection(session, async () => {
          await leadership.catchUp();
          return ask(session);
        });
      } catch (error) {
        const isPassing = error instanceof ConnectionLost || session.endError !== null;
        if (!isPassing || isOver()) throw error;
      }
    }
    const { root } = this.#layout;
    const synced: Ask<T> = (session) =>
      onOneConnection(session, async () => {
        must(await session.sync(root), `read ${root}`);
        return ask(session);
      });
    return this.#reader.ask(synced, isOver);
  }
}

/** What `ask` gives; lost when the session is on another connection at its end. */
async function onOneConnection<T>(session: Session, ask: () => Promise<T>): Promise<T> {
  const { connections } = session;
  const found = await ask();
  if (session.connections === connections) return found;
  throw new ConnectionLost("asked on two connections");
}

/** What `call` gives, or the reason of `signal` as soon as that aborts. */
function unlessAborted<T>(call: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    call.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
    if (signal.aborted) abort();
  });
}

function corrupt(broken: readonly string[], readable: readonly StoredDocument[]): MrrError {
  const [first] = broken;
  return new MrrError(
    "store-corrupt",
    `what is stored as ${first} is not of mr-redis${broken.length > 1 ? `, and ${broken.length - 1} more` : ""}`,
    { details: { broken, readable: readable.map((each) => each.key) } },
  );
}

/**
 * Opens a store on ZooKeeper: `endpoints` is `host:port` for each server, with a chroot after the last one where there
 * is one; the chroot is made when it is missing, unless `readOnly`. Rejects with MrrError `config-invalid` (the package is missing, an
 * endpoint is none, the credentials are wrong, what answers is no ZooKeeper). Servers that are away are no reason to
 * reject: calls do, until one is there.
 */
export async function openZookeeperStore(options: ZookeeperStoreOptions): Promise<Store> {
  const { timeLimitMs = defaults.timeLimitMs, prefix = defaults.prefix } = options;
  const { servers, chroot } = parseEndpoints(options.endpoints ?? []);
  const layout = new Layout(chroot, prefix);
  const credentials = options.credentials ?? null;
  const sessionOptions: SessionOptions = {
    Native: loadNative(options.load),
    clock: options.clock,
    servers,
    timeoutMs: options.leaseTtlMs ?? defaults.leaseTtlMs,
    secret: credentials === null ? null : `${credentials.user}:${credentials.password}`,
  };
  const isReadOnly = options.readOnly === true;
  const store = new ZookeeperStore(sessionOptions, layout, { timeLimitMs, isReadOnly });
  try {
    await store.prepare();
  } catch (error) {
    // Servers that are away may come back.
    if (isMrrError(error) && error.code === "store-unavailable") return store;
    await store.close();
    throw error;
  }
  return store;
}
