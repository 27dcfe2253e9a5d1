import { createRequire } from "node:module"; const require = createRequire(import.meta.url);
import {
  MrrError,
  assert,
  configKeys,
  createApiClient,
  errorTable,
  executorNeed,
  listInstances,
  parseConfig,
  parsePortSpan,
  parsed,
  pause,
  printable,
  problemsText,
  redisNeed,
  refused,
  reservedMib,
  resolveEndpoint,
  smallestRedisMib,
  upDefaults
} from "./chunk-EMK5TLCT.js";

// packages/mrr-cli/src/up/bounded-log.ts
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";
var logBytesMax = 10 * 1024 * 1024;
function openLog(path, bytesMax = logBytesMax) {
  mkdirSync(dirname(path), { recursive: !0, mode: 448 });
  let descriptor = openSync(path, "a", 384), bytes = fstatSync(descriptor).size, isClosed = !1, rotate = () => {
    renameSync(path, `${path}.1`);
    let next = openSync(path, "a", 384);
    closeSync(descriptor), descriptor = next, bytes = 0;
  };
  return {
    path,
    write: (chunk) => {
      if (!isClosed)
        try {
          bytes > 0 && bytes + chunk.length > bytesMax && rotate(), bytes += writeSync(descriptor, typeof chunk == "string" ? Buffer.from(chunk) : chunk);
        } catch {
        }
    },
    close: () => {
      isClosed || (isClosed = !0, closeSync(descriptor));
    }
  };
}

// packages/mrr-cli/src/up/leftovers.ts
import { readFileSync as readFileSync2, renameSync as renameSync2, writeFileSync } from "node:fs";

// packages/mrr-cli/src/up/identity.ts
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
var stateField = 0, startField = 19;
function startOf(pid) {
  if (process.platform !== "linux") return startByPs(pid);
  try {
    let stat = readFileSync(`/proc/${pid}/stat`, "utf8"), fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[stateField] === "Z" || fields[stateField] === "X" ? null : `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()} ${fields[startField] ?? ""}`;
  } catch {
    return null;
  }
}
function startByPs(pid) {
  let { stdout } = spawnSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }), text = stdout?.trim() ?? "";
  return text === "" ? null : text;
}
function identify(pid) {
  let start = startOf(pid);
  return start === null ? null : { pid, start };
}
var isRunning = ({ pid, start }) => startOf(pid) === start;
function parseIdentity(value) {
  if (typeof value != "object" || value === null) return null;
  let { pid, start } = value;
  return typeof pid == "number" && Number.isSafeInteger(pid) && pid > 1 && typeof start == "string" ? { pid, start } : null;
}

// packages/mrr-cli/src/up/leftovers.ts
var termMsMax = 5e3, killMsMax = 2e3, lookMs = 25;
function writeChildren(file, pids) {
  let children = pids.map(identify).filter((child) => child !== null), draft = `${file}.new`;
  writeFileSync(draft, JSON.stringify(children), { mode: 384 }), renameSync2(draft, file);
}
function readChildren(file) {
  try {
    let value = JSON.parse(readFileSync2(file, "utf8"));
    return Array.isArray(value) ? value.map(parseIdentity).filter((child) => child !== null) : [];
  } catch {
    return [];
  }
}
async function endLeftovers(file, clock) {
  let left = readChildren(file).filter(isRunning);
  for (let signal of ["SIGTERM", "SIGKILL"]) {
    let living = left.filter(isRunning);
    for (let { pid } of living) send(pid, signal);
    let limitMs = signal === "SIGTERM" ? termMsMax : killMsMax, endMs = clock.monotonicMs() + limitMs;
    for (; left.some(isRunning) && clock.monotonicMs() < endMs; ) await pause(clock, lookMs);
  }
  return left.map(({ pid }) => pid);
}
function send(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
  }
}

