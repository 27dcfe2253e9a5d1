/**
 * Owns the allow-list of Redis settings: what passes, what is refused and how, and what can never get through.
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseRedisConfig, redisSettings } from "./settings.js";

test("values come back as the text that redis.conf wants", () => {
  expect(
    parseRedisConfig({
      "maxmemory-policy": "ALLKEYS-LRU",
      timeout: 300,
      databases: "4",
      "notify-keyspace-events": "KEA",
      appendfsync: "everysec",
      "lazyfree-lazy-expire": true,
      activerehashing: "no",
      "slowlog-log-slower-than": -1,
      "repl-backlog-size": "10MB",
      "list-max-listpack-size": "-2",
      MaxClients: "500",
      "client-output-buffer-limit": "pubsub  32mb 8mb 60",
    }),
  ).toEqual({
    ok: true,
    value: {
      "maxmemory-policy": "allkeys-lru",
      timeout: "300",
      databases: "4",
      "notify-keyspace-events": "KEA",
      appendfsync: "everysec",
      "lazyfree-lazy-expire": "yes",
      activerehashing: "no",
      "slowlog-log-slower-than": "-1",
      "repl-backlog-size": "10mb",
      "list-max-listpack-size": "-2",
      maxclients: "500",
      "client-output-buffer-limit": "pubsub 32mb 8mb 60",
    },
  });
  expect(parseRedisConfig({})).toEqual({ ok: true, value: {} });
});

const allowed = `allowed are ${Object.keys(redisSettings).sort().join(", ")}`;

test("every problem is named, with what is allowed", () => {
  expect(
    parseRedisConfig({
      databases: 0,
      timeout: 1.5,
      hz: "fast",
      appendonly: "yes",
      requirepass: "x",
      nonsense: 1,
      Timeout: 3,
      timeOut: 4,
    }),
  ).toEqual({
    ok: false,
    problems: [
      { path: "Config.databases", rule: "must be an integer from 1 to 1024" },
      { path: "Config.timeout", rule: "must be an integer from 0 to 31536000" },
      { path: "Config.hz", rule: "must be an integer from 1 to 500" },
      {
        path: "Config.appendonly",
        rule: `is refused: there is no persistence yet; ${allowed}`,
      },
      { path: "Config.requirepass", rule: `is kept by mr-redis; ${allowed}` },
      {
        path: "Config.nonsense",
        rule: `is no Redis setting that can be given here; ${allowed}`,
      },
      { path: "Config.timeOut", rule: "is given twice" },
    ],
  });
});

test.each([null, [], "timeout 3", 7, undefined])("%j is no object of settings", (value) => {
  expect(parseRedisConfig(value)).toEqual({
    ok: false,
    problems: [{ path: "Config", rule: "must be an object of settings" }],
  });
});

test.each(["constructor", "__proto__", "toString", "timeout\nsave 1 1", ""])(
  "the name %j is refused",
  (name) => {
    const result = parseRedisConfig(JSON.parse(`{${JSON.stringify(name)}: 1}`));
    expect(result.ok).toBe(false);
  },
);

test.each([
  ["timeout", "3\nsave 1 1"],
  ["timeout", ["3"]],
  ["timeout", null],
  ["timeout", Number.NaN],
  ["maxmemory-policy", 'noeviction"'],
  ["notify-keyspace-events", "KEAq"],
  ["repl-backlog-size", "10 mb"],
  ["repl-backlog-size", "99999999999gb"],
  ["client-output-buffer-limit", "replica 0 0 0"],
  ["client-output-buffer-limit", "normal 0 0"],
  ["databases", "1".repeat(500)],
])("%s: %j is refused by its rule", (name, value) => {
  const result = parseRedisConfig({ [name]: value });
  expect(result).toEqual({
    ok: false,
    problems: [{ path: `Config.${name}`, rule: redisSettings[name]?.rule }],
  });
});

test("nothing that passes can end its line or its word", () => {
  const names = fc.constantFrom(...Object.keys(redisSettings));
  const values = fc.oneof(
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.integer(),
    fc.boolean(),
    fc.constantFrom("yes", "10mb", "normal 0 0 0", "KEA", "allkeys-lru"),
  );
  fc.assert(
    fc.property(fc.dictionary(names, values, { maxKeys: 5 }), (config) => {
      const result = parseRedisConfig(config);
      if (!result.ok) return;
      for (const [name, value] of Object.entries(result.value)) {
        expect(redisSettings[name]).toBeDefined();
        expect(value).toMatch(/^[A-Za-z0-9 .$-]*$/);
      }
      expect(parseRedisConfig(result.value)).toEqual(result);
    }),
  );
});
