/**
 * Owns the artifact server: a fixed list of files over HTTP or HTTPS, for Mesos fetchers on the agents, and nothing else.
 * Not: what the files are (main.ts). The hash of each file goes into the executor's URI, so no agent runs an old one.
 * It asks for no token: a fetcher cannot send one, and what is served (a program, certificates) is no secret.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { FileHandle } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import { pipeline } from "node:stream/promises";
import { assert, type Clock, MrrError } from "@mr-redis/core";
import { Connections } from "../api/connections.js";
import { fromListenError, type ListenAddress } from "../api/listen.js";
import type { Log } from "../log.js";
import type { ServerTls } from "../tls-files.js";
import { type ByteRange, type Selection, select } from "./conditional.js";
import { Artifact, type ArtifactFile, type ArtifactState } from "./file.js";

/** Limits of the artifact server; the defaults are {@link artifactLimits}, tests use smaller ones. */
export interface ArtifactLimits {
  /** Open connections: 1,000 agents, each with a few files; beyond it the oldest gives way. */
  readonly connectionsMax: number;
  /** Time for the headers of a request. */
  readonly headersMsMax: number;
  /** How often that time is checked. */
  readonly timeCheckMs: number;
  /** A connection on which nothing moves for this long is closed. */
  readonly silenceMsMax: number;
  /** A connection without a request is closed after this time. */
  readonly keepAliveMs: number;
  /** Time that open downloads have to end when the server closes. */
  readonly closeMsMax: number;
}

/** The limits that are in force. */
export const artifactLimits: ArtifactLimits = Object.freeze({
  connectionsMax: 4_000,
  headersMsMax: 10_000,
  timeCheckMs: 1_000,
  silenceMsMax: 60_000,
  keepAliveMs: 5_000,
  closeMsMax: 2_000,
});

/** What the artifact server is made of. */
export interface ArtifactOptions {
  readonly files: readonly ArtifactFile[];
  readonly log: Log;
  readonly clock: Clock;
  /** Certificate and key; default null: plain HTTP. */
  readonly tls?: ServerTls | null;
  /** Other limits than {@link artifactLimits} (tests). */
  readonly limits?: Partial<ArtifactLimits>;
}

/** The artifact server. */
export interface ArtifactServer {
  /** Hashes every file, then listens. Rejects with MrrError `config-invalid` (unreadable file, address) or `port-taken`. */
  listen(address: ListenAddress): Promise<ListenAddress>;
  /** Size, hash and time of a file as last seen; throws for a name that is not in the list or before `listen`. */
  state(name: string): ArtifactState;
  /** Lets open downloads end within `closeMsMax`, then cuts. Idempotent. */
  close(): Promise<void>;
  /** New connections get this certificate; only where there was one before. */
  replaceTls(tls: ServerTls): void;
}

/** Makes the server; it does not listen yet. */
export function createArtifactServer(options: ArtifactOptions): ArtifactServer {
  const limits: ArtifactLimits = { ...artifactLimits, ...options.limits };
  const artifacts = new Map<string, Artifact>();
  for (const file of options.files) {
    assert(/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(file.name), "an artifact's name needs no encoding");
    artifacts.set(`/${file.name}`, new Artifact(file));
  }
  const connections = new Connections(limits.connectionsMax);
  const httpOptions = {
    headersTimeout: limits.headersMsMax,
    requestTimeout: limits.headersMsMax,
    connectionsCheckingInterval: limits.timeCheckMs,
    keepAliveTimeout: limits.keepAliveMs,
  };
  const { tls = null } = options;
  const tlsServer: TlsServer | null =
    tls === null
      ? null
      : createTlsServer({ ...httpOptions, ...tls, handshakeTimeout: limits.headersMsMax });
  const server: Server = tlsServer ?? createServer(httpOptions);
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const artifact = artifacts.get((request.url ?? "").split("?", 1)[0] ?? "");
    void answer(artifact, request, response, options.log);
  });
  server.setTimeout(limits.silenceMsMax);
  connections.attach(server);
  let closing: Promise<void> | null = null;
  return {
    async listen(address) {
      for (const artifact of artifacts.values()) {
        const { handle } = await artifact.open();
        await handle.close();
      }
      return listenOn(server, address);
    },
    state(name) {
      const state = artifacts.get(`/${name}`)?.state ?? null;
      assert(state !== null, "only artifacts of the list have a state, and only after listen");
      return state;
    },
    close() {
      closing ??= close(server, connections, options);
      return closing;
    },
    replaceTls: (next) => tlsServer?.setSecureContext(next),
  };
}

