/**
 * Owns how the executor's own connections to its redis-servers are secured: it takes exactly the certificates that it gave
 * them, by whatever name, so that neither a stranger on the port nor an expired date can come between.
 * Not: whom clients and replicas trust (they ask the authority). Called by connect.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { connect, type TLSSocket } from "node:tls";
import { AbstractConnector } from "ioredis";

/** Where the process listens, and which certificates are its own. */
export interface PinnedTarget {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  readonly isOurs: (certificate: Buffer) => boolean;
}

/** A class of connectors as ioredis wants it, for one process. */
export const pinnedConnector = ({
  host,
  port,
  timeoutMs,
  isOurs,
}: PinnedTarget): (new (
  options: unknown,
) => AbstractConnector) =>
  class PinnedConnector extends AbstractConnector {
    constructor(options: unknown) {
      super((options as { readonly disconnectTimeout?: number }).disconnectTimeout ?? timeoutMs);
    }

    connect(): Promise<TLSSocket> {
      return new Promise((resolve, reject) => {
        // Not "whoever an authority vouches for", but these very certificates: looked at below.
        const socket = connect({ host, port, rejectUnauthorized: false, minVersion: "TLSv1.2" });
        this.stream = socket;
        socket.setTimeout(timeoutMs, () => socket.destroy(new Error("no TLS in time")));
        socket.once("error", reject);
        const closed = (): void => reject(new Error("closed before TLS was agreed on"));
        socket.once("close", closed);
        socket.once("secureConnect", () => {
          const { raw } = socket.getPeerCertificate() as { readonly raw?: Buffer };
          if (raw === undefined || !isOurs(raw)) {
            socket.destroy(new Error("it shows a certificate that is not its own"));
            return;
          }
          socket.setTimeout(0);
          socket.off("close", closed);
          resolve(socket);
        });
      });
    }
  };
