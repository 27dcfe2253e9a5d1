/**
 * Owns which server of etcd is asked, who we are to it, and that every call ends in time.
 * Not: what is asked. Called by the parts of the etcd driver.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock } from "@mr-redis/core";
import type { StoreCredentials, StoreTls } from "../index.js";
import { EtcdFailure, failureOf, toMrrError } from "./failure.js";
import { type CallLimits, EtcdMember } from "./member.js";

/** What the servers of one store are. */
export interface EtcdServersOptions {
  /** URLs; checked. */
  readonly endpoints: readonly string[];
  readonly credentials: StoreCredentials | null;
  readonly tls: StoreTls | null;
  readonly clock: Clock;
  /** Limit of one call. */
  readonly timeLimitMs: number;
  /** Way to a server; tests put their faults here. Default: {@link EtcdMember}. */
  readonly openMember?: OpenMember;
}

/** Connects to one server; `token` as {@link EtcdMember} takes it. */
export type OpenMember = (
  endpoint: string,
  tls: StoreTls | null,
  token: () => string | null,
) => EtcdMember;

/** What a call does with a server. */
export type Ask<T> = (member: EtcdMember, limits: CallLimits) => Promise<T>;

/** All servers of one store; one is asked until it fails. */
export class EtcdServers {
  readonly #members: readonly EtcdMember[];
  readonly #credentials: StoreCredentials | null;
  readonly #clock: Clock;
  /** With several servers, one that hangs leaves time to ask another. */
  readonly #callMs: number;
  #index = 0;
  #token: string | null = null;
  #login: Promise<void> | null = null;
  #hasAnswered = false;
  #hasWritten = false;

  constructor(options: EtcdServersOptions) {
    const { openMember = (...parts) => new EtcdMember(...parts) } = options;
    this.#members = options.endpoints.map((endpoint) =>
      openMember(endpoint, options.tls, () => this.#token),
    );
    this.#credentials = options.credentials;
    this.#clock = options.clock;
    const isOne = options.endpoints.length === 1;
    this.#callMs = isOne ? options.timeLimitMs : Math.ceil(options.timeLimitMs / 2);
  }

  /** True as soon as some server has answered a call as etcd does. */
  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  /** True as soon as a campaign could write. */
  get hasWritten(): boolean {
    return this.#hasWritten;
  }

  noteWritten(): void {
    this.#hasWritten = true;
  }

  /** The error that callers of the store see. */
  errorOf(error: unknown): unknown {
    return toMrrError(error, this.#hasAnswered);
  }

  /**
   * One call that is not repeated, except where the server refused it for an old token. Rejects with EtcdFailure. `limitMs`
   * may shorten the limit.
   */
  async call<T>(ask: Ask<T>, limitMs = this.#callMs): Promise<T> {
    const deadline = this.#clock.nowMs() + Math.min(limitMs, this.#callMs);
    for (let isAgain = false; ; isAgain = true) {
      const member = this.#member();
      try {
        await this.#authorize(member, { deadline });
        const answer = await ask(member, { deadline });
        this.#hasAnswered = true;
        return answer;
      } catch (error) {
        const failure = failureOf(error, member.endpoint);
        if (failure.kind === "token" && !isAgain) this.#token = null;
        else {
          if (failure.kind === "away") this.leave(member);
          throw failure;
        }
      }
    }
  }

  /** A call without an effect: where a server is away, the others are asked, each once. */
  async read<T>(ask: Ask<T>): Promise<T> {
    for (let rest = this.#members.length - 1; ; rest -= 1) {
      try {
        return await this.call(ask);
      } catch (error) {
        if (!(error instanceof EtcdFailure) || error.kind !== "away" || rest <= 0) throw error;
      }
    }
  }

  /** A server of whom it is known that we may ask it, for a stream. Rejects with EtcdFailure. */
  async streamMember(): Promise<EtcdMember> {
    const deadline = this.#clock.nowMs() + this.#callMs;
    const member = this.#member();
    await this.#authorize(member, { deadline });
    return member;
  }

  /** `member` does not answer: from now on another one is asked. */
  leave(member: EtcdMember): void {
    if (this.#member() === member) this.#index = (this.#index + 1) % this.#members.length;
  }

  /** The token may be unknown to a server that was started again: the next call logs in. */
  forgetToken(): void {
    this.#token = null;
  }

  /** Ends the connections. */
  close(): void {
    for (const member of this.#members) member.close();
  }

  #member(): EtcdMember {
    const member = this.#members[this.#index];
    if (member === undefined) throw new RangeError("there is no server");
    return member;
  }

  /** Logs in where there is no token; one login serves all calls that wait. */
  async #authorize(member: EtcdMember, limits: CallLimits): Promise<void> {
    if (this.#credentials === null || this.#token !== null) return;
    this.#login ??= this.#logIn(member, this.#credentials, limits).finally(() => {
      this.#login = null;
    });
    await this.#login;
  }

  async #logIn(member: EtcdMember, credentials: StoreCredentials, limits: CallLimits) {
    const { user: name, password } = credentials;
    try {
      const { token } = await member.auth.authenticate({ name, password }, limits);
      this.#token = token;
    } catch (error) {
      const failure = failureOf(error, member.endpoint);
      // As etcd's own client: a user is no fault where etcd knows none.
      if (!/authentication is not enabled/.test(failure.message)) throw failure;
      this.#token = "";
    }
  }
}
