/**
 * Owns single HTTP requests with exactly the headers that are given, and streams of events; TLS and credentials.
 * Not: what is in them. Called by the session, checks and cluster.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import http from "node:http";
import https from "node:https";

/** Most bytes that are kept of an answer. */
const answerBytesMax = 64 * 1024 * 1024;

/** What all requests to a cluster have in common. */
export interface Access {
  /** Value of the Authorization header, when the cluster authenticates. */
  readonly authorization: string | undefined;
  /** Certificates (PEM) to trust beside none; undefined: those of the system. */
  readonly ca: string | undefined;
  /** Limit for an answer. */
  readonly answerMsMax: number;
}

/** One request. Nothing is added to `headers` but Content-Length, Host and the credential. */
export interface Request {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly agent?: http.Agent;
}

/** An answer that is no stream. */
export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/** An agent that holds one connection, so that requests stay in order. */
export const orderedAgent = (url: URL): http.Agent =>
  url.protocol === "https:"
    ? new https.Agent({ keepAlive: true, maxSockets: 1 })
    : new http.Agent({ keepAlive: true, maxSockets: 1 });

/** Sends a request; resolves at the head of the answer, whose body is the caller's to read. */
export function openRequest(
  url: URL,
  access: Access,
  request: Request,
): Promise<http.IncomingMessage> {
  const body = request.body ?? "";
  const headers = {
    "Content-Length": String(Buffer.byteLength(body)),
    ...(access.authorization === undefined ? {} : { Authorization: access.authorization }),
    ...request.headers,
  };
  const options = { method: request.method ?? "POST", agent: request.agent ?? false, headers };
  return new Promise((resolve, reject) => {
    const answered = (response: http.IncomingMessage) => {
      sent.setTimeout(0);
      resolve(response);
    };
    const sent =
      url.protocol === "https:"
        ? https.request(
            url,
            access.ca === undefined ? options : { ...options, ca: access.ca },
            answered,
          )
        : http.request(url, options, answered);
    sent.setTimeout(access.answerMsMax, () => {
      sent.destroy(new Error(`no answer from ${url.origin} within ${access.answerMsMax} ms`));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** Sends a request and reads the answer. A stream of events is cut off at its head: `text` is then empty. */
export async function sendRequest(url: URL, access: Access, request: Request): Promise<Answer> {
  const response = await openRequest(url, access, request);
  const head = { status: response.statusCode ?? 0, headers: response.headers };
  if (head.headers["mesos-stream-id"] !== undefined) {
    response.destroy();
    return { ...head, text: "" };
  }
  const text = await readBody(response, access.answerMsMax);
  return { ...head, text };
}

/** The body as text; an error when it is too long or takes longer than `msMax`. */
export function readBody(message: http.IncomingMessage, msMax: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const timer = setTimeout(
      () => message.destroy(new Error(`a body was not whole within ${msMax} ms`)),
      msMax,
    );
    message.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > answerBytesMax) message.destroy(new Error("a body is too long"));
      else chunks.push(chunk);
    });
    message.on("end", () => resolve(Buffer.concat(chunks).toString()));
    message.on("error", reject);
    message.on("close", () => {
      clearTimeout(timer);
      reject(new Error("a body was cut off"));
    });
  });
}
