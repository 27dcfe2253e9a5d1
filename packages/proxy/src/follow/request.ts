/**
 * Owns one GET of a scheduler: the redirect of a standby, limits of time and size, the answer as JSON or as a stream.
 * Not: what is asked, nor what an answer means (follower.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { type Clock, MrrError } from "@mr-redis/core";

/** How a scheduler is spoken to. */
export interface RequestAccess {
  readonly clock: Clock;
  /** Asked for each request, so that what it reads may change; for a token, for one. Goes to redirects, too. */
  readonly headers?: () => Readonly<Record<string, string>>;
  /** Certificate authorities for https, as PEM; absent: those of the system. */
  readonly ca?: () => string | undefined;
}

/** An answer whose body is not read yet. */
export interface Opened {
  readonly status: number;
  readonly contentType: string;
  readonly body: IncomingMessage;
  /** Where it came from: the address asked, or the one that it led to. */
  readonly url: string;
  /** The scheduler there, without the path. */
  readonly base: string;
}

/** A standby points to the leader, once; one more when the leadership changes meanwhile. More is a loop. */
const redirectsMax = 3;

/** Connecting and the head of the answer: longer than this only when nobody is there. */
const headMsMax = 5_000;

/** One page of /v2/endpoints, whole. */
const pageMsMax = 30_000;

/** A page of 1,000 instances with some replicas is 1 MB. */
const pageBytesMax = 64 * 1024 * 1024;

/**
 * Opens `path` (with its slash) below `base`. Rejects with what Node throws, or with MrrError `timeout`,
 * `unreachable-endpoint` (a redirect that is not followed), or an AbortError.
 */
export async function openGet(
  base: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  access: RequestAccess,
  signal: AbortSignal,
): Promise<Opened> {
  let url = base + path;
  for (let redirects = 0; redirects <= redirectsMax; redirects += 1) {
    const body = await open(url, { ...access.headers?.(), ...headers }, access, signal);
    const { statusCode: status = 0, headers: got } = body;
    if ((status !== 307 && status !== 308) || got.location === undefined) {
      const found = url.endsWith(path) ? url.slice(0, -path.length) : new URL(url).origin;
      return { status, contentType: got["content-type"] ?? "", body, url, base: found };
    }
    body.destroy();
    url = redirectTarget(got.location, url);
  }
  throw new MrrError("unreachable-endpoint", `${base} redirects in a circle`);
}

function open(
  url: string,
  headers: Readonly<Record<string, string>>,
  access: RequestAccess,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const isTls = url.startsWith("https:");
  const ca = isTls ? access.ca?.() : undefined;
  return new Promise((resolve, reject) => {
    const options = { headers, signal, agent: false, ...(ca === undefined ? {} : { ca }) };
    const sent = (isTls ? requestHttps : requestHttp)(url, options);
    const limit = access.clock.after(headMsMax, () => {
      sent.destroy(new MrrError("timeout", `${url} gave no answer within ${headMsMax} ms`));
    });
    sent.once("error", (error) => {
      limit.cancel();
      reject(error);
    });
    sent.once("response", (response) => {
      limit.cancel();
      // An end in the middle is told by the reader of the body; this one only must not be unheard.
      sent.on("error", () => {});
      resolve(response);
    });
    sent.end();
  });
}

function redirectTarget(location: string, from: string): string {
  const target = URL.canParse(location, from) ? new URL(location, from) : null;
  const isHttp = target?.protocol === "http:" || target?.protocol === "https:";
  const isDowngrade = target?.protocol === "http:" && from.startsWith("https:");
  if (target === null || !isHttp || isDowngrade) {
    throw new MrrError("unreachable-endpoint", `${from} redirects to "${location}", not followed`);
  }
  return target.href;
}

/** The body as JSON; undefined: it is none. Rejects with MrrError `timeout` or `invalid-request` (too large). */
export async function readJson(opened: Opened, clock: Clock): Promise<unknown> {
  const { body, url } = opened;
  const limit = clock.after(pageMsMax, () =>
    body.destroy(new MrrError("timeout", `${url} was not whole within ${pageMsMax} ms`)),
  );
  try {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > pageBytesMax) {
        throw new MrrError("invalid-request", `${url} gave more than ${pageBytesMax} bytes`);
      }
      chunks.push(chunk);
    }
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  } finally {
    limit.cancel();
    body.destroy();
  }
}
