/**
 * Owns one ordered connection for calls: first in, first out, one request in flight, each with a limit in time.
 * Not: what an answer means, nor any retry (the sessions). Called by both sessions.
 * Source of the rule: Mesos does not order requests of different connections, and processes those of one in order.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { IncomingHttpHeaders } from "node:http";
import type { Clock } from "@mr-redis/core";
import type { Client, Dispatcher } from "undici";
import {
  alwaysMaySend,
  answerTextBytesMax,
  connectionErrorText,
  createConnection,
  type Endpoint,
  type MaySend,
  mayNotSend,
  singleHeader,
} from "./connection.js";

/**
 * Most calls that wait. Acknowledgements come most at once: one for each of the 50,000 processes of the largest site, on
 * four connections. A small one takes half a kilobyte meanwhile.
 */
export const callsQueuedMax = 16_384;

/** Most bytes of calls that wait, so that many large ones do not fill the memory. */
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

/** What a queue is made of; see {@link createCallQueue}. */
export interface CallQueueOptions {
  readonly endpoint: Endpoint;
  readonly clock: Clock;
  readonly callMsMax: number;
  readonly maySend?: MaySend;
}

interface Waiting {
  readonly request: CallRequest;
  readonly settle: (answer: CallAnswer) => void;
}

/**
 * A queue for one endpoint; it connects with the first call. `callMsMax` limits each call from its turn on. `maySend`
 * (default: true) is asked when a call's turn comes and again when its first byte would be written; false: it is lost
 * unsent.
 */
export function createCallQueue(options: CallQueueOptions): CallQueue {
  const { endpoint, clock, callMsMax, maySend = alwaysMaySend } = options;
  return new Queue(createConnection(endpoint, maySend), { clock, callMsMax, maySend });
}

class Queue implements CallQueue {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #callMsMax: number;
  readonly #maySend: MaySend;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #isRunning = false;
  #closedBecause: string | null = null;

  constructor(
    client: Client,
    options: { readonly clock: Clock; readonly callMsMax: number; readonly maySend: MaySend },
  ) {
    this.#client = client;
    this.#clock = options.clock;
    this.#callMsMax = options.callMsMax;
    this.#maySend = options.maySend;
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

  #post({ path, headers, body }: CallRequest): Promise<CallAnswer> {
    if (!this.#maySend()) return Promise.resolve(unsent(this.#closedBecause ?? mayNotSend));
    return new Promise((resolve) => {
      // From then on the other side may see it.
      let isStarted = false;
      const mayStart = (): boolean => {
        isStarted = this.#maySend();
        return isStarted;
      };
      const reader = new AnswerReader(mayStart, (result) => {
        timer.cancel();
        if (!(result instanceof Error)) resolve(result);
        else resolve(lost(isStarted, this.#closedBecause ?? connectionErrorText(result)));
      });
      const timer = this.#clock.after(this.#callMsMax, () =>
        reader.end(
          lost(isStarted, this.#closedBecause ?? `no answer within ${this.#callMsMax} ms`),
        ),
      );
      const all = { "user-agent": "mr-redis", ...headers };
      this.#client.dispatch({ method: "POST", path, headers: all, body }, reader);
    });
  }
}

/** Reads one answer off the connection. The stream and the signal of undici's own `request` cost more than the call. */
class AnswerReader implements Dispatcher.DispatchHandler {
  readonly #mayStart: () => boolean;
  readonly #settle: (result: CallAnswer | Error) => void;
  readonly #parts: Buffer[] = [];
  #bytes = 0;
  #status = 0;
  #location: string | null = null;
  #controller: Dispatcher.DispatchController | null = null;
  #isSettled = false;

  constructor(mayStart: () => boolean, settle: (result: CallAnswer | Error) => void) {
    this.#mayStart = mayStart;
    this.#settle = settle;
  }

  /** Gives up what has no result yet; the connection is ended with it. */
  end(result: CallAnswer | Error): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#settle(result);
    this.#controller?.abort(new Error("given up"));
  }

  /** The last thing before the request is written; one on a connection in use has waited for it a little. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isSettled) controller.abort(new Error("given up"));
    else if (!this.#mayStart()) controller.abort(new Error(mayNotSend));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    this.#status = status;
    this.#location = singleHeader(headers, "location");
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes >= answerTextBytesMax) this.end(this.#answer());
  }

  onResponseEnd(): void {
    this.#controller = null;
    this.end(this.#answer());
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#controller = null;
    this.end(error);
  }

  #answer(): CallAnswer {
    const text =
      this.#bytes === 0
        ? ""
        : Buffer.concat(this.#parts).subarray(0, answerTextBytesMax).toString("utf8");
    return { type: "answered", status: this.#status, text, location: this.#location };
  }
}

const lost = (sent: boolean, because: string): CallAnswer => ({ type: "lost", sent, because });
const unsent = (because: string): CallAnswer => lost(false, because);
