/**
 * Owns reading a request's body whole, within a limit, and undoing its Content-Encoding.
 * Called by http/server.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { IncomingMessage } from "node:http";
import { gunzipSync } from "node:zlib";

/** Largest body, also after decompression: an ACCEPT that launches 10,000 tasks is near 20 MB. */
export const bodyBytesMax = 64 * 1024 * 1024;

/** A body, or what is wrong with it. */
export type Body =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly status: number; readonly text: string };

/** Reads the body; resolves also when the caller goes away (then nobody reads the answer). */
export function readBody(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve) => {
    const early = () => resolve({ ok: false, status: 400, text: "The body ended early" });
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= bodyBytesMax) chunks.push(chunk);
      else {
        chunks.length = 0;
        resolve(tooLarge());
      }
    });
    request.on("end", () => {
      const [first] = chunks;
      const whole = first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks);
      if (bytes <= bodyBytesMax) resolve(decoded(whole, request.headers["content-encoding"]));
    });
    request.on("error", early);
    request.on("close", early);
  });
}

const tooLarge = (): Body => ({
  ok: false,
  status: 413,
  text: `The body is larger than ${bodyBytesMax} bytes`,
});

/** Only gzip is undone; a body in any other encoding is taken as it stands, as recorded for deflate. */
function decoded(bytes: Buffer, encoding: string | undefined): Body {
  if (encoding !== "gzip") return { ok: true, bytes };
  try {
    return { ok: true, bytes: gunzipSync(bytes, { maxOutputLength: bodyBytesMax }) };
  } catch {
    return { ok: false, status: 500, text: "failed to decode body" };
  }
}
