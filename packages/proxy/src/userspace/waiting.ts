/**
 * Owns the time of a client before it has a target: tries to connect, its patience, what it says meanwhile, its leaving.
 * Not: which targets there are, nor what becomes of it afterwards (listener.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { createConnection, type Socket } from "node:net";
import type { Clock, Timer } from "@mr-redis/core";
import { type HostPort, hostPortText } from "../routes.js";
import type { EarlyReaders } from "./early-readers.js";

/** Between two tries to connect: a redis-server that starts is there within some of them. */
const retryMs = 50;

/** Longest try to connect: a host that is off answers nothing. */
export const connectMsMax = 2_000;

/** The first try has so long however short the patience is: who waits for no master may still reach one that is there. */
const firstTryMs = 500;

/** Without a byte for so long the kernel asks whether the peer lives. */
export const keepAliveMs = 30_000;

/** What a client may say before it has a target: it is read so that its end is noticed. The rest is left in the kernel. */
const earlyBytesMax = 64 * 1024;

/** What a waiting client asks of its listener. */
export interface WaitingHost {
  readonly clock: Clock;
  readonly readers: EarlyReaders;
  /** The next target in turn; undefined: there is none. */
  nextTarget(): HostPort | undefined;
  isTarget(target: HostPort): boolean;
  /** It has to wait. Called once at most. */
  waits(): void;
  /** One of these three ends the waiting. The client is paused and nobody reads it; `early` is what it has said. */
  joined(client: Socket, early: readonly Buffer[], target: Socket, address: HostPort): void;
  gaveUp(client: Socket, why: string): void;
  left(): void;
}

/** A client that has no target yet; `client` is paused and nobody has read it. */
export class Waiting {
  readonly #client: Socket;
  readonly #host: WaitingHost;
  readonly #endMs: number;
  readonly #early: Buffer[] = [];
  #earlyBytes = 0;
  #timer: Timer | null = null;
  #connecting: { readonly socket: Socket; readonly target: HostPort } | null = null;
  #hasTried = false;
  #why = "there is no master";
  #isOver = false;
  #hasWaited = false;
  #isRead = false;
  readonly #onClose = (): void => this.drop();
  readonly #onTurn = (): void => this.#read();

  constructor(client: Socket, host: WaitingHost, waitMs: number) {
    this.#client = client;
    this.#host = host;
    this.#endMs = host.clock.monotonicMs() + waitMs;
    client.once("close", this.#onClose);
  }

  /** Begins; may end the waiting at once. */
  start(): void {
    this.#connect();
  }

  /** There are other targets: no need to wait for the next try, nor for the answer of one that lost its role. */
  look(): void {
    if (this.#connecting !== null) {
      const { socket, target } = this.#connecting;
      if (this.#host.isTarget(target)) return;
      this.#connecting = null;
      socket.destroy();
    }
    this.#timer?.cancel();
    this.#connect();
  }

  /** The client is given up. */
  drop(): void {
    if (!this.#end()) return;
    this.#client.destroy();
    this.#host.left();
  }

  /** false: it was over already. */
  #end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#timer?.cancel();
    this.#connecting?.socket.destroy();
    if (this.#hasWaited) this.#host.readers.give(this.#onTurn);
    this.#client.removeListener("close", this.#onClose);
    return true;
  }

  #connect(): void {
    if (this.#isOver) return;
    this.#timer = null;
    const leftMs = this.#leftMs();
    if (leftMs <= 0 && this.#hasTried) {
      this.#giveUp();
      return;
    }
    const target = this.#host.nextTarget();
    if (target === undefined) {
      this.#why = "there is no master";
      this.#wait(leftMs);
      return;
    }
    const tryMs = this.#hasTried ? leftMs : Math.max(leftMs, firstTryMs);
    this.#hasTried = true;
    this.#tryTarget(target, Math.min(tryMs, connectMsMax));
  }

  #leftMs(): number {
    return this.#endMs - this.#host.clock.monotonicMs();
  }

  #giveUp(): void {
    this.#end();
    this.#host.gaveUp(this.#client, this.#why);
  }

  #wait(delayMs: number): void {
    const waitMs = Math.min(delayMs, this.#leftMs());
    if (waitMs <= 0) {
      this.#giveUp();
      return;
    }
    if (!this.#hasWaited) {
      this.#hasWaited = true;
      this.#host.waits();
      // Only who waits is read, so that its leaving is noticed: others have their target in a moment.
      this.#host.readers.take(this.#onTurn);
    }
    this.#timer = this.#host.clock.after(waitMs, () => this.#connect());
  }

  #read(): void {
    this.#isRead = true;
    const client = this.#client;
    client.on("data", (chunk: Buffer) => {
      this.#early.push(chunk);
      this.#earlyBytes += chunk.length;
      if (this.#earlyBytes >= earlyBytesMax) client.pause();
    });
    client.resume();
  }

  #tryTarget(target: HostPort, timeoutMs: number): void {
    const { host, port } = target;
    const connecting = createConnection({
      ...{ host, port, allowHalfOpen: true, noDelay: true },
      ...{ keepAlive: true, keepAliveInitialDelay: keepAliveMs },
    });
    // Else its stream would read before it is handed on.
    connecting.pause();
    this.#connecting = { socket: connecting, target };
    const limit = this.#host.clock.after(timeoutMs, () =>
      connecting.destroy(new Error(`no answer within ${Math.round(timeoutMs)} ms`)),
    );
    connecting.on("error", (error) => {
      limit.cancel();
      if (this.#connecting?.socket !== connecting) return;
      this.#connecting = null;
      this.#why = `${hostPortText(target)} cannot be reached (${error.message})`;
      if (!this.#isOver) this.#wait(retryMs);
    });
    connecting.once("close", () => limit.cancel());
    connecting.once("connect", () => {
      limit.cancel();
      connecting.removeAllListeners("error").removeAllListeners("close");
      if (this.#connecting?.socket === connecting) this.#connected(connecting, target);
    });
  }

  #connected(connection: Socket, target: HostPort): void {
    this.#connecting = null;
    if (this.#isOver) connection.destroy();
    else if (!this.#host.isTarget(target)) {
      // It lost its role while the connection was made.
      connection.destroy();
      this.#connect();
    } else {
      this.#end();
      this.#host.joined(this.#client, this.#said(), connection, target);
    }
  }

  /** What the client has said; it is paused, and its stream is empty. */
  #said(): readonly Buffer[] {
    const client = this.#client;
    if (!this.#isRead) return [];
    client.pause();
    client.removeAllListeners("data");
    for (let rest: unknown = client.read(); rest !== null; rest = client.read()) {
      this.#early.push(rest as Buffer);
    }
    return this.#early;
  }
}
