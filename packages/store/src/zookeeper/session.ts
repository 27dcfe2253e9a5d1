/**
 * Owns one session with ZooKeeper over as many connections as it takes: dialling, resuming, its end, the calls.
 * Not: what the calls are for (writer.ts, election.ts, mirror.ts). Called by the modules of this driver.
 *
 * The C client could resume by itself, but it looks again only after a third of the session's time, sends its watches
 * in one packet that the server may refuse, and keeps what was called while it had no connection. So each connection
 * is a client of its own that resumes the session by id; what was called on the one before ends as lost; watches
 * are set anew by those who want them.
 *
 * Only a write is sure to have gone through most of the servers. A `sync` is not (ZOOKEEPER-1675): a leader of the
 * servers that has been cut off from them, and does not know it yet, answers one, as it answers reads. A server that has
 * answered a write of ours knows at least all that was written before; the client of the next connection is a new one,
 * which remembers nothing of that, so it is known of each connection whether it has had one.
 * SPDX-License-Identifier: Apache-2.0
 */
import { Buffer } from "node:buffer";
import { type Clock, MrrError, type Timer } from "@mr-redis/core";
import { code } from "./codes.js";
import type { NativeClient, NativeConstructor, Stat } from "./native.js";

/** How a call ended; `value` is null unless `code` is 0. */
export type Answer<T> =
  | { readonly code: 0; readonly value: T }
  | { readonly code: number; readonly value: null };

/** What a session is made of. */
export interface SessionOptions {
  readonly Native: NativeConstructor;
  readonly clock: Clock;
  /** `host:port,...` */
  readonly servers: string;
  /** Asked for; the servers grant what their limits allow. */
  readonly timeoutMs: number;
  /** `user:password` of the scheme `digest`. */
  readonly secret: string | null;
}

/** Time for one connection, first and at most: it grows, so that a slow server is met at last. */
const dialMs = { first: 250, factor: 1.6, max: 5000 } as const;

/** Until the next attempt after a refused one: a server that starts is met soon. */
const redialMs = 250;

/** A server that answers within this is not frozen: ending the session will not block this process for long. */
const probeMs = 300;

/** Sessions of more than a day are none: another kind of server has answered. */
const timeoutMsMax = 86_400_000;

/** The client takes a large answer that comes in many pieces for a broken one, after 10 unless told otherwise. */
const piecesMax = 10_000;

/** Why a client has closed itself (and {@link code}.sessionExpired). */
const authFailedState = -113;

/** {@link NativeClient.state} while requests are sent at once. */
const connectedState = 3;

/** The same while a server has not answered yet. */
const dialingStates: readonly number[] = [1, 2];

const ephemeral = 1;

/** Everything, for whoever is authenticated as we are. */
const aclOfUser = [{ perms: 31, scheme: "auth", auth: "" }];

const nobody: Buffer = Buffer.alloc(0);

/** One session; several of one process know nothing of each other. */
export class Session {
  readonly #options: SessionOptions;
  readonly #connectListeners = new Set<() => void>();
  readonly #nodeListeners = new Set<(type: string, path: string) => void>();
  readonly #endListeners = new Set<(error: MrrError) => void>();
  readonly #waiters = new Set<{ resolve(): void; reject(error: MrrError): void }>();
  #client: NativeClient | null = null;
  #isConnected = false;
  #id: { readonly client_id: string; readonly client_password: string } | null = null;
  #grantedMs: number;
  #dialMs: number = dialMs.first;
  #dialTimer: Timer | null = null;
  #end: MrrError | null = null;
  #confirmedAtMs = Number.NEGATIVE_INFINITY;
  #connections = 0;
  #hasWritten = false;

