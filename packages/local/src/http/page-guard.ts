/**
 * Owns keeping web pages out: a browser on the same machine reaches loopback for any page that it shows.
 * Not: authentication, of which there is none. Called by http/server.ts for every request, before its route.
 * A page of another origin says so by Origin. One whose name was made to point at 127.0.0.1 (DNS rebinding) counts as
 * the same origin for its browser, but names itself in Host. Neither executors nor schedulers do either.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { IncomingHttpHeaders } from "node:http";
import type { Refusal } from "./answer.js";

const loopbackHost = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

/** True for an address that is reached from the same machine only. */
export const isLoopbackAddress = (address: string): boolean =>
  /^127(?:\.\d{1,3}){3}$/.test(address);

/**
 * Why a request is refused; undefined when it may go on. Host is looked at only when the server is bound to loopback:
 * elsewhere it may have any name. A request without Host is from no browser.
 */
export function pageRefusal(headers: IncomingHttpHeaders, address: string): Refusal | undefined {
  if (headers.origin !== undefined) {
    return {
      status: 403,
      text: "Web pages may not use this API: the request has an Origin header",
    };
  }
  const { host } = headers;
  if (host === undefined || !isLoopbackAddress(address) || loopbackHost.test(host))
    return undefined;
  const text = `The Host of the request must be localhost, 127.x.x.x or [::1], since this API is served on ${address}`;
  return { status: 403, text };
}
