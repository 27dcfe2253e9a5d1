/** Tests of the scheduler's configuration for `mrr up`. SPDX-License-Identifier: Apache-2.0 */
import { describe, expect, test } from "vitest";
import { type ConfigInput, mergeConfig } from "./config.js";

const input: ConfigInput = {
  file: {},
  httpPort: undefined,
  artifactPort: undefined,
  mesosPort: 5050,
  storeDir: "/data/store",
  nodePath: "/usr/bin/node",
  redisPath: "/usr/bin/redis-server",
};

const defaults = {
  UserName: "",
  DBType: "embedded",
  DataDir: "/data/store",
  Master: "127.0.0.1:5050",
  ArtifactIP: "127.0.0.1",
  ArtifactPort: "5454",
  HTTPBind: "127.0.0.1",
  HTTPPort: "5656",
  NodePath: "/usr/bin/node",
  RedisPath: "/usr/bin/redis-server",
};

const contentOf = (changes: Partial<ConfigInput>) => {
  const result = mergeConfig({ ...input, ...changes });
  return result.ok ? result.value.content : result.problems;
};

describe("what the scheduler gets", () => {
  test("nothing given: everything on loopback", () => {
    const result = mergeConfig(input);
    expect(result).toMatchObject({ ok: true, value: { content: defaults, warnings: [] } });
    if (!result.ok) return;
    const { httpBind, artifactBind, httpPort, artifactPort, dataDir } = result.value.config;
    expect([httpBind, artifactBind, httpPort, artifactPort, dataDir]).toEqual([
      "127.0.0.1",
      "127.0.0.1",
      5656,
      5454,
      "/data/store",
    ]);
  });

  test("no redis-server found: the key is left to its default", () => {
    const { RedisPath: _, ...rest } = defaults;
    expect(contentOf({ redisPath: null })).toEqual(rest);
  });

  test("the file goes over the defaults, a flag over the file", () => {
    const file = { httpport: 7000, artifactPORT: "7001", DataDir: "/elsewhere", RedisCpus: 0.5 };
    expect(contentOf({ file })).toEqual({
      ...defaults,
      HTTPPort: 7000,
      ArtifactPort: "7001",
      DataDir: "/elsewhere",
      RedisCpus: 0.5,
    });
    expect(contentOf({ file, httpPort: 8000 })).toMatchObject({
      HTTPPort: "8000",
      ArtifactPort: "7001",
    });
  });

  test("null in the file is the default of one machine, not of a cluster", () => {
    expect(contentOf({ file: { HTTPBind: null, DBType: null } })).toEqual(defaults);
  });

  test("an old file of a cluster: its Master has no effect, and that is said", () => {
    const file = { MASTER: "10.0.0.1:5050", UserName: "ubuntu" };
    const result = mergeConfig({ ...input, file });
    expect(result.ok && result.value.warnings).toEqual([
      { key: "Master", text: "has no effect: mrr up starts its own at 127.0.0.1:5050" },
    ]);
    expect(contentOf({ file })).toEqual({ ...defaults, UserName: "ubuntu" });
  });
});

describe("what is refused", () => {
  test.each([[[]], [null], ["text"], [5]])("%j is no configuration", (file) => {
    expect(mergeConfig({ ...input, file })).toEqual({
      ok: false,
      problems: [{ path: "configuration", rule: "must be a JSON object" }],
    });
  });

  test.each([
    [{ HTTPPort: 1, httpport: 2 }],
    [{ httpport: 1, HTTPPort: 2 }],
    [{ httpport: 1, HTTPPORT: 2 }],
  ])("a key twice: %j", (file) => {
    expect(mergeConfig({ ...input, file })).toEqual({
      ok: false,
      problems: [{ path: "HTTPPort", rule: "must be given once" }],
    });
  });

  test("all that is wrong, also what a flag would have replaced", () => {
    const file = { HTTPPort: "many", ArtifactPort: 123_456, DBType: "mongodb" };
    const result = mergeConfig({ ...input, file, httpPort: 7000, artifactPort: 7001 });
    expect(result.ok ? [] : result.problems.map(({ path }) => path).sort()).toEqual([
      "ArtifactPort",
      "DBType",
      "HTTPPort",
    ]);
  });
});
