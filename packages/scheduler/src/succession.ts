/**
 * Owns how this scheduler comes to lead and what follows: open the store, campaign, load, reign, and again for as long as
 * the program runs; meanwhile a look at who else leads. Not: a reign (reign.ts), nor what clients are told (front.ts).
 *
 * State x what happens:
 *   opening      fails -> opening again later | opened -> campaigning
 *   campaigning  fails -> campaigning again later | won -> loading
 *   loading      fails -> resigned, campaigning again later | loaded -> reigning
 *   reigning     lost -> resigned, campaigning again later | fatal -> stopped
 *   all          what no retry can mend: at the start -> stopped, later -> again later (reads go on meanwhile)
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Clock, errorTable, isMrrError, MrrError } from "@mr-redis/core";
import type { LeaderRecord, Leadership, Store } from "@mr-redis/store";
import { backoffMs } from "./backoff.js";
import type { CrashPoint } from "./crash-points.js";
import type { Front, ReignView } from "./front.js";
import { decodeHolder } from "./leader-identity.js";
import { type LoadedState, loadState } from "./load.js";
import type { Log } from "./log.js";
import type { Meter } from "./metrics/meter.js";
import type { ReignEnd } from "./reign-end.js";
import { sealStored } from "./secrets/seal-stored.js";
import type { SecretKeys } from "./secrets/secret-keys.js";

/** A reign as it is driven from here. */
export interface DrivenReign extends ReignView {
  readonly ended: Promise<ReignEnd>;
  start(): void;
  close(): Promise<void>;
}

/** What a succession is made of. */
export interface SuccessionOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly crash: CrashPoint;
  readonly front: Front;
  readonly meter: Meter;
  /** Open and seal the secrets in the store. */
  readonly secretKeys: SecretKeys;
  /** What is given to `campaign`, with the run and the URL in it. */
  readonly holder: string;
  readonly run: string;
  readonly url: string;
  /** Opened before, or null: it is opened here, as often as needed. */
  readonly store: Store | null;
  readonly openStore: () => Promise<Store>;
  /** The error with the keys of the configuration that it is about. */
  readonly explain: (error: unknown) => unknown;
  readonly createReign: (store: Store, leadership: Leadership, state: LoadedState) => DrivenReign;
}

/** How often is looked who leads, while it is not this one. */
const lookMs = 500;

/** A reign of this length was none of a row of failures. */
const reignMsStable = 10_000;

/**
 * When the first campaign neither ends nor fails for so long, the start is over all the same. Until then a wrong password,
 * say, ends the program, so it is several times what a slow store needs to tell; `mrr up` gives a start 30 s.
 */
const settleMsMax = 20_000;

/** Errors at the start that a new try can mend; all others are for a person. */
const canPass = (error: unknown): boolean => isMrrError(error) && errorTable[error.code].retryable;

/** See the head of this file. */
export class Succession {
  /** Resolves when the start is over: it reigns, stands by, or waits for the store. */
  readonly settled: Promise<void>;
  /** Settles when the program must end by itself, with the reason. */
  readonly stopped: Promise<MrrError>;
  readonly #options: SuccessionOptions;
  readonly #closing = new AbortController();
  #store: Store | null;
  #reign: DrivenReign | null = null;
  #running: Promise<void> = Promise.resolve();
  #isSettled = false;
  #isChecked = false;
  #lastUnread = "";
  #settle: () => void = () => {};
  #stop: (error: MrrError) => void = () => {};

