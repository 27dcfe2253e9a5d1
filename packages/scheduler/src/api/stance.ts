/**
 * Owns what a request meets at a scheduler that leads, that has ceased to lead, or that stands by: it is answered, sent
 * on to the leader, or refused with the reason. Not: who leads (port.ts asks). Called by the server for each request.
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError } from "@mr-redis/core";
import type { FastifyReply } from "fastify";
import type { ControlPort, Stance } from "./port.js";
import { sendText } from "./problem.js";

/** Header of reads: ms since the store last confirmed that the state shown is the one that counts. */
export const stateAgeHeader = "mr-redis-state-age-ms";

/** Answered by every scheduler about itself. */
export const ownPaths: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/metrics"]);

/** What of a request matters here. `url` as in the request line. */
export interface StanceRequest {
  readonly method: string;
  readonly url: string;
  readonly path: string;
}

/**
 * Answers the request when this scheduler must not, and returns the reply; throws MrrError `not-ready` when nobody leads,
 * `store-unavailable` for a change while reads are answered from memory. Undefined: the routes answer.
 */
export function judgeStance(
  port: Pick<ControlPort, "stance">,
  request: StanceRequest,
  reply: FastifyReply,
): FastifyReply | undefined {
  if (ownPaths.has(request.path.replace(/\/$/, ""))) return undefined;
  const stance = port.stance();
  const reads = request.method === "GET" || request.method === "HEAD";
  switch (stance.type) {
    case "leading":
      if (reads) reply.header(stateAgeHeader, String(stance.stateAgeMs));
      return undefined;
    case "memory":
      if (!reads && request.method !== "OPTIONS") throw changeRefused(stance.reason);
      reply.header(stateAgeHeader, String(stance.stateAgeMs));
      return undefined;
    case "standby":
      return redirect(stance, request, reply);
    case "leaderless":
      throw new MrrError("not-ready", stance.reason);
  }
}

/** 307 keeps method and body. */
function redirect(
  { leaderUrl }: Extract<Stance, { type: "standby" }>,
  { url }: StanceRequest,
  reply: FastifyReply,
): FastifyReply {
  // A request line may hold a whole address; what is behind the leader's own is always a path.
  const target = leaderUrl + (url.startsWith("/") ? url : "/");
  reply.header("location", target);
  return sendText(reply, 307, `The scheduler at ${leaderUrl} leads; ask there`);
}

const changeRefused = (reason: string): MrrError =>
  new MrrError("store-unavailable", `Nothing can be changed now: ${reason}`);
