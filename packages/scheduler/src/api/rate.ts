/**
 * Owns how often one client may ask: a bucket for each, which fills by the second.
 * Not: who the client is (guard.ts). SPDX-License-Identifier: Apache-2.0
 */

/** A bucket holds so many seconds of requests: 5,000 at once by default, more than any script of an operator makes. */
const burstSeconds = 10;

/** Most buckets; beyond it the one that was not used for longest is forgotten (it is full again by then, mostly). */
export const bucketsMax = 10_000;

interface Bucket {
  tokens: number;
  atMs: number;
}

/** The buckets of one server. */
export class RateLimiter {
  readonly #perSecond: number;
  readonly #nowMs: () => number;
  /** The one that was used longest ago is first. */
  readonly #buckets = new Map<string, Bucket>();

  /** `perSecond` 0: no limit. `nowMs` is monotonic. */
  constructor(perSecond: number, nowMs: () => number) {
    this.#perSecond = perSecond;
    this.#nowMs = nowMs;
  }

  get bucketCount(): number {
    return this.#buckets.size;
  }

  /** Takes one request of `client` from its bucket; false when there is none left. */
  take(client: string): boolean {
    if (this.#perSecond === 0) return true;
    const sizeMax = this.#perSecond * burstSeconds;
    const nowMs = this.#nowMs();
    const bucket = this.#buckets.get(client) ?? { tokens: sizeMax, atMs: nowMs };
    const filled = bucket.tokens + ((nowMs - bucket.atMs) / 1_000) * this.#perSecond;
    bucket.tokens = Math.min(sizeMax, filled);
    bucket.atMs = nowMs;
    this.#buckets.delete(client);
    this.#buckets.set(client, bucket);
    if (this.#buckets.size > bucketsMax) {
      const [oldest = client] = this.#buckets.keys();
      this.#buckets.delete(oldest);
    }
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}

/** Clients behind one address: a host of IPv6 has a whole /64 of them. */
export function clientOfAddress(address: string): string {
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("%", 1)[0]?.split("::", 2) ?? [];
  const start = head === "" ? [] : head.split(":");
  const end = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - start.length - end.length);
  const groups = [...start, ...new Array<string>(zeros).fill("0"), ...end];
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, "").toLowerCase())
    .join(":")}::/64`;
}
