/**
 * Owns the headers of every answer of the HTTP API that tell a browser what not to do with it.
 * Not: CORS (origin.ts). Called by server.ts. SPDX-License-Identifier: Apache-2.0
 */

/** How long a browser remembers that this host has TLS: a year, as is usual. */
const transportSeconds = 365 * 86_400;

/**
 * Nothing is kept, guessed, framed or loaded, and no address is passed on: the answers are data, not pages. A route that
 * serves pages sets a policy of its own over `content-security-policy`.
 */
export const answerHeadersOf = (isTls: boolean): Readonly<Record<string, string>> => ({
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  ...(isTls ? { "strict-transport-security": `max-age=${transportSeconds}` } : {}),
});
