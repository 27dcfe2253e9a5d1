/**
 * Owns the reading of INFO, ROLE and --version, with texts of a real redis-server 7.0.15.
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  infoCharactersMax,
  isVersionAtLeast,
  parseRedisReplies,
  parseRedisVersion,
} from "./info.js";

const text = (lines: readonly string[]): string => `${lines.join("\r\n")}\r\n`;

const rest = { lagSecondsMax: "3", users: ["default", "executor", "replica-2", "replica-1"] };

const common = [
  "# Server",
  "redis_version:7.0.15",
  "process_id:4711",
  "uptime_in_seconds:12",
  "",
  "# Clients",
  "connected_clients:3",
  "# Memory",
  "used_memory:1000000",
  "# Persistence",
  "loading:0",
  "# Stats",
  "instantaneous_ops_per_sec:7",
  "# Replication",
];

test.each([
  [[], 0],
  [["state=online,offset=0,lag=0"], 1],
  // The replica may have the whole copy by now: its master does not know it yet.
  [["state=wait_bgsave,offset=0,lag=0"], 0],
  [["state=online,offset=0,lag=0", "state=send_bulk,offset=0,lag=0", "state=online,lag=1"], 2],
])("without a quorum a master counts those of its replicas that are online: %j", (states, good) => {
  const info = text([
    ...common,
    "role:master",
    `connected_slaves:${states.length}`,
    ...states.map((state, index) => `slave${index}:ip=127.0.0.1,port=17102,${state}`),
  ]);
  const told = parseRedisReplies({ info, attach: "none", writeQuorum: "0", ...rest });
  expect(told).toMatchObject({ ok: true, value: { goodReplicas: good } });
});

test("a master", () => {
  const info = text([
    ...common,
    "role:master",
    "connected_slaves:1",
    "slave0:ip=127.0.0.1,port=17102,state=online,offset=0,lag=0",
    "master_replid:5d43e7d4ba295f13838d52fa12f8df9abde7d61a",
    "master_repl_offset:14",
  ]);
  expect(parseRedisReplies({ info, attach: "none", writeQuorum: "1", ...rest })).toEqual({
    ok: true,
    value: {
      pid: 4711,
      role: "master",
      master: null,
      linkUp: false,
      loading: false,
      attach: "none",
      offset: 14,
      replicationId: "5d43e7d4ba295f13838d52fa12f8df9abde7d61a",
      writeQuorum: 1,
      lagSecondsMax: 3,
      goodReplicas: 1,
      followers: ["replica-1", "replica-2"],
      memoryUsedBytes: 1_000_000,
      uptimeSeconds: 12,
      clients: 3,
      opsPerSecond: 7,
      lastIoSeconds: 0,
    },
  });
});

test("a replica whose link is down", () => {
  const info = text([
    ...common,
    "role:slave",
    "master_host:127.0.0.1",
    "master_port:17101",
    "master_link_status:down",
    "master_last_io_seconds_ago:-1",
    "master_sync_in_progress:0",
    "slave_repl_offset:1",
    "master_replid:59e12961e365397d4fc7f4ab22c62a326acdc2f7",
    "master_repl_offset:0",
  ]);
  expect(parseRedisReplies({ info, attach: "connect", writeQuorum: "0", ...rest })).toMatchObject({
    ok: true,
    value: {
      role: "replica",
      master: { address: "127.0.0.1", port: 17101 },
      linkUp: false,
      attach: "connect",
      offset: 1,
      lastIoSeconds: -1,
    },
  });
});

test.each([
  ["", "has no role"],
  ["role:sentinel\r\nprocess_id:1\r\n", "has no role"],
  ["role:master\r\n", "has no process_id"],
  [`role:master\r\n${"x".repeat(infoCharactersMax)}`, "is too long"],
])("a text that is no INFO is refused", (info, rule) => {
  const result = parseRedisReplies({ info, attach: "none", writeQuorum: "0", ...rest });
  expect(result).toEqual({ ok: false, problems: [{ path: "INFO", rule }] });
});

test("no text makes it throw", () => {
  const line = fc.oneof(
    fc.string(),
    fc.constantFrom("role:slave", "process_id:3", "master_port:x"),
  );
  fc.assert(
    fc.property(fc.array(line), fc.string(), fc.string(), (lines, attach, writeQuorum) => {
      parseRedisReplies({ info: text(lines), attach, writeQuorum, ...rest });
    }),
  );
});

test.each([
  ["Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", "redis", "7.0.15", [7, 0]],
  ["Redis server v=6.2.7 sha=00000000:0 malloc=libc bits=64", "redis", "6.2.7", [6, 2]],
  ["Redis server v=5.0.3 sha=00000000:0", "redis", "5.0.3", [5, 0]],
  ["Valkey server v=8.0.1 sha=00000000:0 malloc=jemalloc", "valkey", "8.0.1", [7, 2]],
])("%s", (output, program, version, like) => {
  expect(parseRedisVersion(output)).toEqual({ ok: true, value: { program, text: version, like } });
});

test("what is new enough", () => {
  const at = (major: number, minor: number) =>
    ({ program: "redis", text: "", like: [major, minor] }) as const;
  expect(isVersionAtLeast(at(6, 2), 6, 2)).toBe(true);
  expect(isVersionAtLeast(at(7, 0), 6, 2)).toBe(true);
  expect(isVersionAtLeast(at(6, 0), 6, 2)).toBe(false);
  expect(isVersionAtLeast(at(5, 9), 6, 2)).toBe(false);
  expect(parseRedisVersion("memcached 1.6").ok).toBe(false);
});
