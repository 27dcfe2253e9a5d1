/**
 * Owns the judgement of conditional and range requests (RFC 9110, sections 13 and 14), without I/O.
 * Not: files or sockets (server.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { IncomingHttpHeaders } from "node:http";

/** What is known of the file. */
export interface Representation {
  readonly bytes: number;
  /** With quotes, strong. */
  readonly etag: string;
  readonly modifiedAtMs: number;
}

/** Inclusive positions. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** What to answer. */
export type Selection =
  | { readonly type: "whole" }
  | { readonly type: "part"; readonly range: ByteRange }
  | { readonly type: "unsatisfiable" }
  | { readonly type: "not-modified" }
  | { readonly type: "precondition-failed" };

/** Judges the headers of a GET or HEAD. Several ranges in one request are answered with the whole file, as the RFC allows. */
export function select(headers: IncomingHttpHeaders, file: Representation): Selection {
  const ifMatch = headers["if-match"];
  if (ifMatch !== undefined && !listed(ifMatch, file.etag)) return { type: "precondition-failed" };
  const ifNoneMatch = headers["if-none-match"];
  if (ifNoneMatch !== undefined) {
    if (listed(ifNoneMatch.replaceAll(/W\//g, ""), file.etag)) return { type: "not-modified" };
  } else if (unchangedSince(headers["if-modified-since"], file)) {
    return { type: "not-modified" };
  }
  if (headers.range === undefined || !rangeCounts(headers["if-range"]?.toString(), file)) {
    return { type: "whole" };
  }
  return rangeOf(headers.range, file.bytes);
}

const listed = (list: string, etag: string): boolean =>
  list.trim() === "*" || list.split(",").some((entry) => entry.trim() === etag);

/** Dates in HTTP have seconds only. */
const seconds = (atMs: number): number => Math.floor(atMs / 1_000);

function unchangedSince(date: string | undefined, file: Representation): boolean {
  if (date === undefined) return false;
  const sinceMs = Date.parse(date);
  return !Number.isNaN(sinceMs) && seconds(file.modifiedAtMs) <= seconds(sinceMs);
}

function rangeCounts(ifRange: string | undefined, file: Representation): boolean {
  if (ifRange === undefined) return true;
  if (ifRange.startsWith('"')) return ifRange === file.etag;
  return seconds(Date.parse(ifRange)) === seconds(file.modifiedAtMs);
}

function rangeOf(header: string, bytes: number): Selection {
  const parts = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim());
  if (parts === null) return { type: "whole" };
  const [, from = "", to = ""] = parts;
  if (from === "" && to === "") return { type: "whole" };
  if (from === "") {
    const count = Math.min(Number(to), bytes);
    if (count === 0) return { type: "unsatisfiable" };
    return { type: "part", range: { first: bytes - count, last: bytes - 1 } };
  }
  const first = Number(from);
  const last = to === "" ? bytes - 1 : Math.min(Number(to), bytes - 1);
  if (to !== "" && Number(to) < first) return { type: "whole" };
  if (first >= bytes) return { type: "unsatisfiable" };
  return { type: "part", range: { first, last } };
}
