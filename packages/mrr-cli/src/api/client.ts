/**
 * Owns calls of the scheduler's HTTP API: limits, redirects of a standby scheduler, translation of failures.
 * Not: what is called (instances.ts). undici is loaded at the first call: `--help` needs no HTTP.
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError } from "@mr-redis/core";
import type { Agent, Dispatcher } from "undici";
import type { Endpoint } from "../endpoint/resolve.js";
import { ProblemError } from "../failure.js";
import { parseProblem } from "./parse.js";

/** Limits of every call, each with its reason. */
export const clientLimits = {
  /** Connecting takes longer than this only when nobody is there. */
  connectMsMax: 5_000,
  /** Time for an answer, beyond what the call asks the server to wait. */
  answerMsMax: 30_000,
  /** A page of 100 instances with 100 processes each is about 8 MB. */
  answerBytesMax: 64 * 1024 * 1024,
};

/** The limits of a client; tests use smaller ones. */
export type ClientLimits = Readonly<typeof clientLimits>;

/** A standby points to the leader once; more than this is a loop. */
const redirectsMax = 5;

/** An answer of any status. `json` is undefined when the body is none. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly json: unknown;
}

/** One call. `path` starts with /v2. */
export interface Call {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  /** Seconds that the server may hold the call, on request. */
  readonly waitSeconds?: number;
}

/** Calls one scheduler. `close` ends the connections; idempotent. */
export interface ApiClient {
  readonly endpoint: Endpoint;
  /** Any HTTP answer; throws MrrError `unreachable-endpoint` or `timeout` when there is none. */
  send(call: Call): Promise<Answer>;
  /** As `send`, for an answer of 2xx; throws ProblemError with the server's reason for any other. */
  request(call: Call): Promise<Answer>;
  close(): Promise<void>;
}

/** A client of the scheduler at `endpoint`. */
export function createApiClient(
  endpoint: Endpoint,
  limits: ClientLimits = clientLimits,
): ApiClient {
  let agent: Agent | null = null;
  const send = async (call: Call): Promise<Answer> => {
    const undici = await import("undici");
    agent ??= new undici.Agent({ connect: { timeout: limits.connectMsMax } });
    try {
      return await follow(undici.request, agent, endpoint, call, limits);
    } catch (error) {
      throw fromNodeError(error, endpoint, call);
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
    close: async () => {
      await agent?.destroy();
    },
  };
}

type Request = typeof import("undici").request;

async function follow(
  request: Request,
  dispatcher: Agent,
  endpoint: Endpoint,
  call: Call,
  limits: ClientLimits,
): Promise<Answer> {
  const { answerMsMax } = limits;
  let url = endpoint.url + call.path;
  for (let redirects = 0; redirects <= redirectsMax; redirects += 1) {
    const limitMs = answerMsMax + (call.waitSeconds ?? 0) * 1_000;
    const response = await request(url, {
      method: call.method,
      dispatcher,
      headersTimeout: limitMs,
      bodyTimeout: answerMsMax,
      signal: AbortSignal.timeout(limitMs + answerMsMax),
      headers: { accept: "application/json", ...(call.body === undefined ? {} : jsonContent) },
      body: call.body === undefined ? null : JSON.stringify(call.body),
    });
    const text = await readBody(response.body, limits.answerBytesMax);
    const { location } = response.headers;
    // 307 and 308 keep method and body; others are not used by a scheduler.
    const isRedirect = response.statusCode === 307 || response.statusCode === 308;
    if (!isRedirect || typeof location !== "string") {
      return { status: response.statusCode, text, json: parseJson(text) };
    }
    url = redirectTarget(location, url);
  }
  throw new MrrError("unreachable-endpoint", `${endpoint.url} redirects in a circle`);
}

const jsonContent = { "content-type": "application/json" };

function redirectTarget(location: string, from: string): string {
  const target = URL.canParse(location, from) ? new URL(location, from) : null;
  const isHttp = target?.protocol === "http:" || target?.protocol === "https:";
  const isDowngrade = target?.protocol === "http:" && from.startsWith("https:");
  if (target === null || !isHttp || isDowngrade) {
    throw new MrrError("unreachable-endpoint", `${from} redirects to "${location}", not followed`);
  }
  return target.href;
}

async function readBody(
  body: Dispatcher.ResponseData["body"],
  answerBytesMax: number,
): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    const part = Buffer.from(chunk);
    bytes += part.length;
    if (bytes > answerBytesMax) {
      throw new MrrError(
        "unreachable-endpoint",
        `the answer is larger than ${answerBytesMax} bytes`,
      );
    }
    chunks.push(part);
  }
  return Buffer.concat(chunks).toString("utf8");
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
  UND_ERR_SOCKET: "the connection was closed before an answer came",
  ENOTFOUND: "the host is not known",
  EAI_AGAIN: "the host's name cannot be looked up now",
  EHOSTUNREACH: "there is no way to the host",
  ENETUNREACH: "there is no way to the network",
  UND_ERR_CONNECT_TIMEOUT: "nobody accepts the connection",
  ETIMEDOUT: "nobody accepts the connection",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed (NODE_EXTRA_CA_CERTS names more)",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is self-signed (NODE_EXTRA_CA_CERTS names more)",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "its certificate is not trusted (NODE_EXTRA_CA_CERTS names more)",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host",
  CERT_HAS_EXPIRED: "its certificate has expired",
};

const answerTimeouts = new Set(["UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"]);

/** Translates what undici and Node throw. */
function fromNodeError(error: unknown, endpoint: Endpoint, call: Call): Error {
  if (error instanceof MrrError) return error;
  const { code, name, message } = error as NodeJS.ErrnoException;
  const where = `${endpoint.url} (${endpoint.source})`;
  const mayHaveHappened =
    call.method === "GET" ? "" : "; what was asked may have been done, so look at the status";
  if (name === "TimeoutError" || answerTimeouts.has(code ?? "")) {
    const text = `${where} accepts the call and does not answer${mayHaveHappened}`;
    return new MrrError("timeout", text, { cause: error });
  }
  const isForeign = name === "HTTPParserError";
  const meaning = isForeign ? "it does not speak HTTP" : (meanings[code ?? ""] ?? code ?? message);
  const isCut = code === "ECONNRESET" || code === "UND_ERR_SOCKET";
  const text = `${where} does not answer: ${meaning}${isCut ? mayHaveHappened : ""}`;
  return new MrrError("unreachable-endpoint", text, { cause: error });
}
