/**
 * Owns turning a configuration file and the environment into a complete {@link Config}, or all that is wrong.
 * Not: the keys (table.ts), nor reading the file (scheduler's main). Called once by each program that has one.
 * SPDX-License-Identifier: Apache-2.0
 */
import { printable, quoted } from "../quote.js";
import { type Parsed, type Problem, refused } from "../result.js";
import { isLoopback, masterHosts, withoutPasswords, withScheme } from "./addresses.js";
import { etcdEndPoints, zookeeperEndPoints } from "./end-points.js";
import { hostPattern, isSecretText } from "./kinds.js";
import { nearest } from "./nearest.js";
import { type Config, configKeys, retiredKeys } from "./table.js";

/** Something that does not stop the program but that its operator should know. `text` continues `key`. */
export interface ConfigWarning {
  readonly key: string;
  readonly text: string;
}

/** A configuration that can be used, and what was noticed about it. */
export interface ConfigResult {
  readonly config: Config;
  readonly warnings: readonly ConfigWarning[];
}

/** Environment variables; of them `HOST`, `ETCD_LOCAL_ENDPOINT` and `MRR_DB_PASSWORD` are looked at. */
export type ConfigEnvironment = Readonly<Record<string, string | undefined>>;

/** Most keys of a file that are looked at: three times as many as there are. */
const keysMax = 128;

/**
 * Checks a configuration: the parsed JSON of the file (`{}` for none). Every problem is returned, each with key,
 * rule and value. Never throws. Keys are matched without regard to case; null, and an empty text where that means
 * nothing, keep the default.
 */
export function parseConfig(raw: unknown, environment: ConfigEnvironment): Parsed<ConfigResult> {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    return refused("configuration", "must be a JSON object");
  }
  const problems: Problem[] = [];
  const warnings: ConfigWarning[] = [];
  const given = givenValues(raw, problems, warnings);
  const values: Record<string, unknown> = {};
  for (const { name, key, defaultValue, read, isSecret } of configKeys) {
    values[name] = defaultValue;
    const value = given.get(key);
    if (value === undefined || value === null) continue;
    const reading = read(value);
    if (reading.ok) {
      values[name] = reading.value;
      if (reading.warning !== undefined) warnings.push({ key, text: reading.warning });
    } else {
      const not = isSecret === true ? "" : `, not ${quoted(value)}`;
      problems.push({ path: key, rule: reading.rule + not });
    }
  }
  const stored = storeOf(values as Config, environment);
  const config = Object.freeze({
    ...(values as Config),
    ...bound(values as Config, environment),
    ...stored.values,
    masterUrls: withScheme(values.masterUrls as readonly string[], schemeOf(values as Config)),
  });
  // A value that is wrong stands at its default here: rules between keys are for good values only.
  const wrong = new Set(problems.map((problem) => problem.path));
  for (const { keys, problem } of [...stored.problems, ...crossProblems(config)]) {
    if (!keys.some((key) => wrong.has(key))) problems.push(problem);
  }
  if (problems.length > 0) return { ok: false, problems };
  warnings.push(...crossWarnings(config), ...environmentWarnings(config, environment));
  return { ok: true, value: { config, warnings } };
}

/** {@link parseConfig} on the text of a file; broken JSON is a problem that names line and column. */
export function parseConfigText(
  text: string,
  environment: ConfigEnvironment,
): Parsed<ConfigResult> {
  const json = text.replace(/^\uFEFF/, "");
  let raw: unknown;
  try {
    raw = JSON.parse(json);
  } catch (error) {
    return refused("configuration", `must be JSON: ${syntaxText(json, error)}`);
  }
  return parseConfig(raw, environment);
}

