/**
 * Owns where a master is: addresses from the configuration, Location headers, and the credential that goes with them.
 * Not: when to follow or to try another. Called by the scheduler session.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Parsed, parsed, refused } from "@mr-redis/core";

/** The path of the scheduler API; `/master/api/v1/scheduler` is the same. */
export const schedulerPath = "/api/v1/scheduler";

/** Principal and secret of HTTP basic authentication. */
export interface Credential {
  readonly principal: string;
  readonly secret: string;
}

/**
 * The URL of the scheduler API of `host:port` (with `scheme`), `http://host:port` or `https://host:port`. A path is
 * refused, so is a user: secrets do not belong into an address that is logged.
 */
export function parseMasterAddress(text: string, scheme: "http" | "https" = "http"): Parsed<URL> {
  const rule = "must be host:port, http://host:port, https://host:port or zk://host:port/path";
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `${scheme}://${text}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : null;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    return refused("master", rule);
  }
  const isBare = url.pathname === "/" && url.search === "" && url.hash === "";
  if (!isBare || url.username !== "" || url.password !== "" || url.hostname === "") {
    return refused("master", rule);
  }
  return parsed(new URL(schedulerPath, url));
}

/**
 * Where a 307 points to; null when it is unusable. A master writes it without a scheme and with another path
 * (`//host:5050/master/api/v1/scheduler`); clients that write only `host:port` are understood too. TLS is never left.
 */
export function redirectTarget(from: URL, location: string | null): URL | null {
  if (location === null || location === "") return null;
  if (/^[^/:]+:\d+$/.test(location)) return redirectTarget(from, `//${location}${schedulerPath}`);
  if (!URL.canParse(location, from.href)) return null;
  const to = new URL(location, from);
  if (to.protocol !== "http:" && to.protocol !== "https:") return null;
  if (from.protocol === "https:" && to.protocol !== "https:") return null;
  if (to.username !== "" || to.password !== "") return null;
  return to;
}

/**
 * The value of the Authorization header. Refused: a colon in either part. Mesos splits what it gets at every colon and
 * wants exactly two parts, so that it would answer 401 for ever. A line break is left over from a file.
 */
export function basicAuthorization(credential: Credential): Parsed<string> {
  const { principal, secret } = credential;
  if (principal === "") return refused("principal", "must not be empty");
  if (principal.includes(":")) {
    return refused("principal", "must not contain a colon: Mesos can never authenticate it");
  }
  if (secret === "") return refused("secret", "must not be empty");
  if (secret.includes(":")) {
    return refused("secret", "must not contain a colon: Mesos can never authenticate it");
  }
  if (/[\r\n]/.test(principal)) return refused("principal", "must not contain a line break");
  if (/[\r\n]/.test(secret)) return refused("secret", "must not contain a line break");
  const token = Buffer.from(`${principal}:${secret}`, "utf8").toString("base64");
  return parsed(`Basic ${token}`);
}
