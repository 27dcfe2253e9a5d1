/**
 * Owns the HTTP API server: the routes put together, its limits, its hooks, its listening and its end.
 * Not: the routes (v1.ts, v2.ts) nor any decision (port.ts). Made by main.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { RequestListener, Server, ServerOptions } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { Socket } from "node:net";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { Clock } from "@mr-redis/core";
import fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import type { Log } from "../log.js";
import type { ServerTls } from "../tls-files.js";
import { Connections } from "./connections.js";
import { Guard } from "./guard.js";
import { answerHeadersOf } from "./headers.js";
import { IdempotencyKeys } from "./idempotency.js";
import { type ApiLimits, apiLimits } from "./limits.js";
import { fromListenError, type ListenAddress } from "./listen.js";
import { type ApiMetrics, noMetrics, registerMetrics } from "./metrics.js";
import { type AnnouncedRoute, openapiDocument } from "./openapi.js";
import { type ApiNames, hostRefusal, judgeOrigin } from "./origin.js";
import type { ControlPort } from "./port.js";
import { HttpRefusal, mrrErrorOf, sendErrorText, sendProblem } from "./problem.js";
import { compileQueryCheck } from "./query.js";
import { RateLimiter } from "./rate.js";
import { assertRole } from "./roles.js";
import { judgeStance } from "./stance.js";
import type { Tokens } from "./tokens.js";
import { notFoundText, registerV1 } from "./v1.js";
import { registerV2 } from "./v2.js";
import type { TypedApp } from "./v2-parts.js";
import { Waiters } from "./waiters.js";

/** What the API server is made of. */
export interface ApiOptions {
  readonly port: ControlPort;
  readonly log: Log;
  readonly clock: Clock;
  /** Version of mr-redis, for /v2/version. */
  readonly version: string;
  /** `CorsOrigins`: origins whose pages may use the API; empty: none but its own. */
  readonly corsOrigins: readonly string[];
  /** Under which names it is reached. */
  readonly names: ApiNames;
  /** Who may use it; default null: everybody. */
  readonly tokens?: Tokens | null;
  /** Certificate and key; default null: plain HTTP. */
  readonly tls?: ServerTls | null;
  /** `HTTPRequestsPerSecond`; default 0: no limit. */
  readonly requestsPerSecond?: number;
  /** Who counts requests and answers `/metrics`; default: nobody. */
  readonly metrics?: ApiMetrics;
  /** Where clients reach the proxies; default: the address of `names`. */
  readonly proxyHost?: string;
  /** `SecretGraceS` in milliseconds; default: an hour. */
  readonly secretGraceMs?: number;
  /** Other limits than {@link apiLimits} (tests). */
  readonly limits?: Partial<ApiLimits>;
}

const secretGraceMsDefault = 3_600_000;

/** The API server. */
export interface ApiServer {
  /** Listens; call it when the port answers truthfully. Rejects with MrrError `port-taken` or `config-invalid`. */
  listen(address: ListenAddress): Promise<ListenAddress>;
  /** Ends waits with the present state, lets open requests end within `closeMsMax`, then cuts. Idempotent. */
  close(): Promise<void>;
  /** Other tokens are in force from now on; only where there were some before. */
  replaceTokens(tokens: Tokens): void;
  /** New connections get this certificate; only where there was one before. */
  replaceTls(tls: ServerTls): void;
  /** The Fastify instance, for tests without a socket. @internal */
  readonly app: TypedApp;
  /** Open connections and how many had to give way. @internal */
  readonly connections: Connections;
}

/** Makes the server; it does not listen yet. */
export function createApiServer(options: ApiOptions): ApiServer {
  const limits: ApiLimits = { ...apiLimits, ...options.limits };
  const connections = new Connections(limits.connectionsMax);
  const waiters = new Waiters(options.port, options.clock, limits.waitersMax);
  const { tokens = null, tls = null, requestsPerSecond = 0 } = options;
  const guard = new Guard(
    tokens,
    new RateLimiter(requestsPerSecond, () => options.clock.monotonicMs()),
  );
  const tlsServer = tls === null ? null : createTls(limits, tls);
  const app = createApp(limits, tlsServer);
  connections.attach(app.server);
  registerHooks(app, options, limits, {
    connections,
    guard,
    answerHeaders: answerHeadersOf(tls !== null),
  });
  const routes: AnnouncedRoute[] = [];
  app.addHook("onRoute", ({ method, url, schema }) => {
    assertRole(method, url);
    routes.push({ method, url, ...(schema === undefined ? {} : { schema }) });
  });
  registerErrors(app, options, limits, routes);
  registerRoutes(app, options, limits, waiters, connections, routes);
  let closing: Promise<void> | null = null;
  return {
    app,
    connections,
    listen: (address) => listen(app, address),
    close() {
      closing ??= close(app, { waiters, connections }, options.clock, limits.closeMsMax);
      return closing;
    },
    replaceTokens: (next) => guard.replace(next),
    replaceTls: (next) => tlsServer?.setSecureContext(next),
  };
}

