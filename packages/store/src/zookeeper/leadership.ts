/**
 * Owns a leadership that lasts as long as its session, and judges by its own clock whether it still does.
 * Not: how it was won (election.ts), nor what is written under it (writer.ts). Called by store.ts.
 *
 * The servers keep a session for the granted time after the last word from us. So nobody else leads before the
 * granted time after the sending of a request that most of the servers have agreed to; this holder stops at two
 * thirds of that. Only writes are such requests: a server that is cut off from the others still answers reads, and
 * syncs too while it takes itself for their leader. So the beat is a write of the leader's own node, with what it holds;
 * and as it comes first on every new connection too, reads and watches behind it are as new as the leadership.
 * (Where someone removed the node by hand and another leads already, the other's next beat mends its record.)
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock, Timer } from "@mr-redis/core";
import type { Leadership } from "../port.js";
import { ConnectionLost, code } from "./codes.js";
import { encodeLeader, must } from "./election.js";
import type { Layout } from "./layout.js";
import type { Stat } from "./native.js";
import type { Answer, Session } from "./session.js";

/** Requests that keep it are sent this often within the granted time. */
const beatsPerSession = 6;

/** What a leadership stands on. */
export interface SessionLeadershipOptions {
  readonly term: number;
  readonly holder: string;
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
        if (type === "deleted" && path === layout.leader) void this.#write();
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

  /**
   * Resolves when what is read on the present connection of the session shows all that was committed before. Rejects
   * with {@link ConnectionLost}, also when the leadership has ended, and as {@link must} when the write is refused.
   */
  async catchUp(): Promise<void> {
    if (this.#options.session.hasWritten) return;
    const answer = await this.#write();
    const what = `write ${this.#options.layout.leader}`;
    if (this.#isOver) throw new ConnectionLost(what);
    must(answer, what);
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
    const { session, clock } = this.#options;
    this.#beatTimer = clock.after(session.grantedMs / beatsPerSession, () => this.#beat());
    if (this.#isBeating || !session.isConnected) return;
    this.#isBeating = true;
    void this.#write().then(() => {
      this.#isBeating = false;
    });
  }

  /** Writes the leader's node. It ends the leadership when the node is not ours: someone may have removed it by hand. */
  async #write(): Promise<Answer<Stat>> {
    if (this.#isOver) return { code: code.closing, value: null };
    const { session, layout, holder, term } = this.#options;
    const answer = await session.set(layout.leader, encodeLeader({ holder, term }), -1);
    const isOurs = answer.value?.ephemeralOwner === session.id;
    if (answer.code === code.noNode || (answer.code === code.ok && !isOurs)) {
      this.end(`${layout.leader} is not ours any more`);
    }
    return answer;
  }

  /** At a new connection: the node is written, and its removal is told from then on. */
  async #look(): Promise<void> {
    const { session, layout } = this.#options;
    const writing = this.#write();
    const watched = await session.children(layout.leader, true);
    if ((await writing).code === code.ok && watched.code === code.noNode) await this.#write();
  }
}
