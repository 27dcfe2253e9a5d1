/**
 * Owns a container engine that is none: it speaks the part of the API that executors use, runs the commands of its containers as
 * plain processes, and goes wrong on demand. Not: what is tested with it (container.test.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

interface Body {
  readonly Labels: Readonly<Record<string, string>>;
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly HostConfig: {
    readonly Mounts: readonly { readonly Source: string; readonly Target: string }[];
  };
}

/** One of its containers. */
export interface FakeContainer {
  readonly id: string;
  readonly body: Body;
  status: string;
  exitCode: number;
  isOutOfMemory: boolean;
  child: ChildProcess | null;
  input: Duplex | null;
  readonly waiting: ServerResponse[];
}

/** Answers a request in place of the engine; false: the engine is to. */
export type Mischief = (
  request: IncomingMessage,
  response: ServerResponse,
  what: string,
) => boolean;

/** See the head of this file. */
export interface FakeEngine {
  readonly containers: Map<string, FakeContainer>;
  readonly images: Set<string>;
  /** Requests so far, as `METHOD /path` without ids. */
  readonly asked: string[];
  mischief: Mischief;
  /** Puts a container there that an executor before this one has left. */
  leave(labels: Readonly<Record<string, string>>, status: string): FakeContainer;
  close(): Promise<void>;
}

const framed = (bytes: Buffer): Buffer => {
  const header = Buffer.alloc(8);
  header[0] = 1;
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
};

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // Nobody is left of it.
  }
}

/** Starts one on `socket`. */
export async function startFakeEngine(socket: string): Promise<FakeEngine> {
  const containers = new Map<string, FakeContainer>();
  const all: FakeContainer[] = [];
  const images = new Set<string>();
  const asked: string[] = [];
  let count = 0;
  const add = (body: Body, status: string): FakeContainer => {
    count += 1;
    const id = count.toString(16).padStart(64, "0");
    const container: FakeContainer = {
      ...{ id, body, status, exitCode: 0, isOutOfMemory: false, child: null, input: null },
      waiting: [],
    };
    containers.set(id, container);
    all.push(container);
    return container;
  };

  const end = (container: FakeContainer, exitCode: number): void => {
    container.status = "exited";
    container.exitCode = exitCode;
    container.input?.end();
    for (const response of container.waiting.splice(0)) {
      response.end(JSON.stringify({ StatusCode: exitCode }));
    }
  };

  const run = (container: FakeContainer): void => {
    const { Entrypoint, Cmd, HostConfig } = container.body;
    const placeOf = (target: string): string =>
      HostConfig.Mounts.find(({ Target }) => Target === target)?.Source ?? "/";
    // What would be mounted is where it is.
    const words = [...Entrypoint, ...Cmd].map((word) =>
      word.replaceAll('"/mr-redis/', `"${placeOf("/mr-redis")}/`),
    );
    const [program = "", ...args] = words;
    const child = spawn(program, args, { cwd: placeOf("/data"), detached: true });
    container.child = child;
    container.status = "running";
    const tell = (chunk: Buffer): void => void container.input?.write(framed(chunk));
    child.stdout?.on("data", tell);
    child.stderr?.on("data", tell);
    child.stdin?.on("error", () => undefined);
    container.input?.on("data", (chunk: Buffer) => child.stdin?.write(chunk));
    const close = (): void => void child.stdin?.end();
    container.input?.on("end", close).on("close", close);
    // As in a container, all others end with the first one.
    child.on("exit", () => killGroup(child));
    child.on("close", (code, signal) => end(container, signal === null ? (code ?? 0) : 137));
  };

  /** Its first process is the last: the others end with it. */
  const kill = (container: FakeContainer, signal: NodeJS.Signals): void => {
    const pid = container.child?.pid;
    if (pid === undefined || container.status !== "running") return;
    if (signal === "SIGKILL" && container.child !== null) killGroup(container.child);
    else process.kill(pid, signal);
  };

  const answer = (response: ServerResponse, status: number, value: unknown): void => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(value === undefined ? "" : JSON.stringify(value));
  };

  const stateOf = ({ status, exitCode, isOutOfMemory, child }: FakeContainer): unknown => ({
    State: {
      ...{ Status: status, ExitCode: exitCode, OOMKilled: isOutOfMemory, Pid: child?.pid ?? 0 },
      FinishedAt: status === "exited" ? new Date().toISOString() : "0001-01-01T00:00:00Z",
    },
  });

  const listed = (filters: string): unknown => {
    const [label = ""] = (JSON.parse(filters) as { label: string[] }).label;
    const [name = "", value] = label.split("=");
    return [...containers.values()]
      .filter(({ body }) => body.Labels[name] === value)
      .map(({ id, body }) => ({ Id: id, Labels: body.Labels }));
  };

  const handleContainer = (
    container: FakeContainer,
    action: string,
    query: URLSearchParams,
    response: ServerResponse,
  ): void => {
    if (action === "json") answer(response, 200, stateOf(container));
    else if (action === "start") {
      run(container);
      answer(response, 204, undefined);
    } else if (action === "wait") {
      response.writeHead(200, { "content-type": "application/json" });
      response.flushHeaders();
      container.waiting.push(response);
    } else if (action === "kill") {
      kill(container, query.get("signal") as NodeJS.Signals);
      answer(response, 204, undefined);
    } else {
      kill(container, "SIGKILL");
      containers.delete(container.id);
      answer(response, 204, undefined);
    }
  };

  const engine: FakeEngine = {
    ...{ containers, images, asked, mischief: () => false },
    leave: (Labels, status) =>
      add({ Labels, Entrypoint: [], Cmd: [], HostConfig: { Mounts: [] } }, status),
    async close() {
      for (const { child, input } of all) {
        if (child !== null) killGroup(child);
        input?.destroy();
      }
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
    },
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "/", "http://engine");
    const path = url.pathname.replace(/^\/v[\d.]+/, "");
    const what = `${request.method} ${path.replace(/[0-9a-f]{64}/, "ID")}`;
    asked.push(what);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (engine.mischief(request, response, what)) return;
    const image = /^\/images\/(.+)\/json$/.exec(path)?.[1];
    const [, id = "", action = ""] = /^\/containers\/([0-9a-f]{64})(?:\/(\w+))?$/.exec(path) ?? [];
    const container = containers.get(id);
    if (image !== undefined)
      answer(response, images.has(decodeURIComponent(image)) ? 200 : 404, {});
    else if (path === "/containers/create") {
      const body = JSON.parse(String(Buffer.concat(chunks))) as Body;
      answer(response, 201, { Id: add(body, "created").id });
    } else if (path === "/containers/json") {
      answer(response, 200, listed(url.searchParams.get("filters") ?? ""));
    } else if (container === undefined) answer(response, 404, { message: "no such thing" });
    else handleContainer(container, action, url.searchParams, response);
  };

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  server.on("upgrade", (request: IncomingMessage, stream: Duplex) => {
    const id = /[0-9a-f]{64}/.exec(request.url ?? "")?.[0] ?? "";
    const container = containers.get(id);
    if (container === undefined) return void stream.destroy();
    stream.on("error", () => undefined);
    stream.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
    container.input = stream;
  });
  await new Promise<void>((resolve) => void server.listen(socket, resolve));
  return engine;
}
