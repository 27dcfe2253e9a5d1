/**
 * Owns starting the built `mrr up` for tests: own ports, own data directory, an end that nothing survives.
 * Not: what is asked of it (e2e). Called by e2e and by the README's script.
 * SPDX-License-Identifier: Apache-2.0
 */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { launch, type Program, type RunResult, run } from "./launch.js";
import { freePort, freePortRange, freePorts } from "./ports.js";
import {
  findProcesses,
  findRedisServers,
  type SeenProcess,
  type SeenRedisServer,
  sweepProcesses,
} from "./processes.js";
import {
  callSecurely,
  type SecureRun,
  secureConfigFile,
  secureRun,
  secureRunOf,
} from "./secure-run.js";
import { type StoreServer, siteStoreOfRun, startStoreServer } from "./store-server.js";

/** Ports for Redis unless a test asks for another number: 1 + 50 and 70 singles with room for replacements. */
export const redisPortsCount = 150;

/** Ports for the proxy of `mrr up`: two for each instance, and room for new names. */
const proxyPortsCount = 40;

/** Limit for `mrr up` to answer /readyz: the bar is 3 s, a busy machine gets more before a test gives up. */
export const upReadyDeadlineMs = 20_000;

/** Limit for a clean stop: every redis-server ends within milliseconds. */
export const upStopDeadlineMs = 10_000;

/** The root of the repository: the nearest directory above with a lock file. */
export function repositoryRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, "package-lock.json"))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error("no package-lock.json above this file");
    directory = parent;
  }
  return directory;
}