// packages/mrr-cli/src/up/plan.ts
import { join } from "node:path";
var upPaths = (dataDir) => ({
  dataDir,
  lockFile: join(dataDir, "up.lock"),
  childrenFile: join(dataDir, "up-children.json"),
  configFile: join(dataDir, "scheduler.json"),
  storeDir: join(dataDir, "store"),
  agentsDir: join(dataDir, "agents"),
  localLog: join(dataDir, "log", "local.log"),
  schedulerLog: join(dataDir, "log", "scheduler.log")
});
function planUp(options, config, machine) {
  let { agents, mesosPort } = options, ports = parsePortSpan("--ports", options.ports), own = [
    { name: "--mesos-port", port: mesosPort },
    { name: "--http-port (HTTPPort)", port: config.httpPort },
    { name: "--artifact-port (ArtifactPort)", port: config.artifactPort }
  ], problems = ports.ok ? portProblems(ports.value, agents, own) : [...ports.problems];
  if (!ports.ok || problems.length > 0) return { ok: !1, problems };
  let agentMemoryMib = options.agentMemory ?? memoryDefault(machine, agents), agentCpus = options.agentCpus ?? cpusDefault(machine, config, agentMemoryMib);
  return parsed({ agents, agentCpus, agentMemoryMib, redisPorts: ports.value, mesosPort });
}
function portProblems(redis, agents, own) {
  let problems = [], count = redis.last - redis.first + 1;
  count < agents && problems.push({ path: "--ports", rule: `has ${count} ports for ${agents} agents` });
  for (let [index, { name, port }] of own.entries()) {
    port >= redis.first && port <= redis.last && problems.push({ path: name, rule: `${port} lies within --ports` });
    let other = own.slice(0, index).find((candidate) => candidate.port === port);
    other !== void 0 && problems.push({ path: name, rule: `is ${port}, as is ${other.name}` });
  }
  return problems;
}
var memoryDefault = ({ memoryMib }, agents) => Math.max(1, Math.floor(Math.max(memoryMib - reservedMib, memoryMib / 2) / agents));
function cpusDefault({ cores }, config, agentMemoryMib) {
  let redis = redisNeed(config, smallestRedisMib), executor = executorNeed(config), count = Math.floor((agentMemoryMib * 1e3 - executor.memMilliMib) / redis.memMilliMib), cpusMilli = executor.cpusMilli + Math.max(0, count) * redis.cpusMilli;
  return Math.max(cores, Math.ceil(cpusMilli / 1e3));
}
var localArguments = (plan, paths) => [
  "--port",
  String(plan.mesosPort),
  "--agents",
  String(plan.agents),
  "--agent-cpus",
  String(plan.agentCpus),
  "--agent-memory",
  String(plan.agentMemoryMib),
  "--ports",
  `${plan.redisPorts.first}-${plan.redisPorts.last}`,
  "--work-dir",
  paths.agentsDir,
  "--exit-with-parent"
], schedulerArguments = (paths) => [
  `-config=${paths.configFile}`,
  "--exit-with-parent"
];
function apiUrl({ httpBind, httpPort }) {
  let host = httpBind === "0.0.0.0" ? "127.0.0.1" : httpBind === "::" ? "::1" : httpBind;
  return `http://${host.includes(":") ? `[${host}]` : host}:${httpPort}`;
}

// packages/mrr-cli/src/up/prepare.ts
import { chmodSync, mkdirSync as mkdirSync2, readFileSync as readFileSync4, renameSync as renameSync4, writeFileSync as writeFileSync3 } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { resolve } from "node:path";

// packages/mrr-cli/src/up/checks.ts
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { createServer } from "node:net";
import { delimiter, isAbsolute, join as join2 } from "node:path";
async function checkPorts(ports) {
  let problems = (await Promise.all(ports.map(portProblem))).filter((text) => text !== null);
  if (problems.length > 0) throw new MrrError("port-taken", problems.join("; "));
}
async function portProblem({ host, port, option, key }) {
  let code = await listenOnce(host, port);
  if (code === null) return null;
  let named = key === null ? option : `${option}, ${key}`, change = `choose another with ${option}`;
  return code === "EADDRINUSE" ? `port ${port} (${named}) is taken by another program: ${change}` : `port ${port} of ${host} (${named}) cannot be opened (${code}): ${change}`;
}
function listenOnce(host, port) {
  return new Promise((resolve2) => {
    let server = createServer();
    server.once("error", (error) => resolve2(error.code ?? "unknown error")), server.listen({ host, port, exclusive: !0 }, () => server.close(() => resolve2(null)));
  });
}
var programs = ["redis-server", "valkey-server"], versionMsMax = 5e3;
async function findOnPath(names, path) {
  for (let name of names)
    for (let directory of (path ?? "").split(delimiter)) {
      if (directory === "") continue;
      let file = join2(directory, name);
      if (await isExecutable(file)) return file;
    }
  return null;
}
async function isExecutable(file) {
  try {
    return await access(file, constants.X_OK), !0;
  } catch {
    return !1;
  }
}
var findRedis = (path) => findOnPath(programs, path), remedy = () => process.platform === "darwin" ? "install it: brew install redis" : "install it: apt-get install redis-server (Debian, Ubuntu), or your system's package";
async function checkRedis(configured2, path) {
  let file = isAbsolute(configured2) ? configured2 : await findOnPath([configured2], path);
  if (file === null)
    throw new MrrError("redis-missing", `no ${configured2} is found on PATH; ${remedy()}`);
  if (!await isExecutable(file))
    throw new MrrError("redis-missing", `${file} (RedisPath) is no program that can be run`);
  let text = await versionText(file), match = /v=(\d+)\.(\d+)(\.\d+)?/.exec(text);
  if (match === null)
    throw new MrrError("redis-missing", `${file} does not answer --version like a redis-server`);
  let [number, major, minor] = [match[0].slice(2), Number(match[1]), Number(match[2])], isValkey = /valkey/i.test(text);
  if (!(isValkey || major > 6 || major === 6 && minor >= 2)) {
    let needed = "6.2 or later, or Valkey, is needed";
    throw new MrrError("redis-too-old", `${file} is Redis ${number}; ${needed}; ${remedy()}`);
  }
  return { path: file, version: `${isValkey ? "Valkey" : "Redis"} ${number}` };
}
function versionText(file) {
  return new Promise((resolve2) => {
    execFile(file, ["--version"], { timeout: versionMsMax, maxBuffer: 65536, killSignal: "SIGKILL" }, (_error, stdout) => resolve2(stdout));
  });
}