function listenOn(server: Server, address: ListenAddress): Promise<ListenAddress> {
  return new Promise((resolve, reject) => {
    const failed = (error: unknown) =>
      reject(fromListenError(error, address, { port: "ArtifactPort", bind: "ArtifactBind" }));
    server.once("error", failed);
    server.listen({ host: address.host, port: address.port }, () => {
      server.removeListener("error", failed);
      const bound = server.address();
      const port = typeof bound === "object" && bound !== null ? bound.port : address.port;
      resolve({ host: address.host, port });
    });
  });
}

async function close(
  server: Server,
  connections: Connections,
  { clock, limits }: ArtifactOptions,
): Promise<void> {
  if (!server.listening) return;
  const closeMsMax = limits?.closeMsMax ?? artifactLimits.closeMsMax;
  const timer = clock.after(closeMsMax, () => connections.cut());
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  timer.cancel();
}

async function answer(
  artifact: Artifact | undefined,
  request: IncomingMessage,
  response: ServerResponse,
  log: Log,
): Promise<void> {
  const { method } = request;
  if (artifact === undefined || (method !== "GET" && method !== "HEAD")) {
    sendText(response, 404, "404 page not found");
    return;
  }
  const { name } = artifact.file;
  try {
    const { handle, state } = await artifact.open();
    try {
      await sendFile(handle, state, request, response);
    } finally {
      await handle.close();
    }
    log.info(
      { name, from: request.socket.remoteAddress, method, status: response.statusCode },
      "artifact sent",
    );
  } catch (error) {
    log.warn({ name, from: request.socket.remoteAddress, err: error }, "artifact not sent");
    // A cut connection tells the fetcher that the file is not whole.
    if (response.headersSent) response.destroy();
    else sendText(response, 500, `${name} cannot be read`);
  }
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": Buffer.byteLength(text),
    "X-Content-Type-Options": "nosniff",
  });
  response.end(text);
}

async function sendFile(
  handle: FileHandle,
  state: ArtifactState,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { bytes, sha256, modifiedAtMs } = state;
  const etag = `"${sha256}"`;
  const selection = select(request.headers, { bytes, etag, modifiedAtMs });
  const range = rangeOf(selection, bytes);
  const body = range !== null && request.method === "GET" && bytes > 0;
  response.writeHead(statusOf(selection), {
    ETag: etag,
    "Last-Modified": new Date(modifiedAtMs).toUTCString(),
    "Accept-Ranges": "bytes",
    "Content-Type": "application/octet-stream",
    ...(selection.type === "part" && range !== null
      ? { "Content-Range": `bytes ${range.first}-${range.last}/${bytes}` }
      : {}),
    ...(selection.type === "unsatisfiable" ? { "Content-Range": `bytes */${bytes}` } : {}),
    ...(selection.type === "not-modified"
      ? {}
      : { "Content-Length": range === null ? 0 : range.last - range.first + 1 }),
  });
  if (!body || range === null) {
    response.end();
    return;
  }
  const stream = handle.createReadStream({ start: range.first, end: range.last, autoClose: false });
  let sent = 0;
  stream.on("data", (chunk: Buffer | string) => {
    sent += chunk.length;
  });
  await pipeline(stream, response, { end: false });
  if (sent !== range.last - range.first + 1) {
    throw new MrrError("internal", "The file shrank while it was sent; replace it by rename.");
  }
  response.end();
}

function rangeOf(selection: Selection, bytes: number): ByteRange | null {
  if (selection.type === "whole") return { first: 0, last: bytes - 1 };
  return selection.type === "part" ? selection.range : null;
}

function statusOf({ type }: Selection): number {
  const statuses: Readonly<Record<Selection["type"], number>> = {
    whole: 200,
    part: 206,
    unsatisfiable: 416,
    "not-modified": 304,
    "precondition-failed": 412,
  };
  return statuses[type];
}
