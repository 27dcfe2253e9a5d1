/**
 * Owns the HTTP servers: routes, limits, and the ways in which a real master treats what is no HTTP.
 * Not: the endpoints themselves. Called by shell/local.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { AssertionError, MrrError } from "@mr-redis/core";
import { answerRefusal, answerText } from "./answer.js";
import { pageRefusal } from "./page-guard.js";

/** A handler of one path; what it throws becomes a 500. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

/** Path (one leading slash, none at the end) to handler. */
export type Routes = ReadonlyMap<string, Handler>;

/** Longest wait for the head, and for the whole of a request: a client on the same machine needs milliseconds. */
export const requestMsMax = 30_000;

/** A connection without a request for this long is closed; a real master never does, so it is long. */
export const idleMsMax = 3_600_000;

/** Most open connections of one server; each executor and scheduler needs two. */
export const connectionsMax = 10_000;

/** `//a//b/?q` is `/a/b`, as recorded. */
export const routeOf = (url: string): string =>
  `/${(url.split("?", 1)[0] ?? "")
    .split("/")
    .filter((part) => part !== "")
    .join("/")}`;

/** With which certificate a server speaks TLS; PEM. */
export interface ServerTls {
  readonly certificate: string;
  readonly key: string;
}

/** A server for `address` that answers `routes`, but to no web page; it does not listen yet. `tls` null: plain HTTP. */
export function createHttpServer(
  address: string,
  routes: Routes,
  log: (message: string, fields: Readonly<Record<string, unknown>>) => void,
  tls: ServerTls | null = null,
): Server {
  const handle: Handler = async (request, response) => {
    const refusal = pageRefusal(request.headers, address);
    if (refusal !== undefined) {
      request.resume();
      answerRefusal(response, refusal);
      return;
    }
    const handler = routes.get(routeOf(request.url ?? "/"));
    if (handler === undefined) {
      request.resume();
      answerText(response, 404, "404 Not Found.");
      return;
    }
    try {
      await handler(request, response);
    } catch (error) {
      // A broken invariant ends the program; what a request can do wrong does not.
      if (error instanceof AssertionError) {
        setImmediate(() => {
          throw error;
        });
      }
      log("a request failed", { url: request.url, error: String(error) });
      answerText(response, 500, "Internal error");
    }
  };
  const limits = {
    requireHostHeader: false,
    headersTimeout: requestMsMax,
    requestTimeout: requestMsMax,
    keepAliveTimeout: idleMsMax,
  };
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    void handle(request, response);
  };
  const server =
    tls === null
      ? createServer(limits, answer)
      : createTlsServer({ ...limits, cert: tls.certificate, key: tls.key }, answer);
  server.maxConnections = connectionsMax;
  // A real master sends no 100, and closes without a byte on what is no HTTP.
  server.on("checkContinue", (request, response) => void handle(request, response));
  server.on("clientError", (_error, socket) => socket.destroy());
  return server;
}

/** Listens; a taken port is an error that names it. Resolves to the port. */
export function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => {
      reject(
        error.code === "EADDRINUSE"
          ? new MrrError("port-taken", `port ${port} of ${host} is taken by another program`, {
              cause: error,
              details: { port, host },
            })
          : error,
      );
    };
    server.once("error", fail);
    server.listen({ port, host, exclusive: true }, () => {
      server.off("error", fail);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

/** Stops listening and cuts every connection. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
