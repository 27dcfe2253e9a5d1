/**
 * Owns a site of mrr-local and mrr-scheduler started by hand: for tests that end one of them at an exact instant and
 * start it again themselves (`mrr up` would do that for them).
 * Not: `mrr up` (mrr-up.ts). Called by e2e.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./eventually.js";
import { launch, type Program } from "./launch.js";
import { type ApiAnswer, callApi, repositoryRoot } from "./mrr-up.js";
import { freePortRange, freePorts } from "./ports.js";
import { findRedisServers, type SeenRedisServer, sweepProcesses } from "./processes.js";
import { siteStoreOfRun, startStoreServer } from "./store-server.js";

/** Limit for a program of a site to be ready. */
export const siteReadyDeadlineMs = 20_000;

/** Where a killed scheduler leaves a lease behind, the next one waits for its end: a short one. */
const leaseConfig = { LeaseTtlMs: "2000", DBTimeLimitMs: "1000" } as const;

/** Which of the schedulers of a site, and how it is started. */
export interface SchedulerStart {
  /** Below `schedulers` of the site; default 0. Each has ports and a configuration file of its own. */
  readonly number?: number;
  /** Default true. False: resolves as soon as the process runs, for one that will stand by. */
  readonly untilReady?: boolean;
  /** Flags beside `-config`. */
  readonly args?: readonly string[];
}

/** A site: the embedded cluster runs all the time, the schedulers come and go. */
export interface Site {
  readonly directory: string;
  /** Of scheduler 0. */
  readonly endpoint: string;
  /** Of all schedulers, by their numbers. */
  readonly endpoints: readonly string[];
  readonly mesosEndpoint: string;
  /** The embedded cluster. */
  readonly local: Program;
  /** Starts a scheduler; `env` is added to its environment. */
  startScheduler(env?: Readonly<Record<string, string>>, start?: SchedulerStart): Promise<Program>;
  /** Starts the embedded cluster again, after its end. */
  startLocal(): Promise<Program>;
  /** One call of scheduler 0. */
  api(method: string, path: string, body?: unknown): Promise<ApiAnswer>;
  redisServers(): SeenRedisServer[];
  /** Ends everything and removes the directory. */
  destroy(): Promise<void>;
}

const program = (name: "local" | "scheduler"): string =>
  join(repositoryRoot(), "packages", name, "dist/main.js");

/** Flags of agents whose redis-servers share `portsCount` free ports. */
async function realOffer(portsCount: number): Promise<string[]> {
  const { first, last } = await freePortRange(portsCount);
  return ["--agent-cpus", "16", "--agent-memory", "16000", "--ports", `${first}-${last}`];
}

/** Starts the embedded cluster of `agents` agents; no scheduler yet. */
export async function startSite(options: {
  readonly agents: number;
  /** Not used with `stubExecutors`. */
  readonly redisPorts: number;
  /** One program holds all executors and starts no redis-server; agents offer all that is asked for. Default false. */
  readonly stubExecutors?: boolean;
  /**
   * Keys of the scheduler's configuration beside the necessary ones. Without DBType the site has the store that the run
   * is for (MRR_TEST_STORE), with a server of its own.
   */
  readonly config?: Readonly<Record<string, string>>;
  /** `host:port` of masters that the scheduler tries beside the embedded one. */
  readonly mastersBeside?: readonly string[];
  /** Further flags of the embedded cluster, at each start. */
  readonly localArgs?: readonly string[];
  /** How many schedulers there can be; default 1. More than one needs a store with a server (`config`). */
  readonly schedulers?: number;
}): Promise<Site> {
  const directory = await mkdtemp(join(tmpdir(), "mrr-site-"));
  const store = siteStoreOfRun();
  const server =
    store === "embedded" || options.config?.DBType !== undefined
      ? null
      : await startStoreServer(store);
  const [mesosPort = 0] = await freePorts(1);
  const httpPorts = await freePorts(options.schedulers ?? 1);
  const offer = options.stubExecutors ? ["--stub-executors"] : await realOffer(options.redisPorts);
  const configFile = (number: number): string => join(directory, `config-${number}.json`);
  for (const [number, httpPort] of httpPorts.entries()) {
    const [artifactPort = 0] = await freePorts(1);
    const config = {
      UserName: "",
      DBType: "embedded",
      DataDir: join(directory, "data"),
      Master: [`127.0.0.1:${mesosPort}`, ...(options.mastersBeside ?? [])].join(","),
      ArtifactIP: "127.0.0.1",
      ArtifactPort: String(artifactPort),
      HTTPBind: "127.0.0.1",
      HTTPPort: String(httpPort),
      NodePath: process.execPath,
      ...(server === null ? {} : { ...server.config, ...leaseConfig }),
      ...options.config,
    };
    await writeFile(configFile(number), JSON.stringify(config));
  }
  const endpoints = httpPorts.map((port) => `http://127.0.0.1:${port}`);
  const [endpoint = ""] = endpoints;
  const api = (method: string, path: string, body?: unknown) =>
    callApi(endpoint, method, path, body);
  const startLocal = async (): Promise<Program> => {
    const args = [
      ...["--port", String(mesosPort), "--agents", String(options.agents)],
      ...["--work-dir", join(directory, "agents"), ...offer, ...(options.localArgs ?? [])],
    ];
    const local = await launch({ command: process.execPath, args: [program("local"), ...args] });
    const isReady = () => {
      if (!local.stdout.includes('"msg":"ready"')) throw new Error("not ready");
    };
    await local.waitFor(isReady, { deadlineMs: siteReadyDeadlineMs, what: "mrr-local is ready" });
    return local;
  };
  let local = await startLocal();
  return {
    directory,
    endpoint,
    endpoints,
    mesosEndpoint: `http://127.0.0.1:${mesosPort}`,
    get local() {
      return local;
    },
    async startLocal() {
      local = await startLocal();
      return local;
    },
    async startScheduler(env = {}, { number = 0, untilReady = true, args = [] } = {}) {
      const scheduler = await launch({
        command: process.execPath,
        args: [program("scheduler"), `-config=${configFile(number)}`, ...args],
        env: { ...process.env, ...env },
      });
      if (!untilReady) return scheduler;
      const isReady = async () => {
        const answer = await callApi(endpoints[number] ?? "", "GET", "/readyz");
        if (answer.status !== 200) throw new Error(`/readyz: ${answer.status}`);
      };
      await scheduler.waitFor(isReady, {
        deadlineMs: siteReadyDeadlineMs,
        what: "mrr-scheduler is ready",
      });
      return scheduler;
    },
    api,
    redisServers: () => findRedisServers(directory),
    async destroy() {
      await sweepProcesses(directory);
      await eventually(() => {
        if (findRedisServers(directory).length > 0) throw new Error("a redis-server is left");
      });
      await rm(directory, { recursive: true, force: true });
      await server?.stop();
    },
  };
}
