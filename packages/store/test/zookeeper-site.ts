/**
 * Owns a real ZooKeeper with what tests do to it: stores on it, links to it, foreign nodes, sessions taken away.
 * Not: the cases. Called by zookeeper.test.ts and zookeeper-driver.test.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { isAlive, startZookeeper, until, type ZookeeperServer } from "@mr-redis/testing";
import { transform } from "esbuild";
import type { LeaderProcess, ServerControl, StoreHarness } from "../src/conformance/harness.js";
import { loadNative, type NativeClient } from "../src/zookeeper/native.js";
import type { Session } from "../src/zookeeper/session.js";
import {
  openZookeeperStore,
  ZookeeperStore,
  type ZookeeperStoreOptions,
} from "../src/zookeeper/store.js";
import { startLeaderProcess } from "./leader-process.js";
import { systemClock as clock } from "./system-clock.js";
import { startZookeeperLink, type ZookeeperLink } from "./zookeeper-link.js";

/** Leases of leaders in these tests: where nobody waits for its end, none may end because the machine is busy. */
export const leaseMs = { short: 2_000, long: 10_000 } as const;

/** Limits of one call in these tests: above what a busy machine needs, the short one for cases that wait for it. */
export const limitMs = { short: 3_000, long: 10_000 } as const;

/** Opens a store; its options as the tests want them unless told otherwise. */
export async function openStore(
  options: Partial<ZookeeperStoreOptions> & { endpoints: readonly string[] },
): Promise<ZookeeperStore> {
  const leaseTtlMs = leaseMs.long;
  const common = { driver: "zookeeper", clock, leaseTtlMs, timeLimitMs: limitMs.long };
  const store = await openZookeeperStore({ ...common, ...options });
  if (!(store instanceof ZookeeperStore)) throw new Error("another driver");
  return store;
}

/** A client without the driver around it. */
export async function dialNative(
  endpoint: string,
  session: { readonly id: string | null; readonly password: string | null } | null = null,
  secret: string | null = null,
): Promise<NativeClient> {
  const Native = loadNative();
  const client = new Native({
    connect: endpoint,
    timeout: leaseMs.long,
    debug_level: 0,
    ...(session === null ? {} : { client_id: session.id, client_password: session.password }),
  });
  await new Promise<void>((resolve) => {
    client.on("connect", () => resolve());
    client.init({});
  });
  if (secret !== null) {
    await new Promise<void>((resolve) => client.add_auth("digest", secret, () => resolve()));
  }
  return client;
}

/**
 * Ends a session as the server does when it expires: its holder is told when it comes back. A holder that comes back while
 * the other client has the session takes it away again: then once more.
 */
export async function expire(endpoint: string, session: Session): Promise<void> {
  const isOver = () => session.endError !== null;
  while (!isOver()) {
    const client = await dialNative(endpoint, session);
    client.close();
    await until(isOver, { deadlineMs: leaseMs.long, what: "the deposed one is told" }).catch(
      () => {},
    );
  }
}

/** What a node holds; null when there is none. */
export async function peek(client: NativeClient, path: string): Promise<string | null> {
  return await new Promise((resolve, reject) => {
    client.a_get(path, false, (code, text, _, data) => {
      if (code === -101) resolve(null);
      else if (code !== 0) reject(new Error(`${path}: ${text}`));
      else resolve(Buffer.from(data ?? []).toString());
    });
  });
}

/** Makes or overwrites a node, as another program would; the node above it is there. */
export async function poke(
  client: NativeClient,
  path: string,
  value: string | Buffer,
): Promise<void> {
  const data = Buffer.from(value);
  const call = (begin: (done: (code: number) => void) => number) =>
    new Promise<number>((resolve) => begin(resolve));
  const made = await call((done) => client.a_create(path, data, 0, done));
  if (made === 0) return;
  const set = await call((done) => client.a_set(path, data, -1, done));
  if (set !== 0) throw new Error(`${path}: ${set}`);
}

/** One server and what belongs to it. */
export class ZookeeperSite {
  readonly server: ZookeeperServer;
  readonly #link: ZookeeperLink;
  #cases = 0;

  private constructor(server: ZookeeperServer, link: ZookeeperLink) {
    this.server = server;
    this.#link = link;
  }

  static async start(): Promise<ZookeeperSite> {
    // The process of esbuild stays: started later it would inherit the sockets of clients, which then never close.
    await transform("");
    const server = await startZookeeper();
    return new ZookeeperSite(server, await startZookeeperLink(server.port));
  }

  async stop(): Promise<void> {
    await this.#link.close();
    await this.server.stop();
  }

  /** A root that no other case has. */
  newPrefix(): string {
    this.#cases += 1;
    return `/mr-redis-${this.#cases}`;
  }

  async createHarness(caseId: string): Promise<StoreHarness> {
    // A case that failed may have left it so.
    this.server.thaw();
    if (!isAlive(this.server.pid)) await this.server.start();
    const stores: ZookeeperStore[] = [];
    const links: ZookeeperLink[] = [];
    const leaders: LeaderProcess[] = [];
    const prefix = this.newPrefix();
    const isShort = /^(server|deposed)-/.test(caseId);
    const leaseTtlMs = isShort ? leaseMs.short : leaseMs.long;
    const timeLimitMs = isShort ? limitMs.short : limitMs.long;
    const openAt = async (endpoint: string) => {
      const store = await openStore({ endpoints: [endpoint], prefix, leaseTtlMs, timeLimitMs });
      stores.push(store);
      return store;
    };
    const { server } = this;
    const control: ServerControl = {
      freeze: () => server.freeze(),
      thaw: () => server.thaw(),
      kill: () => server.kill(),
      start: () => server.start(),
      openThrough: async () => {
        const link = await startZookeeperLink(server.port);
        links.push(link);
        return { store: await openAt(link.endpoint), link };
      },
      putForeign: async (path, value) => {
        const client = await dialNative(server.endpoint);
        await poke(client, `${prefix}${path}`, value);
        client.close();
      },
      readForeign: async (path) => {
        const client = await dialNative(server.endpoint);
        const value = await peek(client, `${prefix}${path}`);
        client.close();
        return value;
      },
      startLeader: async (key) => {
        const endpoints = [server.endpoint];
        const options = { driver: "zookeeper", endpoints, leaseTtlMs, prefix, timeLimitMs };
        const leader = await startLeaderProcess(options, key);
        leaders.push(leader);
        return leader;
      },
    };
    return {
      open: () => openAt(this.#link.endpoint),
      leaseTtlMs,
      timeLimitMs,
      server: control,
      depose: async () => {
        const session = stores.map((each) => each.leadingSession).find((each) => each !== null);
        if (session === undefined || session === null) throw new Error("nobody leads");
        await expire(server.endpoint, session);
      },
      unknownNext: (written) => this.#link.loseNext(written ? "answer" : "request"),
      remove: async () => {
        for (const leader of leaders) await leader.kill();
        for (const link of links) await link.close();
      },
    };
  }
}
