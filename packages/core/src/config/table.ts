/**
 * Owns the one table of configuration keys: name, kind, default, limits, help.
 * Not: reading a whole file (parse.ts) or writing pages (render.ts). A new key is a new line here and nowhere else.
 * The first eleven are the ancestor's, in its order; theirs are names, forms and, where sensible, defaults.
 * SPDX-License-Identifier: Apache-2.0
 */
import { advertised, masters, origins, proxyPorts } from "./addresses.js";
import {
  type ConfigKey,
  choice,
  hostPattern,
  integer,
  type Kind,
  list,
  secret,
  text,
  thousandths,
  yesOrNo,
} from "./kinds.js";
import { program, redisPath } from "./programs.js";

const ancestor = <T>(key: string, kind: Kind<T>, help: string): ConfigKey<T> => ({
  key,
  ancestor: true,
  help,
  ...kind,
});
const ours = <T>(key: string, kind: Kind<T>, help: string): ConfigKey<T> => ({
  key,
  ancestor: false,
  help,
  ...kind,
});

const path = (defaultValue: string): Kind<string> =>
  text(defaultValue, /^.+$/, "a path of at most 1024 characters");
const optionalPath = text("", /^/, "a path of at most 1024 characters, or empty");
const host = (defaultValue: string): Kind<string> =>
  text(defaultValue, hostPattern, "a host name or an IP address");
const optionalHost = text(
  "",
  new RegExp(`^$|${hostPattern.source}`),
  "a host name or an IP address, or empty",
);
const port = (defaultValue: number): Kind<number> => integer(defaultValue, 0, 65_535, null);
const milliseconds = (defaultValue: number, min: number, max: number): Kind<number> =>
  integer(defaultValue, min, max, "ms");

const day = 86_400_000;
const year = 365 * day;

const runtime: Kind<"process" | "container"> = choice("process", ["process", "container"]);

const databaseType: Kind<"embedded" | "memory" | "etcd" | "zookeeper"> = choice("embedded", [
  "embedded",
  "memory",
  "etcd",
  "zookeeper",
]);

/** Split only; what an entry must be depends on `DBType` (end-points.ts). */
const databaseEndPoints = list(
  (entry) => (entry === "" ? null : entry),
  "host:port or a URL, or several of them with commas",
);

const mesosScheme: Kind<"auto" | "http" | "https"> = choice("auto", ["auto", "http", "https"]);
const agentCertificateName: Kind<"address" | "hostname"> = choice("address", [
  "address",
  "hostname",
]);
const executorContainer: Kind<"mesos" | "docker"> = choice("mesos", ["mesos", "docker"]);
const mesosEncoding: Kind<"protobuf" | "json"> = choice("protobuf", ["protobuf", "json"]);

