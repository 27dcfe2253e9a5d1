/**
 * Owns the text of configuration files; that a real redis-server takes it is tested in packages/executor.
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { LaunchOrder } from "../goal/types.js";
import { type ConfigFileOptions, quoteConfigWord, renderRedisConfig } from "./config-file.js";

const options: ConfigFileOptions = {
  version: { program: "redis", text: "7.0.15", like: [7, 0] },
  directory: "/sandbox/start-1",
  executorSecret: "e1",
  filesMax: 4096,
};

const order: LaunchOrder = {
  version: 1,
  instance: "inst",
  processId: "inst::a",
  address: "10.0.0.5",
  port: 7001,
  memoryMib: 100,
  config: {},
  goal: {
    processId: "inst::a",
    stamp: { term: 1, counter: 1 },
    epoch: 1,
    role: "master",
    master: null,
    writeQuorum: 0,
    lagSecondsMax: 3,
    followers: [],
    leaseMs: null,
  },
};

const linesOf = (change: Partial<LaunchOrder>, more: Partial<ConfigFileOptions> = {}): string[] =>
  renderRedisConfig({ ...order, ...change }, { ...options, ...more }).split("\n");

test("a master's file, whole", () => {
  expect(renderRedisConfig(order, options)).toBe(`bind "10.0.0.5"
port 7001
protected-mode no
daemonize no
supervised no
pidfile ""
save ""
appendonly no
dir "/sandbox/start-1"
logfile ""
loglevel notice
always-show-logo no
maxmemory 100mb
maxmemory-policy noeviction
maxclients 4032
repl-backlog-size 3276800
repl-ping-replica-period 1
repl-diskless-sync yes
repl-diskless-sync-delay 0
replica-lazy-flush yes
oom-score-adj relative
oom-score-adj-values 100 200 800
shutdown-timeout 0
enable-debug-command no
enable-module-command no
user default on nopass sanitize-payload ~* &* +@all
user executor on ">e1" ~* &* +@all
min-replicas-to-write 0
min-replicas-max-lag 3
replica-read-only yes
`);
});

test("a replica's file names its master and that process' secret", () => {
  const master = {
    processId: "inst::m",
    address: "10.0.0.6",
    port: 7002,
    user: "replica-2",
    secret: 'a "b" \\ c',
  };
  const lines = linesOf({ goal: { ...order.goal, role: "replica", master } });
  expect(lines.filter((line) => /^(replicaof|master)/.test(line))).toEqual([
    "masteruser replica-2",
    'masterauth "a \\"b\\" \\\\ c"',
    'replicaof "10.0.0.6" 7002',
  ]);
});

test("a master's file has a user for each of its replicas; with a lease to come it is closed", () => {
  const followers = [
    { user: "replica-1", password: "p1" },
    { user: "replica-2", password: 'p"2' },
  ];
  const linesWith = (leaseMs: number | null) =>
    linesOf({ goal: { ...order.goal, followers, leaseMs, lagSecondsMax: 7 } }).filter((line) =>
      /^(user replica|min-)/.test(line),
    );
  const users = [
    'user replica-1 on ">p1" +psync +replconf +ping',
    'user replica-2 on ">p\\"2" +psync +replconf +ping',
  ];
  expect(linesWith(null)).toEqual([...users, "min-replicas-to-write 0", "min-replicas-max-lag 7"]);
  expect(linesWith(600_000)).toEqual([
    ...users,
    "min-replicas-to-write 2147483647",
    "min-replicas-max-lag 7",
  ]);
});

test("a parked process follows the dead address with the write quorum asked", () => {
  const goal = { ...order.goal, role: "parked", writeQuorum: 2_147_483_648 } as const;
  const lines = linesOf({ goal });
  expect(lines.filter((line) => /^(replicaof|master|min-replicas-to)/.test(line))).toEqual([
    "min-replicas-to-write 2147483647",
    "replicaof 127.0.0.1 1",
  ]);
});

test("what the user asks for comes last, with the names of the version; clients fit the files", () => {
  const config = {
    maxclients: "5000",
    "hash-max-listpack-entries": "64",
    "maxmemory-policy": "allkeys-lru",
  };
  const version = { program: "redis", text: "6.2.7", like: [6, 2] } as const;
  const lines = linesOf({ config }, { version });
  expect(lines.slice(-3)).toEqual([
    'hash-max-ziplist-entries "64"',
    'maxmemory-policy "allkeys-lru"',
    "",
  ]);
  expect(lines.filter((line) => line.startsWith("maxclients"))).toEqual(["maxclients 4032"]);
  expect(lines.filter((line) => /shutdown-timeout|enable-/.test(line))).toEqual([]);
  expect(linesOf({ config: { maxclients: "100" } })).toContain("maxclients 100");
});

test("no word can end its line", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 30 }), (word) => {
      const before = linesOf({}).length;
      const followers = [{ user: "replica-1", password: word }];
      const lines = linesOf({ goal: { ...order.goal, followers } });
      expect(lines.length).toBe(before + 1);
      expect(quoteConfigWord(word)).toMatch(/^"(?:[^"\\]|\\.)*"$/su);
    }),
  );
});

test("with TLS there is no other port, and nothing is said of TLS without it", () => {
  const tls = { pair: "/sandbox/start-1/tls.pem", ca: "/sandbox/start-1/ca.crt" };
  expect(linesOf({ tls: true }, { tls }).slice(0, 9)).toEqual([
    'bind "10.0.0.5"',
    "port 0",
    "tls-port 7001",
    "tls-replication yes",
    "tls-auth-clients no",
    'tls-protocols "TLSv1.2 TLSv1.3"',
    'tls-cert-file "/sandbox/start-1/tls.pem"',
    'tls-key-file "/sandbox/start-1/tls.pem"',
    'tls-ca-cert-file "/sandbox/start-1/ca.crt"',
  ]);
  expect(linesOf({}, { tls })).toEqual(linesOf({}));
  expect(() => linesOf({ tls: true })).toThrow("a redis-server with TLS has a certificate");
});
