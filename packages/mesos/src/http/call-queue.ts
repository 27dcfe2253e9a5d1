/**
 * Owns the one ordered connection for calls: first in, first out, one request in flight, each with a limit in time.
 * Not: what an answer means, nor any retry (the sessions). Called by both sessions.
 * Source of the rule: Mesos does not order requests of different connections, and processes those of one in order.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock } from "@mr-redis/core";
import type { Client } from "undici";
import {
  answerText,
  connectionErrorText,
  createConnection,
  type Endpoint,
  isNeverConnected,
  singleHeader,
} from "./connection.js";

/** Most calls that wait: seconds of work for a healthy master; with more, waiting does not help. */
export const callsQueuedMax = 4096;

/** Most bytes of calls that wait, so that 4096 large ones do not fill the memory. */
export const callBytesQueuedMax = 64 * 1024 * 1024;

/** A POST. */
export interface CallRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/**
 * The answer, or that none came (`sent` false: the other side has certainly not seen the call), or that the queue was
 * full and the call was not taken.
 */
export type CallAnswer =
  | {
      readonly type: "answered";
      readonly status: number;
      readonly text: string;
      readonly location: string | null;
    }
  | { readonly type: "lost"; readonly sent: boolean; readonly because: string }
  | { readonly type: "full" };

/** An ordered connection. */
export interface CallQueue {
  /**
   * Queues the call. `settle` gets the answer, exactly once, before the next call goes out, so that it can close the
   * queue in between.
   */
  send(request: CallRequest, settle: (answer: CallAnswer) => void): void;
  /** Ends the connection; what waits is lost unsent, what is in flight is lost. Idempotent. */
  close(because: string): Promise<void>;
}

interface Waiting {
  readonly request: CallRequest;
  readonly settle: (answer: CallAnswer) => void;
}

/** A queue for one endpoint; it connects with the first call. `callMsMax` limits each call from its turn on. */
export function createCallQueue(options: {
  readonly endpoint: Endpoint;
  readonly clock: Clock;
  readonly callMsMax: number;
}): CallQueue {
  return new Queue(createConnection(options.endpoint), options.clock, options.callMsMax);
}

class Queue implements CallQueue {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #callMsMax: number;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #isRunning = false;
  #closedBecause: string | null = null;

  constructor(client: Client, clock: Clock, callMsMax: number) {
    this.#client = client;
    this.#clock = clock;
    this.#callMsMax = callMsMax;
  }

  send(request: CallRequest, settle: (answer: CallAnswer) => void): void {
    if (this.#closedBecause !== null) {
      settle(unsent(this.#closedBecause));
      return;
    }
    const bytes = this.#waitingBytes + request.body.length;
    if (this.#waiting.length >= callsQueuedMax || bytes > callBytesQueuedMax) {
      settle({ type: "full" });
      return;
    }
    this.#waitingBytes = bytes;
    this.#waiting.push({ request, settle });
    if (!this.#isRunning) void this.#run();
  }

  async close(because: string): Promise<void> {
    this.#closedBecause ??= because;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const { settle } of waiting) settle(unsent(this.#closedBecause));
    await this.#client.destroy();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      this.#waitingBytes -= next.request.body.length;
      next.settle(await this.#post(next.request));
    }
    this.#isRunning = false;
  }

  async #post(request: CallRequest): Promise<CallAnswer> {
    const abort = new AbortController();
    const timer = this.#clock.after(this.#callMsMax, () => abort.abort());
    try {
      const { path, headers, body } = request;
      const response = await this.#client.request({
        method: "POST",
        path,
        headers: { "user-agent": "mr-redis", ...headers },
        body,
        signal: abort.signal,
      });
      const text = await answerText(response.body);
      const location = singleHeader(response.headers, "location");
      return { type: "answered", status: response.statusCode, text, location };
    } catch (error) {
      if (this.#closedBecause !== null) return lost(true, this.#closedBecause);
      if (abort.signal.aborted) return lost(true, `no answer within ${this.#callMsMax} ms`);
      return lost(!isNeverConnected(error), connectionErrorText(error));
    } finally {
      timer.cancel();
    }
  }
}

const lost = (sent: boolean, because: string): CallAnswer => ({ type: "lost", sent, because });
const unsent = (because: string): CallAnswer => lost(false, because);
