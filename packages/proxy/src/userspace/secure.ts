/**
 * Owns TLS to clients: the handshake, its limit, and the change to another certificate while clients are served. Material
 * that cannot be used changes nothing. Not: reading files (main.ts), nor carrying bytes.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Socket } from "node:net";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import type { Clock } from "@mr-redis/core";
import type { TlsMaterial } from "../routes.js";

/** Longest handshake: a client that begins none holds a place among the clients. */
export const handshakeMsMax = 10_000;

/** Older versions are broken. */
const versionMin = "TLSv1.2";

const nothing = (): void => {};

/** See the head of this file. */
export class SecureFront {
  readonly #clock: Clock;
  #context: SecureContext | null = null;
  #material: TlsMaterial | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * New handshakes have this certificate; null: none has any. Gives the reason why the material cannot be used, and keeps
   * what was there; null: it is in use.
   */
  use(material: TlsMaterial | null): string | null {
    const { cert, key } = material ?? {};
    if (cert === this.#material?.cert && key === this.#material?.key) return null;
    try {
      // A key that is not the certificate's is refused here, too.
      this.#context =
        material === null ? null : createSecureContext({ ...material, minVersion: versionMin });
      this.#material = material;
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** Shakes hands with a client that is paused. `done` is called once; null: it came to nothing, the client is ended. */
  greet(client: Socket, done: (secure: Socket | null) => void): void {
    if (this.#context === null) {
      client.destroy();
      done(null);
      return;
    }
    const secure = new TLSSocket(client, { isServer: true, secureContext: this.#context });
    const failed = (): void => {
      limit.cancel();
      secure.removeListener("secure", shaken);
      client.destroy();
      done(null);
    };
    const shaken = (): void => {
      limit.cancel();
      secure.removeListener("close", failed);
      secure.pause();
      done(secure);
    };
    const limit = this.#clock.after(handshakeMsMax, () => secure.destroy());
    secure.on("error", nothing);
    secure.once("secure", shaken);
    secure.once("close", failed);
    client.resume();
  }
}
