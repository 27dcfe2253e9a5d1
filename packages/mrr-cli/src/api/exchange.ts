/**
 * Owns one HTTP request and its answer over node:http and node:https, with a limit on every phase.
 * Not: redirects, nor what an answer or an error means (client.ts). Why not undici: loading it takes 120 ms of CPU,
 * node:http 15, and a command line does one call. SPDX-License-Identifier: Apache-2.0
 */
import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from "node:http";

import type { Access } from "../endpoint/access.js";

/** Limits of every call, each with its reason. */
export const clientLimits = {
  /** Connecting takes longer than this only when nobody is there. */
  connectMsMax: 5_000,
  /** Time for an answer, beyond what the call asks the server to wait. */
  answerMsMax: 30_000,
  /** A page of 100 instances with 100 processes each is about 8 MB. */
  answerBytesMax: 64 * 1024 * 1024,
};

/** The limits of a client; tests use smaller ones. */
export type ClientLimits = Readonly<typeof clientLimits>;

/** Why a call was given up by a limit. */
export class LimitReached extends Error {
  override readonly name = "LimitReached";
  readonly limit: "connect" | "answer" | "bytes";

  constructor(limit: LimitReached["limit"]) {
    super(limit);
    this.limit = limit;
  }
}

/** One request. */
export interface Exchange {
  readonly url: string;
  readonly method: string;
  /** JSON text; null for none. */
  readonly body: string | null;
  /** From the connection to the last byte of the answer. */
  readonly answerMsMax: number;
}

/** What came back. */
export interface RawAnswer {
  readonly status: number;
  readonly location: string | null;
  /** Header `Mr-Redis-State-Age-Ms`; null without it. */
  readonly stateAgeMs: number | null;
  readonly text: string;
}

type RequestFunction = (
  url: string,
  options: RequestOptions,
  callback: (response: IncomingMessage) => void,
) => ClientRequest;

/** The part of node:http and node:https that is used here. */
interface HttpModule {
  readonly request: RequestFunction;
  readonly Agent: new (options: { keepAlive: boolean; ca?: string }) => Agent;
}

/** Connections of one program run, kept between calls. */
export class Connections {
  readonly #agents = new Map<string, { module: HttpModule; agent: Agent }>();
  readonly #limits: ClientLimits;
  readonly #access: Access;

  constructor(limits: ClientLimits, access: Access) {
    this.#limits = limits;
    this.#access = access;
  }

  /** Makes one request; rejects with what Node throws, or LimitReached. */
  async exchange(exchange: Exchange): Promise<RawAnswer> {
    const { module, agent } = await this.#agentFor(new URL(exchange.url).protocol);
    const { token } = this.#access;
    const headers = token === null ? {} : { authorization: `Bearer ${token}` };
    return send({ request: module.request, agent, headers }, exchange, this.#limits);
  }

  /** Closes all connections; idempotent. */
  close(): void {
    for (const { agent } of this.#agents.values()) agent.destroy();
  }

  async #agentFor(protocol: string): Promise<{ module: HttpModule; agent: Agent }> {
    const known = this.#agents.get(protocol);
    if (known !== undefined) return known;
    const module: HttpModule =
      protocol === "https:" ? await import("node:https") : await import("node:http");
    const { ca } = this.#access;
    const trust = protocol === "https:" && ca !== null ? { ca } : {};
    const made = { module, agent: new module.Agent({ keepAlive: true, ...trust }) };
    this.#agents.set(protocol, made);
    return made;
  }
}

/** How a request goes out. */
interface Way {
  readonly request: RequestFunction;
  readonly agent: Agent;
  /** Of who asks. */
  readonly headers: Readonly<Record<string, string>>;
}

function send(way: Way, exchange: Exchange, limits: ClientLimits): Promise<RawAnswer> {
  const { url, method, body } = exchange;
  const headers = {
    ...way.headers,
    accept: "application/json",
    ...(body === null
      ? {}
      : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
  };
  return new Promise((resolve, reject) => {
    const sent = way.request(url, { method, agent: way.agent, headers }, (response) => {
      readBody(response, limits.answerBytesMax).then((text) => {
        clearTimeout(answerTimer);
        const { location = null } = response.headers;
        const stateAgeMs = milliseconds(response.headers["mr-redis-state-age-ms"]);
        resolve({ status: response.statusCode ?? 0, location, stateAgeMs, text });
      }, fail);
    });
    const fail = (error: unknown): void => {
      clearTimeout(answerTimer);
      clearTimeout(connectTimer);
      reject(error);
      sent.destroy();
    };
    const giveUp = (limit: LimitReached["limit"]) => () => fail(new LimitReached(limit));
    const answerTimer = setTimeout(giveUp("answer"), exchange.answerMsMax);
    const connectTimer = setTimeout(giveUp("connect"), limits.connectMsMax);
    sent.once("socket", (socket) => {
      const isConnected = () => clearTimeout(connectTimer);
      if (socket.connecting) socket.once("connect", isConnected);
      else isConnected();
    });
    sent.on("error", fail);
    sent.end(body ?? undefined);
  });
}

const milliseconds = (value: string | readonly string[] | undefined): number | null =>
  typeof value === "string" && /^\d{1,12}$/.test(value) ? Number(value) : null;

async function readBody(response: IncomingMessage, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new LimitReached("bytes");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
