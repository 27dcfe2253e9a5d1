/**
 * Owns a proxy in front of a master that cuts and joins the chunks of an event stream at random, and remembers what
 * came whole: for the check that chunk boundaries mean nothing.
 * Not: what is in the stream. Called by checks/session.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createServer } from "node:http";
import { type Access, openRequest, readBody } from "./http.js";

/** Longest time that bytes are held back, to be joined with what follows. */
const holdMsMax = 20;

/** Longest piece that is passed on at once. */
const pieceBytesMax = 64;

/** Limit for a request's body. */
const bodyMsMax = 10_000;

/** A running proxy. */
export interface SplittingProxy {
  readonly url: URL;
  /** All bytes that came from the master. */
  received(): Buffer;
  /** How many pieces they were passed on in. */
  piecesCount(): number;
  close(): void;
}

/** Starts one on loopback; `random` is uniform in [0, 1). */
export function startSplittingProxy(
  target: URL,
  access: Access,
  random: () => number,
): Promise<SplittingProxy> {
  const chunks: Buffer[] = [];
  let pieces = 0;
  const server = createServer(async (request, response) => {
    const body = await readBody(request, bodyMsMax);
    const headers = { "Content-Type": "application/json", Accept: "application/json" };
    const upstream = await openRequest(target, access, { headers, body });
    response.writeHead(upstream.statusCode ?? 502, {
      "Content-Type": upstream.headers["content-type"] ?? "",
      "Mesos-Stream-Id": upstream.headers["mesos-stream-id"] ?? "",
    });
    let held = Buffer.alloc(0);
    const pass = () => {
      if (held.length === 0) return;
      const size = 1 + Math.floor(random() * Math.min(pieceBytesMax, held.length));
      response.write(held.subarray(0, size));
      pieces += 1;
      held = held.subarray(size);
      if (held.length > 0) setImmediate(pass);
    };
    upstream.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      held = Buffer.concat([held, chunk]);
      setTimeout(pass, random() * holdMsMax);
    });
    upstream.on("error", () => response.destroy());
    upstream.on("end", () => response.end(held));
    response.on("close", () => upstream.destroy());
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      resolve({
        url: new URL(target.pathname, `http://127.0.0.1:${port}`),
        received: () => Buffer.concat(chunks),
        piecesCount: () => pieces,
        close: () => {
          server.close();
          server.closeAllConnections();
        },
      });
    });
  });
}
