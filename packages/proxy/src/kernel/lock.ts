/**
 * Owns that one program at a time has the table: a name in the abstract socket space of the network namespace, which is
 * where the table lives, too. The kernel gives it free when the program ends, however it ends.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createServer } from "node:net";

const lockName = "\0mr-redis-proxy-kernel";

/** A lock that is held. */
export interface HostLock {
  release(): Promise<void>;
}

/** null: another program has it. */
export function takeLock(): Promise<HostLock | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(null);
      else reject(error);
    });
    server.listen(lockName, () => {
      server.unref();
      resolve({ release: () => new Promise((done) => server.close(() => done())) });
    });
  });
}
