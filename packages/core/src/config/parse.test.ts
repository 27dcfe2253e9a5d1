/**
 * Tests parse.ts with the table and the kinds of values behind it.
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { superviseDefaults } from "../supervise/types.js";
import { editDistance, nearest } from "./nearest.js";
import { executorNeed, redisNeed } from "./need.js";
import {
  isTlsToAgents,
  isTlsToMasters,
  maskedConfig,
  parseConfig,
  parseConfigText,
} from "./parse.js";
import { renderEmptyConfig } from "./render.js";
import { type Config, configKeys } from "./table.js";

const defaults: Config = {
  userName: "ubuntu",
  frameworkName: "MrRedis",
  masterUrls: ["http://127.0.0.1:5050"],
  executorPath: "",
  redisImage: "",
  dbType: "embedded",
  dbEndPoints: [],
  logFile: "stderr",
  artifactIp: "127.0.0.1",
  artifactPort: 5454,
  httpPort: 5656,
  httpBind: "0.0.0.0",
  httpAdvertise: "",
  artifactBind: "127.0.0.1",
  httpCertificateFile: "",
  httpKeyFile: "",
  httpTokenFile: "",
  requireAuth: false,
  secretGraceSeconds: 3_600,
  httpRequestsPerSecond: 500,
  artifactCertificateFile: "",
  artifactKeyFile: "",
  corsOrigins: [],
  proxyPorts: { first: 20_000, last: 29_999 },
  proxyHost: "",
  secretKeyFile: "",
  dataDir: ".mrr",
  dbUser: "",
  dbPassword: "",
  dbPasswordFile: "",
  dbCaFile: "",
  dbCertFile: "",
  dbKeyFile: "",
  dbTimeLimitMs: 5_000,
  leaseTtlMs: 5_000,
  logLevel: "info",
  role: "*",
  principal: "",
  secretFile: "",
  failoverTimeoutSeconds: 604_800,
  mesosCaFile: "",
  mesosScheme: "auto",
  agentScheme: "auto",
  agentCertificateName: "address",
  redisPath: "redis-server",
  runtime: "process",
  dockerSocket: "/var/run/docker.sock",
  imagePullTimeoutMs: 600_000,
  redisServerFile: "",
  redisTlsDirectory: "",
  executorImage: "",
  executorContainer: "mesos",
  nodePath: "node",
  redisCpusMilli: 100,
  redisMemoryOverheadMib: 16,
  redisMemoryOverheadPercent: 10,
  executorCpusMilli: 100,
  executorMemoryMib: 128,
  executorIdleMs: 300_000,
  redisTimeoutMs: 1_000,
  redisStartTimeoutMs: 10_000,
  redisStopGraceMs: 3_000,
  reportIntervalMs: 1_000,
  fencingLagMs: 3_000,
  fencingMarginMs: 300,
  replicaSilenceMs: 5_000,
  executorSilenceMs: 2_000,
  masterLeaseMs: 600_000,
  replaceUnreachableMs: 30_000,
  resyncsMax: 2,
  launchTimeoutMs: 60_000,
  deletedKeepMs: 3_600_000,
  offerHoldMs: 1_000,
  mesosEncoding: "protobuf",
  reviveBurst: 5,
  reviveIntervalMs: 1_000,
};

const good = (change: Partial<Config>, warnings: unknown[] = []) => ({
  ok: true,
  value: { config: { ...defaults, ...change }, warnings },
});

/** The problems of a file as `key rule`. */
function problemsOf(raw: unknown): string[] {
  const result = parseConfig(raw, {});
  return result.ok ? [] : result.problems.map(({ path, rule }) => `${path} ${rule}`);
}

/** The warnings of a file that is good, as `key text`. */
function warningsOf(raw: unknown, environment = {}): string[] {
  const result = parseConfig(raw, environment);
  return result.ok
    ? result.value.warnings.map(({ key, text }) => `${key} ${text}`)
    : [`refused: ${JSON.stringify(result.problems)}`];
}

