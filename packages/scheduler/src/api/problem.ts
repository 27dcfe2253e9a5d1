/**
 * Owns what a client is told about an error: problem details (RFC 9457) on /v2, one line of text elsewhere.
 * Not: the table of errors (core). Called by the error handlers of the API; nothing of a stack trace ever gets out.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type ErrorCode, errorTable, isMrrError, MrrError, type Problem } from "@mr-redis/core";
import type { FastifyReply } from "fastify";

/** Body of every error on /v2, `application/problem+json`. */
export interface ProblemDetails {
  /** `urn:mr-redis:error:<code>`. */
  readonly type: string;
  /** The same for every occurrence of the code. */
  readonly title: string;
  readonly status: number;
  /** What happened here. */
  readonly detail: string;
  readonly code: ErrorCode;
  /** What to do about it. */
  readonly help: string;
  /** What is wrong with the input, all at once; only on `invalid-request`. */
  readonly problems?: readonly Problem[];
}

/** An answer that differs from the table in its HTTP status (an unknown path is a 404, say). */
export class HttpRefusal extends MrrError {
  readonly httpStatus: number;

  constructor(httpStatus: number, message: string) {
    super("unsupported-request", message);
    this.httpStatus = httpStatus;
  }
}

/** The refusal of an input, with every problem found. */
export const invalidRequest = (problems: readonly Problem[]): MrrError =>
  new MrrError(
    "invalid-request",
    problems.map((problem) => `${problem.path} ${problem.rule}`).join("; "),
    { details: { problems } },
  );

/** Answer of an error: its HTTP status and the body for /v2. */
export function problemOf(error: MrrError): ProblemDetails {
  const entry = errorTable[error.code];
  const problems = error.details.problems;
  return {
    type: `urn:mr-redis:error:${error.code}`,
    title: titleOf(error.code),
    status: error instanceof HttpRefusal ? error.httpStatus : entry.httpStatus,
    detail: error.message,
    code: error.code,
    help: entry.help,
    ...(Array.isArray(problems) ? { problems: problems as readonly Problem[] } : {}),
  };
}

/**
 * Any error as one of ours. What Fastify refuses becomes `body-too-large` or `invalid-request`;
 * everything unknown becomes `internal`, whose text only names the request under which the log has the cause.
 */
export function mrrErrorOf(error: unknown, requestId: string, bodyBytesMax: number): MrrError {
  if (isMrrError(error)) return error;
  const { code, statusCode } = (error ?? {}) as { code?: unknown; statusCode?: unknown };
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE") {
    return new MrrError("body-too-large", `The body is larger than ${bodyBytesMax} bytes.`);
  }
  if (typeof statusCode === "number" && statusCode >= 400 && statusCode < 500) {
    return new MrrError("invalid-request", "The request is malformed.", { cause: error });
  }
  return new MrrError("internal", `Internal error; the log has it under request ${requestId}.`, {
    cause: error,
  });
}

/** Sends `error` as problem details. */
export function sendProblem(reply: FastifyReply, error: MrrError): FastifyReply {
  const problem = problemOf(error);
  return prepare(reply, error, problem.status)
    .type("application/problem+json; charset=utf-8")
    .send(JSON.stringify(problem));
}

/** Sends `error` as one line of text. */
export function sendErrorText(reply: FastifyReply, error: MrrError): FastifyReply {
  return sendText(prepare(reply, error, problemOf(error).status), null, error.message);
}

/** Sends text as the ancestor did: plain, UTF-8, no newline at the end. `status` null leaves it as it is. */
export function sendText(reply: FastifyReply, status: number | null, text: string): FastifyReply {
  if (status !== null) reply.code(status);
  return reply.type("text/plain; charset=utf-8").send(text);
}

function prepare(reply: FastifyReply, error: MrrError, status: number): FastifyReply {
  // Fastify closes the connection of a refused body at once, which would reset it before the sender, still
  // writing, reads the answer. The rest of the body is drained instead (drain.ts).
  reply.removeHeader("connection");
  if (errorTable[error.code].retryable) reply.header("retry-after", "1");
  return reply.code(status);
}

function titleOf(code: ErrorCode): string {
  const words = code.replaceAll("-", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
