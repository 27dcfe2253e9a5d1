/**
 * Owns what the conformance suite needs of the etcd driver: stores on a real etcd, and the ways to disturb them.
 * Not: the cases. Called by the tests of the etcd driver.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type EtcdServer, isAlive, startTcpLink, type TcpLink } from "@mr-redis/testing";
import type { LeaderProcess, ServerControl, StoreHarness } from "../src/conformance/harness.js";
import type { CallLimits } from "../src/etcd/member.js";
import { EtcdMember } from "../src/etcd/member.js";
import { openEtcdStore } from "../src/etcd/store.js";
import type { Store } from "../src/index.js";
import { startLeaderProcess } from "./leader-process.js";
import { systemClock as clock } from "./system-clock.js";

/** Leases of leaders in these tests: where nobody waits for its end, none may end because the machine is busy. */
export const leaseMs = { short: 2_000, long: 10_000 } as const;

/** Limits of one call in these tests: above what a busy machine needs, the short one for cases that wait for it. */
export const limitMs = { short: 3_000, long: 10_000 } as const;

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const fromBase64 = (text: string): string => Buffer.from(text, "base64").toString();

interface GatewayRange {
  readonly header: { readonly revision: string };
  readonly kvs?: readonly { readonly value?: string; readonly lease?: string }[];
}

/** One key of etcd by its JSON gateway. */
export async function etcdGet(server: EtcdServer, key: string): Promise<GatewayRange> {
  return (await server.call("/v3/kv/range", { key: base64(key) })) as unknown as GatewayRange;
}

/** Writes a key as another program would. */
export async function etcdPut(server: EtcdServer, key: string, value: string): Promise<void> {
  await server.call("/v3/kv/put", { key: base64(key), value: base64(value) });
}

/** A connection whose next transaction ends without an answer, when that is ordered. */
class FaultyMember extends EtcdMember {
  readonly #next: () => boolean | null;

  constructor(parts: ConstructorParameters<typeof EtcdMember>, next: () => boolean | null) {
    super(...parts);
    this.#next = next;
  }

  override async exec<T>(
    ...parts: [Parameters<EtcdMember["exec"]>[0], string, unknown, CallLimits?]
  ): Promise<T> {
    const written = parts[1] === "txn" ? this.#next() : null;
    if (written === null) return super.exec<T>(...parts);
    if (written) await super.exec(...parts);
    throw Object.assign(new Error("14 UNAVAILABLE: cut"), { code: 14, details: "cut" });
  }
}

let caseCount = 0;

/** Leaves the server as the next case expects it, whatever the last one did. */
async function mend(server: EtcdServer): Promise<void> {
  server.thaw();
  if (!isAlive(server.pid)) await server.start();
}

/** A harness on `server`, under a prefix of its own. */
export async function etcdHarness(server: EtcdServer, caseId = ""): Promise<StoreHarness> {
  await mend(server);
  caseCount += 1;
  const prefix = `/mr-redis-${process.pid}-${caseCount}`;
  const isShort = caseId.startsWith("server-");
  const leaseTtlMs = isShort ? leaseMs.short : leaseMs.long;
  // A late commit must still be under way when the next one leads.
  const isLate = caseId.startsWith("server-late-");
  const timeLimitMs = isShort && !isLate ? limitMs.short : limitMs.long;
  const links: TcpLink[] = [];
  const leaders: LeaderProcess[] = [];
  let fault: boolean | null = null;
  const openAt = (endpoint: string): Promise<Store> =>
    openEtcdStore({
      endpoints: [endpoint],
      credentials: null,
      tls: null,
      leaseTtlMs,
      prefix,
      clock,
      timeLimitMs,
      openMember: (...parts) =>
        new FaultyMember(parts, () => {
          const now = fault;
          fault = null;
          return now;
        }),
    });
  const control: ServerControl = {
    freeze: server.freeze,
    thaw: server.thaw,
    kill: server.kill,
    start: server.start,
    openThrough: async () => {
      const link = await startTcpLink({ port: server.port });
      links.push(link);
      return { store: await openAt(`http://127.0.0.1:${link.port}`), link };
    },
    putForeign: (path, value) => etcdPut(server, `${prefix}${path}`, value),
    readForeign: async (path) => {
      const { kvs } = await etcdGet(server, `${prefix}${path}`);
      return kvs?.[0] === undefined ? null : fromBase64(kvs[0].value ?? "");
    },
    startLeader: async (key) => {
      const endpoints = [server.endpoint];
      const options = { driver: "etcd", endpoints, leaseTtlMs, prefix, timeLimitMs };
      const leader = await startLeaderProcess(options, key);
      leaders.push(leader);
      return leader;
    },
    compact: async () => {
      const { header } = await etcdGet(server, "x");
      await server.call("/v3/kv/compaction", { revision: header.revision, physical: true });
    },
  };
  return {
    open: () => openAt(server.endpoint),
    depose: async () => {
      const { kvs } = await etcdGet(server, `${prefix}/leader`);
      await server.call("/v3/lease/revoke", { ID: kvs?.[0]?.lease ?? "0" });
    },
    unknownNext: (written) => {
      fault = written;
    },
    leaseTtlMs,
    server: control,
    remove: async () => {
      for (const leader of leaders) await leader.kill();
      for (const link of links) await link.close();
    },
  };
}
