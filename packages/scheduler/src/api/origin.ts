/**
 * Owns which web pages may use the API: CORS for the origins of `CorsOrigins`, refusal of writes from all others, and
 * refusal of names that a page made point to this machine (DNS rebinding).
 * Not: routes. Called by the API for every request, before anything else looks at it.
 * Source of the header lists: the ancestor's answers, kept letter by letter on /v1.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { IncomingHttpHeaders } from "node:http";
import { isLoopback } from "@mr-redis/core";

const methods = ["GET", "POST", "PUT", "DELETE", "OPTIONS"];
const requestHeaders = ["Origin", "Authorization", "Access-Control-Allow-Origin", "Content-Type"];
const answerHeaders = ["Content-Length", "Access-Control-Allow-Origin", "Content-Type"];

/** What of a request matters here. */
export interface OriginRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/**
 * refuse: a page of a foreign origin tries to change something. preflight: to be answered 200 without a body.
 * pass: go on, with these headers. Without `origins`, or for an origin that is not in it, `headers` is all but empty.
 */
export interface OriginVerdict {
  readonly type: "pass" | "preflight" | "refuse";
  readonly headers: Readonly<Record<string, string>>;
}

/** Under which names the API is reached. */
export interface ApiNames {
  /** `HTTPBind`: where it listens. */
  readonly bind: string;
  /** `HTTPAdvertise`, or empty. */
  readonly advertise: string;
}

/**
 * Why a request for this `Host` is refused, or null. An API that listens on loopback alone relies on being reached from
 * this machine alone; a web page can get at it all the same under a name of its own that it lets point to 127.0.0.1
 * (then its origin equals the host, so that nothing else would notice). So only the names of loopback are good there.
 */
export function hostRefusal(
  { bind, advertise }: ApiNames,
  host: string | undefined,
): string | null {
  if (!isLoopback(bind) || host === undefined) return null;
  const name = hostNameOf(host);
  if (isLoopback(name)) return null;
  if (advertise !== "" && name === hostNameOf(advertise.replace(/^.*?:\/\//, ""))) return null;
  return `this API listens on ${bind} alone, so only localhost, 127.0.0.1 and [::1] are accepted as its name; HTTPAdvertise can add one, or HTTPBind open it to others`;
}

const hostNameOf = (host: string): string => host.replace(/:\d*$/, "").toLowerCase();

/** Judges one request. `origins` as configured, e.g. `https://ops.example`; `*` allows every page. */
export function judgeOrigin(origins: readonly string[], request: OriginRequest): OriginVerdict {
  const { headers, method } = request;
  const origin = headers.origin;
  const vary: Record<string, string> = origins.length === 0 ? {} : { Vary: "Origin" };
  const allowed = origin !== undefined && (origins.includes(origin) || origins.includes("*"));
  const preflight =
    method === "OPTIONS" &&
    (headers["access-control-request-method"] !== undefined ||
      headers["access-control-request-headers"] !== undefined);
  if (preflight) {
    return {
      type: "preflight",
      headers: allowed ? { ...vary, ...preflightHeaders(origin, request) } : vary,
    };
  }
  if (allowed)
    return { type: "pass", headers: { ...vary, ...simpleHeaders(origin, request.path) } };
  const reads = method === "GET" || method === "HEAD" || method === "OPTIONS";
  return { type: reads || !isForeign(headers) ? "pass" : "refuse", headers: vary };
}

/** True when a browser sent the request for a page that this server did not serve. */
function isForeign(headers: IncomingHttpHeaders): boolean {
  if (headers.origin === undefined) return false;
  const site = headers["sec-fetch-site"];
  // A reverse proxy may change Host, but the browser's own judgement passes it unchanged.
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  return !URL.canParse(headers.origin) || new URL(headers.origin).host !== headers.host;
}

const requestHeadersOf = (path: string): string[] =>
  path.startsWith("/v1/") ? requestHeaders : [...requestHeaders, "Idempotency-Key"];

const answerHeadersOf = (path: string): string[] =>
  path.startsWith("/v1/") ? answerHeaders : [...answerHeaders, "Location", "Mr-Redis-State-Age-Ms"];

function simpleHeaders(origin: string, path: string): Record<string, string> {
  return {
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Allow-Headers": requestHeadersOf(path).join(","),
    "Access-Control-Allow-Methods": methods.join(","),
    "Access-Control-Allow-Origin": origin,
    "Access-Control-Expose-Headers": answerHeadersOf(path).join(","),
  };
}

function preflightHeaders(
  origin: string,
  { headers, path }: OriginRequest,
): Record<string, string> {
  const known = requestHeadersOf(path).map((name) => name.toLowerCase());
  const wanted = (headers["access-control-request-headers"] ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => known.includes(name.toLowerCase()));
  const method = headers["access-control-request-method"] ?? "";
  return {
    "Access-Control-Allow-Credentials": "true",
    ...(wanted.length > 0 ? { "Access-Control-Allow-Headers": wanted.join(",") } : {}),
    ...(methods.includes(method) ? { "Access-Control-Allow-Methods": methods.join(",") } : {}),
    "Access-Control-Allow-Origin": origin,
    "Access-Control-Expose-Headers": answerHeadersOf(path).join(","),
  };
}