/** Every key by the name of its value in {@link Config}. */
export const configTable = {
  userName: ancestor(
    "UserName",
    text("ubuntu", /^[^\s:/]{0,255}$/, "a Unix user name, or empty"),
    "Unix user on the agents that runs the executor and the redis-servers. Empty: the user of the scheduler.",
  ),
  frameworkName: ancestor(
    "FrameworkName",
    text("MrRedis", /^.{1,255}$/, "1 to 255 characters"),
    "Name of the framework; Mesos-DNS makes `<name>.mesos` of it.",
  ),
  masterUrls: ancestor(
    "Master",
    masters("127.0.0.1:5050"),
    "The Mesos masters, or where in ZooKeeper the leading one is found.",
  ),
  executorPath: ancestor(
    "ExecutorPath",
    optionalPath,
    "What is served to the agents as the executor: a program (`MrRedisExecutor`), or an archive `.tar.gz` of a release. " +
      "Empty: the one that is shipped with the scheduler, which needs `NodePath`.",
  ),
  redisImage: ancestor(
    "RedisImage",
    text("", /^[\w./:@-]{0,512}$/, "the name of an image, or empty"),
    "With `Runtime` `container`: the image that holds redis-server or valkey-server (see `RedisPath`), `/bin/sh` and `sleep`. " +
      "Fetched by the agents' engines where it is missing.",
  ),
  dbType: ancestor(
    "DBType",
    databaseType,
    "Where the state is kept. `embedded`: in `DataDir`, for one scheduler, survives kill -9. `etcd` (v3) and " +
      "`zookeeper`: at `DBEndPoint`, for any number of schedulers of which one leads. `memory`: nowhere, for tests.",
  ),
  dbEndPoints: ancestor(
    "DBEndPoint",
    databaseEndPoints,
    "Servers of etcd or ZooKeeper. etcd: `host:port` or URLs. ZooKeeper: `host:port`, with a chroot behind the last " +
      "one. `embedded` and `memory` have none.",
  ),
  logFile: ancestor(
    "LogFile",
    path("stderr"),
    "`stderr`, `stdout`, or a file to which the log is appended.",
  ),
  artifactIp: ancestor(
    "ArtifactIP",
    host("127.0.0.1"),
    "Address of this scheduler from which the agents fetch the executor.",
  ),
  artifactPort: ancestor(
    "ArtifactPort",
    port(5454),
    "Port from which the agents fetch the executor. 0: any free one.",
  ),
  httpPort: ancestor("HTTPPort", port(5656), "Port of the HTTP API. 0: any free one."),

  httpBind: ours("HTTPBind", host("0.0.0.0"), "Address on which the HTTP API listens."),
  httpAdvertise: ours(
    "HTTPAdvertise",
    advertised,
    "URL at which other schedulers and their clients reach the HTTP API of this one. Empty: `http://` (with " +
      "`HTTPCertificateFile` `https://`), `HTTPBind` (or, where that is all addresses, the name of the machine) and `HTTPPort`.",
  ),
  artifactBind: ours(
    "ArtifactBind",
    optionalHost,
    "Address on which the artifact server listens. Empty: `ArtifactIP`. The variable `HOST` overrides it.",
  ),
  corsOrigins: ours(
    "CorsOrigins",
    origins,
    "Web pages of these origins may use the HTTP API from a browser. `*`: all. Empty: none.",
  ),
  httpCertificateFile: ours(
    "HTTPCertificateFile",
    optionalPath,
    "HTTP API with TLS: its certificate (PEM), with those between it and the authority. Read again when it changes. " +
      "Empty: plain HTTP.",
  ),
  httpKeyFile: ours(
    "HTTPKeyFile",
    optionalPath,
    "HTTP API with TLS: the key (PEM) of `HTTPCertificateFile`.",
  ),
  httpTokenFile: ours(
    "HTTPTokenFile",
    optionalPath,
    "Who may use the HTTP API: lines of `NAME ROLE sha256:HASH`, as `mrr token` makes them. Read again when it changes. " +
      "Empty: whoever reaches the port may do everything.",
  ),
  requireAuth: ours(
    "RequireAuth",
    yesOrNo(false),
    "`true`: without `HTTPTokenFile` the scheduler does not start.",
  ),
  secretGraceSeconds: ours(
    "SecretGraceS",
    integer(3_600, 0, 604_800, "s"),
    "How long passwords of users are accepted after a rotation that names no other time.",
  ),
  httpRequestsPerSecond: ours(
    "HTTPRequestsPerSecond",
    integer(500, 0, 1_000_000, "requests/s"),
    "What one token, or without tokens one address, may ask for in the long run; ten times as much at once. More is " +
      "answered 429. Loopback is not counted. 0: no limit.",
  ),
  artifactCertificateFile: ours(
    "ArtifactCertificateFile",
    optionalPath,
    "Artifact server with TLS: its certificate (PEM) for `ArtifactIP`, which the fetchers of the agents must trust. " +
      "Empty: plain HTTP.",
  ),
  artifactKeyFile: ours(
    "ArtifactKeyFile",
    optionalPath,
    "Artifact server with TLS: the key (PEM) of `ArtifactCertificateFile`.",
  ),
  proxyPorts: ours(
    "ProxyPorts",
    proxyPorts({ first: 20_000, last: 29_999 }),
    "Ports at which proxies serve instances: one for the master of each, one more for the replicas of those that have " +
      "some. An instance keeps what it was given, whatever is said here later. Empty: none are given.",
  ),
  proxyHost: ours(
    "ProxyHost",
    optionalHost,
    "Where clients reach the proxies: a host name or an IP address, as `/v2/instances/{name}/connection` and `mrr` tell it. " +
      "Empty: the host of `HTTPAdvertise`, or what takes its place.",
  ),
  secretKeyFile: ours(
    "SecretKeyFile",
    optionalPath,
    "Keys for the secrets in the store: lines of 32 bytes in base64, the first seals, every one opens. Only its owner may " +
      "read it (mode 0600). Read again when it changes. Empty: secrets of processes are stored as they are, and no instance " +
      "can have Auth.",
  ),
  dataDir: ours("DataDir", path(".mrr"), "Directory of the embedded store."),
  dbUser: ours(
    "DBUser",
    text("", /^[^\s:]{0,255}$/, "at most 255 characters without blanks and colons, or empty"),
    "User of etcd, or of ZooKeeper's `digest` scheme. Empty: none.",
  ),
  dbPassword: ours(
    "DBPassword",
    secret(),
    "Password of `DBUser`. The variable `MRR_DB_PASSWORD` overrides it. Never logged.",
  ),
  dbPasswordFile: ours(
    "DBPasswordFile",
    optionalPath,
    "File that holds the password of `DBUser`, instead of `DBPassword`.",
  ),
  dbCaFile: ours(
    "DBCAFile",
    optionalPath,
    "etcd with TLS: certificates (PEM) of the authorities to be trusted. Empty: those of the system.",
  ),
  dbCertFile: ours("DBCertFile", optionalPath, "etcd with TLS: our certificate (PEM)."),
  dbKeyFile: ours("DBKeyFile", optionalPath, "etcd with TLS: the key (PEM) of `DBCertFile`."),
  dbTimeLimitMs: ours(
    "DBTimeLimitMs",
    milliseconds(5_000, 100, 10_000),
    "Longest wait for an answer of the store; then a change is answered with 503.",
  ),
  leaseTtlMs: ours(
    "LeaseTtlMs",
    milliseconds(5_000, 1_000, 600_000),
    "Lease of the leader in etcd, session in ZooKeeper: when it has died, another scheduler leads after that time. A " +
      "leader that hears nothing from the store stops at two thirds of it.",
  ),
  logLevel: ours(
    "LogLevel",
    choice("info", ["debug", "info", "warn", "error", "fatal", "silent"]),
    "Least weight of what is logged.",
  ),
  role: ours(
    "Role",
    text(
      "*",
      /^(?:\*|(?!\.{1,2}(?:\/|$))[\w.][\w.-]*(?:\/(?!\.{1,2}(?:\/|$))[\w.][\w.-]*)*)$/,
      "`*` or a role of Mesos such as `db` or `team/db`",
    ),
    "Mesos role under which resources are taken: unreserved ones, and before them those reserved for it or for a role above " +
      "it. One of its own, where anything is reserved: other frameworks of a role are offered the same.",
  ),
  mesosEncoding: ours(
    "MesosEncoding",
    mesosEncoding,
    "How scheduler and executors speak to Mesos. `json` is larger and slower, and can be read by people.",
  ),
  principal: ours(
    "Principal",
    text("", /^\S{0,255}$/, "at most 255 characters without blanks, or empty"),
    "Principal of the framework, where the masters ask for one.",
  ),
  secretFile: ours(
    "SecretFile",
    optionalPath,
    "File that holds the secret of `Principal`. Empty: none.",
  ),
  mesosCaFile: ours(
    "MesosCAFile",
    optionalPath,
    "Mesos with TLS: certificates (PEM) of the authorities that vouch for masters and agents; handed to the executors. " +
      "Empty: those that Node knows.",
  ),
  mesosScheme: ours(
    "MesosScheme",
    mesosScheme,
    "How masters are called that are given without `http://` or `https://`, or found in ZooKeeper. `auto`: `https` with " +
      "`MesosCAFile`, else `http`.",
  ),
  agentScheme: ours(
    "AgentScheme",
    mesosScheme,
    "How executors call their agents. `auto`: `https` where a master is called so, or where an agent says so by " +
      "`LIBPROCESS_SSL_ENABLED`.",
  ),
  agentCertificateName: ours(
    "AgentCertificateName",
    agentCertificateName,
    "The name that an agent's certificate must have. `address`: the IP address on which the agent listens. `hostname`: the " +
      "name of its machine.",
  ),
  failoverTimeoutSeconds: ours(
    "FailoverTimeoutS",
    integer(604_800, 1, 31_536_000, "s"),
    "How long Mesos keeps everything running while no scheduler is connected.",
  ),
  redisPath: ours(
    "RedisPath",
    redisPath,
    "The redis-server (6.2 or later) or valkey-server on the agents.",
  ),
  runtime: ours(
    "Runtime",
    runtime,
    "How redis-servers run on the agents. `process`: as plain processes. `container`: in containers of `RedisImage`, by the engine " +
      "at `DockerSocket`.",
  ),
  dockerSocket: ours(
    "DockerSocket",
    text("/var/run/docker.sock", /^\/.{0,100}$/, "an absolute path of at most 101 characters"),
    "With `Runtime` `container`: the socket of the Docker engine on the agents; the executor's user must be allowed to use it.",
  ),
  imagePullTimeoutMs: ours(
    "ImagePullTimeoutMs",
    milliseconds(600_000, 1_000, day),
    "With `Runtime` `container`: longest time that fetching `RedisImage` may take on an agent.",
  ),
  redisServerFile: ours(
    "RedisServerFile",
    optionalPath,
    "A redis-server or valkey-server beside the scheduler, which is served to the agents and used instead of `RedisPath`. " +
      "Empty: none.",
  ),
  redisTlsDirectory: ours(
    "RedisTLSDirectory",
    text("", /^$|^\/.*[^/]$/, "an absolute path, or empty"),
    "Directory on the agents with `tls.crt`, `tls.key` and `ca.crt` (PEM) for the redis-servers of instances with `Tls`; " +
      "changed files are taken without a restart. Empty: the scheduler's own authority signs a certificate for each executor.",
  ),
  executorImage: ours(
    "ExecutorImage",
    text("", /^[\w./:@-]{0,512}$/, "the name of an image, or empty"),
    "Container image in which executors run, with all of node, `mr-redis-executor` and redis-server in it; nothing of " +
      "`ExecutorPath` is served then. Its network is the agent's. Empty: plain processes.",
  ),
  executorContainer: ours(
    "ExecutorContainer",
    executorContainer,
    "Who runs `ExecutorImage` on the agents: `mesos` (their own containerizer) or `docker`.",
  ),
  nodePath: ours(
    "NodePath",
    program("node"),
    "The Node.js (20.19 or later) on the agents, for the executor.",
  ),
  redisCpusMilli: ours(
    "RedisCpus",
    thousandths(100, 10, 64_000, "cpus"),
    "CPU share of each redis-server.",
  ),
  redisMemoryOverheadMib: ours(
    "RedisMemoryOverheadMb",
    integer(16, 0, 65_536, "MiB"),
    "Least headroom of a redis-server above its `maxmemory`: for the program, buffers and the replication backlog.",
  ),
  redisMemoryOverheadPercent: ours(
    "RedisMemoryOverheadPercent",
    integer(10, 0, 400, "percent of `maxmemory`"),
    "Headroom of a redis-server above its `maxmemory`, where that is more than `RedisMemoryOverheadMb`.",
  ),
  executorCpusMilli: ours(
    "ExecutorCpus",
    thousandths(100, 10, 64_000, "cpus"),
    "CPU share of the executor, once for each agent.",
  ),
  executorMemoryMib: ours(
    "ExecutorMemoryMb",
    integer(128, 32, 65_536, "MiB"),
    "Memory of the executor, once for each agent.",
  ),
  executorIdleMs: ours(
    "ExecutorIdleMs",
    milliseconds(300_000, 0, 30 * day),
    "How long an executor stays after its last process.",
  ),
  redisTimeoutMs: ours(
    "RedisTimeoutMs",
    milliseconds(1_000, 100, 600_000),
    "A redis-server that does not answer for so long is killed and replaced.",
  ),
  redisStartTimeoutMs: ours(
    "RedisStartTimeoutMs",
    milliseconds(10_000, 100, 600_000),
    "A redis-server that has not answered so long after its start is killed.",
  ),
  redisStopGraceMs: ours(
    "RedisStopGraceMs",
    milliseconds(3_000, 0, 600_000),
    "From SIGTERM to SIGKILL when a redis-server is ended.",
  ),
  reportIntervalMs: ours(
    "ReportIntervalMs",
    milliseconds(1_000, 50, 60_000),
    "From one full report of an executor to the next; changes are reported at once.",
  ),
  fencingLagMs: ours(
    "FencingLagMs",
    milliseconds(3_000, 1_000, 600_000),
    "A replica that is silent for longer does not count for its master's writes (`min-replicas-max-lag`); whole seconds.",
  ),
  fencingMarginMs: ours(
    "FencingMarginMs",
    milliseconds(300, 0, 60_000),
    "Added to every wait that a promotion over an unreachable master rests on, for clocks of different speed.",
  ),
  replicaSilenceMs: ours(
    "ReplicaSilenceMs",
    milliseconds(5_000, 500, 600_000),
    "A replica that is not in sync for so long does not count any more: its master writes on without it.",
  ),
  executorSilenceMs: ours(
    "ExecutorSilenceMs",
    milliseconds(2_000, 200, 600_000),
    "A master is taken for unreachable when its executor was not heard for so long and replicas have lost it as well.",
  ),
  masterLeaseMs: ours(
    "MasterLeaseMs",
    milliseconds(600_000, 1_000, 30 * day),
    "How long a master without replicas in sync accepts writes after the scheduler was last heard.",
  ),
  replaceUnreachableMs: ours(
    "ReplaceUnreachableMs",
    milliseconds(30_000, 0, 30 * day),
    "A process that cannot be reached for so long is replaced; a master is replaced by one of its replicas long before.",
  ),
  resyncsMax: ours(
    "ResyncsMax",
    integer(2, 1, 100, null),
    "Most replicas that a master brings into sync at a time.",
  ),
  launchTimeoutMs: ours(
    "LaunchTimeoutMs",
    milliseconds(60_000, 1_000, day),
    "A launch of which nothing was heard for so long is given up and made anew.",
  ),
  deletedKeepMs: ours(
    "DeletedKeepMs",
    milliseconds(3_600_000, 0, year),
    "How long a deleted instance stays visible.",
  ),
  offerHoldMs: ours(
    "OfferHoldMs",
    milliseconds(1_000, 0, 60_000),
    "How long offers are held that do not fit what is waiting for a place.",
  ),
  reviveBurst: ours(
    "ReviveBurst",
    integer(5, 1, 1_000, null),
    "Calls for offers (REVIVE) that may follow each other at once.",
  ),
  reviveIntervalMs: ours(
    "ReviveIntervalMs",
    milliseconds(1_000, 10, day),
    "Time after which one more call for offers may be made.",
  ),
} as const;

/** The name of a value in {@link Config}. */
export type ConfigName = keyof typeof configTable;

type ValueOf<K> = K extends ConfigKey<infer T> ? T : never;

/**
 * The complete configuration, frozen, in the units of the names. Meaning, default and limits of each value: the
 * line of the same name in {@link configTable}. `artifactBind` is never empty.
 */
export type Config = { readonly [Name in ConfigName]: ValueOf<(typeof configTable)[Name]> };

/** The keys in the order of the table. */
export const configKeys: readonly (ConfigKey<unknown> & { readonly name: ConfigName })[] =
  Object.entries(configTable).map(([name, entry]) => ({ ...entry, name: name as ConfigName }));

const masterInstead = "is of an old version and has no effect: use Master (host:port)";

/** Keys of old versions that no longer exist, and what to say. */
export const retiredKeys: readonly { readonly key: string; readonly text: string }[] = [
  { key: "MasterIP", text: masterInstead },
  { key: "MasterPort", text: masterInstead },
];
