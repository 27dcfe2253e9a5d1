/**
 * Owns the certificate that the scheduler gives this executor: a key pair in memory, made once when first needed, the
 * asking, and the renewal. The private key is written for this executor's own redis-servers and sent nowhere.
 * Not: the signing (packages/scheduler), nor the files (work-directory.ts). Made by certificates.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { generateKeyPairSync } from "node:crypto";
import {
  type CertificateAnswer,
  type Clock,
  certificateRenewalShare,
  certificateWaitMsMax,
  encodeCertificateRequest,
  type Timer,
} from "@mr-redis/core";
import type { Log } from "../ports.js";
import { expiryWarningMs, identityOf, type TlsIdentity, type TlsSource } from "./identity.js";

/** The first question is repeated after so long: messages get lost. Each time after twice as long. */
const askAgainMsMin = 500;

/** While a launch waits. The scheduler answers an executor less often than this for long (desk.ts). */
const askAgainMsMax = 5_000;

/** While nothing waits but a renewal, for which there is a month. */
const renewAgainMsMax = 600_000;

/** Timers of Node hold no more than 24 days. */
const lookMsMax = 43_200_000;

/** What the source needs. */
export interface OwnSourceOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Names this run of the executor. */
  readonly runId: string;
  /** Delivered once at most. */
  readonly send: (text: string) => void;
  /** True while a process has the certificate: only then it is renewed. */
  readonly isUsed: () => boolean;
  /** Another certificate is there than the one that processes have. */
  readonly renewed: (identity: TlsIdentity) => void;
}

interface Waiter {
  readonly resolve: (identity: TlsIdentity) => void;
  readonly reject: (error: Error) => void;
  readonly timer: Timer;
}

/** See the head of this file. */
export class OwnSource implements TlsSource {
  readonly #options: OwnSourceOptions;
  readonly #waiters = new Set<Waiter>();
  #keys: { readonly publicKey: string; readonly key: string } | null = null;
  #identity: TlsIdentity | null = null;
  #problem: string | null = null;
  #asked = 0;
  #isAsking = false;
  #timer: Timer | null = null;
  #isClosed = false;

  constructor(options: OwnSourceOptions) {
    this.#options = options;
  }

  identity(): Promise<TlsIdentity> {
    const { clock } = this.#options;
    const present = this.#identity;
    if (present !== null && clock.nowMs() < present.validToMs) {
      // Nobody needed it when it was time.
      if (!this.#isAsking && clock.nowMs() >= this.#renewalMs()) this.#begin();
      return Promise.resolve(present);
    }
    return new Promise((resolve, reject) => {
      const timer = clock.after(certificateWaitMsMax, () => {
        this.#waiters.delete(waiter);
        const because = this.#problem ?? "it does not answer";
        reject(
          new Error(
            `no certificate of the scheduler within ${certificateWaitMsMax} ms: ${because}`,
          ),
        );
      });
      const waiter: Waiter = { resolve, reject, timer };
      this.#waiters.add(waiter);
      // The next question may be minutes away.
      if (this.#waiters.size === 1) this.#begin();
    });
  }

  /** An answer of the scheduler; one that was not asked for is none. */
  answered(answer: CertificateAnswer): void {
    const { runId, clock, log } = this.#options;
    if (this.#isClosed || !this.#isAsking || answer.runId !== runId || this.#keys === null) return;
    const { certificate, ca, problem } = answer;
    if (certificate === null || ca === null) {
      this.#problem = problem;
      log.error("no certificate for Redis yet", { problem });
      return;
    }
    try {
      const identity = identityOf(
        {
          certificate: { name: "the certificate of the scheduler", text: certificate },
          key: { name: "our key", text: this.#keys.key },
          ca: { name: "the authority of the scheduler", text: ca },
        },
        clock.nowMs(),
      );
      this.#take(identity);
    } catch (error) {
      this.#problem = (error as Error).message;
      log.error("no certificate for Redis yet", { problem: this.#problem });
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    for (const waiter of this.#waiters) {
      waiter.timer.cancel();
      waiter.reject(new Error("the executor ends"));
    }
    this.#waiters.clear();
  }

  #take(identity: TlsIdentity): void {
    const before = this.#identity;
    this.#identity = identity;
    this.#problem = null;
    this.#isAsking = false;
    const { leaf } = identity;
    const { validTo, subjectAltName: names } = leaf;
    this.#options.log.info("certificate for Redis", { validTo, names });
    for (const waiter of this.#waiters) {
      waiter.timer.cancel();
      waiter.resolve(identity);
    }
    this.#waiters.clear();
    this.#later(lookMsMax);
    if (before !== null) this.#options.renewed(identity);
  }

  #begin(): void {
    this.#keys ??= newKeys();
    this.#asked = 0;
    this.#isAsking = true;
    this.#ask();
  }

  #ask(): void {
    const { runId, send } = this.#options;
    if (this.#keys === null) return;
    const { publicKey } = this.#keys;
    send(encodeCertificateRequest({ version: 1, type: "certificate-request", runId, publicKey }));
    const delayMs = askAgainMsMin * 2 ** Math.min(this.#asked, 20);
    this.#asked += 1;
    this.#later(Math.min(delayMs, this.#waiters.size > 0 ? askAgainMsMax : renewAgainMsMax));
  }

  #later(delayMs: number): void {
    const { clock } = this.#options;
    this.#timer?.cancel();
    const dueMs = this.#identity === null ? delayMs : this.#renewalMs() - clock.nowMs();
    const waitMs = this.#isAsking ? delayMs : Math.min(delayMs, Math.max(0, dueMs));
    this.#timer = clock.after(Math.ceil(waitMs), () => this.#look());
  }

  #renewalMs(): number {
    if (this.#identity === null) return 0;
    const { validFromMs, validToMs } = this.#identity;
    return validFromMs + (validToMs - validFromMs) * certificateRenewalShare;
  }

  #look(): void {
    if (this.#isClosed) return;
    const { clock, log, isUsed } = this.#options;
    const identity = this.#identity;
    if (this.#waiters.size === 0 && (identity === null || !isUsed())) {
      // Whoever waited or had one has gone; the next launch asks again.
      this.#isAsking = false;
      if (identity !== null) this.#timer = clock.after(lookMsMax, () => this.#look());
      return;
    }
    const nowMs = clock.nowMs();
    if (this.#isAsking) this.#ask();
    else if (nowMs >= this.#renewalMs()) this.#begin();
    else this.#later(lookMsMax);
    if (identity !== null && identity.validToMs - nowMs < expiryWarningMs) {
      const { validTo } = identity.leaf;
      log.error("the certificate for Redis ends soon and was not renewed", {
        validTo,
        problem: this.#problem ?? "the scheduler does not answer",
      });
    }
  }
}

function newKeys(): { readonly publicKey: string; readonly key: string } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    publicKey: publicKey.export({ type: "spki", format: "der" }).toString("base64"),
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}
