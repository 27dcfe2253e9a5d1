/**
 * Owns the judgement of who asks: tokens and their roles, how often, and the end of what a withdrawn token still has open.
 * Not: the tokens' file (scheduler.ts hands it in), nor the table of roles (roles.ts). Called by the server for each request.
 * SPDX-License-Identifier: Apache-2.0
 */
import { isLoopback, MrrError, mayAs } from "@mr-redis/core";
import type { FastifyReply, FastifyRequest } from "fastify";
import { clientOfAddress, type RateLimiter } from "./rate.js";
import { roleOf } from "./roles.js";
import { bearerOf, type TokenOwner, type Tokens } from "./tokens.js";

const challenge = 'Bearer realm="mr-redis"';

const howTo = "send `Authorization: Bearer TOKEN`";

/** Judges requests. */
export class Guard {
  readonly #rate: RateLimiter;
  #tokens: Tokens | null;
  /** What is being answered, by the token that asked. */
  readonly #open = new Map<FastifyReply["raw"], string>();

  /** `tokens` null: everybody may do everything. */
  constructor(tokens: Tokens | null, rate: RateLimiter) {
    this.#tokens = tokens;
    this.#rate = rate;
  }

  /** Other tokens are in force from now on. What a token that is none any more has open (streams, waits) is cut. */
  replace(tokens: Tokens): void {
    this.#tokens = tokens;
    for (const [answer, token] of this.#open) {
      if (tokens.ownerOf(token) === null) answer.destroy();
    }
  }

  /**
   * Who asks, null when that is not asked. Throws `unauthenticated`, `forbidden` or `rate-limited`; then the header that
   * belongs to it is set.
   */
  judge(request: FastifyRequest, reply: FastifyReply): TokenOwner | null {
    const address = request.socket.remoteAddress ?? "";
    const needed = roleOf(request.method, request.routeOptions.url);
    if (this.#tokens === null || needed === "open") {
      this.#count(address, null);
      return null;
    }
    const bearer = bearerOf(request.headers.authorization);
    const owner = bearer.type === "token" ? this.#tokens.ownerOf(bearer.token) : null;
    this.#count(address, owner);
    if (owner === null) {
      const text = {
        none: `This needs a token: ${howTo}.`,
        bad: `This needs a token: ${howTo}; the Authorization that came is another.`,
        token: "This token is not known here; it may have been withdrawn.",
      }[bearer.type];
      const error = bearer.type === "token" ? ', error="invalid_token"' : "";
      reply.header("www-authenticate", challenge + error);
      throw new MrrError("unauthenticated", text);
    }
    if (!mayAs(owner.role, needed)) {
      const scope = `, error="insufficient_scope", scope="${needed}"`;
      reply.header("www-authenticate", challenge + scope);
      throw new MrrError(
        "forbidden",
        `This needs the role ${needed}, and the token of ${owner.name} has ${owner.role}.`,
      );
    }
    if (bearer.type === "token") this.#remember(reply, bearer.token);
    return owner;
  }

  /** Loopback is not counted: it is this machine, or a proxy that knows its clients better. */
  #count(address: string, owner: TokenOwner | null): void {
    const plain = clientOfAddress(address);
    if (isLoopback(address) || isLoopback(plain)) return;
    if (this.#rate.take(owner === null ? `address ${plain}` : `token ${owner.name}`)) return;
    const who = owner === null ? "this address" : `the token of ${owner.name}`;
    throw new MrrError("rate-limited", `Too many requests of ${who}.`);
  }

  #remember({ raw }: FastifyReply, token: string): void {
    this.#open.set(raw, token);
    raw.once("close", () => this.#open.delete(raw));
  }
}
