/**
 * Owns a stand-in at the address of a Mesos master: it redirects, has no leader, or hands on to the real one, perhaps only
 * who knows a secret. Not: a master. Called by tests of e2e.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  createServer,
  request as forward,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";

/** What it does with a request. */
export type FrontMode =
  /** As a master before the election. */
  | { readonly type: "no-leader" }
  /** As a master that does not lead; `to` is host:port. */
  | { readonly type: "redirect"; readonly to: string }
  /** Hands on to host:port who has the right authorization; null: everybody. */
  | { readonly type: "forward"; readonly to: string; readonly authorization: string | null };

/** A front that listens. */
export interface MasterFront {
  /** `127.0.0.1:port`. */
  readonly address: string;
  /** Requests so far. */
  readonly requestsCount: number;
  mode: FrontMode;
  close(): Promise<void>;
}

/** Told of every byte that passes: bodies of calls and of answers, each by its number. */
export type FrontListener = (what: string, chunk: Buffer) => void;

/** Starts one. */
export async function startMasterFront(
  mode: FrontMode,
  listener: FrontListener = () => {},
): Promise<MasterFront> {
  let requestsCount = 0;
  const server = createServer((request, response) => {
    requestsCount += 1;
    const number = requestsCount;
    const hear = (side: string) => (chunk: Buffer) => listener(`${side} ${number}`, chunk);
    answer(front.mode, request, response, hear);
  });
  const front = {
    address: "",
    mode,
    get requestsCount() {
      return requestsCount;
    },
    async close(): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  front.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return front;
}

type Hear = (side: string) => (chunk: Buffer) => void;

function answer(
  mode: FrontMode,
  request: IncomingMessage,
  response: ServerResponse,
  hear: Hear,
): void {
  switch (mode.type) {
    case "no-leader":
      request.resume();
      response.writeHead(503).end("No leader elected");
      return;
    case "redirect":
      request.resume();
      response.writeHead(307, { location: `//${mode.to}${request.url ?? "/"}` }).end();
      return;
    case "forward":
      handOn(mode, request, response, hear);
  }
}

function handOn(
  { to, authorization }: Extract<FrontMode, { type: "forward" }>,
  request: IncomingMessage,
  response: ServerResponse,
  hear: Hear,
): void {
  if (authorization !== null && request.headers.authorization !== authorization) {
    request.resume();
    response.writeHead(401, { "www-authenticate": 'Basic realm="mesos-master"' }).end();
    return;
  }
  const [host = "", port = ""] = to.split(":");
  const { method = "GET", url = "/", headers } = request;
  const asked = forward({ host, port, method, path: url, headers, agent: false }, (answered) => {
    response.writeHead(answered.statusCode ?? 502, answered.headers);
    answered.on("data", hear("answer")).pipe(response);
    answered.on("error", () => response.destroy());
  });
  asked.on("error", () => response.destroy());
  response.on("close", () => asked.destroy());
  request.on("data", hear("call")).pipe(asked);
}
