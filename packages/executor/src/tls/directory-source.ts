/**
 * Owns certificates that an operator puts into a directory of the agent (RedisTLSDirectory): `tls.crt`, `tls.key` and
 * `ca.crt`, read when first needed, looked at again, and taken anew when they changed and are good.
 * Not: who writes them there. Made by certificates.ts.
 * Why reading and not watching: such directories are replaced through links, and the files are small.
 * SPDX-License-Identifier: Apache-2.0
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Timer } from "@mr-redis/core";
import type { Log } from "../ports.js";
import { expiryWarningMs, identityOf, type TlsIdentity, type TlsSource } from "./identity.js";

/** The three files, by the names that cert-manager and others give them. */
const fileNames = ["tls.crt", "tls.key", "ca.crt"] as const;

/** Largest file: a chain of ten long certificates has 30 KB. */
const fileBytesMax = 256 * 1024;

/** From one look to the next: a renewal comes weeks before the end of what it renews. */
const lookIntervalMs = 10_000;

/** From one word about an end that comes near to the next. */
const warningIntervalMs = 43_200_000;

/** What the source needs. */
export interface DirectorySourceOptions {
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly renewed: (identity: TlsIdentity) => void;
  /** Default: {@link lookIntervalMs} (tests). */
  readonly intervalMs?: number;
}

/** See the head of this file. */
export class DirectorySource implements TlsSource {
  readonly #options: DirectorySourceOptions;
  #identity: TlsIdentity | null = null;
  /** What is in force. */
  #seen = "";
  /** What the last look saw: files that are being replaced count once two looks saw them alike. */
  #glimpsed = "";
  #problem: string | null = null;
  #warnedAtMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | null = null;
  #isClosed = false;

  constructor(options: DirectorySourceOptions) {
    this.#options = options;
  }

  /** Never waits for better files: what is wrong with them is the answer. */
  async identity(): Promise<TlsIdentity> {
    const { clock } = this.#options;
    const present = this.#identity;
    if (present !== null && clock.nowMs() < present.validToMs) return present;
    const texts = await this.#read();
    if (this.#identity === null || this.#identity === present) this.#take(texts);
    if (this.#timer === null) this.#lookLater();
    if (this.#identity === null) throw new Error("the executor ends");
    return this.#identity;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #take(texts: readonly string[]): TlsIdentity {
    const { directory, clock, log } = this.#options;
    const [certificate = "", key = "", ca = ""] = texts;
    const named = (name: string, text: string) => ({ name: join(directory, name), text });
    const identity = identityOf(
      {
        certificate: named("tls.crt", certificate),
        key: named("tls.key", key),
        ca: named("ca.crt", ca),
      },
      clock.nowMs(),
    );
    this.#identity = identity;
    this.#seen = texts.join("\0");
    this.#glimpsed = this.#seen;
    this.#warnedAtMs = Number.NEGATIVE_INFINITY;
    const { validTo, subjectAltName: names } = identity.leaf;
    log.info("certificate for Redis", { directory, validTo, names });
    this.#warn(identity);
    return identity;
  }

  #read(): Promise<string[]> {
    const { directory } = this.#options;
    return Promise.all(fileNames.map((name) => readSmall(join(directory, name))));
  }

  #lookLater(): void {
    if (this.#isClosed) return;
    const { clock, intervalMs = lookIntervalMs } = this.#options;
    this.#timer = clock.after(intervalMs, () => {
      void this.#look().then(() => this.#lookLater());
    });
  }

  async #look(): Promise<void> {
    const { directory, log, renewed } = this.#options;
    try {
      const texts = await this.#read();
      if (this.#isClosed) return;
      const content = texts.join("\0");
      const isStill = content === this.#glimpsed;
      this.#glimpsed = content;
      if (this.#identity !== null) this.#warn(this.#identity);
      if (!isStill || content === this.#seen) {
        if (content === this.#seen) this.#problem = null;
        return;
      }
      renewed(this.#take(texts));
      this.#problem = null;
    } catch (error) {
      const problem = (error as Error).message;
      // Once for each mistake, not at each look.
      if (problem !== this.#problem) {
        const text = "changed certificates for Redis are not good: the old ones stay in force";
        log.error(text, { directory, problem });
      }
      this.#problem = problem;
    }
  }

  #warn({ leaf, validToMs }: TlsIdentity): void {
    const { clock, log, directory } = this.#options;
    const nowMs = clock.nowMs();
    if (validToMs - nowMs >= expiryWarningMs || nowMs - this.#warnedAtMs < warningIntervalMs) {
      return;
    }
    this.#warnedAtMs = nowMs;
    log.error("the certificate for Redis ends soon", { directory, validTo: leaf.validTo });
  }
}

async function readSmall(path: string): Promise<string> {
  try {
    // A named pipe would else hold this program until somebody writes to it.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      if (!(await handle.stat()).isFile()) throw new Error("it is no regular file");
      const buffer = Buffer.alloc(fileBytesMax + 1);
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
      if (bytesRead > fileBytesMax) throw new Error(`it is larger than ${fileBytesMax} bytes`);
      return buffer.toString("utf8", 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new Error(`${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
