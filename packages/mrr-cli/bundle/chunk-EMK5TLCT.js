import { createRequire } from "node:module"; const require = createRequire(import.meta.url);
var __create = Object.create;
var __defProp = Object.defineProperty;
var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __getProtoOf = Object.getPrototypeOf, __hasOwnProp = Object.prototype.hasOwnProperty;
var __require = /* @__PURE__ */ ((x) => typeof require < "u" ? require : typeof Proxy < "u" ? new Proxy(x, {
  get: (a, b) => (typeof require < "u" ? require : a)[b]
}) : x)(function(x) {
  if (typeof require < "u") return require.apply(this, arguments);
  throw Error('Dynamic require of "' + x + '" is not supported');
});
var __commonJS = (cb, mod) => function() {
  try {
    return mod || (0, cb[__getOwnPropNames(cb)[0]])((mod = { exports: {} }).exports, mod), mod.exports;
  } catch (e) {
    throw mod = 0, e;
  }
};
var __copyProps = (to, from, except, desc) => {
  if (from && typeof from == "object" || typeof from == "function")
    for (let key of __getOwnPropNames(from))
      !__hasOwnProp.call(to, key) && key !== except && __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
  return to;
};
var __toESM = (mod, isNodeMode, target) => (target = mod != null ? __create(__getProtoOf(mod)) : {}, __copyProps(
  // If the importer is in node compatibility mode or this is not an ESM
  // file that has been converted to a CommonJS file using a Babel-
  // compatible transform (i.e. "__esModule" has not been set), then set
  // "default" to the CommonJS "module.exports" for node compatibility.
  isNodeMode || !mod || !mod.__esModule ? __defProp(target, "default", { value: mod, enumerable: !0 }) : target,
  mod
));

// packages/core/src/error.ts
var entry = (httpStatus, exitCode, help, retryable = !1) => ({ retryable, httpStatus, exitCode, help }), errorTable = {
  "invalid-request": entry(400, 2, "Correct the named field; the text says what is allowed."),
  "unsupported-request": entry(400, 2, "This is not built; the text says what is."),
  "body-too-large": entry(413, 2, "Send a smaller body; the limit is in the text."),
  "instance-exists": entry(409, 4, "Choose another name, or delete the instance first."),
  "instance-not-found": entry(404, 3, "Check the name with `mrr list`."),
  "instance-deleted": entry(409, 4, "The instance is already deleted; create it again."),
  "instance-failed": entry(
    500,
    11,
    "`mrr status` shows the reason; repair it, or delete the instance."
  ),
  "not-ready": entry(503, 5, "The scheduler is starting or has no leader; try again.", !0),
  overloaded: entry(503, 5, "Too many clients at once; try again a little later.", !0),
  "store-unavailable": entry(503, 5, "The store does not answer; check it, then try again.", !0),
  "store-refused": entry(409, 4, "Someone else changed the instance; try again.", !0),
  "store-locked": entry(503, 5, "Another scheduler uses this data directory; stop it first."),
  "store-newer": entry(500, 6, "A newer mr-redis wrote this record; use that version."),
  "store-corrupt": entry(500, 6, "The record cannot be read; restore a backup or remove it."),
  "mesos-unavailable": entry(503, 5, "The Mesos master does not answer; check its address.", !0),
  "framework-removed": entry(500, 3, "The framework was removed; an operator must decide."),
  "framework-failed-over": entry(503, 7, "Another scheduler took over; this one stops."),
  "config-invalid": entry(500, 2, "Correct the configuration; each problem names its key."),
  "port-taken": entry(500, 8, "Another program listens there; stop it or choose another port."),
  "redis-missing": entry(500, 9, "Install redis-server 6.2 or later, or name it in RedisPath."),
  "redis-too-old": entry(500, 9, "Redis 6.2 or later, or Valkey, is needed."),
  "unreachable-endpoint": entry(
    502,
    5,
    "Is the scheduler running? Start it with `npm start`.",
    !0
  ),
  timeout: entry(504, 10, "It took longer than the limit; look at the status.", !0),
  internal: entry(500, 70, "A defect of mr-redis; report it with the log.")
}, brand = /* @__PURE__ */ Symbol.for("mr-redis.error"), MrrError = class extends Error {
  name = "MrrError";
  code;
  details;
  [brand] = !0;
  constructor(code, message, options = {}) {
    super(message, options.cause === void 0 ? void 0 : { cause: options.cause }), this.code = code, this.details = options.details ?? {};
  }
}, isMrrError = (value) => typeof value == "object" && value !== null && brand in value;

// packages/core/src/assert.ts
var AssertionError = class extends Error {
  name = "AssertionError";
};
function assert(condition, message) {
  if (!condition) throw new AssertionError(message);
}

// packages/core/src/config/kinds.ts
var good = (value) => ({ ok: !0, value }), bad = (allowed) => ({
  ok: !1,
  rule: `must be ${allowed}`
});
function textOf(value) {
  if (typeof value == "number" || typeof value == "boolean") return String(value);
  if (typeof value != "string" || value.length > 1024) return null;
  let text4 = value.trim();
  return /[\u0000-\u001f\u007f]/.test(text4) ? null : text4;
}
function integer(defaultValue, min, max, unit) {
  let allowed = `an integer from ${min} to ${max}`;
  return {
    defaultValue,
    defaultText: String(defaultValue),
    allowed,
    unit,
    read(value) {
      let text4 = textOf(value);
      if (text4 === "") return good(defaultValue);
      if (text4 === null || !/^\d{1,15}$/.test(text4)) return bad(allowed);
      let number2 = Number(text4);
      return number2 >= min && number2 <= max ? good(number2) : bad(allowed);
    }
  };
}
function thousandths(defaultMilli, minMilli, maxMilli, unit) {
  let allowed = `a number from ${minMilli / 1e3} to ${maxMilli / 1e3} with at most 3 decimals`;
  return {
    defaultValue: defaultMilli,
    defaultText: String(defaultMilli / 1e3),
    allowed,
    unit,
    read(value) {
      let text4 = textOf(value);
      if (text4 === "") return good(defaultMilli);
      let found = text4 === null ? null : /^(\d{1,12})(?:\.(\d{1,3}))?$/.exec(text4);
      if (found === null) return bad(allowed);
      let milli = Number(found[1]) * 1e3 + Number((found[2] ?? "").padEnd(3, "0"));
      return milli >= minMilli && milli <= maxMilli ? good(milli) : bad(allowed);
    }
  };
}
function choice(defaultValue, words, refusals = {}) {
  let allowed = words.join(" or ");
  return {
    defaultValue,
    defaultText: defaultValue,
    allowed,
    unit: null,
    read(value) {
      let text4 = textOf(value)?.toLowerCase();
      if (text4 === "") return good(defaultValue);
      let word2 = words.find((each) => each === text4);
      if (word2 !== void 0) return good(word2);
      let reason = text4 !== void 0 && Object.hasOwn(refusals, text4) ? refusals[text4] : null;
      return bad(reason == null ? allowed : `${allowed}: ${reason}`);
    }
  };
}
function text(defaultValue, pattern, allowed) {
  return {
    defaultValue,
    defaultText: defaultValue,
    allowed,
    unit: null,
    read(value) {
      let found = typeof value == "string" ? textOf(value) : null;
      return found !== null && pattern.test(found) ? good(found) : bad(allowed);
    }
  };
}
function warned(kind, warn) {
  return {
    ...kind,
    read(value) {
      let reading = kind.read(value);
      return reading.ok ? { ...reading, ...warn(reading.value) } : reading;
    }
  };
}
function list(read3, allowed) {
  return {
    defaultValue: Object.freeze([]),
    defaultText: "",
    allowed,
    unit: null,
    read(value) {
      let entries = entriesOf(value);
      if (entries === null) return bad(allowed);
      let values = entries.map(read3), known = values.filter((each) => each !== null);
      return known.length < values.length ? bad(allowed) : good(Object.freeze([...new Set(known)]));
    }
  };
}
function entriesOf(value) {
  if (Array.isArray(value)) {
    if (value.length > 64) return null;
    let entries2 = value.map((entry2) => typeof entry2 == "string" ? textOf(entry2) : null);
    return entries2.some((entry2) => entry2 === null) ? null : entries2.filter((entry2) => entry2 !== null);
  }
  let text4 = typeof value == "string" ? textOf(value) : null;
  if (text4 === null) return null;
  let entries = text4 === "" ? [] : text4.split(",").map((entry2) => entry2.trim());
  return entries.length > 64 ? null : entries;
}
var hostPattern = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_.])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$/;