describe("values", () => {
  test("an empty file is the defaults, frozen", () => {
    const result = parseConfig({}, {});
    expect(result).toEqual(good({}));
    expect(result.ok && Object.isFrozen(result.value.config)).toBe(true);
  });

  test("what -DumpEmptyConfig prints is the defaults", () => {
    expect(parseConfigText(renderEmptyConfig(), {})).toEqual(good({}));
  });

  test("an old file goes on working, with warnings", () => {
    const old = {
      UserName: "core",
      FrameworkName: "MrRedis",
      Master: "10.0.0.1:5050",
      ExecutorPath: "./MrRedisExecutor",
      RedisImage: "redis:3.0-alpine",
      RedisPath: "./redis-server",
      MasterIP: "10.0.0.1",
      masterport: "5050",
      DBType: "embedded",
      DBEndPoint: "127.0.0.1:2379",
      LogFile: "stderr",
      ArtifactIP: "10.0.0.9",
      ArtifactPort: "5454",
      HTTPPort: "5656",
    };
    const old2016 = "is of an old version and has no effect: use Master (host:port)";
    expect(parseConfig(old, {})).toEqual(
      good(
        {
          userName: "core",
          masterUrls: ["http://10.0.0.1:5050"],
          executorPath: "./MrRedisExecutor",
          redisImage: "redis:3.0-alpine",
          dbEndPoints: ["127.0.0.1:2379"],
          artifactIp: "10.0.0.9",
          artifactBind: "10.0.0.9",
        },
        [
          { key: "MasterIP", text: old2016 },
          { key: "MasterPort", text: old2016 },
          {
            key: "RedisPath",
            text:
              "names a file beside the scheduler, as old versions served it; it now names a redis-server " +
              "binary on the agents, and redis-server from their PATH is used",
          },
          { key: "DBEndPoint", text: "has no effect with DBType embedded" },
          {
            key: "RedisImage",
            text: "has no effect with Runtime process: redis-servers run as plain processes, see RedisPath",
          },
        ],
      ),
    );
  });

  test("numbers and lists in both forms, any case of keys, null and empty texts", () => {
    const file = {
      HTTPPORT: 8080,
      artifactport: "0",
      RedisCpus: 0.25,
      ExecutorCpus: "1.5",
      DeletedKeepMs: "",
      LogLevel: "DEBUG",
      UserName: "",
      FrameworkName: null,
      CorsOrigins: "https://A.example, http://b:81",
      Master: ["a:1", "https://b", "[::1]:5051"],
      Role: "team/db",
      RedisPath: "/opt/redis/bin/redis-server",
    };
    const change = {
      httpPort: 8080,
      artifactPort: 0,
      redisCpusMilli: 250,
      executorCpusMilli: 1_500,
      logLevel: "debug",
      userName: "",
      corsOrigins: ["https://a.example", "http://b:81"],
      masterUrls: ["http://a:1", "https://b:5050", "http://[::1]:5051"],
      role: "team/db",
      redisPath: "/opt/redis/bin/redis-server",
    } as const;
    const text =
      "is 127.0.0.1: agents on other machines (Master is http://a:1) cannot fetch the executor from there";
    expect(parseConfig(file, {})).toEqual(good(change, [{ key: "ArtifactIP", text }]));
    expect(parseConfig({ CorsOrigins: ["*"] }, {})).toEqual(good({ corsOrigins: ["*"] }));
  });
});

test("Master in ZooKeeper stays as written; its password is never shown", () => {
  const Master = "zk://me:hunter2@10.0.0.1:2181,10.0.0.2:2181/mesos";
  const result = parseConfig({ Master, ArtifactIP: "10.0.0.9" }, {});
  expect(result).toEqual(
    good({ masterUrls: [Master], artifactIp: "10.0.0.9", artifactBind: "10.0.0.9" }),
  );
  if (!result.ok) return;
  expect(maskedConfig(result.value.config).masterUrls).toEqual([
    "zk://***@10.0.0.1:2181,10.0.0.2:2181/mesos",
  ]);
  const loopback = parseConfig({ Master }, {});
  expect(JSON.stringify(loopback.ok && loopback.value.warnings)).not.toContain("hunter2");
});

