/**
 * Owns the HTTP server of this program that agents and executors reach: it serves the test executor and takes its
 * notes. Its paths begin with a random token, so that nobody else in the network writes notes.
 * Not: what the notes mean. Called by main.ts, executors.ts, checks.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createReadStream, readFileSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { ExecutorEvent } from "@mr-redis/mesos";
import { readBody } from "./http.js";

/** What the test executor reports; which fields are there depends on the type. */
export interface Note {
  readonly type: string;
  /** By the executor's clock. */
  readonly atMs: number;
  /** Of the stream: 1 for the first. */
  readonly number?: number;
  readonly event?: ExecutorEvent;
  readonly name?: string;
  readonly task?: string;
  readonly state?: string;
  readonly uuid?: string;
  readonly status?: number;
  readonly text?: string;
  readonly error?: string;
  readonly path?: string;
  readonly pid?: number;
  readonly uid?: number;
  readonly ownUid?: number;
  readonly cwd?: string;
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Most notes of one executor: a check needs some dozens. */
const notesMax = 10_000;

/** Most executors: a run starts about a hundred. */
const executorsMax = 10_000;

/** Limit for a request's body. */
const bodyMsMax = 10_000;

interface Book {
  readonly notes: Note[];
  beatAtMs: number;
  isTold: boolean;
}

/** What it serves and where it listens. */
export interface StationOptions {
  /** Address to listen on. */
  readonly bind: string;
  /** Host under which agents reach it. */
  readonly advertise: string;
  /** 0: any free port. */
  readonly port: number;
  readonly token: string;
  /** File of the test executor. */
  readonly executorFile: string;
  /** Program that is served as `node`; null: none. */
  readonly nodeFile: string | null;
}

/** The running server. */
export class Station {
  readonly url: string;
  readonly #books: Map<string, Book>;
  readonly #server: Server;

  /** @internal use {@link startStation} */
  constructor(url: string, books: Map<string, Book>, server: Server) {
    this.url = url;
    this.#books = books;
    this.#server = server;
  }

  /** All notes of an executor so far; `key` is `frameworkId/executorId`. */
  notes(key: string): readonly Note[] {
    return this.#books.get(key)?.notes ?? [];
  }

  /** When the executor's child last reported (performance.now), 0 before. */
  beatAtMs(key: string): number {
    return this.#books.get(key)?.beatAtMs ?? 0;
  }

  /** Lets an executor subscribe that waits for it. */
  tell(key: string): void {
    const book = bookOf(this.#books, key);
    if (book !== undefined) book.isTold = true;
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

function bookOf(books: Map<string, Book>, key: string): Book | undefined {
  const known = books.get(key);
  if (known !== undefined || books.size >= executorsMax) return known;
  const book: Book = { notes: [], beatAtMs: 0, isTold: false };
  books.set(key, book);
  return book;
}

/** Takes what an executor posts; the answer's text. */
function take(book: Book, topic: string, body: string): string {
  if (topic === "beats") book.beatAtMs = performance.now();
  if (topic === "told") return book.isTold ? "yes" : "no";
  if (topic !== "notes") return "";
  const notes: unknown = JSON.parse(body);
  if (!Array.isArray(notes)) return "";
  const room = notesMax - book.notes.length;
  book.notes.push(...(notes.slice(0, room) as Note[]));
  return "";
}

function serveFile(response: ServerResponse, file: string): void {
  response.writeHead(200, {
    "Content-Type": "application/octet-stream",
    "Content-Length": statSync(file).size,
  });
  createReadStream(file)
    .on("error", () => response.destroy())
    .pipe(response);
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  options: StationOptions,
  books: Map<string, Book>,
): Promise<void> {
  const [token, topic, frameworkId, executorId] = (request.url ?? "").split("/").slice(1);
  if (token !== options.token || topic === undefined) {
    response.writeHead(404).end();
  } else if (topic === "executor.mjs") {
    const text = readFileSync(options.executorFile);
    response.writeHead(200, { "Content-Type": "text/plain" }).end(text);
  } else if (topic === "node" && options.nodeFile !== null) {
    serveFile(response, options.nodeFile);
  } else if (request.method === "POST" && executorId !== undefined) {
    const key = `${frameworkId}/${decodeURIComponent(executorId)}`;
    const book = bookOf(books, key);
    const body = await readBody(request, bodyMsMax);
    response.writeHead(200).end(book === undefined ? "" : take(book, topic, body));
  } else {
    response.writeHead(404).end();
  }
}

/** Starts the server. */
export function startStation(options: StationOptions): Promise<Station> {
  const books = new Map<string, Book>();
  const server = createServer((request, response) => {
    serve(request, response, options, books).catch(() => response.destroy());
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.bind, () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : options.port;
      const host = options.advertise.includes(":") ? `[${options.advertise}]` : options.advertise;
      resolve(new Station(`http://${host}:${port}/${options.token}`, books, server));
    });
  });
}
