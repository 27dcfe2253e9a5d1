/**
 * Owns the limits of the HTTP servers, each with its reason.
 * Not: their enforcement (server.ts, connections.ts, waiters.ts, idempotency.ts).
 * SPDX-License-Identifier: Apache-2.0
 */

/** Limits of the HTTP API; the defaults are {@link apiLimits}, tests use smaller ones. */
export interface ApiLimits {
  /** Largest request body. The largest create, with every known setting, has about 4 KB. */
  readonly bodyBytesMax: number;
  /** Largest request line plus headers; Node's default, so proxies in front do not notice a difference. */
  readonly headerBytesMax: number;
  /** Time for all headers of a request (slowloris). */
  readonly headersMsMax: number;
  /** Time for a whole request, the body included. */
  readonly requestMsMax: number;
  /** How often the two times above are checked. */
  readonly timeCheckMs: number;
  /** A connection on which nothing moves for this long is closed; waits have their own time on top. */
  readonly silenceMsMax: number;
  /** A connection without a request is closed after this time; longer than the pauses of pollers. */
  readonly keepAliveMs: number;
  /** Requests on one connection, so that clients behind a balancer get spread again from time to time. */
  readonly requestsPerConnectionMax: number;
  /** Open connections; beyond it the one that is idle for longest gives way. */
  readonly connectionsMax: number;
  /** Requests that wait for a state (`?wait`), fewer than connections so that others still get in. */
  readonly waitersMax: number;
  /** Bytes of a refused body that are read and thrown away, so that its sender gets to read the answer. */
  readonly drainBytesMax: number;
  /** Time that open requests have to end when the server closes. */
  readonly closeMsMax: number;
  /** Idempotency keys kept in memory: 10,000 of about 500 bytes. */
  readonly idempotencyKeysMax: number;
  /** How long an idempotency key is kept; longer than any client retries. */
  readonly idempotencyKeyMs: number;
}

/** The limits that are in force. */
export const apiLimits: ApiLimits = Object.freeze({
  bodyBytesMax: 64 * 1024,
  headerBytesMax: 16 * 1024,
  headersMsMax: 10_000,
  requestMsMax: 20_000,
  timeCheckMs: 1_000,
  silenceMsMax: 60_000,
  keepAliveMs: 30_000,
  requestsPerConnectionMax: 10_000,
  connectionsMax: 2_000,
  waitersMax: 1_000,
  drainBytesMax: 32 * 1024 * 1024,
  closeMsMax: 2_000,
  idempotencyKeysMax: 10_000,
  idempotencyKeyMs: 60 * 60 * 1_000,
});

/** Longest `?wait`, in seconds: within the patience of common proxies, several times a slow create. */
export const waitSecondsMax = 600;

/** Instances in a page of a list when the client names no limit. */
export const pageLimitDefault = 100;

/** Most instances in a page: with the largest instances (1 + 100) some 30 MB, with usual ones 1 MB. */
export const pageLimitMax = 500;

/** Instances of /v1/STATUS that are written in one turn of the event loop (about 1 ms). */
export const statusBatchCount = 200;