/** The values of the file by their key as the table spells it; twice the same key is a problem. */
function givenValues(
  raw: object,
  problems: Problem[],
  warnings: ConfigWarning[],
): ReadonlyMap<string, unknown> {
  const entries = Object.entries(raw);
  if (entries.length > keysMax) {
    problems.push({ path: "configuration", rule: `must have at most ${keysMax} keys` });
  }
  const spelling = new Map(configKeys.map(({ key }) => [key.toLowerCase(), key]));
  const given = new Map<string, unknown>();
  for (const [written, value] of entries.slice(0, keysMax)) {
    const key = spelling.get(written.toLowerCase());
    if (key === undefined) warnings.push(unknownKey(written));
    else if (given.has(key)) problems.push({ path: key, rule: "must be given once" });
    else given.set(key, value);
  }
  return given;
}

function unknownKey(written: string): ConfigWarning {
  const lower = written.toLowerCase();
  const key = printable(written);
  const retired = retiredKeys.find((entry) => entry.key.toLowerCase() === lower);
  if (retired !== undefined) return retired;
  const near = nearest(
    written,
    configKeys.map((entry) => entry.key),
  );
  return { key, text: near === null ? "is not known" : `is not known; is ${near} meant?` };
}

const bindVariable = "HOST";

/** What `HOST` changes: as with the ancestor, the address on which the artifact server listens. */
function bound(values: Config, environment: ConfigEnvironment): Pick<Config, "artifactBind"> {
  const variable = environment[bindVariable] ?? "";
  if (variable !== "" && hostPattern.test(variable)) return { artifactBind: variable };
  return { artifactBind: values.artifactBind === "" ? values.artifactIp : values.artifactBind };
}

/** As with the ancestor: where the scheduler (and nobody else) finds etcd. */
const endPointVariable = "ETCD_LOCAL_ENDPOINT";
const passwordVariable = "MRR_DB_PASSWORD";

/** What the environment and `DBType` make of the keys about the store. */
function storeOf(
  values: Config,
  environment: ConfigEnvironment,
): {
  readonly values: Pick<Config, "dbEndPoints" | "dbPassword">;
  readonly problems: readonly CrossProblem[];
} {
  const { dbType, dbCaFile, dbCertFile, dbKeyFile } = values;
  const password = environment[passwordVariable] ?? "";
  const dbPassword = password === "" ? values.dbPassword : password;
  const problems: CrossProblem[] = [];
  if (!isSecretText(dbPassword)) {
    const rule = "must be a password without control characters";
    problems.push({ keys: [], problem: { path: passwordVariable, rule } });
  }
  const unchanged = { values: { dbEndPoints: values.dbEndPoints, dbPassword }, problems };
  if (dbType !== "etcd" && dbType !== "zookeeper") return unchanged;
  const variable = dbType === "etcd" ? (environment[endPointVariable] ?? "") : "";
  const entries =
    variable === "" ? values.dbEndPoints : variable.split(",").map((entry) => entry.trim());
  const isTls = dbCaFile !== "" || dbCertFile !== "" || dbKeyFile !== "";
  const { endPoints, rules } =
    dbType === "etcd" ? etcdEndPoints(entries, isTls) : zookeeperEndPoints(entries);
  const key = variable === "" ? "DBEndPoint" : endPointVariable;
  const keys = ["DBType", "DBEndPoint", "DBCAFile", "DBCertFile", "DBKeyFile"];
  problems.push(...rules.map((rule) => ({ keys, problem: { path: key, rule } })));
  return { values: { dbEndPoints: Object.freeze(endPoints), dbPassword }, problems };
}

/** Of masters that name none. */
const schemeOf = ({ mesosScheme, mesosCaFile }: Config): "http" | "https" => {
  if (mesosScheme !== "auto") return mesosScheme;
  return mesosCaFile === "" ? "http" : "https";
};

/** True when masters are called with TLS: those of a list by their scheme, those in ZooKeeper as the configuration says. */
export const isTlsToMasters = (config: Config): boolean =>
  config.masterUrls.some((url) =>
    url.startsWith("zk:") ? schemeOf(config) === "https" : url.startsWith("https:"),
  );

/** True when executors are told to call their agents with TLS, whatever those say. */
export const isTlsToAgents = (config: Config): boolean =>
  config.agentScheme === "auto" ? isTlsToMasters(config) : config.agentScheme === "https";

