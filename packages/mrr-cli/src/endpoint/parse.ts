/**
 * Owns what an endpoint may look like. Pure.
 * Not: where it comes from (resolve.ts, files.ts). Called by resolve.ts and by init.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Parsed, parsed, refused, withoutSlashes } from "@mr-redis/core";

/** Where the scheduler of `npm start` listens. */
export const endpointDefault = "http://127.0.0.1:5656";

/** Longest endpoint: a path below a router is short, and no message should repeat a whole file. */
const endpointCharactersMax = 2_048;

/**
 * The address of a scheduler's API: http or https, a host, a port, and a path where a router puts it below one
 * (`http://dcos/service/mrredis`). Comes out without a slash at its end.
 */
export function parseEndpoint(path: string, text: string): Parsed<string> {
  if (text.length > endpointCharactersMax) {
    return refused(path, `must have at most ${endpointCharactersMax} characters`);
  }
  // The ancestor's text, for scripts that look for it.
  const rule = "The end point should contain http or https";
  const example = `like ${endpointDefault}, and is "${text}"`;
  if (!/^https?:\/\//i.test(text)) return refused(path, `is refused: ${rule}, ${example}`);
  if (!URL.canParse(text)) return refused(path, `must be an address ${example}`);
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") {
    return refused(path, "must not hold a user or a password: it would lie in a file");
  }
  if (url.search !== "" || url.hash !== "") {
    return refused(path, `must end before any ? or #, ${example}`);
  }
  return parsed(`${url.origin}${withoutSlashes(url.pathname)}`);
}

/** Most schedulers of one cluster that are asked in turn: each may cost the time of a connection that nobody accepts. */
const endpointsMax = 16;

/** One or several endpoints with commas, in the order in which they are tried; every one that is wrong is named. */
export function parseEndpoints(path: string, text: string): Parsed<readonly string[]> {
  const entries = text.split(",").map((entry) => entry.trim());
  if (entries.length > endpointsMax) {
    return refused(
      path,
      `must name at most ${endpointsMax} schedulers, and names ${entries.length}`,
    );
  }
  const results = entries.map((entry) => parseEndpoint(path, entry));
  const problems = results.flatMap((result) => (result.ok ? [] : result.problems));
  if (problems.length > 0) return { ok: false, problems };
  return parsed([...new Set(results.flatMap((result) => (result.ok ? [result.value] : [])))]);
}