test.each(["embedded", "memory"])(
  "a password in a DBEndPoint of no use to %s is never shown",
  (DBType) => {
    const result = parseConfig(
      {
        DBType,
        DBEndPoint: [
          "http://me:hunter2@10.0.0.1:2379",
          "https://me:hunter2/hunter2@hunter2@10.0.0.1:2379",
          "me:hunter2@10.0.0.1:2181/mr-redis",
          "10.0.0.1:2181",
        ],
      },
      {},
    );
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    const { config } = result.value;
    expect(maskedConfig(config).dbEndPoints).toEqual([
      "http://***@10.0.0.1:2379",
      "https://***@10.0.0.1:2379",
      "***@10.0.0.1:2181/mr-redis",
      "10.0.0.1:2181",
    ]);
    expect(JSON.stringify(maskedConfig(config))).not.toContain("hunter2");
  },
);

describe("problems", () => {
  test("all at once, each with key, rule and value, in the order of the table", () => {
    const file = {
      HTTPPort: "http",
      Master: "zk://me:hunter2@10.0.0.1:2181",
      DBType: "mongodb",
      RedisCpus: -1,
      DataDir: 5,
      reviveburst: 0,
      CorsOrigins: [1],
      SecretFile: "secret",
    };
    expect(problemsOf(file)).toEqual([
      "Master must be host:port, or several of them with commas, or zk://host:port,host:port/path, " +
        'not "zk://***@10.0.0.1:2181"',
      'DBType must be embedded or memory or etcd or zookeeper, not "mongodb"',
      'HTTPPort must be an integer from 0 to 65535, not "http"',
      "CorsOrigins must be a list of at most 64 origins such as https://ops.example, or *, not [1]",
      "DataDir must be a path of at most 1024 characters, not 5",
      "RedisCpus must be a number from 0.01 to 64 with at most 3 decimals, not -1",
      "ReviveBurst must be an integer from 1 to 1000, not 0",
      'SecretFile needs a Principal: SecretFile is "secret", Principal is ""',
    ]);
  });

  test.each([
    [{ Master: "" }],
    [{ Master: "a:0" }],
    [{ Master: "a:65536" }],
    [{ Master: "a b:1" }],
    [{ Master: "http://a:1/path" }],
    [{ Master: 5050 }],
    [{ DBType: "zookeeper" }],
    [{ DBType: "constructor" }],
    [{ HTTPPort: 1.5 }],
    [{ HTTPPort: 65_536 }],
    [{ HTTPPort: "0x10" }],
    [{ HTTPPort: "1e3" }],
    [{ HTTPPort: {} }],
    [{ RedisCpus: 0.0001 }],
    [{ RedisCpus: "1e-1" }],
    [{ HTTPBind: "a b" }],
    [{ HTTPBind: "" }],
    [{ ArtifactIP: "http://a" }],
    [{ NodePath: "./node" }],
    [{ NodePath: "" }],
    [{ RedisPath: "bin/redis-server" }],
    [{ Role: ".." }],
    [{ Role: "-a" }],
    [{ Role: "a/../b" }],
    [{ Role: "" }],
    [{ DataDir: "a\nb" }],
    [{ CorsOrigins: "https://a/" }],
    [{ CorsOrigins: "null" }],
  ])("%j is one problem", (file) => {
    expect(problemsOf(file)).toHaveLength(1);
  });

  test("too long a text, too long a list", () => {
    expect(problemsOf({ DataDir: "a".repeat(1_025) })).toHaveLength(1);
    expect(problemsOf({ Master: Array(65).fill("a:1") })).toHaveLength(1);
  });

  test("unsafe arithmetic of the fence is refused by name", () => {
    expect(
      problemsOf({
        FencingLagMs: 6_500,
        ExecutorSilenceMs: 8_000,
        ReplaceUnreachableMs: 4_000,
        MasterLeaseMs: 15_000,
      }),
    ).toEqual([
      "FencingLagMs must be whole seconds: Redis counts the lag of replicas in them: FencingLagMs is 6500, FencingMarginMs is 300",
      "ReplicaSilenceMs must be at least FencingLagMs: until then a silent replica counts for its master's writes: ReplicaSilenceMs is 5000, FencingLagMs is 6500",
      "ReplicaSilenceMs must be at least ExecutorSilenceMs: ReplicaSilenceMs is 5000, ExecutorSilenceMs is 8000",
      "ReplaceUnreachableMs must be at least ReplicaSilenceMs: a replica is first not waited for, then replaced: ReplaceUnreachableMs is 4000, ReplicaSilenceMs is 5000",
      "MasterLeaseMs must be at least ten times ExecutorSilenceMs: leases are renewed after a tenth of it: MasterLeaseMs is 15000, ExecutorSilenceMs is 8000",
      "MasterLeaseMs must be at least twenty times ReportIntervalMs: it is renewed by answers to reports: MasterLeaseMs is 15000, ReportIntervalMs is 1000",
    ]);
  });

  test("rules between keys", () => {
    expect(
      problemsOf({
        HTTPPort: 5454,
        RedisTimeoutMs: 20_000,
        LaunchTimeoutMs: 5_000,
        ReportIntervalMs: 6_000,
      }),
    ).toEqual([
      "HTTPPort must differ from ArtifactPort (but both may be 0): HTTPPort is 5454, ArtifactPort is 5454",
      "RedisTimeoutMs must be at most RedisStartTimeoutMs: RedisTimeoutMs is 20000, RedisStartTimeoutMs is 10000",
      "RedisStartTimeoutMs must be less than LaunchTimeoutMs, or a slow start is launched twice: " +
        "RedisStartTimeoutMs is 10000, LaunchTimeoutMs is 5000",
      "ReportIntervalMs must be less than LaunchTimeoutMs: ReportIntervalMs is 6000, LaunchTimeoutMs is 5000",
      "ExecutorSilenceMs must be at least twice ReportIntervalMs, or a healthy executor counts as silent: ExecutorSilenceMs is 2000, ReportIntervalMs is 6000",
    ]);
    expect(problemsOf({ HTTPPort: 0, ArtifactPort: 0 })).toEqual([]);
    // A wrong value is named once, and not compared with others.
    expect(problemsOf({ HTTPPort: 5454, ArtifactPort: "x" })).toEqual([
      'ArtifactPort must be an integer from 0 to 65535, not "x"',
    ]);
  });

  test("a file that is no object, a key twice, too many keys", () => {
    for (const raw of [null, [], "text", 1, undefined]) {
      expect(problemsOf(raw)).toEqual(["configuration must be a JSON object"]);
    }
    expect(problemsOf({ HTTPPort: 1, httpport: 2 })).toEqual(["HTTPPort must be given once"]);
    const many = Object.fromEntries(Array.from({ length: 129 }, (_, index) => [`k${index}`, 1]));
    expect(problemsOf(many)).toEqual(["configuration must have at most 128 keys"]);
  });

  test("broken JSON, with the place", () => {
    const problemOf = (text: string) => parseConfigText(text, {});
    expect(problemOf('{\n  "HTTPPort": 1,\n}')).toEqual({
      ok: false,
      problems: [{ path: "configuration", rule: "must be JSON: mistake in line 3, column 1" }],
    });
    expect(problemOf("")).toEqual({
      ok: false,
      problems: [{ path: "configuration", rule: "must be JSON: it is empty" }],
    });
    expect(problemOf('{"a":')).toMatchObject({ ok: false });
    expect(problemOf("\uFEFF{}")).toEqual(good({}));
  });

  test("a password in an address is not repeated, and long values are cut", () => {
    const [master] = problemsOf({ Master: "http://me:hunter2@a:5050" });
    expect(master).toContain('not "http://***@a:5050"');
    const [port] = problemsOf({ HTTPPort: "9".repeat(1_000) });
    expect(port?.length).toBeLessThan(160);
  });
});

