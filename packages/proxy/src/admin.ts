/**
 * Owns the admin routes: the ancestor's `/Get/` and `/Update/` with its texts, `/healthz`, `/readyz` and `/metrics`.
 * Not: what an update does to connections (the data plane). Plain node:http: five routes need no framework.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isLoopback, MrrError } from "@mr-redis/core";
import { metricsText } from "./metrics.js";
import type { Readiness } from "./readiness.js";
import { type HostPort, hostPortText, parseHostPort, type RouteState } from "./routes.js";

/** followed: it is an instance of a scheduler, which alone says where it leads. */
export type UpdateOutcome = "done" | "unknown" | "followed";

/** What the admin routes need. */
export interface AdminPort {
  states(): Promise<readonly RouteState[]>;
  /** Leads the entry of this name elsewhere. */
  update(name: string, target: HostPort): Promise<UpdateOutcome>;
  readiness(): Readiness;
}

/** Longest body of an update: a name and an address. */
const bodyBytesMax = 64 * 1024;

/** Longest time for a request: they are a line each. */
const requestMsMax = 10_000;

/** A connection on which nothing moves ends: whoever does not read his answer would keep it in memory. */
const idleMsMax = 30_000;

/** Most connections: people and scrapers, not clients of Redis. */
const connectionsMax = 256;

/** A running admin server. */
export interface Admin {
  close(): Promise<void>;
}

/** Listens; throws MrrError `port-taken` where it cannot. */
export async function startAdmin(port: AdminPort, listen: HostPort): Promise<Admin> {
  const shared = { ...port, states: joined(() => port.states()) };
  const server = createServer(
    { requestTimeout: requestMsMax, headersTimeout: requestMsMax },
    (request, response) => {
      answer(shared, request, response).catch((error: unknown) => {
        if (!response.headersSent) send(response, 500, (error as Error).message);
        else response.destroy();
      });
    },
  );
  server.maxConnections = connectionsMax;
  server.setTimeout(idleMsMax);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      const text = `the admin routes cannot listen on ${hostPortText(listen)}: ${error.message}; see HTTPPort and HTTPBind`;
      reject(new MrrError("port-taken", text));
    });
    server.listen(listen.port, listen.host, () => resolve());
  });
  // A connection that cannot be accepted (no file descriptor) is its client's loss.
  server.on("error", () => {});
  return { close: () => closeServer(server) };
}

/** One answer at a time, of the kernel plane it takes several programs; whoever asks meanwhile gets the next one, all the same. */
function joined<T>(ask: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | null = null;
  let next: Promise<T> | null = null;
  const begin = (): Promise<T> => {
    next = null;
    const begun = ask().finally(() => {
      running = null;
    });
    running = begun;
    return begun;
  };
  return () => {
    if (next !== null) return next;
    if (running === null) return begin();
    next = running.then(begin, begin);
    return next;
  };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function answer(
  port: AdminPort,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
  if (!isOwnName(request.headers.host)) {
    send(response, 403, "This name is not one of this proxy; use an address.");
    return;
  }
  if (path.startsWith("/Get/")) send(response, 200, getText(await port.states()));
  else if (path.startsWith("/Update/")) {
    send(response, 200, await updateText(port, request, path.slice(1)));
  } else if (path === "/Get" || path === "/Update") {
    response.writeHead(301, { location: `${path}/` }).end();
  } else if (path === "/healthz") send(response, 200, "ok\n");
  else if (path === "/readyz") {
    const { isReady, body } = port.readiness();
    send(response, isReady ? 200 : 503, `${JSON.stringify(body, null, 2)}\n`, "application/json");
  } else if (path === "/metrics") {
    const text = metricsText(await port.states(), port.readiness());
    send(response, 200, text, "text/plain; version=0.0.4; charset=utf-8");
  } else send(response, 404, "404 page not found\n");
}

/** A page of a foreign name may not look in here through the reader's browser (DNS rebinding). */
function isOwnName(host: string | undefined): boolean {
  if (host === undefined) return true;
  const name = /^\[.*\]/.exec(host)?.[0] ?? host.split(":", 1)[0] ?? "";
  return name === "localhost" || isLoopback(name) || /^[\d.]+$|^\[/.test(name);
}

function send(
  response: ServerResponse,
  status: number,
  text: string,
  type = "text/plain; charset=utf-8",
): void {
  response.writeHead(status, { "content-type": type }).end(text);
}

/** The map of entries as Go printed it: keys sorted, one blank before each line but the first. */
function getText(states: readonly RouteState[]): string {
  const entries = states
    .filter(({ problem }) => problem === null)
    .map(({ route }) => route)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, listen, targets }) => {
      const [target] = targets;
      const pair = {
        From: hostPortText(listen),
        To: target === undefined ? "" : hostPortText(target),
      };
      return [name, { Name: name, Pair: pair }] as const;
    });
  const json = JSON.stringify(Object.fromEntries(entries), null, 2);
  return `Current Config: ${json.replaceAll("\n", "\n ")}`;
}

async function updateText(
  port: AdminPort,
  request: IncomingMessage,
  path: string,
): Promise<string> {
  const greeting = `Hi there, Going to Update ${path}! Method=${request.method}\n`;
  if (request.method !== "PUT") return greeting;
  let body: unknown;
  try {
    body = JSON.parse(await readBody(request));
  } catch (error) {
    return `${greeting}Wrong json format ${(error as Error).message}`;
  }
  const { Name: name, Addr: address } = (body ?? {}) as { Name?: unknown; Addr?: unknown };
  const target = typeof address === "string" ? parseHostPort(address) : null;
  const isWhole = typeof name === "string" && target !== null && target.host !== "";
  const outcome = isWhole ? await port.update(name, target) : "unknown";
  switch (outcome) {
    case "done":
      return greeting;
    case "followed":
      return `${greeting}Error Proxy entry ${name} follows the scheduler; only it can lead it elsewhere`;
    case "unknown":
      return `${greeting}Error Proxy entry is incorrect / empty for ${String(name ?? "")}`;
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) throw new Error(`more than ${bodyBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
