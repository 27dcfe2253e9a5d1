/**
 * Owns who gets a certificate for Redis and with which names: requests of executors in, answers out, and the authority
 * made when first needed and stored before it signs anything.
 * Not: signing (authority.ts), nor the record (framework-record.ts). Made by reign.ts, for one reign.
 * What an executor says is hostile: only its public key is taken from it. The names of a certificate are those that the
 * documents have for processes with TLS on that agent under that executor; where there are none, there is no certificate.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type CertificateAuthority,
  type CertificateRequest,
  type Clock,
  encodeCertificateAnswer,
  type OpenSecret,
  type SealSecret,
} from "@mr-redis/core";
import type { Log } from "../log.js";
import type { Authority } from "./authority.js";
import { namesFor } from "./names.js";
import { RequestLimits } from "./request-limits.js";

/** Whom Mesos says that a message is of. */
export interface Sender {
  readonly agentId: string;
  readonly executorId: string;
}

/** What the desk needs from its reign. */
export interface CertificateDeskOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** The authority's subject. */
  readonly frameworkName: string;
  /** Seals and opens the authority's key; null: there is no key file, so nothing can be kept. */
  readonly sealing: { readonly seal: SealSecret; readonly open: OpenSecret } | null;
  /** As the store holds it; null: none was made yet. */
  readonly stored: () => CertificateAuthority | null;
  /** Resolves when the store holds it; rejects with the reason when it does not. */
  readonly save: (authority: CertificateAuthority) => Promise<void>;
  /** Addresses and host names of the processes with TLS of this executor, as placed; empty: it has none. */
  readonly hostsOf: (sender: Sender) => readonly string[];
  /** Where clients reach the proxies, which pass TLS through. */
  readonly proxyHost: string;
  readonly send: (to: Sender, text: string) => void;
}

/** See the head of this file. */
export class CertificateDesk {
  readonly #options: CertificateDeskOptions;
  readonly #limits: RequestLimits;
  #opened: { readonly certificate: string; readonly authority: Promise<Authority> } | null = null;
  #making: Promise<Authority> | null = null;

  constructor(options: CertificateDeskOptions) {
    this.#options = options;
    this.#limits = new RequestLimits(options.clock);
  }

  /** PEM: whom clients of instances with TLS trust; null until the first one was asked for. */
  get ca(): string | null {
    return this.#options.stored()?.certificate ?? null;
  }

  /** Makes the authority ready, so that the first launch does not wait for it. Rejects with the reason. */
  async prepare(): Promise<void> {
    await this.#authority();
  }

  /** Answers a request, or drops it: it is repeated. Never rejects. */
  async received(sender: Sender, request: CertificateRequest): Promise<void> {
    const { log, hostsOf, proxyHost } = this.#options;
    if (!this.#limits.admits(`${sender.agentId} ${sender.executorId}`)) {
      log.debug({ ...sender }, "too many requests for certificates; this one is dropped");
      return;
    }
    const hosts = hostsOf(sender);
    if (hosts.length === 0) {
      log.warn({ ...sender }, "a certificate was asked for where no process with TLS is placed");
      return;
    }
    try {
      const authority = await this.#authority();
      const names = namesFor([...hosts, proxyHost]);
      const publicKey = Buffer.from(request.publicKey, "base64");
      const certificate = authority.sign(publicKey, names, this.#options.clock.nowMs());
      if (certificate === null) {
        this.#refuse(sender, request, "its public key is no point of P-256");
        return;
      }
      log.info({ ...sender, names }, "certificate for Redis signed");
      const { runId } = request;
      const answer = { certificate, ca: authority.certificate, problem: null };
      this.#send(sender, { version: 1, type: "certificate", runId, ...answer });
    } catch (error) {
      this.#refuse(sender, request, (error as Error).message);
    }
  }

  #refuse(sender: Sender, { runId }: CertificateRequest, because: string): void {
    this.#options.log.warn({ ...sender, because }, "no certificate for Redis");
    const problem = because.replace(/\p{C}/gu, " ").slice(0, 300) || "it failed";
    const answer = { certificate: null, ca: null, problem };
    this.#send(sender, { version: 1, type: "certificate", runId, ...answer });
  }

  #send(sender: Sender, answer: Parameters<typeof encodeCertificateAnswer>[0]): void {
    this.#options.send(sender, encodeCertificateAnswer(answer));
  }

  async #authority(): Promise<Authority> {
    const { sealing, stored } = this.#options;
    if (sealing === null) {
      throw new Error("SecretKeyFile is not set, so the authority for certificates cannot be kept");
    }
    const present = stored();
    if (present !== null) return this.#open(present, sealing.open);
    this.#making ??= this.#make(sealing.seal).finally(() => {
      this.#making = null;
    });
    return this.#making;
  }

  async #make(seal: SealSecret): Promise<Authority> {
    const { clock, frameworkName, save, log } = this.#options;
    const { Authority, newAuthority } = await import("./authority.js");
    const made = newAuthority(frameworkName, clock.nowMs());
    // Persist, then act: a certificate of an authority that nobody can find again is worth nothing.
    await save({ certificate: made.certificate, key: seal(made.key) });
    log.info({}, "made an authority for certificates of Redis");
    const authority = new Authority(made);
    this.#opened = { certificate: made.certificate, authority: Promise.resolve(authority) };
    return authority;
  }

  #open({ certificate, key }: CertificateAuthority, open: OpenSecret): Promise<Authority> {
    if (this.#opened?.certificate === certificate) return this.#opened.authority;
    const authority = (async () => {
      const plain = open(key);
      if (plain === null) {
        throw new Error("SecretKeyFile holds no key that opens the authority for certificates");
      }
      const { Authority } = await import("./authority.js");
      return new Authority({ certificate, key: plain });
    })();
    this.#opened = { certificate, authority };
    authority.catch(() => {
      this.#opened = null;
    });
    return authority;
  }
}