  /** Begins to dial. */
  constructor(options: SessionOptions) {
    this.#options = options;
    this.#grantedMs = options.timeoutMs;
    this.#dialSoon();
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Why it is over; null while it is not. */
  get endError(): MrrError | null {
    return this.#end;
  }

  /** In hexadecimal, as {@link Stat.ephemeralOwner}; null before the first connection. */
  get id(): string | null {
    return this.#id?.client_id ?? null;
  }

  /** With {@link id}, what another client needs to take the session over. */
  get password(): string | null {
    return this.#id?.client_password ?? null;
  }

  /** How long the servers keep it without a word from us. */
  get grantedMs(): number {
    return this.#grantedMs;
  }

  /** Whether nodes are made for our user alone. */
  get hasUser(): boolean {
    return this.#options.secret !== null;
  }

  /** Monotonic ms at the sending of the last write that was done: the servers kept the session then. */
  get confirmedAtMs(): number {
    return this.#confirmedAtMs;
  }

  /** How many connections there have been: what belongs together is read on one. */
  get connections(): number {
    return this.#connections;
  }

  /** Whether a write was done on this connection: what is read on it from now on is not older than that write. */
  get hasWritten(): boolean {
    return this.#isConnected && this.#hasWritten;
  }

  /** Calls back at every connection, and at once when there is one. Gives what ends that. */
  onConnect(listener: () => void): () => void {
    this.#connectListeners.add(listener);
    if (this.#isConnected) listener();
    return () => this.#connectListeners.delete(listener);
  }

  /** Tells what watches say: `changed`, `deleted`, `created`, `child`, and the path. */
  onNode(listener: (type: string, path: string) => void): () => void {
    this.#nodeListeners.add(listener);
    return () => this.#nodeListeners.delete(listener);
  }

  /** Calls back once, at the end; at once when that was before. */
  onEnd(listener: (error: MrrError) => void): () => void {
    this.#endListeners.add(listener);
    if (this.#end !== null) listener(this.#end);
    return () => this.#endListeners.delete(listener);
  }

  /** Rejects with the reason when the session is over before it is connected. */
  whenConnected(): Promise<void> {
    if (this.#isConnected) return Promise.resolve();
    if (this.#end !== null) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      this.#waiters.add({ resolve, reject });
    });
  }

  create(path: string, data: Buffer, options: { ephemeral?: boolean } = {}): Promise<Answer<null>> {
    const flags = options.ephemeral === true ? ephemeral : 0;
    return this.#call(true, (client, done) =>
      client.a_create(path, data, flags, (rc) => done(rc, null)),
    );
  }

  /** `version` -1: whatever it is. */
  set(path: string, data: Buffer, version: number): Promise<Answer<Stat>> {
    return this.#call(true, (client, done) =>
      client.a_set(path, data, version, (rc, _, stat) => done(rc, stat)),
    );
  }

  remove(path: string, version: number): Promise<Answer<null>> {
    return this.#call(true, (client, done) =>
      client.a_delete_(path, version, (rc) => done(rc, null)),
    );
  }