// packages/mrr-cli/src/up/config.ts
function mergeConfig(input) {
  let { file } = input;
  if (typeof file != "object" || file === null || Array.isArray(file))
    return refused("configuration", "must be a JSON object");
  let content = new Map(Object.entries(machineDefaults(input))), given = /* @__PURE__ */ new Set();
  for (let [written, value] of Object.entries(file)) {
    if (value === null) continue;
    let key = spellingOf(written), second = written === key ? key.toLowerCase() : written;
    content.set(given.has(key) ? second : key, value), given.add(key);
  }
  let flags = { HTTPPort: input.httpPort, ArtifactPort: input.artifactPort };
  for (let [key, flag] of Object.entries(flags))
    flag !== void 0 && isGood(key, content.get(key)) && content.set(key, String(flag));
  let master = `127.0.0.1:${input.mesosPort}`, isOtherMaster = given.has("Master") && content.get("Master") !== master;
  content.set("Master", master);
  let values = Object.fromEntries(content), result = parseConfig(values, {});
  if (!result.ok) return result;
  let { config } = result.value, zero = fixedPortProblem(config);
  if (zero !== null) return zero;
  let warnings = [...result.value.warnings];
  return isOtherMaster && warnings.push({ key: "Master", text: `has no effect: mrr up starts its own at ${master}` }), { ok: !0, value: { content: values, config, warnings } };
}
var spellingOf = (written) => configKeys.find(({ key }) => key.toLowerCase() === written.toLowerCase())?.key ?? written, isGood = (written, value) => configKeys.find(({ key }) => key === written)?.read(value).ok === !0, machineDefaults = (input) => ({
  // Empty means the user who runs this.
  UserName: "",
  DBType: "embedded",
  DataDir: input.storeDir,
  ArtifactIP: "127.0.0.1",
  ArtifactPort: String(upDefaults.artifactPort),
  HTTPBind: "127.0.0.1",
  HTTPPort: String(upDefaults.httpPort),
  NodePath: input.nodePath,
  ...input.redisPath === null ? {} : { RedisPath: input.redisPath }
});
function fixedPortProblem(config) {
  let rule = "must not be 0 with mrr up: it says where things are before they are there";
  return config.httpPort === 0 ? refused("HTTPPort", rule) : config.artifactPort === 0 ? refused("ArtifactPort", rule) : null;
}