describe("the store's keys", () => {
  const configOf = (raw: unknown, environment = {}) => {
    const result = parseConfig(raw, environment);
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    return result.value.config;
  };
  const endPointsOf = (raw: unknown, environment = {}) => configOf(raw, environment).dbEndPoints;

  test("etcd: one or several endpoints, in the ancestor's forms and ours", () => {
    const of = (DBEndPoint: unknown, more = {}) =>
      endPointsOf({ DBType: "etcd", DBEndPoint, ...more });
    expect(of("127.0.0.1:2379")).toEqual(["http://127.0.0.1:2379"]);
    expect(of("http://etcd.Example/, http://b:1")).toEqual([
      "http://etcd.example:2379",
      "http://b:1",
    ]);
    expect(of(["a:1", "[::1]:2"])).toEqual(["http://a:1", "http://[::1]:2"]);
    expect(of("a:1,https://b:2", { DBCAFile: "/ca" })).toEqual(["https://a:1", "https://b:2"]);
    const environment = { ETCD_LOCAL_ENDPOINT: "http://c:3" };
    expect(endPointsOf({ DBType: "etcd", DBEndPoint: "a:1" }, environment)).toEqual(["http://c:3"]);
    expect(endPointsOf({ DBType: "zookeeper", DBEndPoint: "a:1" }, environment)).toEqual(["a:1"]);
  });

  test("ZooKeeper: several servers, a chroot behind the last", () => {
    const of = (DBEndPoint: unknown) => endPointsOf({ DBType: "zookeeper", DBEndPoint });
    expect(of("a:1")).toEqual(["a:1"]);
    expect(of("a,b:2,c:3/team/redis")).toEqual(["a:2181", "b:2", "c:3/team/redis"]);
    expect(of("zk://a:1,b:2/x")).toEqual(["a:1", "b:2/x"]);
    expect(of("a:1/")).toEqual(["a:1"]);
  });

  test.each([
    ["etcd", ""],
    ["etcd", "ftp://a:1"],
    ["etcd", "a:1/path"],
    ["etcd", "a:0"],
    ["etcd", "a:65536"],
    ["etcd", "a b:1"],
    ["etcd", "http://me:hunter2@a:1"],
    ["etcd", "http://a:1,https://b:1"],
    ["zookeeper", ""],
    ["zookeeper", "http://a:1"],
    ["zookeeper", "a:1/x,b:1"],
    ["zookeeper", "a:1,zk://b:1"],
    ["zookeeper", "a:1/x/"],
    ["zookeeper", "a:1/x//y"],
    ["zookeeper", "a:1/../x"],
    ["zookeeper", "zk://me:hunter2@a:1"],
  ])("%s at %j is one problem, which names the key and no password", (DBType, DBEndPoint) => {
    const problems = problemsOf({ DBType, DBEndPoint });
    expect(problems).toEqual([expect.stringMatching(/^DBEndPoint must /)]);
    expect(problems.join()).not.toContain("hunter2");
  });

  test("all broken endpoints are named at once", () => {
    expect(problemsOf({ DBType: "etcd", DBEndPoint: "a:0,b:1,c:x" })).toHaveLength(2);
  });

  test("an endpoint that is not used is a warning, whatever it is", () => {
    expect(warningsOf({ DBEndPoint: "zk://a/b, c", DBUser: "u", DBPassword: "p" })).toEqual([
      "DBEndPoint has no effect with DBType embedded",
      "DBUser has no effect with DBType embedded",
      "DBPassword has no effect with DBType embedded",
    ]);
    const zookeeper = { DBType: "zookeeper", DBEndPoint: "a", DBCAFile: "/ca" };
    expect(warningsOf(zookeeper)).toEqual(["DBCAFile has no effect with DBType zookeeper"]);
  });

  test("user, password, files and times go together", () => {
    const of = (more: object, environment = {}) => {
      const result = parseConfig({ DBType: "etcd", DBEndPoint: "a", ...more }, environment);
      return result.ok ? [] : result.problems.map(({ path, rule }) => `${path} ${rule}`);
    };
    const user = { DBUser: "u" };
    const password = { MRR_DB_PASSWORD: "hunter2" };
    expect(of({ ...user, DBPassword: " hunter2 " })).toEqual([]);
    expect(of({ ...user, DBPasswordFile: "/p" })).toEqual([]);
    expect(of(user, password)).toEqual([]);
    expect(of(user)).toEqual([
      'DBUser needs DBPassword, DBPasswordFile or the variable MRR_DB_PASSWORD: DBUser is "u", DBPassword is ""',
    ]);
    expect(of({}, password)).toEqual([
      'DBPassword (as DBPasswordFile and MRR_DB_PASSWORD) needs a DBUser: DBPassword is "***", DBUser is ""',
    ]);
    expect(of({ ...user, DBPassword: "p", DBPasswordFile: "/p" })).toHaveLength(1);
    expect(of({ DBCertFile: "/c" })).toHaveLength(1);
    expect(of({ DBCertFile: "/c", DBKeyFile: "/k" })).toEqual([]);
    expect(of({ DBEndPoint: "http://a:1", DBCAFile: "/ca" })).toHaveLength(1);
    expect(of({ LeaseTtlMs: 1_000 })).toEqual([expect.stringMatching(/^DBTimeLimitMs must be at/)]);
    expect(of({ LeaseTtlMs: 1_000, DBTimeLimitMs: 1_000 })).toEqual([]);
    expect(problemsOf({ LeaseTtlMs: 1_000 })).toEqual([]);
    expect(of({ LeaseTtlMs: 999 })).toHaveLength(1);
  });

  test("a password is kept letter by letter, and never shown", () => {
    const raw = { DBType: "etcd", DBEndPoint: "a", DBUser: "u", DBPassword: " hunter2" };
    const config = configOf(raw);
    expect(config.dbPassword).toBe(" hunter2");
    expect(configOf(raw, { MRR_DB_PASSWORD: "other" }).dbPassword).toBe("other");
    expect(maskedConfig(config)).toEqual({ ...config, dbPassword: "***" });
    expect(maskedConfig(configOf({}))).toEqual(configOf({}));
    for (const DBPassword of [["hunter2"], "hunter2\n", { hunter2: 1 }]) {
      const problems = problemsOf({ ...raw, DBPassword });
      expect(problems).toEqual([expect.stringMatching(/^DBPassword must be a text/)]);
      expect(problems.join()).not.toContain("hunter2");
    }
    const stray = parseConfig(raw, { MRR_DB_PASSWORD: "hunter2\n" });
    expect(stray.ok ? "" : JSON.stringify(stray.problems)).toMatch(
      /^\S*MRR_DB_PASSWORD(?!.*hunter2)/,
    );
  });

  test("HTTPAdvertise is a URL without a path", () => {
    const of = (HTTPAdvertise: unknown) => configOf({ HTTPAdvertise }).httpAdvertise;
    expect(["", "http://Host:5656/", "https://host", "http://[::1]:80"].map(of)).toEqual([
      "",
      "http://host:5656",
      "https://host:443",
      "http://[::1]:80",
    ]);
    for (const HTTPAdvertise of ["host:1", "http://a/b", "http://u:p@a", "ftp://a", 5, "http://"]) {
      expect(problemsOf({ HTTPAdvertise })).toHaveLength(1);
    }
  });
});