// packages/core/src/config/addresses.ts
var masterPortDefault = 5050, mastersAllowed = "host:port, or several of them with commas";
function masterUrl(entry2) {
  let found = /^(?:(https?):\/\/)?(\[[0-9A-Fa-f:.]+\]|[^:/@[\]]+)(?::(\d{1,5}))?\/?$/i.exec(
    entry2
  );
  if (found === null) return null;
  let [, scheme = "http", host2 = "", port3 = String(masterPortDefault)] = found, number2 = Number(port3);
  return !hostPattern.test(host2.replace(/^\[|\]$/g, "")) || number2 < 1 || number2 > 65535 ? null : `${scheme.toLowerCase()}://${host2.toLowerCase()}:${number2}`;
}
function masters(defaultEntry) {
  let some = list(masterUrl, mastersAllowed), read3 = (value) => {
    if (typeof value == "string" && /^\s*zk:/i.test(value))
      return { ok: !1, rule: `must be ${mastersAllowed}: the leader cannot be looked up in ZooKeeper yet` };
    let reading = some.read(value);
    return !reading.ok || reading.value.length > 0 ? reading : { ok: !1, rule: `must be ${mastersAllowed}` };
  };
  return {
    defaultValue: Object.freeze([masterUrl(defaultEntry) ?? defaultEntry]),
    defaultText: defaultEntry,
    allowed: mastersAllowed,
    unit: null,
    read: read3
  };
}
var origins = list((entry2) => {
  let origin = entry2.toLowerCase();
  return origin === "*" || /^https?:\/\/(?:\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::\d{1,5})?$/.test(origin) ? origin : null;
}, `a list of at most ${64} origins such as https://ops.example, or *`), isLoopback = (host2) => /^(?:localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/i.test(host2);

// packages/core/src/config/need.ts
function redisMemoryNeedMilli(config, memoryMib) {
  let percent = Math.ceil(memoryMib * config.redisMemoryOverheadPercent / 100);
  return (memoryMib + Math.max(config.redisMemoryOverheadMib, percent)) * 1e3;
}
var redisNeed = (config, memoryMib) => ({
  cpusMilli: config.redisCpusMilli,
  memMilliMib: redisMemoryNeedMilli(config, memoryMib)
}), executorNeed = (config) => ({
  cpusMilli: config.executorCpusMilli,
  memMilliMib: config.executorMemoryMib * 1e3
});

// packages/core/src/quote.ts
var printable = (text4) => text4.slice(0, 64).replace(/[^\x20-\x7e]/g, "?");
function quoted(value) {
  let text4 = (JSON.stringify(value) ?? "undefined").replace(/\/\/[^/@]*@/g, "//***@");
  return text4.length > 64 ? `${printable(text4)}...` : printable(text4);
}

// packages/core/src/result.ts
var parsed = (value) => ({ ok: !0, value }), refused = (path2, rule) => ({
  ok: !1,
  problems: [{ path: path2, rule }]
}), problemsText = (problems) => problems.map((problem) => `${problem.path} ${problem.rule}`).join("; ");

// packages/core/src/config/nearest.ts
function editDistance(from, to) {
  let older = [], old = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    let row = [i];
    for (let j = 1; j <= to.length; j += 1) {
      let replaced = (old[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1), least = Math.min(replaced, (old[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
      i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1] && (least = Math.min(least, (older[j - 2] ?? 0) + 1)), row.push(least);
    }
    older = old, old = row;
  }
  return old[to.length] ?? 0;
}
function nearest(word2, known) {
  let wanted = word2.slice(0, 64).toLowerCase(), best = null, bestDistance = Math.floor(wanted.length / 3) + 1;
  for (let candidate of known) {
    let distance = editDistance(wanted, candidate.toLowerCase());
    distance < bestDistance && (best = candidate, bestDistance = distance);
  }
  return best;
}

// packages/core/src/config/table.ts
var ancestor = (key, kind, help) => ({
  key,
  ancestor: !0,
  help,
  ...kind
}), ours = (key, kind, help) => ({
  key,
  ancestor: !1,
  help,
  ...kind
}), path = (defaultValue) => text(defaultValue, /^.+$/, "a path of at most 1024 characters"), optionalPath = text("", /^/, "a path of at most 1024 characters, or empty"), host = (defaultValue) => text(defaultValue, hostPattern, "a host name or an IP address"), optionalHost = text(
  "",
  new RegExp(`^$|${hostPattern.source}`),
  "a host name or an IP address, or empty"
), port = (defaultValue) => integer(defaultValue, 0, 65535, null), milliseconds = (defaultValue, min, max) => integer(defaultValue, min, max, "ms"), day = 864e5, year = 365 * day, program = (defaultValue) => text(
  defaultValue,
  /^(?:\/.*[^/]|[^/]+)$/,
  "a name to be found by PATH on the agents, or an absolute path"
), redisPathDefault = "redis-server", redisPath = warned(
  text(
    redisPathDefault,
    /^(?:\.{1,2}\/.*[^/]|\/.*[^/]|[^/]+)$/,
    "a name to be found by PATH on the agents, or an absolute path"
  ),
  (value) => value.startsWith(".") ? {
    value: redisPathDefault,
    warning: `names a file beside the scheduler, as old versions served it; it now names a redis-server binary on the agents, and ${redisPathDefault} from their PATH is used`
  } : null
), executorPath = warned(
  optionalPath,
  (value) => /(?:^|\/)MrRedisExecutor$/.test(value) ? {
    value: "",
    warning: "names the ancestor's executor, which cannot be used; the one shipped is served"
  } : null
), redisImage = warned(
  text("", /^\S*$/, "the name of an image, or empty"),
  (value) => value === "" ? null : {
    value,
    warning: "has no effect yet: redis-servers run as plain processes, see RedisPath"
  }
), databaseType = choice("embedded", ["embedded", "memory"], {
  etcd: "etcd is not built yet",
  zookeeper: "ZooKeeper is not built yet"
}), configTable = {
  userName: ancestor(
    "UserName",
    text("ubuntu", /^[^\s:/]{0,255}$/, "a Unix user name, or empty"),
    "Unix user on the agents that runs the executor and the redis-servers. Empty: the user of the scheduler."
  ),
  frameworkName: ancestor(
    "FrameworkName",
    text("MrRedis", /^.{1,255}$/, "1 to 255 characters"),
    "Name of the framework; Mesos-DNS makes `<name>.mesos` of it."
  ),
  masterUrls: ancestor("Master", masters("127.0.0.1:5050"), "The Mesos masters."),
  executorPath: ancestor(
    "ExecutorPath",
    executorPath,
    "Executor program that is served to the agents. Empty: the one that is shipped with the scheduler."
  ),
  redisImage: ancestor(
    "RedisImage",
    redisImage,
    "Container image of Redis. Without effect until containers are built."
  ),
  dbType: ancestor(
    "DBType",
    databaseType,
    "Where the state is kept. `embedded`: in `DataDir`, survives kill -9. `memory`: nowhere, for tests."
  ),
  dbEndPoint: ancestor(
    "DBEndPoint",
    text("", /^/, "at most 1024 characters"),
    "Address of the store. Neither `embedded` nor `memory` has one."
  ),
  logFile: ancestor(
    "LogFile",
    path("stderr"),
    "`stderr`, `stdout`, or a file to which the log is appended."
  ),
  artifactIp: ancestor(
    "ArtifactIP",
    host("127.0.0.1"),
    "Address of this scheduler from which the agents fetch the executor."
  ),
  artifactPort: ancestor(
    "ArtifactPort",
    port(5454),
    "Port from which the agents fetch the executor. 0: any free one."
  ),
  httpPort: ancestor("HTTPPort", port(5656), "Port of the HTTP API. 0: any free one."),
  httpBind: ours("HTTPBind", host("0.0.0.0"), "Address on which the HTTP API listens."),
  artifactBind: ours(
    "ArtifactBind",
    optionalHost,
    "Address on which the artifact server listens. Empty: `ArtifactIP`. The variable `HOST` overrides it."
  ),
  corsOrigins: ours(
    "CorsOrigins",
    origins,
    "Web pages of these origins may use the HTTP API from a browser. `*`: all. Empty: none."
  ),
  dataDir: ours("DataDir", path(".mrr"), "Directory of the embedded store."),
  logLevel: ours(
    "LogLevel",
    choice("info", ["debug", "info", "warn", "error", "fatal", "silent"]),
    "Least weight of what is logged."
  ),
  role: ours(
    "Role",
    text(
      "*",
      /^(?:\*|(?!\.{1,2}(?:\/|$))[\w.][\w.-]*(?:\/(?!\.{1,2}(?:\/|$))[\w.][\w.-]*)*)$/,
      "`*` or a role of Mesos such as `db` or `team/db`"
    ),
    "Mesos role under which resources are taken."
  ),
  principal: ours(
    "Principal",
    text("", /^\S{0,255}$/, "at most 255 characters without blanks, or empty"),
    "Principal of the framework, where the masters ask for one."
  ),
  secretFile: ours(
    "SecretFile",
    optionalPath,
    "File that holds the secret of `Principal`. Empty: none."
  ),
  failoverTimeoutSeconds: ours(
    "FailoverTimeoutS",
    integer(604800, 1, 31536e3, "s"),
    "How long Mesos keeps everything running while no scheduler is connected."
  ),
  redisPath: ours(
    "RedisPath",
    redisPath,
    "The redis-server (6.2 or later) or valkey-server on the agents."
  ),
  nodePath: ours(
    "NodePath",
    program("node"),
    "The Node.js (20.19 or later) on the agents, for the executor."
  ),
  redisCpusMilli: ours(
    "RedisCpus",
    thousandths(100, 10, 64e3, "cpus"),
    "CPU share of each redis-server."
  ),
  redisMemoryOverheadMib: ours(
    "RedisMemoryOverheadMb",
    integer(16, 0, 65536, "MiB"),
    "Least headroom of a redis-server above its `maxmemory`: for the program, buffers and the replication backlog."
  ),
  redisMemoryOverheadPercent: ours(
    "RedisMemoryOverheadPercent",
    integer(10, 0, 400, "percent of `maxmemory`"),
    "Headroom of a redis-server above its `maxmemory`, where that is more than `RedisMemoryOverheadMb`."
  ),
  executorCpusMilli: ours(
    "ExecutorCpus",
    thousandths(100, 10, 64e3, "cpus"),
    "CPU share of the executor, once for each agent."
  ),
  executorMemoryMib: ours(
    "ExecutorMemoryMb",
    integer(128, 32, 65536, "MiB"),
    "Memory of the executor, once for each agent."
  ),
  executorIdleMs: ours(
    "ExecutorIdleMs",
    milliseconds(3e5, 0, 30 * day),
    "How long an executor stays after its last process."
  ),
  redisTimeoutMs: ours(
    "RedisTimeoutMs",
    milliseconds(1e3, 100, 6e5),
    "A redis-server that does not answer for so long is killed and replaced."
  ),
  redisStartTimeoutMs: ours(
    "RedisStartTimeoutMs",
    milliseconds(1e4, 100, 6e5),
    "A redis-server that has not answered so long after its start is killed."
  ),
  redisStopGraceMs: ours(
    "RedisStopGraceMs",
    milliseconds(3e3, 0, 6e5),
    "From SIGTERM to SIGKILL when a redis-server is ended."
  ),
  reportIntervalMs: ours(
    "ReportIntervalMs",
    milliseconds(1e3, 50, 6e4),
    "From one full report of an executor to the next; changes are reported at once."
  ),
  launchTimeoutMs: ours(
    "LaunchTimeoutMs",
    milliseconds(6e4, 1e3, day),
    "A launch of which nothing was heard for so long is given up and made anew."
  ),
  deletedKeepMs: ours(
    "DeletedKeepMs",
    milliseconds(36e5, 0, year),
    "How long a deleted instance stays visible."
  ),
  offerHoldMs: ours(
    "OfferHoldMs",
    milliseconds(1e3, 0, 6e4),
    "How long offers are held that do not fit what is waiting for a place."
  ),
  reviveBurst: ours(
    "ReviveBurst",
    integer(5, 1, 1e3, null),
    "Calls for offers (REVIVE) that may follow each other at once."
  ),
  reviveIntervalMs: ours(
    "ReviveIntervalMs",
    milliseconds(1e3, 10, day),
    "Time after which one more call for offers may be made."
  )
}, configKeys = Object.entries(configTable).map(([name, entry2]) => ({ ...entry2, name })), masterInstead = "is of an old version and has no effect: use Master (host:port)", retiredKeys = [
  { key: "MasterIP", text: masterInstead },
  { key: "MasterPort", text: masterInstead }
];

// packages/core/src/config/parse.ts
var keysMax = 128;
function parseConfig(raw, environment) {
  if (typeof raw != "object" || raw === null || Array.isArray(raw))
    return refused("configuration", "must be a JSON object");
  let problems = [], warnings = [], given = givenValues(raw, problems, warnings), values = {};
  for (let { name, key, defaultValue, read: read3 } of configKeys) {
    values[name] = defaultValue;
    let value = given.get(key);
    if (value == null) continue;
    let reading = read3(value);
    reading.ok ? (values[name] = reading.value, reading.warning !== void 0 && warnings.push({ key, text: reading.warning })) : problems.push({ path: key, rule: `${reading.rule}, not ${quoted(value)}` });
  }
  let config = Object.freeze({ ...values, ...bound(values, environment) }), wrong = new Set(problems.map((problem) => problem.path));
  for (let { keys, problem } of crossProblems(config))
    keys.some((key) => wrong.has(key)) || problems.push(problem);
  return problems.length > 0 ? { ok: !1, problems } : (warnings.push(...crossWarnings(config), ...environmentWarnings(environment)), { ok: !0, value: { config, warnings } });
}
function givenValues(raw, problems, warnings) {
  let entries = Object.entries(raw);
  entries.length > keysMax && problems.push({ path: "configuration", rule: `must have at most ${keysMax} keys` });
  let spelling = new Map(configKeys.map(({ key }) => [key.toLowerCase(), key])), given = /* @__PURE__ */ new Map();
  for (let [written, value] of entries.slice(0, keysMax)) {
    let key = spelling.get(written.toLowerCase());
    key === void 0 ? warnings.push(unknownKey(written)) : given.has(key) ? problems.push({ path: key, rule: "must be given once" }) : given.set(key, value);
  }
  return given;
}
function unknownKey(written) {
  let lower = written.toLowerCase(), key = printable(written), retired = retiredKeys.find((entry2) => entry2.key.toLowerCase() === lower);
  if (retired !== void 0) return retired;
  let near = nearest(
    written,
    configKeys.map((entry2) => entry2.key)
  );
  return { key, text: near === null ? "is not known" : `is not known; is ${near} meant?` };
}
var bindVariable = "HOST";
function bound(values, environment) {
  let variable = environment[bindVariable] ?? "";
  return variable !== "" && hostPattern.test(variable) ? { artifactBind: variable } : { artifactBind: values.artifactBind === "" ? values.artifactIp : values.artifactBind };
}
function environmentWarnings(environment) {
  let warnings = [], host2 = environment[bindVariable] ?? "";
  if (host2 !== "") {
    let text4 = hostPattern.test(host2) ? `is set in the environment: the artifact server listens on ${host2}` : `is set in the environment to ${quoted(host2)}, which is no address, and has no effect`;
    warnings.push({ key: bindVariable, text: text4 });
  }
  return (environment.ETCD_LOCAL_ENDPOINT ?? "") !== "" && warnings.push({ key: "ETCD_LOCAL_ENDPOINT", text: "is set in the environment and has no effect: etcd is not built yet" }), warnings;
}
var crossRules = [
  {
    keys: ["HTTPPort", "ArtifactPort"],
    rule: "must differ from ArtifactPort (but both may be 0)",
    holds: ({ httpPort, artifactPort }) => httpPort !== artifactPort || httpPort === 0
  },
  {
    keys: ["RedisTimeoutMs", "RedisStartTimeoutMs"],
    rule: "must be at most RedisStartTimeoutMs",
    holds: (config) => config.redisTimeoutMs <= config.redisStartTimeoutMs
  },
  {
    keys: ["RedisStartTimeoutMs", "LaunchTimeoutMs"],
    rule: "must be less than LaunchTimeoutMs, or a slow start is launched twice",
    holds: (config) => config.redisStartTimeoutMs < config.launchTimeoutMs
  },
  {
    keys: ["ReportIntervalMs", "LaunchTimeoutMs"],
    rule: "must be less than LaunchTimeoutMs",
    holds: (config) => config.reportIntervalMs < config.launchTimeoutMs
  },
  {
    keys: ["SecretFile", "Principal"],
    rule: "needs a Principal",
    holds: ({ secretFile, principal }) => secretFile === "" || principal !== ""
  }
];
function crossProblems(config) {
  return crossRules.filter(({ holds }) => !holds(config)).map(({ keys, rule }) => {
    let values = keys.map((key) => `${key} is ${quoted(valueOfKey(config, key))}`);
    return { keys, problem: { path: keys[0], rule: `${rule}: ${values.join(", ")}` } };
  });
}
var valueOfKey = (config, key) => {
  let name = configKeys.find((entry2) => entry2.key === key)?.name;
  return name === void 0 ? void 0 : config[name];
};
function crossWarnings(config) {
  let warnings = [];
  config.dbEndPoint !== "" && warnings.push({ key: "DBEndPoint", text: `has no effect with DBType ${config.dbType}` });
  let remote = config.masterUrls.find((url) => !isLoopback(url.replace(/^.*?:\/\/|:\d+$/g, "")));
  if (remote !== void 0 && isLoopback(config.artifactIp)) {
    let text4 = `is ${config.artifactIp}: agents on other machines (Master is ${remote}) cannot fetch the executor from there`;
    warnings.push({ key: "ArtifactIP", text: text4 });
  }
  return warnings;
}

// packages/core/src/shape.ts
var failed = /* @__PURE__ */ Symbol("failed");
function fail(path2, rule, problems) {
  return problems.length < 50 && problems.push({ path: path2, rule }), failed;
}
var joined = (path2, key) => {
  let shown = key.length > 64 ? `${key.slice(0, 64)}...` : key;
  return path2 === "" ? shown : `${path2}.${shown}`;
}, isRecord = (value) => typeof value == "object" && value !== null && !Array.isArray(value), guarded = (rule, guard) => (value, path2, problems) => guard(value) ? value : fail(path2, rule, problems), bool = guarded(
  "must be true or false",
  (value) => typeof value == "boolean"
), integer2 = (min) => guarded(
  `must be a whole number of at least ${min}`,
  (value) => Number.isSafeInteger(value) && Number(value) >= min
), amount = guarded(
  "must be a number of at least 0",
  (value) => typeof value == "number" && value >= 0 && Number.isFinite(value)
), port2 = guarded(
  "must be a whole number from 1 to 65535",
  (value) => Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= 65535
), text2 = guarded(
  "must be a string",
  (value) => typeof value == "string"
), matching = (rule, pattern) => guarded(rule, (value) => typeof value == "string" && pattern.test(value)), word = matching(
  "must be 1 to 255 characters without spaces or control characters",
  /^[^\s\p{C}]{1,255}$/u
), oneOf = (...words) => guarded(
  `must be one of ${words.join(", ")}`,
  (value) => words.some((each) => each === value)
), exactly = (expected) => guarded(`must be ${JSON.stringify(expected)}`, (value) => value === expected), nullable = (shape3) => (value, path2, problems) => value === null ? null : shape3(value, path2, problems), list2 = (element, countMax) => (value, path2, problems) => {
  if (!Array.isArray(value)) return fail(path2, "must be a list", problems);
  if (value.length > countMax)
    return fail(path2, `must have at most ${countMax} elements`, problems);
  let elements = [];
  for (let [index, each] of value.entries()) {
    let read3 = element(each, `${path2}[${index}]`, problems);
    read3 !== failed && elements.push(read3);
  }
  return elements.length === value.length ? elements : failed;
}, dictionary = (keys, element, countMax) => (value, path2, problems) => {
  if (!isRecord(value)) return fail(path2, "must be an object", problems);
  let entries = Object.entries(value);
  if (entries.length > countMax)
    return fail(path2, `must have at most ${countMax} keys`, problems);
  let read3 = [];
  for (let [key, each] of entries) {
    let at = joined(path2, key), result = keys.test(key) ? element(each, at, problems) : fail(at, "is not a known kind of key", problems);
    result !== failed && read3.push([key, result]);
  }
  return read3.length === entries.length ? Object.fromEntries(read3) : failed;
};
function object(fields) {
  let names = Object.keys(fields), known = new Set(names);
  return (value, path2, problems) => {
    if (!isRecord(value)) return fail(path2, "must be an object", problems);
    let good2 = !0, result = {};
    for (let name of names) {
      let read3 = Object.hasOwn(value, name) ? fields[name](value[name], joined(path2, name), problems) : fail(joined(path2, name), "is missing", problems);
      read3 === failed ? good2 = !1 : result[name] = read3;
    }
    for (let key of Object.keys(value))
      known.has(key) || (fail(joined(path2, key), "is not known", problems), good2 = !1);
    return good2 ? result : failed;
  };
}
var ruled = (shape3, rule) => (value, path2, problems) => {
  let read3 = shape3(value, path2, problems);
  if (read3 === failed) return failed;
  let problem = rule(read3);
  return problem === null ? read3 : fail(joined(path2, problem.path), problem.rule, problems);
};

// packages/core/src/instance/codec.ts
var processesMax = 1e4, failoverStepsMax = 1e3, settingsMax = 500, instanceName = matching(
  "must match ^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$",
  /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/
), settings = dictionary(
  /^[a-z][a-z0-9-]{0,63}$/,
  matching("must be one line without control characters", new RegExp("^\\P{Cc}*$", "u")),
  settingsMax
), because = object({ code: word, text: text2 }), spec = object({
  memoryMib: integer2(1),
  masters: exactly(1),
  slaves: integer2(0),
  distribution: nullable(integer2(1)),
  config: settings
}), processRecord = object({
  id: word,
  role: oneOf("master", "replica"),
  state: oneOf("planned", "running", "unreachable"),
  agentId: word,
  hostname: word,
  executorId: word,
  address: word,
  port: port2,
  memoryMib: integer2(1),
  secret: text2,
  plannedAtMs: amount,
  plannedEpoch: integer2(0),
  startId: nullable(word),
  dataEpoch: integer2(0)
}), failover = object({
  epoch: integer2(0),
  oldMaster: nullable(word),
  newMaster: word,
  because,
  startedAtMs: amount,
  steps: list2(object({ name: text2, atMs: amount }), failoverStepsMax),
  candidates: list2(
    object({ processId: word, offset: integer2(-1) }),
    processesMax
  )
}), shape = ruled(
  object({
    version: exactly(1),
    name: instanceName,
    incarnation: word,
    spec,
    createdAtMs: amount,
    status: oneOf("CREATING", "RUNNING", "DEGRADED", "FAILED", "DELETING", "DELETED"),
    reason: nullable(because),
    wasRunning: bool,
    epoch: integer2(0),
    masterId: nullable(word),
    writeQuorum: integer2(0),
    processes: list2(processRecord, processesMax),
    failovers: list2(failover, 20),
    deletedAtMs: nullable(amount)
  }),
  (document) => new Set(document.processes.map((each) => each.id)).size === document.processes.length ? null : { path: "processes", rule: "must have different ids" }
);

// packages/core/src/goal/types.ts
var parkAddress = { address: "127.0.0.1", port: 1 };

// packages/core/src/placement/ports.ts
var portMin = parkAddress.port + 1;

// packages/core/src/goal/codec.ts
var batchEntriesMax = 1e4, stamp = object({ term: integer2(0), counter: integer2(0) }), master = object({ processId: word, address: word, port: port2, secret: text2 }), goal = ruled(
  object({
    processId: word,
    stamp,
    epoch: integer2(0),
    role: oneOf("master", "replica", "parked"),
    master: nullable(master),
    writeQuorum: integer2(0)
  }),
  (value) => value.role === "replica" == (value.master !== null) ? null : { path: "master", rule: 'must be set exactly when role is "replica"' }
), launchOrder = ruled(
  object({
    version: exactly(1),
    instance: instanceName,
    processId: word,
    address: word,
    port: port2,
    memoryMib: integer2(1),
    secret: text2,
    config: settings,
    goal
  }),
  (value) => value.goal.processId === value.processId ? null : { path: "goal.processId", rule: "must be the processId of the order" }
), goalBatch = object({
  version: exactly(1),
  type: exactly("goals"),
  term: integer2(0),
  answers: nullable(object({ runId: word, number: integer2(0) })),
  goals: list2(goal, batchEntriesMax),
  reportNow: bool
}), exit = object({
  code: nullable(integer2(Number.MIN_SAFE_INTEGER)),
  signal: nullable(text2),
  text: text2,
  log: list2(text2, 20)
}), stats = object({
  memoryUsedBytes: amount,
  uptimeSeconds: amount,
  clients: amount,
  opsPerSecond: amount,
  lastIoSeconds: integer2(-1)
}), report = ruled(
  object({
    processId: word,
    startId: word,
    pid: integer2(0),
    phase: oneOf("starting", "serving", "exited"),
    exit: nullable(exit),
    stamp,
    epoch: integer2(0),
    role: oneOf("master", "replica", "parked"),
    writeQuorum: integer2(0),
    following: nullable(text2),
    linkUp: bool,
    loading: bool,
    synced: bool,
    dataEpoch: integer2(0),
    diverged: bool,
    offset: integer2(-1),
    replicationId: text2,
    stats: nullable(stats)
  }),
  (value) => value.phase === "exited" == (value.exit !== null) ? null : { path: "exit", rule: 'must be set exactly when phase is "exited"' }
), reportBatch = object({
  version: exactly(1),
  type: exactly("reports"),
  number: integer2(0),
  runId: word,
  full: bool,
  processes: list2(report, batchEntriesMax)
});

// packages/core/src/instance/framework.ts
var shape2 = object({
  version: exactly(1),
  frameworkId: word,
  frameworkName: text2,
  user: text2,
  createdAtMs: amount
});

// packages/core/src/redis/info.ts
var infoCharactersMax = 64 * 1024;

// packages/core/src/redis/config-file.ts
var mib = 1024 * 1024;

// packages/core/src/redis/settings.ts
var integer3 = (min, max) => ({
  rule: `must be an integer from ${min} to ${max}`,
  check(value) {
    if (!/^-?\d{1,16}$/.test(value)) return null;
    let number2 = Number(value);
    return number2 >= min && number2 <= max ? String(number2) : null;
  }
}), choice2 = (...words) => ({
  rule: `must be one of ${words.join(", ")}`,
  check: (value) => words.find((word2) => word2 === value.toLowerCase()) ?? null
}), yesNo = {
  rule: "must be yes or no",
  check(value) {
    let word2 = value.toLowerCase();
    return word2 === "yes" || word2 === "true" ? "yes" : word2 === "no" || word2 === "false" ? "no" : null;
  }
}, kib = 1024, mib2 = kib * kib, gib = mib2 * kib, unitBytes = {
  "": 1,
  b: 1,
  k: 1e3,
  kb: kib,
  m: 1e6,
  mb: mib2,
  g: 1e9,
  gb: gib
};
function sizeBytes(value) {
  let found = /^(\d{1,15})(b|k|kb|m|mb|g|gb)?$/.exec(value.toLowerCase());
  if (found === null) return null;
  let bytes = Number(found[1]) * (unitBytes[found[2] ?? ""] ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : null;
}
var size = (minBytes, maxBytes) => ({
  rule: `must be a size such as 10mb, from ${minBytes} to ${maxBytes} bytes`,
  check(value) {
    let bytes = sizeBytes(value);
    return bytes !== null && bytes >= minBytes && bytes <= maxBytes ? value.toLowerCase() : null;
  }
}), keyspaceEvents = {
  rule: "must be empty or letters of KEg$lshzxetdnmA",
  check: (value) => /^[KEg$lshzxetdnmA]{0,32}$/.test(value) ? value : null
}, outputBufferLimit = {
  rule: "must be `normal` or `pubsub`, hard limit, soft limit, seconds (pubsub 32mb 8mb 60)",
  check(value) {
    let words = value.toLowerCase().split(/ +/), [kind = "", hard = "", soft = "", seconds2 = ""] = words;
    return words.length === 4 && (kind === "normal" || kind === "pubsub") && sizeBytes(hard) !== null && sizeBytes(soft) !== null && /^\d{1,6}$/.test(seconds2) ? words.join(" ") : null;
  }
}, policies = [
  "noeviction",
  "allkeys-lru",
  "allkeys-lfu",
  "allkeys-random",
  "volatile-lru",
  "volatile-lfu",
  "volatile-random",
  "volatile-ttl"
], intMax = 2147483647, seconds = integer3(0, 31536e3), encodingEntries = integer3(0, 1e6), encodingBytes = integer3(0, 1e6), redisSettings = {
  "maxmemory-policy": choice2(...policies),
  "maxmemory-samples": integer3(1, 64),
  "maxmemory-eviction-tenacity": integer3(0, 100),
  "lfu-log-factor": integer3(0, 255),
  "lfu-decay-time": integer3(0, 65535),
  timeout: seconds,
  "tcp-keepalive": seconds,
  databases: integer3(1, 1024),
  maxclients: integer3(1, 1e5),
  "notify-keyspace-events": keyspaceEvents,
  appendfsync: choice2("always", "everysec", "no"),
  hz: integer3(1, 500),
  "dynamic-hz": yesNo,
  activerehashing: yesNo,
  "lazyfree-lazy-eviction": yesNo,
  "lazyfree-lazy-expire": yesNo,
  "lazyfree-lazy-server-del": yesNo,
  "lazyfree-lazy-user-del": yesNo,
  "lazyfree-lazy-user-flush": yesNo,
  "slowlog-log-slower-than": integer3(-1, intMax),
  "slowlog-max-len": integer3(0, 1e5),
  "latency-monitor-threshold": integer3(0, intMax),
  "lua-time-limit": integer3(0, 36e5),
  "hash-max-listpack-entries": encodingEntries,
  "hash-max-listpack-value": encodingBytes,
  "hash-max-ziplist-entries": encodingEntries,
  "hash-max-ziplist-value": encodingBytes,
  "list-max-listpack-size": integer3(-5, 1e6),
  "list-max-ziplist-size": integer3(-5, 1e6),
  "list-compress-depth": integer3(0, 1e6),
  "set-max-intset-entries": encodingEntries,
  "zset-max-listpack-entries": encodingEntries,
  "zset-max-listpack-value": encodingBytes,
  "zset-max-ziplist-entries": encodingEntries,
  "zset-max-ziplist-value": encodingBytes,
  "hll-sparse-max-bytes": integer3(0, 16e3),
  "stream-node-max-bytes": size(0, gib),
  "stream-node-max-entries": encodingEntries,
  activedefrag: yesNo,
  "active-defrag-ignore-bytes": size(mib2, 1024 * gib),
  "active-defrag-threshold-lower": integer3(0, 1e3),
  "active-defrag-threshold-upper": integer3(0, 1e3),
  "active-defrag-cycle-min": integer3(1, 99),
  "active-defrag-cycle-max": integer3(1, 99),
  "repl-backlog-size": size(16 * kib, 16 * gib),
  "repl-backlog-ttl": seconds,
  "client-output-buffer-limit": outputBufferLimit,
  "client-query-buffer-limit": size(mib2, 2 * gib),
  "proto-max-bulk-len": size(mib2, gib),
  "tracking-table-max-keys": integer3(0, 1e8)
};

// packages/core/src/request/create.ts
var createLimits = {
  memoryMibMin: 1,
  /** 1 TiB: larger machines exist, but a process that large cannot be copied to a replica in sensible time. */
  memoryMibMax: 1048576,
  /** The ancestor's command line allows as many; the document of 1 + 100 fits into what every store takes. */
  slavesMax: 100,
  /** More than the largest instance has processes. */
  distributionMax: 1e3
};
var distributionRule = `must be an integer from 1 to ${createLimits.distributionMax} (most processes of the instance on one agent)`;

// packages/core/src/supervise/report.ts
var parkFollowing = `${parkAddress.address}:${parkAddress.port}`;

// packages/mrr-cli/src/api/parse.ts
var fieldsOf = (value) => typeof value == "object" && value !== null && !Array.isArray(value) ? value : null, text3 = (value, fallback = "") => typeof value == "string" ? value : fallback, number = (value, fallback = 0) => typeof value == "number" && Number.isFinite(value) ? value : fallback, list3 = (value) => Array.isArray(value) ? value : [];
function parseProcess(value) {
  let fields = fieldsOf(value);
  return fields === null ? null : {
    id: text3(fields.id),
    role: text3(fields.role),
    state: text3(fields.state),
    ip: typeof fields.ip == "string" ? fields.ip : null,
    port: number(fields.port),
    agentId: text3(fields.agentId),
    hostname: text3(fields.hostname),
    ready: fields.ready === !0
  };
}
var parseProcesses = (value) => list3(value).flatMap((entry2) => {
  let process2 = parseProcess(entry2);
  return process2 === null ? [] : [process2];
});
function parseUnplaced(value) {
  let fields = fieldsOf(value);
  if (fields === null) return null;
  let agents = list3(fields.agents).flatMap((entry2) => {
    let agent = fieldsOf(entry2);
    if (agent === null) return [];
    let { agentId, hostname } = agent;
    return [{ agentId: text3(agentId), hostname: text3(hostname), text: text3(agent.text) }];
  });
  return { missing: number(fields.missing), text: text3(fields.text), agents };
}
function parseReason(value) {
  let fields = fieldsOf(value);
  return fields === null ? null : { code: text3(fields.code), text: text3(fields.text) };
}
function parseConfig2(value) {
  let entries = Object.entries(fieldsOf(value) ?? {});
  return Object.fromEntries(entries.map(([name, setting]) => [name, String(setting)]));
}
function parseInstance(value) {
  let fields = fieldsOf(value);
  return fields === null ? refused("the answer", "must be an instance") : typeof fields.name != "string" || typeof fields.status != "string" ? refused("the answer", "must have a name and a status") : parsed({
    name: fields.name,
    type: text3(fields.type, "S"),
    status: fields.status,
    reason: parseReason(fields.reason),
    memory: number(fields.memory),
    slaves: number(fields.slaves),
    distribution: typeof fields.distribution == "number" ? fields.distribution : null,
    config: parseConfig2(fields.config),
    master: parseProcess(fields.master),
    replicas: parseProcesses(fields.replicas),
    processes: parseProcesses(fields.processes),
    unplaced: parseUnplaced(fields.unplaced)
  });
}
function parsePage(value) {
  let fields = fieldsOf(value);
  if (fields === null || !Array.isArray(fields.instances))
    return refused("the answer", "must have a list of instances");
  let instances = [];
  for (let entry2 of fields.instances) {
    let instance = parseInstance(entry2);
    if (!instance.ok) return instance;
    instances.push(instance.value);
  }
  let next = typeof fields.next == "string" && fields.next !== "" ? fields.next : null;
  return parsed({ instances, next, raw: fields.instances });
}
function parseProblem(value) {
  let fields = fieldsOf(value);
  return fields === null || typeof fields.code != "string" ? null : {
    type: text3(fields.type, "about:blank"),
    title: text3(fields.title),
    status: number(fields.status),
    detail: text3(fields.detail, text3(fields.title)),
    code: fields.code,
    help: text3(fields.help)
  };
}

// packages/mrr-cli/src/api/instances.ts
var pageSize = 100, pagesMax = 1e3, pathOf = (name) => `/v2/instances/${encodeURIComponent(name)}`;
function read(client, answer, parse) {
  let result = parse(answer.json);
  if (result.ok) return result.value;
  let problems = problemsText(result.problems), text4 = `${client.endpoint.url} does not speak this version's API: ${problems}`;
  throw new MrrError("unreachable-endpoint", text4);
}
var instanceAnswer = (client, answer) => ({
  instance: read(client, answer, parseInstance),
  text: answer.text
});
async function createInstance(client, body) {
  return instanceAnswer(
    client,
    await client.request({ method: "POST", path: "/v2/instances", body })
  );
}
async function readInstance(client, name, wait) {
  let query = wait === void 0 ? "" : `?wait=${wait.seconds}&until=${wait.until}`, path2 = pathOf(name) + query, waitSeconds = wait?.seconds ?? 0;
  return instanceAnswer(client, await client.request({ method: "GET", path: path2, waitSeconds }));
}
async function deleteInstance(client, name) {
  return instanceAnswer(client, await client.request({ method: "DELETE", path: pathOf(name) }));
}
async function listInstances(client, status) {
  let instances = [], raw = [], after = null;
  for (let pages = 0; pages < pagesMax; pages += 1) {
    let query = new URLSearchParams({ limit: String(pageSize) });
    after !== null && query.set("after", after), status !== void 0 && query.set("status", status);
    let path2 = `/v2/instances?${query}`, page = read(
      client,
      await client.request({ method: "GET", path: path2 }),
      parsePage
    );
    if (instances.push(...page.instances), raw.push(...page.raw), page.next === null || page.next === after) return { instances, next: null, raw };
    after = page.next;
  }
  return { instances, next: after, raw };
}

// packages/mrr-cli/src/io.ts
var pause = (clock, delayMs) => new Promise((resolve) => {
  clock.after(delayMs, resolve);
}), printable2 = (text4) => (
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to be removed
  text4.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ")
);

// packages/mrr-cli/src/failure.ts
var ProblemError = class extends Error {
  name = "ProblemError";
  problem;
  constructor(problem) {
    super(problem.detail), this.problem = problem;
  }
}, isErrorCode = (code) => Object.hasOwn(errorTable, code);
function exitCodeOfStatus(status) {
  return status === 404 ? errorTable["instance-not-found"].exitCode : status === 409 ? errorTable["instance-exists"].exitCode : status === 502 || status === 503 ? errorTable["not-ready"].exitCode : status === 504 ? errorTable.timeout.exitCode : status >= 400 && status < 500 ? errorTable["invalid-request"].exitCode : errorTable.internal.exitCode;
}
var exitCodeOf = (problem) => isErrorCode(problem.code) ? errorTable[problem.code].exitCode : exitCodeOfStatus(problem.status);
function problemOf(error) {
  if (error instanceof ProblemError) return error.problem;
  let code = isMrrError(error) ? error.code : "internal", { httpStatus, help } = errorTable[code], detail = error instanceof Error ? error.message : String(error);
  return { type: "about:blank", title: code, status: httpStatus, detail, code, help };
}
function isRetryable(error) {
  let { code } = problemOf(error);
  return isErrorCode(code) && errorTable[code].retryable;
}
function reportFailure(stderr, error, isJson) {
  let problem = problemOf(error), exitCode = exitCodeOf(problem);
  if (isJson)
    return stderr.write(`${JSON.stringify(problem)}
`), exitCode;
  let lines = [`Error: ${printable2(problem.detail)}`];
  return problem.help !== "" && lines.push(`       ${printable2(problem.help)}`), !(error instanceof ProblemError) && !isMrrError(error) && error instanceof Error && error.stack !== void 0 && lines.push(error.stack), stderr.write(`${lines.join(`
`)}
`), exitCode;
}

// packages/mrr-cli/src/api/exchange.ts
var clientLimits = {
  /** Connecting takes longer than this only when nobody is there. */
  connectMsMax: 5e3,
  /** Time for an answer, beyond what the call asks the server to wait. */
  answerMsMax: 3e4,
  /** A page of 100 instances with 100 processes each is about 8 MB. */
  answerBytesMax: 67108864
}, LimitReached = class extends Error {
  name = "LimitReached";
  limit;
  constructor(limit) {
    super(limit), this.limit = limit;
  }
}, Connections = class {
  #agents = /* @__PURE__ */ new Map();
  #limits;
  constructor(limits) {
    this.#limits = limits;
  }
  /** Makes one request; rejects with what Node throws, or LimitReached. */
  async exchange(exchange) {
    let { module, agent } = await this.#agentFor(new URL(exchange.url).protocol);
    return send(module.request, agent, exchange, this.#limits);
  }
  /** Closes all connections; idempotent. */
  close() {
    for (let { agent } of this.#agents.values()) agent.destroy();
  }
  async #agentFor(protocol) {
    let known = this.#agents.get(protocol);
    if (known !== void 0) return known;
    let module = protocol === "https:" ? await import("node:https") : await import("node:http"), made = { module, agent: new module.Agent({ keepAlive: !0 }) };
    return this.#agents.set(protocol, made), made;
  }
};
function send(request, agent, exchange, limits) {
  let { url, method, body } = exchange, headers = {
    accept: "application/json",
    ...body === null ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }
  };
  return new Promise((resolve, reject) => {
    let sent = request(url, { method, agent, headers }, (response) => {
      readBody(response, limits.answerBytesMax).then((text4) => {
        clearTimeout(answerTimer);
        let { location = null } = response.headers;
        resolve({ status: response.statusCode ?? 0, location, text: text4 });
      }, fail2);
    }), fail2 = (error) => {
      clearTimeout(answerTimer), clearTimeout(connectTimer), reject(error), sent.destroy();
    }, giveUp = (limit) => () => fail2(new LimitReached(limit)), answerTimer = setTimeout(giveUp("answer"), exchange.answerMsMax), connectTimer = setTimeout(giveUp("connect"), limits.connectMsMax);
    sent.once("socket", (socket) => {
      let isConnected = () => clearTimeout(connectTimer);
      socket.connecting ? socket.once("connect", isConnected) : isConnected();
    }), sent.on("error", fail2), sent.end(body ?? void 0);
  });
}
async function readBody(response, bytesMax) {
  let chunks = [], bytes = 0;
  for await (let chunk of response) {
    if (bytes += chunk.length, bytes > bytesMax) throw new LimitReached("bytes");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

// packages/mrr-cli/src/api/client.ts
var redirectsMax = 5;
function createApiClient(endpoint, limits = clientLimits) {
  let connections = new Connections(limits), send2 = async (call) => {
    try {
      let { status, text: text4 } = await follow(connections, endpoint, call, limits);
      return { status, text: text4, json: parseJson(text4) };
    } catch (error) {
      throw isMrrError(error) ? error : fromNodeError(error, endpoint, call, limits);
    }
  };
  return {
    endpoint,
    send: send2,
    request: async (call) => {
      let answer = await send2(call);
      if (answer.status < 200 || answer.status > 299) throw refusal(answer, endpoint, call);
      return answer;
    },
    close: () => connections.close()
  };
}
async function follow(connections, endpoint, call, limits) {
  let { method, waitSeconds = 0 } = call, body = call.body === void 0 ? null : JSON.stringify(call.body), answerMsMax = limits.answerMsMax + waitSeconds * 1e3, url = endpoint.url + call.path;
  for (let redirects = 0; redirects <= redirectsMax; redirects += 1) {
    let answer = await connections.exchange({ url, method, body, answerMsMax });
    if (!(answer.status === 307 || answer.status === 308) || answer.location === null) return answer;
    url = redirectTarget(answer.location, url);
  }
  throw new MrrError("unreachable-endpoint", `${endpoint.url} redirects in a circle`);
}
function redirectTarget(location, from) {
  let target = URL.canParse(location, from) ? new URL(location, from) : null, isHttp = target?.protocol === "http:" || target?.protocol === "https:", isDowngrade = target?.protocol === "http:" && from.startsWith("https:");
  if (target === null || !isHttp || isDowngrade)
    throw new MrrError("unreachable-endpoint", `${from} redirects to "${location}", not followed`);
  return target.href;
}
function parseJson(text4) {
  try {
    return JSON.parse(text4);
  } catch {
    return;
  }
}
function refusal(answer, endpoint, call) {
  let problem = parseProblem(answer.json);
  if (problem !== null) return new ProblemError({ ...problem, status: answer.status });
  let code = answer.status >= 500 ? "unreachable-endpoint" : "invalid-request";
  return new ProblemError({
    type: "about:blank",
    title: "no answer of mr-redis",
    status: answer.status,
    detail: `${call.method} ${endpoint.url}${call.path} answers ${answer.status} without a reason`,
    code,
    help: `Is there a scheduler of mr-redis at ${endpoint.url} (${endpoint.source})?`
  });
}
var meanings = {
  ECONNREFUSED: "the connection is refused",
  ECONNRESET: "the connection was closed before an answer came",
  EPIPE: "the connection was closed before an answer came",
  ENOTFOUND: "the host is not known",
  EAI_AGAIN: "the host's name cannot be looked up now",
  EHOSTUNREACH: "there is no way to the host",
  ENETUNREACH: "there is no way to the network",
  ETIMEDOUT: "nobody accepts the connection",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed (NODE_EXTRA_CA_CERTS names more)",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is self-signed (NODE_EXTRA_CA_CERTS names more)",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is not trusted (NODE_EXTRA_CA_CERTS names more)",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host",
  CERT_HAS_EXPIRED: "its certificate has expired"
};
function fromNodeError(error, endpoint, call, { connectMsMax, answerBytesMax }) {
  let where = `${endpoint.url} (${endpoint.source})`, unreachable2 = (text4) => new MrrError("unreachable-endpoint", text4, { cause: error }), mayHaveHappened = call.method === "GET" ? "" : "; what was asked may have been done, so look at the status";
  if (error instanceof LimitReached)
    switch (error.limit) {
      case "connect":
        return unreachable2(
          `${where} does not accept the connection within ${connectMsMax / 1e3} s`
        );
      case "bytes":
        return unreachable2(`${where} answers more than ${answerBytesMax} bytes`);
      case "answer": {
        let text4 = `${where} accepts the call and does not answer${mayHaveHappened}`;
        return new MrrError("timeout", text4, { cause: error });
      }
    }
  let { code = "", message } = error, meaning = code.startsWith("HPE_") || code === "EPROTO" ? "it does not speak HTTP" : meanings[code] ?? (code || message);
  return unreachable2(`${where} does not answer: ${meaning}${code === "ECONNRESET" || code === "EPIPE" ? mayHaveHappened : ""}`);
}

// packages/mrr-cli/src/endpoint/files.ts
import { constants } from "node:fs";
import { mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
var ancestorFileDefault = "/tmp/.MrRedis", contentBytesMax = 4096;
function userFile(io) {
  let base = io.env.XDG_CONFIG_HOME, directory = base?.startsWith("/") ? base : join(io.homeDirectory, ".config");
  return join(directory, "mr-redis", "endpoint");
}
function ancestorFile(io) {
  let path2 = io.env.MRR_ANCESTOR_FILE ?? ancestorFileDefault;
  return path2 === "" ? null : path2;
}
async function readStart(handle) {
  let { buffer, bytesRead } = await handle.read(
    Buffer.alloc(contentBytesMax),
    0,
    contentBytesMax,
    0
  );
  return buffer.toString("utf8", 0, bytesRead).replaceAll("\0", "").trim();
}
async function readUserFile(io) {
  return read2(userFile(io), 0, () => null);
}
async function readAncestorFile(io) {
  let path2 = ancestorFile(io);
  return path2 === null ? { type: "absent" } : read2(
    path2,
    constants.O_NOFOLLOW,
    (owner) => io.userId === null || owner === io.userId || owner === 0 ? null : "it belongs to another user"
  );
}
async function read2(path2, flags, distrust) {
  let handle;
  try {
    handle = await open(path2, constants.O_RDONLY | constants.O_NONBLOCK | flags);
  } catch (error) {
    let code = error.code ?? "unknown error";
    return code === "ENOENT" || code === "ENOTDIR" ? { type: "absent" } : { type: "distrusted", because: code === "ELOOP" ? "it is a link" : code };
  }
  try {
    let stat = await handle.stat();
    if (!stat.isFile()) return { type: "distrusted", because: "it is no regular file" };
    let because2 = distrust(stat.uid);
    if (because2 !== null) return { type: "distrusted", because: because2 };
    let text4 = await readStart(handle);
    return text4 === "" ? { type: "absent" } : { type: "content", text: text4 };
  } finally {
    await handle.close();
  }
}
async function writeUserFile(io, endpoint) {
  let path2 = userFile(io);
  await mkdir(dirname(path2), { recursive: !0, mode: 448 });
  let draft = `${path2}.${process.pid}`;
  try {
    await writeFile(draft, `${endpoint}
`, { mode: 384, flag: "w" }), await rename(draft, path2);
  } catch (error) {
    throw await rm(draft, { force: !0 }), error;
  }
}
async function writeAncestorFile(io, endpoint) {
  let path2 = ancestorFile(io);
  if (path2 === null) return null;
  try {
    return await writeFile(path2, endpoint, { flag: "wx", mode: 420 }), null;
  } catch (error) {
    let { code } = error;
    if (code !== "EEXIST") return code ?? "unknown error";
  }
  return overwriteOwn(path2, io.userId, endpoint);
}
async function overwriteOwn(path2, userId, endpoint) {
  let handle;
  try {
    handle = await open(path2, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    let code = error.code ?? "unknown error";
    return code === "ELOOP" ? "it is a link" : code;
  }
  try {
    let stat = await handle.stat();
    return stat.isFile() ? userId !== null && stat.uid !== userId ? "it belongs to another user" : stat.nlink !== 1 ? "it has several names" : (await handle.truncate(0), await handle.write(endpoint, 0, "utf8"), null) : "it is no regular file";
  } finally {
    await handle.close();
  }
}

// packages/mrr-cli/src/endpoint/parse.ts
var endpointDefault = "http://127.0.0.1:5656";
function parseEndpoint(path2, text4) {
  let rule = "The end point should contain http or https", example = `like ${endpointDefault}, and is "${text4}"`;
  if (!/^https?:\/\//i.test(text4)) return refused(path2, `is refused: ${rule}, ${example}`);
  if (!URL.canParse(text4)) return refused(path2, `must be an address ${example}`);
  let url = new URL(text4);
  return url.username !== "" || url.password !== "" ? refused(path2, "must not hold a user or a password: it would lie in a file") : url.search !== "" || url.hash !== "" ? refused(path2, `must end before any ? or #, ${example}`) : parsed(`${url.origin}${url.pathname.replace(/\/+$/, "")}`);
}

// packages/mrr-cli/src/endpoint/resolve.ts
async function resolveEndpoint(io, flag) {
  if (flag !== void 0) return checked(flag, "--endpoint");
  let variable = io.env.MRR_ENDPOINT;
  if (variable !== void 0 && variable !== "") return checked(variable, "MRR_ENDPOINT");
  let own = await readUserFile(io);
  if (own.type === "content") return checked(own.text, userFile(io));
  own.type === "distrusted" && note(io, userFile(io), own.because);
  let old = await readAncestorFile(io);
  return old.type === "content" ? checked(old.text, ancestorFile(io) ?? "") : (old.type === "distrusted" && note(io, ancestorFile(io) ?? "", old.because), { url: endpointDefault, source: "the default" });
}
var note = (io, path2, because2) => io.stderr.write(`Note: ${path2} is ignored: ${because2}.
`);
function checked(text4, source) {
  let endpoint = parseEndpoint(`The endpoint from ${source}`, text4);
  if (!endpoint.ok) throw new MrrError("invalid-request", problemsText(endpoint.problems));
  return { url: endpoint.value, source: `from ${source}` };
}

// packages/mrr-cli/src/argv/number.ts
function parseWhole(path2, text4, bounds) {
  let value = Number(text4);
  if (/^[+-]?\d{1,15}$/.test(text4) && value >= bounds.min && value <= bounds.max) return parsed(value);
  let limits = bounds.min === Number.MIN_SAFE_INTEGER ? "without a unit" : `from ${bounds.min} to ${bounds.max}`;
  return refused(path2, `must be a whole number ${limits}, and is "${text4}"`);
}
var anyWhole = { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER };
function parsePortSpan(path2, text4) {
  let match2 = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text4), first = Number(match2?.[1]), last = Number(match2?.[2] ?? match2?.[1]);
  return match2 !== null && first >= 1 && last >= first && last <= 65535 ? parsed({ first, last }) : refused(path2, `must be FIRST-LAST with ports from 1 to 65535, and is "${text4}"`);
}

// packages/mrr-cli/src/up/defaults.ts
var upDefaults = {
  /** The smallest number with which every example of placement means something. */
  agents: 3,
  /** Each agent has its own address in 127.0.0.0/8 and its own executor. */
  agentsRange: { min: 1, max: 100 },
  /** Logical, so they may exceed the machine's; a bound against slips of the finger. */
  agentCpusMax: 1e4,
  /** From one small Redis and its executor to the largest machines. */
  agentMemoryRange: { min: 256, max: 16777216 },
  /** From the ancestor's first port on: 1 + 50 and 70 singles with four times as much room for replacements. */
  ports: "6380-6979",
  httpPort: 5656,
  artifactPort: 5454,
  mesosPort: 5050,
  dataDir: ".mrr"
}, reservedMib = 512, smallestRedisMib = 100;

export {
  __require,
  __commonJS,
  __toESM,
  assert,
  redisNeed,
  executorNeed,
  parsed,
  refused,
  problemsText,
  configKeys,
  parseConfig,
  errorTable,
  MrrError,
  parseWhole,
  anyWhole,
  parsePortSpan,
  upDefaults,
  reservedMib,
  smallestRedisMib,
  createInstance,
  readInstance,
  deleteInstance,
  listInstances,
  pause,
  printable2 as printable,
  ProblemError,
  problemOf,
  isRetryable,
  reportFailure,
  createApiClient,
  userFile,
  ancestorFile,
  writeUserFile,
  writeAncestorFile,
  parseEndpoint,
  resolveEndpoint
};