const isRemote = ({ dbType }: Config): boolean => dbType === "etcd" || dbType === "zookeeper";

function environmentWarnings(config: Config, environment: ConfigEnvironment): ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  const host = environment[bindVariable] ?? "";
  if (host !== "") {
    const text = hostPattern.test(host)
      ? `is set in the environment: the artifact server listens on ${host}`
      : `is set in the environment to ${quoted(host)}, which is no address, and has no effect`;
    warnings.push({ key: bindVariable, text });
  }
  if ((environment[endPointVariable] ?? "") !== "") {
    const text =
      config.dbType === "etcd"
        ? `is set in the environment: etcd is looked for at ${config.dbEndPoints.join(",")}`
        : `is set in the environment and has no effect with DBType ${config.dbType}`;
    warnings.push({ key: endPointVariable, text });
  }
  return warnings;
}

/** A rule between keys; `keys` are those whose values it compares. */
interface CrossProblem {
  readonly keys: readonly string[];
  readonly problem: Problem;
}

/** The rules between keys that {@link parseConfig} refuses to adjust silently; also for the reference. */
export const crossRules: readonly {
  readonly keys: readonly [string, string];
  /** Continues the first key. */
  readonly rule: string;
  readonly holds: (config: Config) => boolean;
}[] = [
  {
    keys: ["HTTPPort", "ArtifactPort"],
    rule: "must differ from ArtifactPort (but both may be 0)",
    holds: ({ httpPort, artifactPort }) => httpPort !== artifactPort || httpPort === 0,
  },
  {
    keys: ["RedisTimeoutMs", "RedisStartTimeoutMs"],
    rule: "must be at most RedisStartTimeoutMs",
    holds: (config) => config.redisTimeoutMs <= config.redisStartTimeoutMs,
  },
  {
    keys: ["RedisStartTimeoutMs", "LaunchTimeoutMs"],
    rule: "must be less than LaunchTimeoutMs, or a slow start is launched twice",
    holds: (config) => config.redisStartTimeoutMs < config.launchTimeoutMs,
  },
  {
    keys: ["ReportIntervalMs", "LaunchTimeoutMs"],
    rule: "must be less than LaunchTimeoutMs",
    holds: (config) => config.reportIntervalMs < config.launchTimeoutMs,
  },
  {
    keys: ["FencingLagMs", "FencingMarginMs"],
    rule: "must be whole seconds: Redis counts the lag of replicas in them",
    holds: (config) => config.fencingLagMs % 1_000 === 0,
  },
  {
    keys: ["ExecutorSilenceMs", "ReportIntervalMs"],
    rule: "must be at least twice ReportIntervalMs, or a healthy executor counts as silent",
    holds: (config) => config.executorSilenceMs >= 2 * config.reportIntervalMs,
  },
  {
    keys: ["ReplicaSilenceMs", "FencingLagMs"],
    rule: "must be at least FencingLagMs: until then a silent replica counts for its master's writes",
    holds: (config) => config.replicaSilenceMs >= config.fencingLagMs,
  },
  {
    keys: ["ReplicaSilenceMs", "ExecutorSilenceMs"],
    rule: "must be at least ExecutorSilenceMs",
    holds: (config) => config.replicaSilenceMs >= config.executorSilenceMs,
  },
  {
    keys: ["ReplaceUnreachableMs", "ReplicaSilenceMs"],
    rule: "must be at least ReplicaSilenceMs: a replica is first not waited for, then replaced",
    holds: (config) => config.replaceUnreachableMs >= config.replicaSilenceMs,
  },
  {
    keys: ["MasterLeaseMs", "ExecutorSilenceMs"],
    rule: "must be at least ten times ExecutorSilenceMs: leases are renewed after a tenth of it",
    holds: (config) => config.masterLeaseMs >= 10 * config.executorSilenceMs,
  },
  {
    keys: ["MasterLeaseMs", "ReportIntervalMs"],
    rule: "must be at least twenty times ReportIntervalMs: it is renewed by answers to reports",
    holds: (config) => config.masterLeaseMs >= 20 * config.reportIntervalMs,
  },
  {
    keys: ["Runtime", "RedisImage"],
    rule: "needs a RedisImage where it is container",
    holds: ({ runtime, redisImage }) => runtime === "process" || redisImage !== "",
  },
  {
    keys: ["Runtime", "ExecutorImage"],
    rule:
      "must be process where there is an ExecutorImage: an executor in a container has neither the engine's socket nor " +
      "directories that the engine finds",
    holds: ({ runtime, executorImage }) => runtime === "process" || executorImage === "",
  },
  {
    keys: ["Runtime", "RedisServerFile"],
    rule: "must be process where there is a RedisServerFile: containers have the redis-server of RedisImage",
    holds: ({ runtime, redisServerFile }) => runtime === "process" || redisServerFile === "",
  },
  {
    keys: ["SecretFile", "Principal"],
    rule: "needs a Principal",
    holds: ({ secretFile, principal }) => secretFile === "" || principal !== "",
  },
  {
    keys: ["MesosCAFile", "Master"],
    rule: "needs masters with TLS: https://, or without a scheme and with MesosScheme auto or https",
    holds: (config) =>
      config.mesosCaFile === "" ||
      config.masterUrls.every((url) => isTlsToMasters({ ...config, masterUrls: [url] })),
  },
  {
    keys: ["DBUser", "DBPassword"],
    rule: "needs DBPassword, DBPasswordFile or the variable MRR_DB_PASSWORD",
    holds: (config) => !isRemote(config) || config.dbUser === "" || hasPassword(config),
  },
  {
    keys: ["DBPassword", "DBUser"],
    rule: "(as DBPasswordFile and MRR_DB_PASSWORD) needs a DBUser",
    holds: (config) => !isRemote(config) || config.dbUser !== "" || !hasPassword(config),
  },
  {
    keys: ["DBPasswordFile", "DBPassword"],
    rule: "must be empty where DBPassword or the variable MRR_DB_PASSWORD is given",
    holds: ({ dbPasswordFile, dbPassword }) => dbPasswordFile === "" || dbPassword === "",
  },
  {
    keys: ["DBCertFile", "DBKeyFile"],
    rule: "and DBKeyFile must be given together",
    holds: ({ dbCertFile, dbKeyFile }) => (dbCertFile === "") === (dbKeyFile === ""),
  },
  {
    keys: ["HTTPCertificateFile", "HTTPKeyFile"],
    rule: "and HTTPKeyFile must be given together",
    holds: (config) => (config.httpCertificateFile === "") === (config.httpKeyFile === ""),
  },
  {
    keys: ["ArtifactCertificateFile", "ArtifactKeyFile"],
    rule: "and ArtifactKeyFile must be given together",
    holds: (config) => (config.artifactCertificateFile === "") === (config.artifactKeyFile === ""),
  },
  {
    keys: ["RequireAuth", "HTTPTokenFile"],
    rule: "needs an HTTPTokenFile: without it whoever reaches HTTPBind may do everything",
    holds: (config) => !config.requireAuth || config.httpTokenFile !== "",
  },
  {
    keys: ["HTTPAdvertise", "HTTPCertificateFile"],
    rule: "must begin with https:// where HTTPCertificateFile is given: the HTTP API has TLS then",
    holds: (config) =>
      config.httpCertificateFile === "" || !config.httpAdvertise.startsWith("http:"),
  },
  {
    keys: ["DBTimeLimitMs", "LeaseTtlMs"],
    rule: "must be at most LeaseTtlMs with DBType etcd or zookeeper: nothing is worth waiting for longer than one leads",
    holds: (config) => !isRemote(config) || config.dbTimeLimitMs <= config.leaseTtlMs,
  },
];