// packages/mrr-cli/src/up/lock.ts
import { linkSync, readFileSync as readFileSync3, renameSync as renameSync3, unlinkSync, writeFileSync as writeFileSync2 } from "node:fs";
var triesMax = 10;
function takeLock(file) {
  let own = identify(process.pid);
  assert(own !== null, "this process can be identified");
  let draft = `${file}.${own.pid}`;
  writeFileSync2(draft, JSON.stringify(own), { mode: 384 });
  let wasStale = !1;
  try {
    for (let tries = 0; tries < triesMax; tries += 1) {
      if (linked(draft, file))
        return { type: "held", wasStale, release: () => removeOwn(file, own) };
      let holder = readHolder(file);
      if (holder.type !== "absent") {
        if (holder.identity !== null && isRunning(holder.identity))
          return { type: "taken", pid: holder.identity.pid };
        wasStale = !0, setAside(file, holder.text, `${draft}.stale`);
      }
    }
    return { type: "taken", pid: 0 };
  } finally {
    unlinkSync(draft);
  }
}
function linked(draft, file) {
  try {
    return linkSync(draft, file), !0;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return !1;
    throw error;
  }
}
function readHolder(file) {
  let text;
  try {
    text = readFileSync3(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return { type: "absent" };
    throw error;
  }
  try {
    return { type: "present", text, identity: parseIdentity(JSON.parse(text)) };
  } catch {
    return { type: "present", text, identity: null };
  }
}
function setAside(file, staleText, aside) {
  try {
    renameSync3(file, aside);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  readFileSync3(aside, "utf8") !== staleText && linked(aside, file), unlinkSync(aside);
}
function removeOwn(file, own) {
  let holder = readHolder(file);
  holder.type === "present" && holder.identity?.pid === own.pid && holder.identity.start === own.start && unlinkSync(file);
}
var codeOf = (error) => error.code;

// packages/mrr-cli/src/up/prepare.ts
async function prepareUp(io, options) {
  let paths = upPaths(resolve(io.cwd, options.dataDir)), configPath = options.config === void 0 ? null : resolve(io.cwd, options.config), found = await findRedis(io.env.PATH), merged = configured(
    configPath,
    mergeConfig({
      file: configPath === null ? {} : readJson(configPath),
      httpPort: options.httpPort,
      artifactPort: options.artifactPort,
      mesosPort: options.mesosPort,
      storeDir: paths.storeDir,
      nodePath: process.execPath,
      redisPath: found
    })
  );
  for (let { key, text } of merged.warnings) io.stderr.write(`Note: ${key} ${text}.
`);
  let plan = configured(configPath, planUp(options, merged.config, machineOf())), redis = await checkRedis(merged.config.redisPath, io.env.PATH), release = await takeDataDir(io, paths);
  try {
    return await checkPorts(neededPorts(plan, merged)), writeConfig(paths.configFile, merged.content), { plan, paths, merged, redis, release };
  } catch (error) {
    throw release(), error;
  }
}
function configured(configPath, result) {
  if (result.ok) return result.value;
  let where = configPath === null ? "" : `${configPath}: `;
  throw new MrrError("config-invalid", where + problemsText(result.problems));
}
function readJson(path) {
  let text;
  try {
    text = readFileSync4(path, "utf8");
  } catch (error) {
    let code = error.code ?? "unknown error";
    throw new MrrError("config-invalid", `${path} cannot be read (${code})`, { cause: error });
  }
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    let why = error instanceof Error ? error.message : String(error);
    throw new MrrError("config-invalid", `${path} is no JSON: ${why}`, { cause: error });
  }
}
var mebibyte = 1024 * 1024;
function machineOf() {
  let limit = process.constrainedMemory(), total = totalmem(), bytes = limit > 0 && limit < total ? limit : total;
  return { cores: availableParallelism(), memoryMib: Math.floor(bytes / mebibyte) };
}
async function takeDataDir(io, paths) {
  let { dataDir, lockFile, childrenFile } = paths, lock;
  try {
    mkdirSync2(dataDir, { recursive: !0, mode: 448 }), lock = takeLock(lockFile);
  } catch (error) {
    let code = error.code ?? "unknown error", text = `${dataDir} (--data-dir) cannot be used (${code})`;
    throw new MrrError("config-invalid", text, { cause: error });
  }
  if (lock.type === "taken") {
    let who = lock.pid === 0 ? "" : ` (process ${lock.pid})`, text = `${dataDir} is used by another mrr up${who}: stop it, or choose another --data-dir`;
    throw new MrrError("store-locked", text);
  }
  lock.wasStale && io.stderr.write(`The last run was killed; what it left is cleaned up.
`);
  let ended = await endLeftovers(childrenFile, io.clock);
  return ended.length > 0 && io.stderr.write(`Ended processes of the last run: ${ended.join(", ")}.
`), lock.release;
}
function neededPorts(plan, { config }) {
  let { mesosPort } = plan, { httpBind, httpPort, artifactBind, artifactPort } = config;
  return [
    { host: "127.0.0.1", port: mesosPort, option: "--mesos-port", key: null },
    { host: httpBind, port: httpPort, option: "--http-port", key: "HTTPPort" },
    { host: artifactBind, port: artifactPort, option: "--artifact-port", key: "ArtifactPort" }
  ];
}
function writeConfig(path, content) {
  let draft = `${path}.new`;
  writeFileSync3(draft, `${JSON.stringify(content, null, 2)}
`, { mode: 384 }), chmodSync(draft, 384), renameSync4(draft, path);
}

// packages/mrr-cli/src/up/programs.ts
import { spawnSync as spawnSync2 } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
var mainOf = (name) => fileURLToPath(new URL("./main.js", import.meta.resolve(name)));
function findPrograms(env) {
  let programs2 = {
    local: env.MRR_LOCAL_MAIN ?? mainOf("@mr-redis/local"),
    scheduler: env.MRR_SCHEDULER_MAIN ?? mainOf("@mr-redis/scheduler")
  }, missing = Object.values(programs2).filter((path) => !existsSync(path));
  if (missing.length > 0) {
    let text = `${missing.join(" and ")} is not there: run \`npm run build\``;
    throw new MrrError("config-invalid", text);
  }
  return programs2;
}
async function findLauncher(path) {
  let node = { command: process.execPath, args: [] };
  if (process.platform !== "linux") return node;
  let setpriv = await findOnPath(["setpriv"], path);
  return setpriv === null || spawnSync2(setpriv, ["--pdeathsig", "TERM", "--version"], { timeout: 2e3 }).status !== 0 ? node : { command: setpriv, args: ["--pdeathsig", "TERM", "--", process.execPath] };
}
var droppedVariable = /^(npm_.*|HOST|ETCD_LOCAL_ENDPOINT|INIT_CWD)$/, childEnvironment = (env) => Object.fromEntries(Object.entries(env).filter(([name]) => !droppedVariable.test(name)));

// packages/mrr-cli/src/up/signals.ts
var signals = ["SIGINT", "SIGTERM", "SIGHUP"];
function listenForStop(clock, exitWithParent) {
  let askedAtMs = null, setAsked = () => {
  }, setForced = () => {
  }, asked = new Promise((resolve2) => {
    setAsked = resolve2;
  }), forced = new Promise((resolve2) => {
    setForced = resolve2;
  }), onSignal = () => {
    let nowMs = clock.monotonicMs();
    askedAtMs === null ? (askedAtMs = nowMs, setAsked()) : nowMs - askedAtMs > 600 && setForced();
  };
  for (let signal of signals) process.on(signal, onSignal);
  let onParentEnd = () => setAsked(), { stdin } = process;
  if (exitWithParent) {
    for (let event of ["end", "close", "error"]) stdin.on(event, onParentEnd);
    stdin.resume();
  }
  return {
    asked,
    forced,
    close: () => {
      for (let signal of signals) process.off(signal, onSignal);
      if (exitWithParent) {
        for (let event of ["end", "close", "error"]) stdin.off(event, onParentEnd);
        stdin.destroy();
      }
    }
  };
}

// packages/mrr-cli/src/up/child.ts
import { spawn } from "node:child_process";

// packages/mrr-cli/src/up/lines.ts
import { StringDecoder } from "node:string_decoder";
var lineCharsMax = 64 * 1024, LineCutter = class {
  #decoder = new StringDecoder("utf8");
  #rest = "";
  /** The lines that `chunk` completes, without their newlines. */
  add(chunk) {
    let parts = (this.#rest + this.#decoder.write(chunk)).split(`
`);
    return this.#rest = (parts.pop() ?? "").slice(0, lineCharsMax), parts.map((line) => line.slice(0, lineCharsMax));
  }
  /** What is left without a newline at the end of the stream. */
  end() {
    let rest = this.#rest + this.#decoder.end();
    return this.#rest = "", rest === "" ? [] : [rest];
  }
};
function isReadyLine(line) {
  if (!line.startsWith("{") || !line.includes('"ready"')) return !1;
  try {
    let value = JSON.parse(line);
    return typeof value == "object" && value !== null && "msg" in value && value.msg === "ready";
  } catch {
    return !1;
  }
}

// packages/mrr-cli/src/up/child.ts
var lastLinesMax = 20;
function startChild({ name, command, args, env, log }) {
  let process_ = spawn(command, args, { env, detached: !0, stdio: ["pipe", "pipe", "pipe"] });
  process_.stdin.on("error", () => {
  }), log.write(`--- ${(/* @__PURE__ */ new Date()).toISOString()} ${name} starts: ${command} ${args.join(" ")}
`);
  let lines = [], wasReady = !1, { promise: ready, resolve: setReady } = promiseWithResolver(), onLine = (line) => {
    lines.push(line), lines.length > lastLinesMax && lines.shift(), !(wasReady || !isReadyLine(line)) && (wasReady = !0, setReady(!0));
  };
  for (let stream of [process_.stdout, process_.stderr]) {
    let cutter = new LineCutter();
    stream.on("data", (chunk) => {
      log.write(chunk);
      for (let line of cutter.add(chunk)) onLine(line);
    }), stream.on("end", () => {
      for (let line of cutter.end()) onLine(line);
    }), stream.on("error", () => {
    });
  }
  let exited = endOf(process_).then(({ code, signal, failure }) => (setReady(!1), failure !== null && lines.push(failure), log.write(`--- ${(/* @__PURE__ */ new Date()).toISOString()} ${name} ended: ${exitText({ code, signal })}
`), { code, signal, wasReady, lines }));
  return {
    pid: process_.pid ?? null,
    ready,
    exited,
    signal: (signal) => {
      process_.kill(signal);
    },
    kill: () => killGroup(process_)
  };
}
function promiseWithResolver() {
  let resolve2 = () => {
  };
  return { promise: new Promise((settle) => {
    resolve2 = settle;
  }), resolve: resolve2 };
}
var outputMsMax = 200;
function endOf(process_) {
  return new Promise((resolve2) => {
    process_.on("error", (error) => {
      process_.pid === void 0 && resolve2({ code: null, signal: null, failure: error.message });
    }), process_.once("exit", (code, signal) => {
      let end = { code, signal, failure: null }, timer = setTimeout(() => resolve2(end), outputMsMax);
      process_.once("close", () => {
        clearTimeout(timer), resolve2(end);
      });
    });
  });
}
function killGroup(process_) {
  if (process_.pid !== void 0)
    try {
      process.kill(-process_.pid, "SIGKILL");
    } catch {
    }
}
function exitText({ code, signal }) {
  return code !== null ? `exit code ${code}` : signal === null ? "it cannot be started" : `signal ${signal}`;
}

// packages/mrr-cli/src/up/supervisor.ts
var supervisorLimits = {
  /** From the start to ready: the bar is 1 s, a loaded machine gets much more. */
  readyMsMax: 3e4,
  /** First pause before a restart; doubles. */
  restartMsFirst: 200,
  restartMsMax: 5e3,
  /** Restarts in a row; with the pauses above some 20 s, enough for a port or a lock to come free. */
  restartsMax: 6,
  /** A run that was ready for so long ends the row. */
  stableMs: 3e4
}, finalExitCodes = (() => {
  let entries = Object.values(errorTable), retryable = new Set(
    entries.filter((entry) => entry.retryable).map(({ exitCode }) => exitCode)
  ), { exitCode: locked } = errorTable["store-locked"], tryAgain = /* @__PURE__ */ new Set([...retryable, locked, errorTable.internal.exitCode]);
  return new Set(entries.map(({ exitCode }) => exitCode).filter((code) => !tryAgain.has(code)));
})(), Supervisor = class {
  name;
  /** Resolves when it is given up; never otherwise. */
  givenUp;
  #command;
  #clock;
  #events;
  #limits;
  #child = null;
  #restart = null;
  #isStopping = !1;
  #wasEverReady = !1;
  #restarts = 0;
  #giveUp = () => {
  };
  constructor(command, clock, events, limits = supervisorLimits) {
    this.name = command.name, this.#command = command, this.#clock = clock, this.#events = events, this.#limits = limits, this.givenUp = new Promise((resolve2) => {
      this.#giveUp = resolve2;
    });
  }
  /** Pid of the present run; null between two runs. */
  get pid() {
    return this.#child?.pid ?? null;
  }
  /** Starts the program; resolves when it is ready for the first time (not if it is given up or stopped before). */
  start() {
    return new Promise((resolve2) => this.#run(resolve2));
  }
  #run(onFirstReady) {
    let { name } = this, startMs = this.#clock.monotonicMs(), child = startChild(this.#command);
    this.#child = child, this.#events.childChanged();
    let readyMs = null, overdue = this.#clock.after(this.#limits.readyMsMax, () => {
      this.#events.say(
        `${name} is not ready after ${this.#limits.readyMsMax / 1e3} s; it is ended`
      ), child.kill();
    });
    child.ready.then((isReady) => {
      overdue.cancel(), isReady && (readyMs = this.#clock.monotonicMs(), this.#wasEverReady && this.#events.say(`${name} is back after ${Math.round(readyMs - startMs)} ms`), this.#wasEverReady = !0, onFirstReady());
    }), child.exited.then((exit) => {
      if (this.#child = null, this.#events.childChanged(), this.#isStopping) return;
      (readyMs === null ? 0 : this.#clock.monotonicMs() - readyMs) >= this.#limits.stableMs && (this.#restarts = 0), this.#restartOrGiveUp(exit, onFirstReady);
    });
  }
  #restartOrGiveUp(exit, onFirstReady) {
    let { name } = this, { restartsMax, restartMsFirst, restartMsMax } = this.#limits, how = exitText(exit), isFinal = !this.#wasEverReady && finalExitCodes.has(exit.code ?? -1);
    if (isFinal || this.#restarts >= restartsMax) {
      let text = isFinal ? `${name} does not start (${how})` : `${name} ended ${this.#restarts + 1} times in a row, the last time with ${how}`;
      this.#giveUp({ name, exit, text });
      return;
    }
    let delayMs = Math.min(restartMsFirst * 2 ** this.#restarts, restartMsMax);
    this.#restarts += 1;
    let count = `${this.#restarts} of ${restartsMax}`;
    this.#events.say(`${name} ended (${how}); it is started again in ${delayMs} ms (${count})`), this.#restart = this.#clock.after(delayMs, () => this.#run(onFirstReady));
  }
  /** Ends the program: SIGTERM, after `limitMs` SIGKILL for its group. Resolves when it is gone; idempotent. */
  async stop(limitMs) {
    this.#isStopping = !0, this.#restart?.cancel();
    let child = this.#child;
    if (child === null) return;
    child.signal("SIGTERM");
    let timer = this.#clock.after(limitMs, () => {
      this.#events.say(`${this.name} does not end within ${limitMs / 1e3} s; it is killed`), child.kill();
    });
    await child.exited, timer.cancel();
  }
  /** SIGKILL at once, and no restart. */
  kill() {
    this.#isStopping = !0, this.#restart?.cancel(), this.#child?.kill();
  }
};

// packages/mrr-cli/src/up/texts.ts
var namesMax = 10;
function readyText(info) {
  let { plan, paths, redis, apiUrl: apiUrl2 } = info, { agents, agentCpus, agentMemoryMib, redisPorts } = plan, perAgent = Math.floor((redisPorts.last - redisPorts.first + 1) / agents), sizes = `${agentCpus} cpus, ${agentMemoryMib} MB and ${perAgent} ports`, count = agents === 1 ? `1 agent with ${sizes}` : `${agents} agents with ${sizes} each`, endpointLine = info.isDefaultEndpoint ? [] : [`  export MRR_ENDPOINT=${apiUrl2}`];
  return [
    `mr-redis is ready (${(info.tookMs / 1e3).toFixed(1)} s).`,
    "",
    `  API     ${apiUrl2}`,
    `  Mesos   http://127.0.0.1:${plan.mesosPort} (built in), ${count}`,
    `  Redis   ${redis.version} (${redis.path}), ports ${redisPorts.first}-${redisPorts.last}`,
    `  Data    ${paths.dataDir}`,
    `  Logs    ${paths.schedulerLog}`,
    `          ${paths.localLog}`,
    "",
    "In a second terminal:",
    ...endpointLine,
    "  npx mrr create -n inst -m 200 -s 1 -w",
    "  npx mrr status -n inst",
    "  redis-cli -p <the master's port> set foo bar",
    "  npx mrr delete -n inst",
    "",
    "Ctrl-C ends everything."
  ].map((line) => `${line}
`).join("");
}
function resumedText(instances) {
  let living = instances.filter(({ status }) => status !== "DELETED" && status !== "DELETING");
  if (living.length === 0) return null;
  let names = living.slice(0, namesMax).map(({ name }) => printable(name)), more = living.length > namesMax ? ` and ${living.length - namesMax} more` : "", what = living.length === 1 ? "1 instance goes on" : `${living.length} instances go on`, whose = living.length === 1 ? "its" : "their";
  return `${what} from the last run (${names.join(", ")}${more}): ${whose} Redis processes are new and empty.
`;
}
function failureText(given, logPath, config) {
  let said = given.exit.lines.map((line) => `  | ${logLineText(line)}`), lines = [`Error: ${given.text}.`, ...said];
  return config !== null && lines.push(`       Configuration: ${config}`), lines.push(`       Log: ${logPath}`), lines.map((line) => `${line}
`).join("");
}
var fieldsCharsMax = 400, dullFields = /* @__PURE__ */ new Set(["level", "time", "pid", "hostname", "program", "msg", "message"]);
function logLineText(line) {
  let value;
  try {
    value = JSON.parse(line);
  } catch {
    return printable(line);
  }
  if (typeof value != "object" || value === null) return printable(line);
  let fields = value, message = fields.message ?? fields.msg;
  if (typeof message != "string") return printable(line);
  let rest = Object.fromEntries(Object.entries(fields).filter(([key]) => !dullFields.has(key))), values = Object.keys(rest).length === 0 ? "" : ` ${JSON.stringify(rest)}`;
  return printable(`${fields.level ?? "info"}: ${message}${values.slice(0, fieldsCharsMax)}`);
}

// packages/mrr-cli/src/up/run.ts
var schedulerStopMs = 5e3, localStopMs = 1e4, readyzMsMax = 3e4, readyzLookMs = 30;
async function runUp(io, options) {
  let startMs = io.clock.monotonicMs(), stop = listenForStop(io.clock, options.exitWithParent === !0);
  try {
    let prepared = await prepareUp(io, options);
    try {
      return await superviseUntilEnd(io, options, prepared, stop, startMs);
    } finally {
      prepared.release();
    }
  } finally {
    stop.close();
  }
}
async function superviseUntilEnd(io, options, prepared, stop, startMs) {
  let logs = [openLog(prepared.paths.localLog), openLog(prepared.paths.schedulerLog)], programs2 = await createPrograms(io, prepared, logs), { local, scheduler } = programs2, givenUp = Promise.race([local.givenUp, scheduler.givenUp]), isUp = async () => (await local.start(), await scheduler.start(), await sayReady(io, prepared, startMs), null);
  try {
    let asked = stop.asked.then(() => "asked"), failure = isUp().then(() => new Promise(() => {
    })), end = await Promise.race([asked, givenUp, failure]);
    if (end === "asked") return 0;
    let from = options.config === void 0 ? "" : `, made from ${options.config}`, isLocal = end.name === local.name, config = isLocal ? null : prepared.paths.configFile + from;
    return io.stderr.write(failureText(end, logs[isLocal ? 0 : 1].path, config)), exitCodeOf(end);
  } finally {
    await endInOrder(io, programs2, stop);
    for (let log of logs) log.close();
  }
}
function exitCodeOf({ exit }) {
  let known = new Set(Object.values(errorTable).map(({ exitCode }) => exitCode)), { code } = exit;
  return code !== null && known.has(code) ? code : errorTable.internal.exitCode;
}
async function createPrograms(io, { plan, paths }, [localLog, schedulerLog]) {
  let scripts = findPrograms(io.env), launcher = await findLauncher(io.env.PATH), env = childEnvironment(io.env), supervisors = [], events = {
    say: (text) => io.stderr.write(`${text}.
`),
    childChanged: () => {
      let pids = supervisors.flatMap(({ pid }) => pid === null ? [] : [pid]);
      writeChildren(paths.childrenFile, pids);
    }
  }, { command, args } = launcher, supervise = (name, script, words, log) => {
    let line = { name, command, args: [...args, script, ...words], env, log }, supervisor = new Supervisor(line, io.clock, events);
    return supervisors.push(supervisor), supervisor;
  };
  return {
    local: supervise("mrr-local", scripts.local, localArguments(plan, paths), localLog),
    scheduler: supervise(
      "mrr-scheduler",
      scripts.scheduler,
      schedulerArguments(paths),
      schedulerLog
    )
  };
}
async function sayReady(io, prepared, startMs) {
  let { plan, paths, redis, merged } = prepared, url = apiUrl(merged.config), client = createApiClient({ url, source: "mrr up" });
  try {
    let endMs = io.clock.monotonicMs() + readyzMsMax, reason = "";
    for (; ; ) {
      let answer = await client.send({ method: "GET", path: "/readyz" }).catch(() => null);
      if (answer?.status === 200) break;
      if (reason = answer?.text ?? "no answer", io.clock.monotonicMs() >= endMs) {
        let waited = `${readyzMsMax / 1e3} s`;
        io.stderr.write(`The scheduler is not ready after ${waited}: ${reason}
`);
        return;
      }
      await pause(io.clock, readyzLookMs);
    }
    let tookMs = io.clock.monotonicMs() - startMs, isDefaultEndpoint = await isDefault(io, url), text = readyText({ tookMs, apiUrl: url, isDefaultEndpoint, plan, paths, redis }), page = await listInstances(client).catch(() => null);
    io.stdout.write(text + (resumedText(page?.instances ?? []) ?? ""));
  } finally {
    client.close();
  }
}
async function isDefault(io, url) {
  try {
    return (await resolveEndpoint(io, void 0)).url === url;
  } catch {
    return !1;
  }
}
async function endInOrder(io, { local, scheduler }, stop) {
  (local.pid !== null || scheduler.pid !== null) && io.stderr.write(`Ending everything; a second Ctrl-C does not wait.
`), stop.forced.then(() => {
    scheduler.kill(), local.kill();
  }), await scheduler.stop(schedulerStopMs), await local.stop(localStopMs);
}
export {
  runUp
};
