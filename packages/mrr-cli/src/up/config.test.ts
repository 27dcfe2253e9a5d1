/** Tests of the scheduler's configuration for `mrr up`. SPDX-License-Identifier: Apache-2.0 */
import { problemsText } from "@mr-redis/core";
import { describe, expect, test } from "vitest";
import { type ConfigInput, mergeConfig } from "./config.js";

const input: ConfigInput = {
  file: {},
  flags: {},
  storePassword: undefined,
  mesosPort: 5050,
  storeDir: "/data/store",
  keyFile: "/data/secrets.key",
  nodePath: "/usr/bin/node",
  redisPath: "/usr/bin/redis-server",
};

const defaults = {
  UserName: "",
  DBType: "embedded",
  DataDir: "/data/store",
  SecretKeyFile: "/data/secrets.key",
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

  test("in containers the redis-server of this machine is none of the image's", () => {
    const file = { Runtime: "container", RedisImage: "redis:7.2" };
    const { RedisPath: _, ...rest } = defaults;
    expect(contentOf({ file })).toEqual({ ...rest, ...file });
    const own = { ...file, RedisPath: "/opt/redis-server" };
    expect(contentOf({ file: own })).toEqual({ ...rest, ...own });
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
    expect(contentOf({ file, flags: { httpPort: 8000 } })).toMatchObject({
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
    const result = mergeConfig({ ...input, file, flags: { httpPort: 7000, artifactPort: 7001 } });
    expect(result.ok ? [] : result.problems.map(({ path }) => path).sort()).toEqual([
      "ArtifactPort",
      "DBType",
      "HTTPPort",
    ]);
  });
});

describe("another store", () => {
  const etcd = { store: "etcd", storeEndpoint: "a:1,b" } as const;

  test("by flags, over those of the file; the password stays out of the file", () => {
    const file = { dbtype: "zookeeper", DBEndpoint: "z:1", dbuser: "other", LeaseTtlMs: 6_000 };
    const flags = { ...etcd, storeUser: "mrr" };
    const result = mergeConfig({ ...input, file, flags, storePassword: "hunter-2" });
    expect(result).toMatchObject({
      ok: true,
      value: {
        content: {
          ...defaults,
          DBType: "etcd",
          DBEndPoint: "a:1,b",
          DBUser: "mrr",
          LeaseTtlMs: 6_000,
        },
        config: { dbEndPoints: ["http://a:1", "http://b:2379"], dbPassword: "hunter-2" },
        warnings: [],
      },
    });
    expect(result.ok && JSON.stringify(result.value.content)).not.toContain("hunter-2");
  });

  test("the file alone is enough, and a flag may complete it", () => {
    const file = { DBType: "ZooKeeper", DBEndPoint: "z:1/chroot" };
    expect(contentOf({ file })).toEqual({ ...defaults, ...file });
    expect(contentOf({ file: { DBType: "zookeeper" }, flags: { storeEndpoint: "z" } })).toEqual({
      ...defaults,
      DBType: "zookeeper",
      DBEndPoint: "z",
    });
  });

  test.each([
    [
      "no endpoint",
      { flags: { store: "etcd" } },
      "--store-endpoint is needed with --store etcd: host:port, or several with commas, like 127.0.0.1:2379",
    ],
    [
      "no endpoint in the file either",
      { file: { DBType: "zookeeper", DBEndPoint: "" } },
      "--store-endpoint is needed with --store zookeeper: host:port, or several with commas, like 127.0.0.1:2181",
    ],
    [
      "an endpoint that is none",
      { flags: { ...etcd, storeEndpoint: "ftp://a" } },
      "--store-endpoint (DBEndPoint) must be host:port or a URL such as http://host:2379, " +
        'or several of them with commas, not "ftp://a"',
    ],
    [
      "a user without a password",
      { flags: { ...etcd, storeUser: "mrr" } },
      "--store-user (DBUser) needs DBPassword, DBPasswordFile or the variable MRR_DB_PASSWORD: " +
        'DBUser is "mrr", DBPassword is ""',
    ],
    [
      "flags for another store than the one that counts",
      { flags: { storeEndpoint: "a:1", storeUser: "mrr" } },
      "--store-endpoint needs --store etcd or --store zookeeper: the store is embedded; " +
        "--store-user needs --store etcd or --store zookeeper: the store is embedded",
    ],
  ])("%s", (_what, changes, text) => {
    const result = mergeConfig({ ...input, ...changes } as ConfigInput);
    expect(result.ok ? "" : problemsText(result.problems)).toBe(text);
  });
});