const hasPassword = ({ dbPassword, dbPasswordFile }: Config): boolean =>
  dbPassword !== "" || dbPasswordFile !== "";

function crossProblems(config: Config): CrossProblem[] {
  return crossRules
    .filter(({ holds }) => !holds(config))
    .map(({ keys, rule }) => {
      const values = keys.map((key) => `${key} is ${quoted(valueOfKey(config, key))}`);
      return { keys, problem: { path: keys[0], rule: `${rule}: ${values.join(", ")}` } };
    });
}

const valueOfKey = (config: Config, key: string): unknown => {
  const name = configKeys.find((entry) => entry.key === key)?.name;
  return name === undefined ? undefined : maskedConfig(config)[name];
};

/** The configuration as it may be shown: `***` stands for a secret. */
export function maskedConfig(config: Config): Config {
  const masterUrls = config.masterUrls.map(withoutPasswords);
  const dbEndPoints = config.dbEndPoints.map(shownEndPoint);
  const masked: Record<string, unknown> = { ...config, masterUrls, dbEndPoints };
  for (const { name, isSecret } of configKeys) {
    if (isSecret === true && masked[name] !== "") masked[name] = "***";
  }
  return masked as Config;
}

/** An entry that no `DBType` has checked may be anything; in one that can be used there is no `@`. */
const shownEndPoint = (entry: string): string =>
  entry.replace(/^([A-Za-z][A-Za-z0-9+.-]*:\/\/)?.*@/s, "$1***@");