/** A server with TLS and the limits that Fastify gives to those that it makes itself. */
function createTls(limits: ApiLimits, tls: ServerTls): TlsServer {
  const server = createTlsServer({
    ...httpOptionsOf(limits),
    ...tls,
    keepAliveTimeout: limits.keepAliveMs,
    handshakeTimeout: limits.headersMsMax,
  });
  // A broken handshake is a client error to Node, which the app would answer: nobody can read that, and it never ends.
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  server.setTimeout(limits.silenceMsMax);
  server.maxRequestsPerSocket = limits.requestsPerConnectionMax;
  return server;
}

const httpOptionsOf = (limits: ApiLimits): ServerOptions => ({
  maxHeaderSize: limits.headerBytesMax,
  headersTimeout: limits.headersMsMax,
  requestTimeout: limits.requestMsMax,
  connectionsCheckingInterval: limits.timeCheckMs,
  // Node's defaults, written down: what two programs could read differently is refused (request smuggling).
  insecureHTTPParser: false,
  requireHostHeader: true,
});

function createApp(limits: ApiLimits, tlsServer: TlsServer | null): TypedApp {
  const app = fastify({
    logger: false,
    bodyLimit: limits.bodyBytesMax,
    // Silence is measured by the socket; headers and bodies have limits of their own.
    connectionTimeout: limits.silenceMsMax,
    keepAliveTimeout: limits.keepAliveMs,
    requestTimeout: limits.requestMsMax,
    maxRequestsPerSocket: limits.requestsPerConnectionMax,
    forceCloseConnections: "idle",
    // Names are judged by their rules, not by the router; the header limit bounds them.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: limits.headerBytesMax },
    http: httpOptionsOf(limits),
    // One's own server listens on the first address of a name only, so without TLS there is none.
    ...(tlsServer === null
      ? {}
      : {
          serverFactory: (listener: RequestListener): Server => tlsServer.on("request", listener),
        }),
    schemaController: {
      compilersFactory: { buildValidator: notLoaded, buildSerializer: notLoaded },
    },
    clientErrorHandler: (error, socket) => answerBrokenRequest(error, socket),
    frameworkErrors: (_error, request, reply) =>
      sendError(request, reply, new HttpRefusal(400, "The path is malformed.")),
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
  app.setValidatorCompiler(compileQueryCheck);
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  return app;
}

/** Stands for Fastify's own compilers of schemas, which would be loaded if nothing did and are not used. */
const notLoaded = (): never => {
  throw new Error("the compilers of createApp are set before the first route");
};

/** What each request passes. */
interface Gate {
  readonly connections: Connections;
  readonly guard: Guard;
  readonly answerHeaders: Readonly<Record<string, string>>;
}

function registerHooks(
  app: TypedApp,
  options: ApiOptions,
  limits: ApiLimits,
  { connections, guard, answerHeaders }: Gate,
): void {
  const names = new WeakMap<FastifyRequest, string>();
  app.addHook("onRequest", async (request, reply) => {
    // Bodies are JSON whatever the content type says, also when it says nothing that can be read.
    delete request.raw.headers["content-type"];
    const path = pathOf(request);
    const { method, headers, url } = request;
    reply.headers(answerHeaders);
    const wrongName = hostRefusal(options.names, headers.host);
    if (wrongName !== null) throw new HttpRefusal(403, `Refused: ${wrongName}.`);
    const verdict = judgeOrigin(options.corsOrigins, { method, path, headers });
    reply.headers(verdict.headers);
    if (verdict.type === "preflight") return reply.code(200).send("");
    if (verdict.type === "refuse") {
      throw new HttpRefusal(
        403,
        `Pages of ${headers.origin} may not change anything here; CorsOrigins names those that may.`,
      );
    }
    const owner = guard.judge(request, reply);
    if (owner !== null) names.set(request, owner.name);
    return judgeStance(options.port, { method, url, path }, reply);
  });
  app.addHook("preHandler", async (request) => connections.busy(request.raw.socket));
  app.addHook("onSend", async (request) => {
    connections.idle(request.raw.socket);
    if (!request.raw.complete) drain(request, limits.drainBytesMax);
  });
  const { metrics = noMetrics } = options;
  app.addHook("onError", async (_request, _reply, error) => metrics.failed(error));
  app.addHook("onResponse", async (request, reply) => {
    metrics.answered({
      method: request.method,
      route: request.routeOptions.url,
      status: reply.statusCode,
      durationMs: reply.elapsedTime,
    });
    const write = request.method !== "GET" && request.method !== "HEAD";
    options.log[write ? "info" : "debug"](
      {
        request: request.id,
        method: request.method,
        path: pathOf(request).slice(0, 200),
        status: reply.statusCode,
        durationMs: Math.round(reply.elapsedTime),
        from: request.socket.remoteAddress,
        by: names.get(request),
      },
      "request answered",
    );
  });
}

function registerErrors(
  app: TypedApp,
  { log }: ApiOptions,
  limits: ApiLimits,
  routes: readonly AnnouncedRoute[],
): void {
  app.setErrorHandler((thrown, request, reply) => {
    const error = mrrErrorOf(thrown, request.id, limits.bodyBytesMax);
    if (error.code === "internal") logDefect(log, error, request);
    return sendError(request, reply, error);
  });
  app.setNotFoundHandler((request, reply) => {
    const path = pathOf(request);
    const methods = isV2(path) ? methodsAt(routes, path) : [];
    if (methods.length === 0) {
      return sendError(request, reply, new HttpRefusal(404, notFoundText));
    }
    const allow = methods.join(", ");
    reply.header("allow", allow);
    return sendError(request, reply, new HttpRefusal(405, `This path takes ${allow} only.`));
  });
}

function registerRoutes(
  app: TypedApp,
  options: ApiOptions,
  limits: ApiLimits,
  waiters: Waiters,
  connections: Connections,
  routes: readonly AnnouncedRoute[],
): void {
  const { port, version, clock, log } = options;
  app.register(
    async (scope) => {
      registerV1(scope, {
        port,
        bodyBytesMax: limits.bodyBytesMax,
        onDefect: (error, request) => logDefect(log, error, request),
      });
    },
    { prefix: "/v1" },
  );
  registerV2(app, {
    port,
    waiters,
    version,
    proxyHost: options.proxyHost ?? options.names.bind,
    secretGraceMs: options.secretGraceMs ?? secretGraceMsDefault,
    keys: new IdempotencyKeys(clock, limits.idempotencyKeysMax, limits.idempotencyKeyMs),
    allowSilence: ({ socket }, durationMs) =>
      connections.allowSilence(socket, durationMs + limits.silenceMsMax),
  });
  registerMetrics(app, options.metrics ?? noMetrics, connections);
  let document: object | null = null;
  app.get("/v2/openapi.json", async () => {
    document ??= openapiDocument(routes, version);
    return document;
  });
}

const pathOf = (request: { readonly url: string }): string => request.url.split("?", 1)[0] ?? "";

/** The methods that some route takes at this very path. */
function methodsAt(routes: readonly AnnouncedRoute[], path: string): string[] {
  const segments = path.replace(/\/$/, "").split("/");
  const fits = (url: string): boolean => {
    const parts = url.split("/");
    return (
      parts.length === segments.length &&
      parts.every((part, index) => part.startsWith(":") || part === segments[index])
    );
  };
  return [...new Set(routes.filter(({ url }) => fits(url)).flatMap(({ method }) => method))].sort();
}

const isV2 = (path: string): boolean => path === "/v2" || path.startsWith("/v2/");

function sendError(
  request: FastifyRequest,
  reply: FastifyReply,
  error: HttpRefusal | ReturnType<typeof mrrErrorOf>,
): FastifyReply {
  return isV2(pathOf(request)) ? sendProblem(reply, error) : sendErrorText(reply, error);
}

function logDefect(log: Log, error: Error, request: FastifyRequest): void {
  log.error({ request: request.id, err: error.cause ?? error }, "request failed by a defect");
}

/** Reads the rest of a body that nobody wants, so that its sender gets to read the answer; cuts at the limit. */
function drain(request: FastifyRequest, bytesMax: number): void {
  let bytes = 0;
  request.raw.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > bytesMax) request.raw.socket.destroy();
  });
}

/** What is no HTTP, or came too slowly, gets a status line and is cut. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const line =
    error.code === "ERR_HTTP_REQUEST_TIMEOUT"
      ? "408 Request Timeout"
      : error.code === "HPE_HEADER_OVERFLOW"
        ? "431 Request Header Fields Too Large"
        : "400 Bad Request";
  socket.end(`HTTP/1.1 ${line}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () =>
    socket.destroy(),
  );
}

async function listen(app: TypedApp, address: ListenAddress): Promise<ListenAddress> {
  await app.ready();
  try {
    await app.listen({ host: address.host, port: address.port });
  } catch (error) {
    throw fromListenError(error, address, { port: "HTTPPort", bind: "HTTPBind" });
  }
  const bound = (app.server as Server).address();
  return {
    host: address.host,
    port: typeof bound === "object" && bound !== null ? bound.port : address.port,
  };
}

async function close(
  app: TypedApp,
  { waiters, connections }: { readonly waiters: Waiters; readonly connections: Connections },
  clock: Clock,
  closeMsMax: number,
): Promise<void> {
  const timer = clock.after(closeMsMax, () => connections.cut());
  waiters.close();
  await app.close();
  timer.cancel();
}