  constructor(options: SuccessionOptions) {
    this.#options = options;
    this.#store = options.store;
    this.settled = new Promise((resolve) => {
      this.#settle = () => {
        this.#isSettled = true;
        resolve();
      };
    });
    this.stopped = new Promise((resolve) => {
      this.#stop = (error) => {
        // A start that has failed has not settled.
        this.#closing.abort(error);
        resolve(error);
      };
    });
  }

  start(): void {
    const timer = this.#options.clock.after(settleMsMax, () => this.#settle());
    void this.settled.then(() => timer.cancel());
    this.#running = this.#run();
  }

  /** Ends the reign, gives the leadership up and closes the store. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort(new Error("this scheduler ends"));
    this.#settle();
    await this.#reign?.close();
    await this.#running;
    await this.#store?.close();
    this.#store = null;
  }

  async #run(): Promise<void> {
    const { clock, log, front } = this.#options;
    const { signal } = this.#closing;
    let failures = 0;
    while (!signal.aborted) {
      const sinceMs = clock.monotonicMs();
      let reason: string;
      try {
        reason = await this.#reignOnce();
        if (clock.monotonicMs() - sinceMs >= reignMsStable) failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (!this.#isSettled && !canPass(error)) return this.#stop(asMrrError(error));
        reason = error instanceof Error ? error.message : String(error);
        front.waits(reason, { keepLeader: true });
      }
      if (signal.aborted) return;
      this.#settle();
      const delayMs = backoffMs(failures);
      failures += 1;
      log.warn({ because: reason, tries: failures, delayMs }, "not leading; trying again");
      await this.#pause(delayMs);
    }
  }

  /** Waits for the leadership and reigns; resolves with the reason of the end. */
  async #reignOnce(): Promise<string> {
    const { log, front, crash, holder, createReign, openStore, meter } = this.#options;
    const { signal } = this.#closing;
    if (this.#store === null) front.waits("opening the store");
    this.#store ??= await this.#ofStore(openStore());
    const store = this.#store;
    crash("before:campaign");
    const leadership = await this.#campaign(store, holder);
    try {
      crash("after:campaign");
      log.info({ term: leadership.term }, "elected");
      const state = await this.#ofStore(this.#load(store, leadership));
      crash("after:load");
      signal.throwIfAborted();
      log.info({ term: leadership.term, instances: state.documents.length }, "leading");
      const reign = createReign(store, leadership, state);
      this.#reign = reign;
      meter.leadership("began", leadership.term);
      front.reigns(reign);
      reign.start();
      // A reign that cannot even begin is a start that has failed.
      const early = await Promise.race([reign.ended, Promise.resolve(null)]);
      if (early?.type !== "fatal") this.#settle();
      const end = await reign.ended;
      meter.leadership("ended", leadership.term);
      await reign.close();
      if (end.type === "lost") return end.because;
      this.#stop(end.error);
      return end.error.message;
    } finally {
      await leadership.resign();
    }
  }

  /** Reads everything; what is not sealed as it must be is sealed, and read again. */
  async #load(store: Store, leadership: Leadership): Promise<LoadedState> {
    const { secretKeys, clock, log } = this.#options;
    const state = await loadState(store, secretKeys);
    const isChanged = await sealStored({ store, leadership }, state, secretKeys, { clock, log });
    return isChanged ? loadState(store, secretKeys) : state;
  }

  /** Campaigns; until that is decided it is looked who leads, and clients are told. */
  async #campaign(store: Store, holder: string): Promise<Leadership> {
    const decided = new AbortController();
    const looking = this.#look(store, decided.signal);
    try {
      return await this.#ofStore(store.campaign(holder, this.#closing.signal));
    } finally {
      decided.abort();
      await looking;
    }
  }

  async #look(store: Store, decided: AbortSignal): Promise<void> {
    const ends = AbortSignal.any([decided, this.#closing.signal]);
    while (!ends.aborted) {
      try {
        const record = await abandonable(store.readLeader(), ends);
        if (ends.aborted) return;
        this.#tell(record);
        if (this.#isOther(record) && !this.#isChecked) await this.#check(store, ends);
      } catch (error) {
        if (ends.aborted) return;
        this.#unread(error);
      }
      await this.#pause(lookMs, ends);
    }
  }

  /** Said once for each reason: campaigns have a line for each of their tries. */
  #unread(error: unknown): void {
    const { front, log } = this.#options;
    const because = error instanceof Error ? error.message : String(error);
    front.waits(because, { keepLeader: true });
    if (because !== this.#lastUnread) log.warn({ because }, "cannot see who leads");
    this.#lastUnread = because;
  }

  #isOther(record: LeaderRecord | null): record is LeaderRecord {
    return record !== null && decodeHolder(record.holder).run !== this.#options.run;
  }

  #tell(record: LeaderRecord | null): void {
    const { front, url } = this.#options;
    if (!this.#isOther(record)) {
      front.waits("no scheduler leads; this one tries to");
      return;
    }
    const leader = decodeHolder(record.holder);
    if (leader.url === null) {
      front.waits(`${leader.text} leads, and does not say where it is`, { forget: true });
    } else if (leader.url === url) {
      front.waits(
        `the lease of an earlier scheduler at this very address runs, ${leader.text}; if that one is alive, give each its own HTTPAdvertise`,
        { forget: true },
      );
    } else front.follows({ ...leader, url: leader.url });
  }

  /** A standby that could not read the documents would find out when it is needed: it says so at its start. */
  async #check(store: Store, ends: AbortSignal): Promise<void> {
    try {
      const loading = loadState(store, this.#options.secretKeys);
      await abandonable(this.#ofStore(loading), ends);
    } catch (error) {
      if (ends.aborted || canPass(error)) throw error;
      if (!this.#isSettled) return this.#stop(asMrrError(error));
      throw error;
    }
    this.#isChecked = true;
    this.#settle();
  }

  /** What the store says that a person must mend, with the keys of the configuration. */
  async #ofStore<T>(call: Promise<T>): Promise<T> {
    try {
      return await call;
    } catch (error) {
      throw canPass(error) ? error : this.#options.explain(error);
    }
  }

  #pause(delayMs: number, ends: AbortSignal = this.#closing.signal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        ends.removeEventListener("abort", done);
        resolve();
      };
      const timer = this.#options.clock.after(delayMs, done);
      if (ends.aborted) done();
      else ends.addEventListener("abort", done);
    });
  }
}

/** The call's result, or a rejection as soon as nobody wants it any more; the store's own limit ends the call. */
function abandonable<T>(call: Promise<T>, ends: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = (): void => reject(new Error("nobody waits for it"));
    if (ends.aborted) end();
    else ends.addEventListener("abort", end, { once: true });
    call.then(resolve, reject).finally(() => ends.removeEventListener("abort", end));
  });
}

const asMrrError = (error: unknown): MrrError =>
  isMrrError(error)
    ? error
    : new MrrError("internal", error instanceof Error ? error.message : String(error), {
        cause: error,
      });