describe("ports at proxies", () => {
  test.each([
    ["20000-29999", { first: 20_000, last: 29_999 }],
    [" 1024 - 65535 ", { first: 1_024, last: 65_535 }],
    ["6000-6000", { first: 6_000, last: 6_000 }],
    ["", null],
  ])("%j is %j", (ProxyPorts, proxyPorts) => {
    expect(parseConfig({ ProxyPorts }, {})).toEqual(good({ proxyPorts }));
  });

  test.each([
    "1023-2000",
    "2000-65536",
    "3000-2999",
    "3000",
    "a-b",
    "3000-",
    "-1-3000",
    "3000-4000-5000",
    3_000,
    ["3000-4000"],
  ])("%j is refused with the rule", (ProxyPorts) => {
    const [problem, ...others] = problemsOf({ ProxyPorts });
    expect(problem).toContain(
      "ProxyPorts must be FIRST-LAST with ports from 1024 to 65535, such as 20000-29999, or empty",
    );
    expect(others).toEqual([]);
  });

  test("ProxyHost is a host", () => {
    expect(parseConfig({ ProxyHost: "redis.example" }, {})).toEqual(
      good({ proxyHost: "redis.example" }),
    );
    expect(problemsOf({ ProxyHost: "redis.example:80/x" })).toHaveLength(1);
  });
});