  exists(path: string, isWatched = false): Promise<Answer<Stat>> {
    return this.#call(false, (client, done) =>
      client.a_exists(path, isWatched, (rc, _, stat) => done(rc, stat)),
    );
  }

  get(path: string, isWatched = false): Promise<Answer<{ stat: Stat; data: Buffer }>> {
    return this.#call(false, (client, done) =>
      client.a_get(path, isWatched, (rc, _, stat, data) => {
        const bytes =
          data === null ? nobody : Buffer.from(data.buffer, data.byteOffset, data.length);
        done(rc, stat === null ? null : { stat, data: bytes });
      }),
    );
  }

  children(path: string, isWatched = false): Promise<Answer<readonly string[]>> {
    return this.#call(false, (client, done) =>
      client.a_get_children(path, isWatched, (rc, _, names) => done(rc, names)),
    );
  }

  /** From now on the node is for our user alone; only with {@link hasUser}. */
  protect(path: string): Promise<Answer<null>> {
    return this.#call(true, (client, done) =>
      client.a_set_acl(path, -1, aclOfUser, (rc) => done(rc, null)),
    );
  }

  /**
   * What is read on this connection afterwards is not older than this call, unless what answers is a leader of the
   * servers that was cut off: for readers only, proof of nothing.
   */
  sync(path: string): Promise<Answer<null>> {
    return this.#call(false, (client, done) => client.a_sync(path, (rc) => done(rc, null)));
  }

  /** Ends it, at the server too when that answers; idempotent, never rejects. */
  async close(because: MrrError): Promise<void> {
    const client = this.#client;
    if (this.#end !== null) return;
    const isConnected = this.#isConnected;
    const probe = isConnected ? this.sync("/") : null;
    this.#finish(because);
    if (client === null) return;
    if (probe === null) {
      client.close();
      return;
    }
    client.on("connecting", () => void client.close());
    const isAnswered = await Promise.race([
      probe.then((answer) => answer.code === code.ok),
      new Promise<false>((resolve) => {
        const timer = this.#options.clock.after(probeMs, () => resolve(false));
        probe.then(() => timer.cancel());
      }),
    ]);
    if (isAnswered) return endSession(client);
    // It would block this process now. At the latest the client itself finds that nobody answers, and is closed then.
    probe.then(() => endSession(client));
  }

  #call<T>(
    isWrite: boolean,
    begin: (client: NativeClient, done: (rc: number, value: T | null) => void) => number,
  ): Promise<Answer<T>> {
    const client = this.#client;
    if (client === null || !this.#isConnected) {
      const rc = this.#end === null ? code.connectionLoss : code.closing;
      return Promise.resolve({ code: rc, value: null });
    }
    const sentAtMs = this.#options.clock.monotonicMs();
    return new Promise((resolve) => {
      const rc = begin(client, (result, value) => {
        if (isWrite && result === code.ok) this.#confirm(client, sentAtMs);
        resolve(
          result === code.ok ? { code: 0, value: value as T } : { code: result, value: null },
        );
      });
      if (rc !== code.ok) resolve({ code: rc, value: null });
      // When a send fails the client says nothing, dials again and sends the rest of what it had begun to send.
      if (client.state !== connectedState) this.#lost(client);
    });
  }

  #confirm(client: NativeClient, sentAtMs: number): void {
    if (client === this.#client) this.#hasWritten = true;
    if (sentAtMs > this.#confirmedAtMs) this.#confirmedAtMs = sentAtMs;
  }

  /**
   * Not within this call: it may come from inside of a client, of this session or of another, that has let go of its
   * socket but not yet of the place in the event loop. A new client with the same number would end the process.
   */
  #dialSoon(): void {
    setImmediate(() => {
      if (this.#end === null) this.#dial();
    });
  }

  #dial(): void {
    const { Native, clock, servers, timeoutMs, secret } = this.#options;
    const client = new Native({
      connect: servers,
      timeout: timeoutMs,
      debug_level: 0,
      response_counter_limit: piecesMax,
      ...(this.#id ?? {}),
    });
    this.#client = client;
    client.on("connect", () => this.#connected(client));
    client.on("connecting", () => this.#lost(client));
    client.on("close", (_, reason) => this.#closed(client, Number(reason)));
    for (const type of ["created", "changed", "deleted", "child"]) {
      client.on(type, (_, path) => {
        if (client === this.#client)
          for (const each of this.#nodeListeners) each(type, String(path));
      });
    }
    client.init({});
    // -1: no client was made, as when no name of a server can be resolved (which blocks: not too often).
    const isMade = client.timeout !== -1;
    if (isMade && secret !== null) client.add_auth("digest", secret, () => {});
    const startMs = clock.monotonicMs();
    const look = () => {
      const isOpen = !isMade || dialingStates.includes(client.state);
      if (isOpen && clock.monotonicMs() - startMs < this.#dialMs) {
        this.#dialTimer = clock.after(redialMs, look);
        return;
      }
      if (isOpen) this.#dialMs = Math.min(this.#dialMs * dialMs.factor, dialMs.max);
      this.#lost(client);
    };
    this.#dialTimer = clock.after(redialMs, look);
  }

  #connected(client: NativeClient): void {
    if (client !== this.#client || this.#isConnected) return;
    this.#dialTimer?.cancel();
    if (this.#isForeign(client)) return;
    this.#id = { client_id: client.client_id, client_password: client.client_password };
    this.#grantedMs = client.timeout;
    this.#isConnected = true;
    this.#hasWritten = false;
    this.#connections += 1;
    this.#dialMs = dialMs.first;
    for (const waiter of this.#waiters) waiter.resolve();
    this.#waiters.clear();
    for (const listener of this.#connectListeners) listener();
  }

  /** True, and the end, when what answers is no ZooKeeper: the client reads any 40 bytes as a session. */
  #isForeign(client: NativeClient): boolean {
    if (client.timeout >= -1 && client.timeout <= timeoutMsMax) return false;
    const text = `what answers at ${this.#options.servers} is no ZooKeeper: correct DBEndPoint`;
    this.#finish(new MrrError("config-invalid", text));
    client.close();
    return true;
  }

  /**
   * There is no connection, or none yet: another client tries. This one is closed at once: it has let go of its socket
   * but not of the place in the event loop, and whoever opens the next socket gets the same number. It cannot be
   * connected, so the session lives on.
   */
  #lost(client: NativeClient): void {
    if (client !== this.#client || this.#isForeign(client)) return;
    this.#isConnected = false;
    this.#dialTimer?.cancel();
    this.#client = null;
    client.close();
    this.#dialSoon();
  }

  /** The client has given up: the session has expired, its secret was refused, or it was closed. */
  #closed(client: NativeClient, reason: number): void {
    if (client !== this.#client) return;
    if (reason === code.sessionExpired) {
      this.#finish(new MrrError("store-unavailable", "the session with ZooKeeper has expired"));
    } else if (reason === authFailedState) {
      this.#finish(new MrrError("config-invalid", "ZooKeeper refuses DBUser and DBPassword"));
    } else this.#lost(client);
  }

  #finish(error: MrrError): void {
    if (this.#end !== null) return;
    this.#end = error;
    this.#client = null;
    this.#isConnected = false;
    this.#dialTimer?.cancel();
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#waiters.clear();
    for (const listener of this.#endListeners) listener(error);
  }
}

/** Ends the session of a connected client, outside of its own calls; a closed one does nothing. */
function endSession(client: NativeClient): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => {
      client.close();
      resolve();
    });
  });
}
