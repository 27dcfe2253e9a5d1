/**
 * Owns what a leader tells about itself through the store, so that other schedulers can send clients to it.
 * Not: who leads (packages/store). Made by scheduler.ts, read by succession.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { hostname } from "node:os";
import type { Config } from "@mr-redis/core";

/** One run of one scheduler. */
export interface LeaderIdentity {
  /** Where its HTTP API is reached, `http://host:port`; null when it did not say so in a form that can be used. */
  readonly url: string | null;
  /** Unique for each run: addresses and process ids come again. Null for a holder that is no JSON of ours. */
  readonly run: string | null;
  /** For people. */
  readonly text: string;
}

/** What is given to `campaign`. */
export const encodeHolder = (url: string, run: string, pid: number): string =>
  JSON.stringify({ url, run, host: hostname().slice(0, 253), pid });

/** Reads what {@link encodeHolder} wrote; anything else is only a text for people. The store's content is not trusted. */
export function decodeHolder(holder: string): LeaderIdentity {
  let raw: unknown = null;
  try {
    raw = JSON.parse(holder);
  } catch {
    // A holder in words.
  }
  const { url, run, host, pid } = (typeof raw === "object" && raw !== null ? raw : {}) as Record<
    string,
    unknown
  >;
  const isUrl = typeof url === "string" && /^https?:\/\/[\w.:[\]-]{1,300}$/.test(url);
  if (!isUrl || !URL.canParse(url) || typeof run !== "string") {
    return { url: null, run: null, text: printable(holder) };
  }
  return { url, run, text: printable(`${url} (${word(host)}, process ${word(pid)})`) };
}

/** A text of anything else might be endless, or nested too deeply to be made. */
const word = (value: unknown): string =>
  typeof value === "string" || typeof value === "number" ? String(value) : "?";

const printable = (text: string): string => text.slice(0, 400).replace(/[^\x20-\x7e]/g, "?");

/** The URL by which others reach the API: as configured, else made from where it listens. */
export function advertisedUrl(config: Config, port: number): string {
  if (config.httpAdvertise !== "") return config.httpAdvertise;
  const isAny = config.httpBind === "0.0.0.0" || /^[0:]+$/.test(config.httpBind);
  const host = isAny ? hostname() : config.httpBind;
  const scheme = config.httpCertificateFile === "" ? "http" : "https";
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Where clients reach the proxies: as configured, else at the host of the advertised URL. IPv6 without brackets. */
export const proxyHostOf = (config: Config): string =>
  config.proxyHost === ""
    ? advertisedUrl(config, 1)
        .replace(/^https?:\/\//, "")
        .replace(/:\d+$/, "")
        .replace(/^\[|\]$/g, "")
    : config.proxyHost;
