/**
 * Owns how many requests and bytes are on their way at one time; who finds no room waits in the order of coming.
 * Not: the requests. Called by writer.ts, reader.ts and mirror.ts.
 * SPDX-License-Identifier: Apache-2.0
 */

/** Room for requests. One that is alone always has room. */
export class Window {
  readonly #requestsMax: number;
  readonly #bytesMax: number;
  readonly #waiting: { readonly bytes: number; readonly admit: () => void }[] = [];
  #requests = 0;
  #bytes = 0;

  constructor(requestsMax: number, bytesMax: number = Number.POSITIVE_INFINITY) {
    this.#requestsMax = requestsMax;
    this.#bytesMax = bytesMax;
  }

  /** True when there was room and nobody waits: it is taken. */
  tryEnter(bytes = 0): boolean {
    if (this.#waiting.length > 0 || !this.#hasRoom(bytes)) return false;
    this.#requests += 1;
    this.#bytes += bytes;
    return true;
  }

  /** Resolves when there is room; it is taken. */
  enter(bytes = 0): Promise<void> {
    if (this.tryEnter(bytes)) return Promise.resolve();
    return new Promise((admit) => this.#waiting.push({ bytes, admit }));
  }

  /** Gives room back. */
  leave(bytes = 0): void {
    this.#requests -= 1;
    this.#bytes -= bytes;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!this.#hasRoom(next.bytes)) return;
      this.#waiting.shift();
      this.#requests += 1;
      this.#bytes += next.bytes;
      next.admit();
    }
  }

  #hasRoom(bytes: number): boolean {
    if (this.#requests === 0) return true;
    return this.#requests < this.#requestsMax && this.#bytes + bytes <= this.#bytesMax;
  }
}
