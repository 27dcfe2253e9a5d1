/**
 * Owns what it means that a call got no answer, or a refusal: the texts, the codes, and whether it was sent at all.
 * Not: what is tried then (client.ts). Called by client.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type ErrorCode, isMrrError, MrrError } from "@mr-redis/core";
import { ProblemError } from "../failure.js";
import type { Answer, Call } from "./client.js";
import { type ClientLimits, LimitReached } from "./exchange.js";
import { parseProblem } from "./parse.js";

/** A call that got no answer of one endpoint. */
export interface NoAnswer {
  readonly code: ErrorCode;
  /** Continues the endpoint: "does not answer: the connection is refused". */
  readonly text: string;
  /** False when nothing can have come of the call: another endpoint may get it. */
  readonly wasSent: boolean;
  readonly cause: unknown;
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
  DEPTH_ZERO_SELF_SIGNED_CERT:
    "its certificate is self-signed (--ca-file names who vouches for it)",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is self-signed (--ca-file names who vouches for it)",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "its certificate is not trusted (--ca-file names who vouches for it)",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host",
  CERT_HAS_EXPIRED: "its certificate has expired",
};

/** Errors that only connecting has; others tell by their `syscall`. */
const connectCodes = new Set(["ECONNREFUSED", "ENOTFOUND", "EHOSTUNREACH", "ENETUNREACH"]);

/** Translates what a call threw: limits, redirects that are not followed, and Node's own errors. */
export function noAnswerOf(
  error: unknown,
  call: Call,
  { connectMsMax, answerBytesMax }: ClientLimits,
): NoAnswer {
  const unreachable = (text: string, wasSent: boolean): NoAnswer => ({
    code: "unreachable-endpoint",
    text,
    wasSent,
    cause: error,
  });
  // Of ours are those about redirects: who redirects has not carried out what was asked.
  if (isMrrError(error)) return { ...unreachable(error.message, false), code: error.code };
  const mayHaveHappened =
    call.method === "GET" ? "" : "; what was asked may have been done, so look at the status";
  if (error instanceof LimitReached) {
    switch (error.limit) {
      case "connect":
        return unreachable(
          `does not accept the connection within ${connectMsMax / 1_000} s`,
          false,
        );
      case "bytes":
        return unreachable(`answers more than ${answerBytesMax} bytes`, true);
      case "answer": {
        const text = `accepts the call and does not answer${mayHaveHappened}`;
        return { ...unreachable(text, true), code: "timeout" };
      }
    }
  }
  const { code = "", message, syscall } = error as NodeJS.ErrnoException;
  const isForeign = code.startsWith("HPE_") || code === "EPROTO";
  const meaning = isForeign ? "it does not speak HTTP" : (meanings[code] ?? (code || message));
  const isCut = code === "ECONNRESET" || code === "EPIPE";
  const isUnsent = connectCodes.has(code) || syscall === "connect" || syscall === "getaddrinfo";
  return unreachable(`does not answer: ${meaning}${isCut ? mayHaveHappened : ""}`, !isUnsent);
}

/** An endpoint that gave no answer; `target` is another one when the endpoint redirected to it. */
export interface Tried {
  readonly url: string;
  readonly target: string;
  readonly failure: NoAnswer;
}

/** All that was tried, as one error. `tried` is not empty. */
export function failureOf(tried: readonly Tried[], source: string): MrrError {
  const [first] = tried;
  const single = tried.length === 1;
  const texts = tried.map(({ url, target, failure }) => {
    const named = single ? `${url} (${source})` : url;
    const where = target === url ? named : `${target}, to which ${named} redirects,`;
    return `${where} ${failure.text}`;
  });
  const isSlow = tried.some(({ failure }) => failure.code === "timeout");
  const code = single
    ? (first?.failure.code ?? "internal")
    : isSlow
      ? "timeout"
      : "unreachable-endpoint";
  const text = single ? texts.join("") : `no endpoint (${source}) answers: ${texts.join("; ")}`;
  return new MrrError(code, text, { cause: tried.at(-1)?.failure.cause });
}

/** An answer that is no success, as the error that it describes or as what can be said of it. */
export function refusal(answer: Answer, source: string, call: Call): Error {
  const problem = parseProblem(answer.json);
  if (problem !== null) return new ProblemError({ ...problem, status: answer.status });
  const code = answer.status >= 500 ? "unreachable-endpoint" : "invalid-request";
  return new ProblemError({
    type: "about:blank",
    title: "no answer of mr-redis",
    status: answer.status,
    detail: `${call.method} ${answer.url}${call.path} answers ${answer.status} without a reason`,
    code,
    help: `Is there a scheduler of mr-redis at ${answer.url} (${source})?`,
  });
}

/** True when this scheduler says that it did not even begin: another one may lead. */
export const isNotReady = ({ status, json }: Answer): boolean =>
  status === 503 && parseProblem(json)?.code === "not-ready";
