/**
 * Owns a small HTTP server that speaks the contract of /v2 for tests: answers as told, remembers what was asked.
 * Not: the scheduler (the e2e ring runs the real one). Called by tests of this package.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** An answer; `cut` closes the connection instead. */
export interface Reply {
  readonly status?: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Time until the answer: what a scheduler does that holds a call. */
  readonly holdMs?: number;
  readonly cut?: true;
}

/** A request as it came; `body` is parsed JSON, or undefined. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  /** Undefined: there was none. */
  readonly authorization?: string | undefined;
}

/** A running fake. `replies` by `METHOD /path` (without the query); the last one of a list is repeated. */
export interface FakeApi {
  readonly url: string;
  readonly seen: readonly Seen[];
  reply(route: string, ...replies: Reply[]): void;
  close(): Promise<void>;
}

async function readBody(request: AsyncIterable<Buffer>): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  return text === "" ? undefined : JSON.parse(text);
}

/** Starts a fake on a free port of 127.0.0.1. What has no reply is a 404 with problem details. */
export async function startFakeApi(): Promise<FakeApi> {
  const routes = new Map<string, Reply[]>();
  const seen: Seen[] = [];
  const server: Server = createServer(async (request, response) => {
    const { method = "", url = "" } = request;
    const { authorization } = request.headers;
    seen.push({ method, path: url, body: await readBody(request), authorization });
    const replies = routes.get(`${method} ${url.split("?")[0]}`) ?? [
      { status: 404, body: notFound },
    ];
    const reply = replies.length > 1 ? replies.shift() : replies[0];
    if (reply?.holdMs !== undefined) await sleep(reply.holdMs);
    if (reply?.cut) {
      request.socket.destroy();
      return;
    }
    const { status = 200, body = "", headers = {} } = reply ?? {};
    const text = typeof body === "string" ? body : JSON.stringify(body);
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    reply: (route, ...replies) => void routes.set(route, replies),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Problem details as the scheduler writes them. */
export const problem = (code: string, status: number, detail: string, help = "Do this.") => ({
  type: `urn:mr-redis:error:${code}`,
  title: code,
  status,
  detail,
  code,
  help,
});

const notFound = problem("instance-not-found", 404, "Instance inst does not exist.");

/** A process as /v2 shows it. */
export const processJson = (changes: Readonly<Record<string, unknown>> = {}) => ({
  id: "inst::1",
  role: "master",
  state: "running",
  ip: "127.0.0.1",
  port: 6380,
  agentId: "agent-1",
  hostname: "127.0.0.2",
  ready: true,
  memoryUsedBytes: 1_904_432,
  uptimeSeconds: 5,
  clients: 1,
  lastIoSeconds: 0,
  linkUp: null,
  ...changes,
});

/** An instance as /v2 shows it: by default a single that runs. */
export const instanceJson = (changes: Readonly<Record<string, unknown>> = {}) => ({
  name: "inst",
  type: "S",
  status: "RUNNING",
  reason: null,
  memory: 200,
  slaves: 0,
  masters: 1,
  distribution: null,
  config: {},
  constraints: [],
  epoch: 1,
  createdAt: "2026-01-02T03:04:05.000Z",
  master: processJson(),
  replicas: [],
  processes: [processJson()],
  unplaced: null,
  failovers: [],
  ...changes,
});

/** An instance that waits for a place. */
export const creatingJson = (changes: Readonly<Record<string, unknown>> = {}) =>
  instanceJson({
    type: "MS",
    status: "CREATING",
    reason: { code: "unplaced", text: "needs 6 agents for distribution 1, 3 are known" },
    slaves: 5,
    distribution: 1,
    master: null,
    processes: [],
    unplaced: {
      missing: 6,
      text: "needs 6 agents for distribution 1, 3 are known",
      agents: [{ agentId: "agent-1", hostname: "127.0.0.2", text: "would have one, of 1 allowed" }],
    },
    ...changes,
  });
