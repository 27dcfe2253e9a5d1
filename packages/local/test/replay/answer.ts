/**
 * Owns the comparison of two answers: status line, headers, body. Date is left out, ids are matched, and the length of a
 * body counts only by its own truth. Called by the replay.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Matching } from "./matching.js";
import type { HttpMessage } from "./recording.js";

/** Headers of an answer whose values are compared as they stand. */
function headersOf(message: HttpMessage): Record<string, string> {
  const headers = Object.fromEntries(
    message.headers.map(([name, value]) => [name.toLowerCase(), value]),
  );
  delete headers.date;
  return headers;
}

/** Where two answers differ. */
export function compareAnswers(
  recorded: HttpMessage,
  now: HttpMessage,
  matching: Matching,
): readonly string[] {
  const [a, b] = [headersOf(recorded), headersOf(now)];
  const lengthOf = (message: HttpMessage, headers: Record<string, string>) => {
    if (headers["content-length"] === undefined) return;
    const isTrue = Number(headers["content-length"]) === message.body.length;
    headers["content-length"] = isTrue ? "true" : `not ${message.body.length}`;
  };
  lengthOf(recorded, a);
  lengthOf(now, b);
  return [
    ...matching.differences(recorded.startLine, now.startLine, "status"),
    ...matching.differences(a, b, "headers"),
    ...matching.differences(recorded.body.toString("latin1"), now.body.toString("latin1"), "body"),
  ];
}
