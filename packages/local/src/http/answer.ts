/**
 * Owns answers in the form that a real master gives: which headers, no Connection header, texts without a line end.
 * Called by http/.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ServerResponse } from "node:http";

/** Why a request is not taken: status and the text of the body. */
export interface Refusal {
  readonly status: number;
  readonly text: string;
}

/** An answer with a sentence for people. Nothing when the caller has its answer already. */
export function answerText(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent) return;
  response.statusCode = status;
  response.setHeader("Content-Type", "text/plain; charset=utf-8");
  end(response, text);
}

/** 202 without a body: taken, not done. */
export function answerAccepted(response: ServerResponse): void {
  if (response.headersSent) return;
  response.statusCode = 202;
  end(response, "");
}

/** 200 without a body. */
export function answerEmpty(response: ServerResponse): void {
  if (response.headersSent) return;
  response.statusCode = 200;
  end(response, "");
}

/** 307 to the leader, as `/redirect` gives it: scheme-relative, without a path. */
export function answerRedirect(response: ServerResponse, address: string): void {
  if (response.headersSent) return;
  response.statusCode = 307;
  response.setHeader("Location", `//${address}`);
  end(response, "");
}

/** A JSON document. */
export function answerJson(response: ServerResponse, value: unknown): void {
  if (response.headersSent) return;
  response.statusCode = 200;
  response.setHeader("Content-Type", "application/json");
  end(response, JSON.stringify(value));
}

/** A refusal; a 405 says in a header what is allowed. */
export function answerRefusal(response: ServerResponse, refusal: Refusal): void {
  if (refusal.status === 405 && !response.headersSent) response.setHeader("Allow", "POST");
  answerText(response, refusal.status, refusal.text);
}

function end(response: ServerResponse, body: string): void {
  const bytes = Buffer.from(body);
  response.removeHeader("Connection");
  response.setHeader("Content-Length", bytes.length);
  response.end(bytes);
}
