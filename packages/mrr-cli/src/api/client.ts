/**
 * Owns calls of the scheduler's HTTP API: redirects of a standby scheduler, several endpoints.
 * Not: what is called (instances.ts), HTTP itself (exchange.ts), nor what a failure means (failure.ts). Called by
 * commands and by `mrr up`.
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError } from "@mr-redis/core";
import { type Access, noAccess } from "../endpoint/access.js";
import type { Endpoint } from "../endpoint/resolve.js";
import { type ClientLimits, Connections, clientLimits, type RawAnswer } from "./exchange.js";
import { failureOf, isNotReady, noAnswerOf, refusal, type Tried } from "./failure.js";

/** A standby points to the leader, once; one more when the leadership changes meanwhile. More is a loop. */
const redirectsMax = 3;

/** An answer of any status. `json` is undefined when the body is none. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly json: unknown;
  /** Where it came from: an endpoint, or the leader to which one redirected. */
  readonly url: string;
  /** How long ago the store last confirmed what is shown; null when the scheduler does not say it. */
  readonly stateAgeMs: number | null;
}

/** One call. `path` starts with a slash. */
export interface Call {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  /** Seconds that the server may hold the call, on request. */
  readonly waitSeconds?: number;
}

/** Calls one cluster of schedulers. */
export interface ApiClient {
  /**
   * Any HTTP answer; throws MrrError `unreachable-endpoint` or `timeout` when there is none. The next endpoint is tried
   * when one gives no answer; with a call that changes something, only when it was not sent.
   */
  send(call: Call): Promise<Answer>;
  /** As `send`, for an answer of 2xx; throws ProblemError with the server's reason for any other. */
  request(call: Call): Promise<Answer>;
  /** The last answer to a GET; null before it. */
  lastRead(): Answer | null;
  /** What it carries and trusts. */
  readonly access: Access;
  /** Ends the connections; idempotent. */
  close(): void;
}

/**
 * A client of the schedulers at `endpoint`. Its token goes to whom they redirect, too: all schedulers of a cluster know the
 * same ones, and a redirect from https to http is not followed.
 */
export function createApiClient(
  endpoint: Endpoint,
  limits: ClientLimits = clientLimits,
  access: Access = noAccess,
): ApiClient {
  const { urls, source } = endpoint;
  const connections = new Connections(limits, access);
  // Who has answered is asked first the next time.
  let firstIndex = 0;
  let lastRead: Answer | null = null;
  const send = async (call: Call): Promise<Answer> => {
    const tried: Tried[] = [];
    let notReady: Answer | null = null;
    for (let count = 0; count < urls.length; count += 1) {
      const index = (firstIndex + count) % urls.length;
      const url = urls[index] ?? "";
      const outcome = await askOne(connections, url, call, limits);
      if ("failure" in outcome) {
        tried.push(outcome);
        if (call.method !== "GET" && outcome.failure.wasSent) break;
      } else if (isNotReady(outcome)) notReady ??= outcome;
      else {
        firstIndex = index;
        if (call.method === "GET") lastRead = outcome;
        return outcome;
      }
    }
    if (notReady !== null) return notReady;
    throw failureOf(tried, source);
  };
  return {
    access,
    send,
    request: async (call) => {
      const answer = await send(call);
      if (answer.status < 200 || answer.status > 299) throw refusal(answer, source, call);
      return answer;
    },
    lastRead: () => lastRead,
    close: () => connections.close(),
  };
}

/** Asks one endpoint, and whom it redirects to. Never rejects. */
async function askOne(
  connections: Connections,
  endpointUrl: string,
  call: Call,
  limits: ClientLimits,
): Promise<Answer | Tried> {
  const { method, waitSeconds = 0 } = call;
  const body = call.body === undefined ? null : JSON.stringify(call.body);
  const answerMsMax = limits.answerMsMax + waitSeconds * 1_000;
  let url = endpointUrl + call.path;
  // The endpoint's own path, where it has one, belongs to its address.
  let base = endpointUrl;
  try {
    for (let redirects = 0; redirects <= redirectsMax; redirects += 1) {
      const answer = await connections.exchange({ url, method, body, answerMsMax });
      // 307 and 308 keep method and body; others are not used by a scheduler.
      const isRedirect = answer.status === 307 || answer.status === 308;
      if (!isRedirect || answer.location === null) return answerOf(answer, base);
      url = redirectTarget(answer.location, url);
      base = baseOf(url, call.path);
    }
    throw new MrrError("unreachable-endpoint", "redirects in a circle");
  } catch (error) {
    return { url: endpointUrl, target: base, failure: noAnswerOf(error, call, limits) };
  }
}

const answerOf = ({ status, text, stateAgeMs }: RawAnswer, url: string): Answer => ({
  status,
  text,
  json: parseJson(text),
  url,
  stateAgeMs,
});

/** What stands before the path of the call. */
const baseOf = (url: string, path: string): string =>
  url.endsWith(path) ? url.slice(0, -path.length) : new URL(url).origin;

function redirectTarget(location: string, from: string): string {
  const target = URL.canParse(location, from) ? new URL(location, from) : null;
  const isHttp = target?.protocol === "http:" || target?.protocol === "https:";
  const isDowngrade = target?.protocol === "http:" && from.startsWith("https:");
  if (target === null || !isHttp || isDowngrade) {
    throw new MrrError("unreachable-endpoint", `redirects to "${location}", not followed`);
  }
  return target.href;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