function crossWarnings(config: Config): ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  const given: readonly (readonly [key: string, isGiven: boolean, types: readonly string[]])[] = [
    ["DBEndPoint", config.dbEndPoints.length > 0, ["etcd", "zookeeper"]],
    ["DBUser", config.dbUser !== "", ["etcd", "zookeeper"]],
    ["DBPassword", config.dbPassword !== "", ["etcd", "zookeeper"]],
    ["DBPasswordFile", config.dbPasswordFile !== "", ["etcd", "zookeeper"]],
    ["DBCAFile", config.dbCaFile !== "", ["etcd"]],
    ["DBCertFile", config.dbCertFile !== "", ["etcd"]],
    ["DBKeyFile", config.dbKeyFile !== "", ["etcd"]],
  ];
  for (const [key, isGiven, types] of given) {
    if (!isGiven || types.includes(config.dbType)) continue;
    warnings.push({ key, text: `has no effect with DBType ${config.dbType}` });
  }
  if (config.redisImage !== "" && config.runtime === "process") {
    const text =
      "has no effect with Runtime process: redis-servers run as plain processes, see RedisPath";
    warnings.push({ key: "RedisImage", text });
  }
  const remote = config.masterUrls.find((url) => !masterHosts(url).every(isLoopback));
  if (remote !== undefined && isLoopback(config.artifactIp)) {
    const text = `is ${config.artifactIp}: agents on other machines (Master is ${withoutPasswords(remote)}) cannot fetch the executor from there`;
    warnings.push({ key: "ArtifactIP", text });
  }
  return warnings;
}

/**
 * What others on the network can do with the HTTP API of this configuration: said at each start. None where it listens on
 * loopback alone.
 */
export function exposureWarnings(config: Config): readonly ConfigWarning[] {
  const { httpBind, httpTokenFile, httpCertificateFile } = config;
  if (isLoopback(httpBind)) return [];
  if (httpTokenFile === "") {
    const text = `is ${httpBind} and there is no HTTPTokenFile: whoever reaches this port may create and delete instances`;
    return [{ key: "HTTPBind", text }];
  }
  if (httpCertificateFile === "" && !config.httpAdvertise.startsWith("https:")) {
    const text = `is ${httpBind} and there is no HTTPCertificateFile: tokens can be read on the way`;
    return [{ key: "HTTPBind", text }];
  }
  return [];
}

/** Line and column of the first mistake, from the position that the JSON parser names. */
function syntaxText(json: string, error: unknown): string {
  if (json.trim() === "") return "it is empty";
  const message = error instanceof Error ? error.message : "";
  const position = /position (\d+)/.exec(message)?.[1];
  const before = json.slice(0, position === undefined ? json.length : Number(position));
  const lines = before.split("\n");
  const column = (lines.at(-1) ?? "").length + 1;
  return position === undefined
    ? `it ends too early, in line ${lines.length}`
    : `mistake in line ${lines.length}, column ${column}`;
}
