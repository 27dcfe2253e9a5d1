/**
 * Owns the certificates of this executor's redis-servers: which one a process starts with, and that each gets a renewed
 * one without losing a connection. Loaded when a process first needs one.
 * Not: where they come from (own-source.ts, directory-source.ts), nor commands to Redis (redis-client.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { CertificateAnswer, Clock } from "@mr-redis/core";
import type { Log } from "../ports.js";
import { type TlsPaths, writeTls } from "../work-directory.js";
import { DirectorySource } from "./directory-source.js";
import type { TlsIdentity, TlsSource } from "./identity.js";
import { OwnSource } from "./own-source.js";

/** A process whose certificate is kept in force. */
export interface TlsProcess {
  /** Its working directory. */
  readonly directory: string;
  /** Makes it read its files again; rejects when it did not. */
  readonly reload: (paths: TlsPaths) => Promise<void>;
}

/** After a process did not take its renewed certificate: it may load, or be busy; there is a month. */
const reloadAgainMs = 5_000;

/** Earlier certificates that a process may still show, since it did not answer: more than a few are not kept. */
const leavesMax = 4;

/** What the certificates are made of. */
export interface CertificatesOptions {
  /** Of the agent; null: the scheduler's authority signs. */
  readonly directory: string | null;
  readonly clock: Clock;
  readonly log: Log;
  readonly runId: string;
  /** Message to the scheduler, delivered once at most. */
  readonly send: (text: string) => void;
  /** From one look at the directory to the next (tests). */
  readonly intervalMs?: number;
}

/** See the head of this file. */
export class RedisCertificates {
  readonly #options: CertificatesOptions;
  readonly #source: TlsSource;
  readonly #own: OwnSource | null;
  readonly #processes = new Map<string, TlsProcess>();
  /** Newest first. */
  #leaves: Buffer[] = [];
  /** The last renewed one. */
  #newest: TlsIdentity | null = null;
  #generation = 0;

  constructor(options: CertificatesOptions) {
    this.#options = options;
    const { directory } = options;
    const renewed = (identity: TlsIdentity): void => this.#renewed(identity);
    const isUsed = (): boolean => this.#processes.size > 0;
    if (directory === null) {
      this.#own = new OwnSource({ ...options, isUsed, renewed });
      this.#source = this.#own;
    } else {
      this.#own = null;
      this.#source = new DirectorySource({ ...options, directory, renewed });
    }
  }

  /** The one to start a process with; rejects with a sentence for people when there is none, after a limit. */
  async identity(): Promise<TlsIdentity> {
    const identity = await this.#source.identity();
    this.#know(identity);
    return identity;
  }

  /** True for a certificate that was given to processes of this executor: who shows it holds its private key. */
  readonly isOurs = (certificate: Buffer): boolean =>
    this.#leaves.some((leaf) => leaf.equals(certificate));

  /** An answer of the scheduler. */
  answered(answer: CertificateAnswer): void {
    this.#own?.answered(answer);
  }

  /** From now on the process, which was started with `identity`, gets what is renewed. */
  follow(startId: string, identity: TlsIdentity, process: TlsProcess): void {
    this.#processes.set(startId, process);
    const newest = this.#newest;
    // Renewed while it was being started.
    if (newest !== null && newest !== identity) {
      this.#reloadLater(newest, [startId], this.#generation);
    }
  }

  forget(startId: string): void {
    this.#processes.delete(startId);
  }

  close(): void {
    this.#generation += 1;
    this.#source.close();
  }

  #know({ leaf }: TlsIdentity): void {
    if (this.isOurs(leaf.raw)) return;
    this.#leaves = [leaf.raw, ...this.#leaves].slice(0, leavesMax);
  }

  #renewed(identity: TlsIdentity): void {
    this.#know(identity);
    this.#newest = identity;
    this.#generation += 1;
    void this.#reload(identity, [...this.#processes.keys()], this.#generation);
  }

  /** One after the other: a process is away from its clients for the moment of each. */
  async #reload(
    identity: TlsIdentity,
    startIds: readonly string[],
    generation: number,
  ): Promise<void> {
    const { log } = this.#options;
    const failed: string[] = [];
    for (const startId of startIds) {
      // A newer one is on its way to all of them.
      if (generation !== this.#generation) return;
      const process = this.#processes.get(startId);
      if (process === undefined) continue;
      try {
        await process.reload(writeTls(process.directory, identity));
      } catch (error) {
        if (!this.#processes.has(startId)) continue;
        failed.push(startId);
        log.error("a redis-server did not take its renewed certificate", {
          startId,
          problem: (error as Error).message,
        });
      }
    }
    const count = startIds.length - failed.length;
    if (count > 0) log.info("renewed certificate is in force", { count });
    if (failed.length > 0) this.#reloadLater(identity, failed, generation);
  }

  #reloadLater(identity: TlsIdentity, startIds: readonly string[], generation: number): void {
    this.#options.clock.after(reloadAgainMs, () => {
      if (generation === this.#generation) void this.#reload(identity, startIds, generation);
    });
  }
}