describe("warnings", () => {
  test("unknown keys name the nearest known one", () => {
    expect(warningsOf({ HTTPort: 1, Redistimeout: 1, Nonsense: 1, "a\nb": 1 })).toEqual([
      "HTTPort is not known; is HTTPPort meant?",
      "Redistimeout is not known; is RedisTimeoutMs meant?",
      "Nonsense is not known",
      "a?b is not known",
    ]);
  });

  test("variables of the environment", () => {
    expect(parseConfig({ ArtifactBind: "10.0.0.2" }, { HOST: "10.0.0.1" })).toEqual(
      good({ artifactBind: "10.0.0.1" }, [
        { key: "HOST", text: "is set in the environment: the artifact server listens on 10.0.0.1" },
      ]),
    );
    expect(parseConfig({ ArtifactBind: "10.0.0.2" }, { HOST: "" })).toEqual(
      good({ artifactBind: "10.0.0.2" }),
    );
    expect(warningsOf({}, { HOST: "a b", ETCD_LOCAL_ENDPOINT: "http://127.0.0.1:2379" })).toEqual([
      'HOST is set in the environment to "a b", which is no address, and has no effect',
      "ETCD_LOCAL_ENDPOINT is set in the environment and has no effect with DBType embedded",
    ]);
  });

  test("edit distance counts swaps once", () => {
    expect(["kitten", "sitting", "htTp", "ab"].map((word) => editDistance(word, "kitten"))).toEqual(
      [0, 3, 5, 6],
    );
    expect(editDistance("ab", "ba")).toBe(1);
    expect(nearest("x", ["HTTPPort"])).toBeNull();
  });
});

