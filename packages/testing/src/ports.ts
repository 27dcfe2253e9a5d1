/**
 * Owns the picking of ports on loopback that stay free: below the range from which the kernel gives ports to
 * connections, and reserved among all test processes of this machine until the reserving process has ended. So a test
 * may stop a server and start it again on the same port.
 * Not: listening on them for good. Called by tests and launchers.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Where ports are looked for: below Linux' ephemeral ports (32768), above those of common services, and apart from the
 * ports that schedulers give to instances at proxies (`ProxyPorts`: 20000-29999 by default).
 */
export const portSearch = {
  single: { first: 10_000, last: 13_999 },
  range: { first: 14_000, last: 19_999 },
} as const;

/** Picks before giving up; each is elsewhere. */
const triesMax = 200;

/** A file for each reserved port, named by it, with the id of the process that has it. */
const reservations = join(tmpdir(), "mrr-test-ports");

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

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** The process that wrote a reservation; null when the file is gone or not whole. */
function holderOf(file: string): number | null {
  try {
    const pid = Number(readFileSync(file, "utf8"));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : null;
  } catch {
    return null;
  }
}

/** Removes the reservation of a process that has ended; false when another one was quicker. */
function discard(file: string): boolean {
  const aside = `${file}.${process.pid}`;
  try {
    // Of several that try, one can rename it.
    renameSync(file, aside);
    const holder = holderOf(aside);
    rmSync(aside, { force: true });
    // A new holder may have come between the look and the renaming: its port is left to it.
    return holder === null || !isAlive(holder);
  } catch {
    return false;
  }
}

/** Reserves a port for this process until it ends; false when another living process has it. */
function reserve(port: number): boolean {
  mkdirSync(reservations, { recursive: true });
  const file = join(reservations, String(port));
  for (let again = 0; again < 2; again += 1) {
    try {
      writeFileSync(file, String(process.pid), { flag: "wx" });
      return true;
    } catch {
      const holder = holderOf(file);
      if (holder === null || isAlive(holder) || !discard(file)) return false;
    }
  }
  return false;
}

const release = (port: number): void => rmSync(join(reservations, String(port)), { force: true });

async function areFree(first: number, count: number): Promise<boolean> {
  const ports = Array.from({ length: count }, (_, index) => first + index);
  const outcomes = await Promise.allSettled(ports.map((port) => listen(port, "0.0.0.0")));
  const servers = outcomes.flatMap((outcome) =>
    outcome.status === "fulfilled" ? [outcome.value] : [],
  );
  await Promise.all(servers.map(closeServer));
  return servers.length === count;
}

/** Reserves `count` neighbouring ports that are free on all addresses; false when one of them is not. */
async function tryRange(first: number, count: number): Promise<boolean> {
  const got: number[] = [];
  for (let port = first; port < first + count && reserve(port); port += 1) got.push(port);
  if (got.length === count && (await areFree(first, count))) return true;
  got.forEach(release);
  return false;
}

async function pick(within: { first: number; last: number }, count: number): Promise<number> {
  const span = within.last - within.first - count + 1;
  for (let tries = 0; tries < triesMax; tries += 1) {
    const first = within.first + Math.floor(Math.random() * span);
    if (await tryRange(first, count)) return first;
  }
  throw new Error(`no ${count} neighbouring ports are free from ${within.first} to ${within.last}`);
}

/** One free port of 127.0.0.1. */
export const freePort = (): Promise<number> => pick(portSearch.single, 1);

/** `count` different free ports of 127.0.0.1. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

/** `count` neighbouring ports that are free on all addresses. */
export async function freePortRange(count: number): Promise<{ first: number; last: number }> {
  const first = await pick(portSearch.range, count);
  return { first, last: first + count - 1 };
}
