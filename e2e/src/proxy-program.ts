/**
 * Owns a real mrr-proxy beside a site, and a client of it that keeps its connection until it is cut.
 * Not: the site (packages/testing), nor what is expected of them. Called by the proxy tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createConnection, type Socket } from "node:net";
import { join } from "node:path";
import {
  eventually,
  freePort,
  launch,
  type Program,
  repositoryRoot,
  type Site,
} from "@mr-redis/testing";

/** Limit for everything that takes a moment; a busy machine takes several. */
export const deadlineMs = 40_000;

/** What `/readyz` of a proxy says; only what tests look at. */
export interface ProxyReadiness {
  readonly status: number;
  readonly topology: string;
  readonly scheduler: string | null;
  readonly instances: number;
  readonly instancesWithProblems: number;
}

/** A running proxy. */
export interface RunningProxy {
  readonly program: Program;
  readonly httpPort: number;
  readiness(): Promise<ProxyReadiness>;
  /** A counter of a route by the name of its metric; null: there is no such route. */
  metric(name: string, route: string): Promise<number | null>;
  put(path: string, body: unknown): Promise<string>;
}

/** Starts a proxy and waits until its admin routes answer. */
export async function startProxy(options: {
  readonly schedulers: readonly string[];
  readonly stateFile: string;
  readonly args?: readonly string[];
}): Promise<RunningProxy> {
  const httpPort = await freePort();
  const program = await launch({
    command: process.execPath,
    args: [
      join(repositoryRoot(), "packages/proxy/dist/main.js"),
      ...["-scheduler", options.schedulers.join(","), "-bind", "127.0.0.1"],
      ...["-http-port", String(httpPort), "-state", options.stateFile, ...(options.args ?? [])],
    ],
  });
  const endpoint = `http://127.0.0.1:${httpPort}`;
  const text = async (path: string, init: RequestInit = {}): Promise<[number, string]> => {
    const answer = await fetch(endpoint + path, { ...init, signal: AbortSignal.timeout(20_000) });
    return [answer.status, await answer.text()];
  };
  await program.waitFor(async () => void (await text("/healthz")), {
    deadlineMs,
    what: "mrr-proxy answers",
  });
  return {
    program,
    httpPort,
    readiness: async () => {
      const [status, body] = await text("/readyz");
      return { ...(JSON.parse(body) as Omit<ProxyReadiness, "status">), status };
    },
    metric: async (name, route) => {
      const [, body] = await text("/metrics");
      const begin = `mr_redis_proxy_${name}{route="${route}"`;
      const line = body.split("\n").find((each) => each.startsWith(begin));
      return line === undefined ? null : Number(line.slice(line.lastIndexOf(" ") + 1));
    },
    put: async (path, body) => (await text(path, { method: "PUT", body: JSON.stringify(body) }))[1],
  };
}

/** Waits until the proxy says that its topology is this. */
export const waitTopology = (proxy: RunningProxy, topology: string): Promise<ProxyReadiness> =>
  eventually(
    async () => {
      const readiness = await proxy.readiness();
      if (readiness.topology !== topology) throw new Error(JSON.stringify(readiness));
      return readiness;
    },
    { deadlineMs, what: `the proxy's topology is ${topology}` },
  );

/** Where an instance is, as the scheduler tells it. */
export interface Endpoints {
  readonly name: string;
  readonly epoch: number;
  readonly master: { readonly port: number; readonly processId: string } | null;
  readonly replicas: readonly { readonly port: number }[];
  readonly proxy: { readonly write: number; readonly read: number | null } | null;
}

/** The endpoints of an instance. */
export async function endpointsOf(site: Site, name: string): Promise<Endpoints> {
  const answer = await site.api("GET", "/v2/endpoints?limit=500");
  const { instances } = answer.json as { readonly instances: readonly Endpoints[] };
  const found = instances.find((each) => each.name === name);
  if (found === undefined) throw new Error(`${name} is not told`);
  return found;
}

/** A connection that says inline commands one after the other; rejects from its end on. */
export class Client {
  readonly #socket: Socket;
  #text = "";
  #answered: ((line: string) => void) | null = null;
  #failed: ((error: Error) => void) | null = null;
  #ended: Error | null = null;
  /** Resolves when the connection has ended. */
  readonly ended: Promise<void>;

  constructor(port: number, host = "127.0.0.1") {
    this.#socket = createConnection({ port, host, noDelay: true });
    this.#socket.setEncoding("utf8");
    this.#socket.on("data", (text: string) => {
      this.#text += text;
      const end = this.#text.indexOf("\r\n");
      if (end < 0 || this.#answered === null) return;
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 2);
      const answered = this.#answered;
      this.#answered = null;
      answered(line);
    });
    this.ended = new Promise((resolve) => {
      const over = (error: Error): void => {
        this.#ended ??= error;
        this.#socket.destroy();
        this.#failed?.(this.#ended);
        resolve();
      };
      this.#socket.once("error", over);
      this.#socket.once("end", () => over(new Error("the connection was ended")));
      this.#socket.once("close", () => over(new Error("the connection was closed")));
    });
  }

  /** First line of the answer. */
  say(command: string): Promise<string> {
    if (this.#ended !== null) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#answered = resolve;
      this.#failed = reject;
      this.#socket.write(`${command}\r\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