/** How to start `mrr up`. */
export interface UpOptions {
  /** Kept after stop() when given; else a new one that stop() removes. */
  readonly dataDir?: string;
  readonly agents?: number;
  readonly httpPort?: number;
  readonly artifactPort?: number;
  readonly mesosPort?: number;
  readonly redisPorts?: { readonly first: number; readonly last: number };
  /** With the proxy; else `--no-proxy`, for most tests have no use for another process. */
  readonly hasProxy?: boolean;
  /** With everything on; default: as the run of the tests is. */
  readonly secure?: SecureRun | null;
  /** Further arguments for `mrr up`. */
  readonly args?: readonly string[];
  /** Added to the environment; undefined removes. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** The ports and the directory of one `mrr up`; hand them to the next start to go on with the same. */
export interface UpPlace {
  readonly dataDir: string;
  readonly httpPort: number;
  readonly artifactPort: number;
  readonly mesosPort: number;
  readonly redisPorts: { readonly first: number; readonly last: number };
  /** null: no proxy. */
  readonly proxy: {
    readonly httpPort: number;
    readonly ports: { readonly first: number; readonly last: number };
  } | null;
}

/** An answer of the HTTP API: `json` is undefined when the body is none. */
export interface ApiAnswer {
  readonly status: number;
  readonly text: string;
  readonly json: unknown;
  readonly headers: Headers;
}

/** A running `mrr up`. */
export interface RunningUp {
  readonly place: UpPlace;
  readonly program: Program;
  readonly endpoint: string;
  /** From the start of the program to the first 200 of /readyz. */
  readonly readyAfterMs: number;
  /** Runs the built command line against this scheduler. */
  mrr(...args: string[]): Promise<RunResult>;
  /** One call of the HTTP API; a body that is no string goes as JSON. */
  api(method: string, path: string, body?: unknown): Promise<ApiAnswer>;
  /** All processes of this run, except `mrr up` itself. */
  processes(): SeenProcess[];
  redisServers(): SeenRedisServer[];
  /** The one redis-server on this port. */
  redisPid(port: number): number;
  /** Ctrl-C, then waits for the end; returns what was left behind and had to be killed (must be empty). */
  stop(): Promise<SeenProcess[]>;
  /** kill -9 of `mrr up` and of everything that is left; keeps a given data directory. */
  destroy(): Promise<void>;
}

/** The committed start script of the command line. */
export const mrrScript = (): string => join(repositoryRoot(), "packages/mrr-cli/bin/mrr.js");

const environmentWith = (
  changes: Readonly<Record<string, string | undefined>>,
): NodeJS.ProcessEnv => {
  const env = { ...process.env, ...changes };
  // What the test runner sets for itself must not change how programs behave.
  for (const name of ["NODE_OPTIONS", "NODE_ENV", "VITEST", "MRR_ENDPOINT"]) {
    if (!(name in changes)) delete env[name];
  }
  return env;
};

/** Runs `mrr` with these arguments and exactly this endpoint (none when null). */
export function runMrr(
  args: readonly string[],
  options: {
    endpoint?: string | null;
    cwd?: string;
    env?: Readonly<Record<string, string | undefined>>;
    deadlineMs?: number;
  } = {},
): Promise<RunResult> {
  return run({
    command: process.execPath,
    args: [mrrScript(), ...args],
    env: environmentWith({
      MRR_ENDPOINT: options.endpoint ?? undefined,
      ...secureRunOf(options.endpoint ?? null)?.env,
      // Endpoints that a person has stored on this machine must not decide a test.
      MRR_ANCESTOR_FILE: "",
      XDG_CONFIG_HOME: join(tmpdir(), "mrr-no-config"),
      ...options.env,
    }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.deadlineMs === undefined ? {} : { deadlineMs: options.deadlineMs }),
  });
}

/** Limit of one call of the HTTP API. */
const callMs = 15_000;

/** Calls the HTTP API of `endpoint`, with everything on where the run is; every call ends within 15 s. */
export async function callApi(
  endpoint: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<ApiAnswer> {
  const secure = secureRunOf(endpoint);
  const sent = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const { status, text, headers } =
    secure === null
      ? await callPlainly(endpoint + path, method, sent)
      : await callSecurely(secure, endpoint + path, method, sent, callMs);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status, text, json, headers };
}

async function callPlainly(
  url: string,
  method: string,
  body: string | undefined,
): Promise<Omit<ApiAnswer, "json">> {
  const init: RequestInit = { method, signal: AbortSignal.timeout(callMs) };
  if (body !== undefined) {
    init.body = body;
    init.headers = { "content-type": "application/json" };
  }
  const response = await fetch(url, init);
  return { status: response.status, text: await response.text(), headers: response.headers };
}

async function choosePlace(options: UpOptions): Promise<UpPlace> {
  const [httpPort = 0, artifactPort = 0, mesosPort = 0] = await freePorts(3);
  return {
    dataDir: options.dataDir ?? (await mkdtemp(join(tmpdir(), "mrr-up-"))),
    httpPort: options.httpPort ?? httpPort,
    artifactPort: options.artifactPort ?? artifactPort,
    mesosPort: options.mesosPort ?? mesosPort,
    redisPorts: options.redisPorts ?? (await freePortRange(redisPortsCount)),
    proxy:
      options.hasProxy === true
        ? { httpPort: await freePort(), ports: await freePortRange(proxyPortsCount) }
        : null,
  };
}

const proxyArguments = ({ proxy }: UpPlace): string[] =>
  proxy === null
    ? ["--no-proxy"]
    : [
        ...["--proxy-http-port", String(proxy.httpPort)],
        ...["--proxy-ports", `${proxy.ports.first}-${proxy.ports.last}`],
      ];

/** The servers of the stores, by the data directories that they belong to; those left end with the test process. */
const storeServers = new Map<string, Promise<StoreServer>>();

/** What names the store that this run is for (MRR_TEST_STORE); a data directory keeps its server over starts. */
async function storeArguments(dataDir: string): Promise<string[]> {
  const store = siteStoreOfRun();
  if (store === "embedded") return [];
  const starting = storeServers.get(dataDir) ?? startStoreServer(store);
  storeServers.set(dataDir, starting);
  const { config } = await starting;
  return ["--store", config.DBType, "--store-endpoint", config.DBEndPoint];
}

async function endStore(dataDir: string): Promise<void> {
  const server = await storeServers.get(dataDir);
  storeServers.delete(dataDir);
  await server?.stop();
}

const upArguments = (place: UpPlace, options: UpOptions): string[] => [
  "up",
  "--data-dir",
  place.dataDir,
  "--http-port",
  String(place.httpPort),
  "--artifact-port",
  String(place.artifactPort),
  "--mesos-port",
  String(place.mesosPort),
  "--ports",
  `${place.redisPorts.first}-${place.redisPorts.last}`,
  ...proxyArguments(place),
  ...(options.agents === undefined ? [] : ["--agents", String(options.agents)]),
  ...securely(options),
];

const secureOf = ({ secure }: UpOptions): SecureRun | null =>
  secure === undefined ? secureRun() : secure;

/** Arguments whose configuration file has everything on where that is asked for; else the same ones. */
function securely(options: UpOptions): readonly string[] {
  const { args = [] } = options;
  const run = secureOf(options);
  if (run === null) return args;
  const index = args.indexOf("--config");
  const file = index < 0 ? null : (args[index + 1] ?? null);
  const others = args.filter((_, at) => index < 0 || (at !== index && at !== index + 1));
  return [...others, "--config", secureConfigFile(run, file)];
}

/** Starts `mrr up` and does not wait for it: for tests of failing starts. */
export async function launchUp(
  options: UpOptions = {},
): Promise<{ place: UpPlace; program: Program; startedAtMs: number }> {
  const place = await choosePlace(options);
  const store = await storeArguments(place.dataDir);
  const startedAtMs = performance.now();
  const program = await launch({
    command: process.execPath,
    args: [mrrScript(), ...upArguments(place, options), ...store],
    env: environmentWith({ ...secureOf(options)?.env, ...options.env }),
  });
  return { place, program, startedAtMs };
}

/** Starts `mrr up` and waits until it is ready. When it does not get there, nothing of it is left. */
export async function startUp(options: UpOptions = {}): Promise<RunningUp> {
  const { place, program, startedAtMs } = await launchUp(options);
  const endpoint = `${secureOf(options) === null ? "http" : "https"}://127.0.0.1:${place.httpPort}`;
  const destroy = async (): Promise<void> => {
    await program.kill();
    await sweepProcesses(place.dataDir);
    if (options.dataDir !== undefined) return;
    await rm(place.dataDir, { recursive: true, force: true });
    await endStore(place.dataDir);
  };
  const isReady = async (): Promise<void> => {
    const answer = await callApi(endpoint, "GET", "/readyz");
    if (answer.status !== 200) throw new Error(`/readyz: ${answer.status} ${answer.text}`);
    // The proxy starts after that.
    const isSaid = place.proxy === null || program.stdout.includes("mr-redis is ready");
    if (!isSaid) throw new Error("mrr up does not say that it is ready");
  };
  await program
    .waitFor(isReady, { deadlineMs: upReadyDeadlineMs, what: "mrr up is ready" })
    .catch(async (error: unknown) => {
      await destroy();
      throw error;
    });
  const readyAfterMs = Math.round(performance.now() - startedAtMs);
  return {
    place,
    program,
    endpoint,
    readyAfterMs,
    destroy,
    mrr: (...args) => runMrr(args, { endpoint }),
    api: (method, path, body) => callApi(endpoint, method, path, body),
    processes: () => findProcesses(place.dataDir).filter((seen) => seen.pid !== program.pid),
    redisServers: () => findRedisServers(place.dataDir),
    redisPid: (port) => redisPidAt(place.dataDir, port),
    stop: async () => {
      program.interrupt();
      const timer = setTimeout(() => program.signal("SIGKILL"), upStopDeadlineMs);
      await program.exited;
      clearTimeout(timer);
      const left = await sweepProcesses(place.dataDir);
      await destroy();
      return left;
    },
  };
}

function redisPidAt(dataDir: string, port: number): number {
  const servers = findRedisServers(dataDir).filter((server) => server.port === port);
  const [server] = servers;
  if (server === undefined || servers.length > 1) {
    throw new Error(`${servers.length} redis-servers have port ${port}`);
  }
  return server.pid;
}
