/**
 * Owns the picking of free ports on loopback. Not: keeping them (another program may take one in between).
 * Called by tests and launchers.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createServer, type Server } from "node:net";

/** Where ranges are looked for: below Linux' ephemeral ports (32768), above those of common services. */
export const portRangeSearch = { first: 20_000, last: 32_000 } as const;

/** Ranges tried before giving up; each try starts elsewhere. */
const rangeTriesMax = 50;

/** Listens on `host:port` (0: any); rejects when it is taken. Close it with {@link closeServer}. */
export function listen(port: number, host = "127.0.0.1"): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", reject);
    server.listen({ port, host, exclusive: true }, () => resolve(server));
  });
}

/** Closes a listening server; resolves when the port is free. */
export const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve) => server.close(() => resolve()));

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not a TCP server");
  return address.port;
}

/** `count` different free ports of 127.0.0.1. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen(0)));
  const ports = servers.map(portOf);
  await Promise.all(servers.map(closeServer));
  return ports;
}

/** One free port of 127.0.0.1. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error("no port");
  return port;
}

async function isRangeFree(first: number, count: number): Promise<boolean> {
  const ports = Array.from({ length: count }, (_, index) => first + index);
  const outcomes = await Promise.allSettled(ports.map((port) => listen(port, "0.0.0.0")));
  const servers = outcomes.flatMap((outcome) =>
    outcome.status === "fulfilled" ? [outcome.value] : [],
  );
  await Promise.all(servers.map(closeServer));
  return servers.length === count;
}

/** The first port of `count` neighbouring ports that are free on all addresses. */
export async function freePortRange(count: number): Promise<{ first: number; last: number }> {
  const span = portRangeSearch.last - portRangeSearch.first - count;
  for (let tries = 0; tries < rangeTriesMax; tries += 1) {
    const first = portRangeSearch.first + Math.floor(Math.random() * span);
    if (await isRangeFree(first, count)) return { first, last: first + count - 1 };
  }
  throw new Error(`no ${count} neighbouring ports are free`);
}