test("the defaults for the executor are those of the supervision", () => {
  expect({
    redisTimeoutMs: defaults.redisTimeoutMs,
    startTimeoutMs: defaults.redisStartTimeoutMs,
    stopGraceMs: defaults.redisStopGraceMs,
    executorIdleMs: defaults.executorIdleMs,
    reportIntervalMs: defaults.reportIntervalMs,
    clockMarginMs: defaults.fencingMarginMs,
  }).toEqual(superviseDefaults);
});

test("needs: the larger headroom counts", () => {
  expect(redisNeed(defaults, 100)).toEqual({ cpusMilli: 100, memMilliMib: 116_000 });
  expect(redisNeed(defaults, 1_001)).toEqual({ cpusMilli: 100, memMilliMib: 1_102_000 });
  expect(executorNeed(defaults)).toEqual({ cpusMilli: 100, memMilliMib: 128_000 });
});

test("never throws, and what it accepts holds for every key", () => {
  const keys = fc.oneof(fc.constantFrom(...configKeys.map(({ key }) => key)), fc.string());
  const values = fc.oneof(
    fc.jsonValue(),
    fc.string(),
    fc.integer(),
    fc.constantFrom("*", "a:1", "/a"),
  );
  fc.assert(
    fc.property(
      fc.dictionary(keys, values),
      fc.dictionary(fc.constantFrom("HOST", "ETCD_LOCAL_ENDPOINT", "MRR_DB_PASSWORD"), fc.string()),
      (raw, environment) => {
        const result = parseConfig(raw, environment);
        if (!result.ok) {
          expect(result.problems).not.toEqual([]);
          return;
        }
        const names = Object.keys(result.value.config).sort();
        expect(names).toEqual(configKeys.map(({ name }) => name).sort());
        expect(result.value.config.artifactBind).not.toBe("");
      },
    ),
    { numRuns: 2_000 },
  );
});

