/**
 * Owns calls of the scheduler's HTTP API: redirects of a standby scheduler, translation of failures.
 * Not: what is called (instances.ts), nor HTTP itself (exchange.ts). Called by commands and by `mrr up`.
 * SPDX-License-Identifier: Apache-2.0
 */
import { isMrrError, MrrError } from "@mr-redis/core";
import type { Endpoint } from "../endpoint/resolve.js";
import { ProblemError } from "../failure.js";
import {
  type ClientLimits,
  Connections,
  clientLimits,
  LimitReached,
  type RawAnswer,
} from "./exchange.js";
import { parseProblem } from "./parse.js";

/** A standby points to the leader once; more than this is a loop. */
const redirectsMax = 5;

/** An answer of any status. `json` is undefined when the body is none. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly json: unknown;
}

/** One call. `path` starts with a slash. */
export interface Call {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  /** Seconds that the server may hold the call, on request. */
  readonly waitSeconds?: number;
}

/** Calls one scheduler. */
export interface ApiClient {
  readonly endpoint: Endpoint;
  /** Any HTTP answer; throws MrrError `unreachable-endpoint` or `timeout` when there is none. */
  send(call: Call): Promise<Answer>;
  /** As `send`, for an answer of 2xx; throws ProblemError with the server's reason for any other. */
  request(call: Call): Promise<Answer>;
  /** Ends the connections; idempotent. */
  close(): void;
}

/** A client of the scheduler at `endpoint`. */
export function createApiClient(
  endpoint: Endpoint,
  limits: ClientLimits = clientLimits,
): ApiClient {
  const connections = new Connections(limits);
  const send = async (call: Call): Promise<Answer> => {
    try {
      const { status, text } = await follow(connections, endpoint, call, limits);
      return { status, text, json: parseJson(text) };
    } catch (error) {
      throw isMrrError(error) ? error : fromNodeError(error, endpoint, call, limits);
    }
  };
  return {
    endpoint,
    send,
    request: async (call) => {
      const answer = await send(call);
      if (answer.status < 200 || answer.status > 299) throw refusal(answer, endpoint, call);
      return answer;
    },
    close: () => connections.close(),
  };
}

async function follow(
  connections: Connections,
  endpoint: Endpoint,
  call: Call,
  limits: ClientLimits,
): Promise<RawAnswer> {
  const { method, waitSeconds = 0 } = call;
  const body = call.body === undefined ? null : JSON.stringify(call.body);
  const answerMsMax = limits.answerMsMax + waitSeconds * 1_000;
  let url = endpoint.url + call.path;
  for (let redirects = 0; redirects <= redirectsMax; redirects += 1) {
    const answer = await connections.exchange({ url, method, body, answerMsMax });
    // 307 and 308 keep method and body; others are not used by a scheduler.
    const isRedirect = answer.status === 307 || answer.status === 308;
    if (!isRedirect || answer.location === null) return answer;
    url = redirectTarget(answer.location, url);
  }
  throw new MrrError("unreachable-endpoint", `${endpoint.url} redirects in a circle`);
}

function redirectTarget(location: string, from: string): string {
  const target = URL.canParse(location, from) ? new URL(location, from) : null;
  const isHttp = target?.protocol === "http:" || target?.protocol === "https:";
  const isDowngrade = target?.protocol === "http:" && from.startsWith("https:");
  if (target === null || !isHttp || isDowngrade) {
    throw new MrrError("unreachable-endpoint", `${from} redirects to "${location}", not followed`);
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

/** An answer that is no success, as the error that it describes or as what can be said of it. */
function refusal(answer: Answer, endpoint: Endpoint, call: Call): Error {
  const problem = parseProblem(answer.json);
  if (problem !== null) return new ProblemError({ ...problem, status: answer.status });
  const code = answer.status >= 500 ? "unreachable-endpoint" : "invalid-request";
  return new ProblemError({
    type: "about:blank",
    title: "no answer of mr-redis",
    status: answer.status,
    detail: `${call.method} ${endpoint.url}${call.path} answers ${answer.status} without a reason`,
    code,
    help: `Is there a scheduler of mr-redis at ${endpoint.url} (${endpoint.source})?`,
  });
}

const meanings: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the connection is refused",
  ECONNRESET: "the connection was closed before an answer came",
  EPIPE: "the connection was closed before an answer came",
  ENOTFOUND: "the host is not known",
  EAI_AGAIN: "the host's name cannot be looked up now",
  EHOSTUNREACH: "there is no way to the host",
  ENETUNREACH: "there is no way to the network",
  ETIMEDOUT: "nobody accepts the connection",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed (NODE_EXTRA_CA_CERTS names more)",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is self-signed (NODE_EXTRA_CA_CERTS names more)",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "its certificate is not trusted (NODE_EXTRA_CA_CERTS names more)",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host",
  CERT_HAS_EXPIRED: "its certificate has expired",
};

/** Translates what Node throws, and limits. */
function fromNodeError(
  error: unknown,
  endpoint: Endpoint,
  call: Call,
  { connectMsMax, answerBytesMax }: ClientLimits,
): Error {
  const where = `${endpoint.url} (${endpoint.source})`;
  const unreachable = (text: string): MrrError =>
    new MrrError("unreachable-endpoint", text, { cause: error });
  const mayHaveHappened =
    call.method === "GET" ? "" : "; what was asked may have been done, so look at the status";
  if (error instanceof LimitReached) {
    switch (error.limit) {
      case "connect":
        return unreachable(
          `${where} does not accept the connection within ${connectMsMax / 1_000} s`,
        );
      case "bytes":
        return unreachable(`${where} answers more than ${answerBytesMax} bytes`);
      case "answer": {
        const text = `${where} accepts the call and does not answer${mayHaveHappened}`;
        return new MrrError("timeout", text, { cause: error });
      }
    }
  }
  const { code = "", message } = error as NodeJS.ErrnoException;
  const isForeign = code.startsWith("HPE_") || code === "EPROTO";
  const meaning = isForeign ? "it does not speak HTTP" : (meanings[code] ?? (code || message));
  const isCut = code === "ECONNRESET" || code === "EPIPE";
  return unreachable(`${where} does not answer: ${meaning}${isCut ? mayHaveHappened : ""}`);
}
