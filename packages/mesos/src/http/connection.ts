/**
 * Owns how undici is set up for both APIs, and what its errors are called.
 * Not: requests. Called by event-stream.ts and call-queue.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { buildConnector, Client, type Dispatcher } from "undici";

/** Most bytes of an answer's text that are kept: Mesos says one sentence, the rest is not read. */
export const answerTextBytesMax = 16 * 1024;

/** Where to connect to: an origin, or a unix socket whose requests name that origin. */
export interface Endpoint {
  readonly origin: string;
  readonly socketPath?: string;
  /** PEM: who may have signed the certificate of an https origin. Default: whom Node trusts. */
  readonly ca?: string;
  /** The name that the certificate must have. Default: the host of the origin. */
  readonly serverName?: string;
}

/** How long the one connection for calls may be idle; longer than the pauses of a quiet scheduler. */
const connectionIdleMs = 600_000;

/** Why something was not sent that {@link MaySend} has refused. */
export const mayNotSend = "nothing may be sent any more";

/**
 * Asked right before bytes of a request go out; false: they do not. It may close what asks. Why it is asked so late: a
 * process that was stopped for a while runs the callbacks of its sockets before any timer could tell it.
 */
export type MaySend = () => boolean;

/** For those who always may. */
export const alwaysMaySend: MaySend = () => true;

/**
 * One TCP connection at a time, one request in flight. Every limit in time is kept by the callers with their clock, so
 * undici's own are off. `maySend` is asked when a connection is there; the first request follows at once. Requests on a
 * connection that was used before are to be guarded by who sends them.
 */
export function createConnection(endpoint: Endpoint, maySend: MaySend): Client {
  const { origin, socketPath, ca, serverName } = endpoint;
  const connect = buildConnector({
    timeout: 0,
    ...(socketPath === undefined ? {} : { socketPath }),
    ...(ca === undefined ? {} : { ca }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  });
  return new Client(origin, {
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: (options, callback) =>
      connect(options, (error, socket) => {
        if (error !== null) callback(error, null);
        else if (maySend()) callback(null, socket);
        else {
          socket.destroy();
          callback(new Error(mayNotSend), null);
        }
      }),
    keepAliveTimeout: connectionIdleMs,
    keepAliveMaxTimeout: connectionIdleMs,
  });
}

/** The text of an answer, shortened to {@link answerTextBytesMax}. Rejects when the connection breaks. */
export async function answerText(body: Dispatcher.ResponseData["body"]): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of body) {
    const buffer: Buffer = part;
    parts.push(buffer);
    bytes += buffer.length;
    if (bytes >= answerTextBytesMax) break;
  }
  return Buffer.concat(parts).subarray(0, answerTextBytesMax).toString("utf8");
}

/** The value of a header that was given once, else null. */
export function singleHeader(
  headers: Dispatcher.ResponseData["headers"],
  name: string,
): string | null {
  const value = headers[name];
  return typeof value === "string" ? value : null;
}

/**
 * A connection error in one word if it has one (`ECONNREFUSED`), what is wrong with a certificate, else its message.
 * Never holds a header.
 */
export function connectionErrorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  if (code === undefined || code === "UND_ERR_SOCKET") return error.message;
  if (code.startsWith("ERR_SSL_")) return `no TLS with the other side: ${code}`;
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return `the certificate is another's: ${error.message}`;
  if (certificateCodes.test(code)) return `the certificate is not trusted: ${code}`;
  return code;
}

/** As Node and OpenSSL name what is wrong with a certificate. */
const certificateCodes = /CERT|^UNABLE_TO_|^INVALID_(CA|PURPOSE)$/;