describe("TLS to Mesos", () => {
  const MesosCAFile = "/etc/mesos/ca.pem";
  const zk = "zk://a:2181/mesos";
  test.each([
    [{ Master: "a,http://b,https://c" }, ["http://a:5050", "http://b:5050", "https://c:5050"]],
    [{ Master: "a,https://b", MesosCAFile }, ["https://a:5050", "https://b:5050"]],
    [{ Master: "a,http://b", MesosScheme: "https" }, ["https://a:5050", "http://b:5050"]],
    [{ Master: "a,https://a", MesosScheme: "https" }, ["https://a:5050"]],
    [{ MesosCAFile }, ["https://127.0.0.1:5050"]],
  ])("masters of %j", (raw, masterUrls) => {
    const result = parseConfig(raw, {});
    expect(result.ok && result.value.config.masterUrls).toEqual(masterUrls);
  });

  test.each([
    [{}, [false, false]],
    [{ Master: "https://a" }, [true, true]],
    [{ Master: zk }, [false, false]],
    [{ Master: zk, MesosCAFile }, [true, true]],
    [{ Master: zk, MesosScheme: "https" }, [true, true]],
    [{ Master: "https://a", AgentScheme: "http" }, [true, false]],
    [{ AgentScheme: "https" }, [false, true]],
  ])("of %j to masters and agents: %j", (raw, expected) => {
    const result = parseConfig(raw, {});
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    const { config } = result.value;
    expect([isTlsToMasters(config), isTlsToAgents(config)]).toEqual(expected);
  });

  test.each([
    { Master: "a,http://b", MesosCAFile },
    { Master: zk, MesosScheme: "http", MesosCAFile },
  ])("a CA file for masters without TLS is refused: %j", (raw) => {
    const result = parseConfig(raw, {});
    expect(result.ok ? [] : result.problems.map(({ path }) => path)).toEqual(["MesosCAFile"]);
  });
});

test("containers need an image, and an executor and a redis-server of their own kind", () => {
  const rulesOf = (keys: Record<string, unknown>): string[] => {
    const result = parseConfig({ Runtime: "container", ...keys }, {});
    return result.ok ? [] : result.problems.map(({ path, rule }) => `${path} ${rule}`);
  };
  expect(rulesOf({ RedisImage: "redis:7.2" })).toEqual([]);
  const both = { RedisImage: "redis:7.2", ExecutorImage: "executor:1", RedisServerFile: "/redis" };
  expect(rulesOf(both)).toEqual([
    expect.stringMatching(/^Runtime must be process where there is an ExecutorImage: /),
    expect.stringMatching(/^Runtime must be process where there is a RedisServerFile: /),
  ]);
  expect(rulesOf({})).toEqual([expect.stringMatching(/^Runtime needs a RedisImage/)]);
  expect(rulesOf({ RedisImage: "redis", DockerSocket: "tcp://engine:2375" })).toEqual([
    expect.stringMatching(/^DockerSocket must be an absolute path/),
  ]);
});
