/**
 * Owns a leadership that lasts as long as its session, and judges by its own clock whether it still does.
 * Not: how it was won (election.ts), nor what is written under it (writer.ts). Called by store.ts.
 *
 * The servers keep a session for the granted time after the last word from us. So nobody else leads before the
 * granted time after the sending of a request that the leader of the servers has answered; this holder stops at two
 * thirds of that. Only writes and syncs count: a server that is cut off from the others still answers reads.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock, Timer } from "@mr-redis/core";
import type { Leadership } from "../port.js";
import { code } from "./codes.js";
import type { Layout } from "./layout.js";
import type { Session } from "./session.js";

/** Requests that keep it are sent this often within the granted time. */
const beatsPerSession = 6;

/** What a leadership stands on. */
export interface SessionLeadershipOptions {
  readonly term: number;
  readonly session: Session;
  readonly layout: Layout;
  readonly clock: Clock;
  /** Called once, at the end, whatever ends it. */
  readonly ended: () => void;
  /** Gives the seat up, after the requests on their way; called when the holder resigns. */
  readonly giveUp: () => Promise<void>;
}

/** The leadership of one session. */
export class SessionLeadership implements Leadership {
  readonly term: number;
  readonly lost: Promise<{ readonly because: string }>;
  readonly #options: SessionLeadershipOptions;
  readonly #forget: (() => void)[] = [];
  #settle: (loss: { readonly because: string }) => void = () => {};
  #beatTimer: Timer | null = null;
  #endTimer: Timer | null = null;
  #isBeating = false;
  #isOver = false;
  #resigning: Promise<void> | null = null;

  constructor(options: SessionLeadershipOptions) {
    this.#options = options;
    this.term = options.term;
    this.lost = new Promise((resolve) => {
      this.#settle = resolve;
    });
    const { session, layout } = options;
    this.#forget.push(
      session.onConnect(() => void this.#look()),
      session.onNode((type, path) => {
        if (type === "deleted" && path === layout.leader) void this.#look();
      }),
      session.onEnd((error) => this.end(error.message)),
    );
    this.#beat();
    this.#watchTime();
  }

  confirmedAtMs(): number {
    return this.#options.session.confirmedAtMs;
  }

  isValid(): boolean {
    if (!this.#isOver && this.#leftMs() <= 0) {
      const ms = Math.round(this.#options.clock.monotonicMs() - this.confirmedAtMs());
      this.end(`ZooKeeper has not answered for ${ms} ms`);
    }
    return !this.#isOver;
  }

  /** No longer valid, for the first reason given; idempotent. */
  end(because: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#beatTimer?.cancel();
    this.#endTimer?.cancel();
    for (const forget of this.#forget) forget();
    this.#settle({ because });
    this.#options.ended();
  }

  resign(): Promise<void> {
    if (this.#resigning === null) {
      const wasOver = this.#isOver;
      this.end("the holder resigned");
      this.#resigning = wasOver ? Promise.resolve() : this.#options.giveUp();
    }
    return this.#resigning;
  }

  /** Time until it must stop. */
  #leftMs(): number {
    const { session, clock } = this.#options;
    return session.confirmedAtMs + (session.grantedMs * 2) / 3 - clock.monotonicMs();
  }

  #watchTime(): void {
    if (!this.isValid()) return;
    // A timer may come a little early.
    const delayMs = Math.max(1, Math.ceil(this.#leftMs()));
    this.#endTimer = this.#options.clock.after(delayMs, () => this.#watchTime());
  }

  #beat(): void {
    if (this.#isOver) return;
    const { session, layout, clock } = this.#options;
    this.#beatTimer = clock.after(session.grantedMs / beatsPerSession, () => this.#beat());
    if (this.#isBeating || !session.isConnected) return;
    this.#isBeating = true;
    void session.sync(layout.root).then(() => {
      this.#isBeating = false;
    });
  }

  /** Is the leader's node still ours? Someone may have removed it by hand. */
  async #look(): Promise<void> {
    const { session, layout } = this.#options;
    const answer = await session.exists(layout.leader, true);
    if (answer.value !== null && answer.value.ephemeralOwner === session.id) return;
    if (answer.value !== null || answer.code === code.noNode) {
      this.end(`${layout.leader} is not ours any more`);
    }
  }
}
