/**
 * Owns a site on a network of namespaces: a master, a scheduler with its embedded store, and agents, each a program of its own at
 * an address of its own, with real executors and Redis. Tests cut links, and end and start each program.
 * Not: the network (network.ts). Called by e2e.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Program } from "./launch.js";
import { siteReadyDeadlineMs } from "./mrr-site.js";
import { type ApiAnswer, callApi, repositoryRoot } from "./mrr-up.js";
import { createNetwork, type NetworkNode, type TestNetwork } from "./network.js";
import { findRedisServers, type SeenRedisServer, sweepProcesses } from "./processes.js";

/** Ports that each agent offers: room for what a test runs there, and for what replaces it. */
const agentPorts = { first: 7_000, last: 7_049 } as const;

/** What agents must know; tests have no other use for it. */
const secret = "the-secret-of-a-test-site";

/** How a site is made. */
export interface NetworkSiteOptions {
  /** Attributes of each agent, in the words of Mesos' flag; as many agents as there are texts. */
  readonly agents: readonly string[];
  /** An agent that is silent for `pingTimeoutMs` times `pingTimeoutsMax` is unreachable. Default 500 ms times 3. */
  readonly pingTimeoutMs?: number;
  readonly pingTimeoutsMax?: number;
  /** Keys of the scheduler's configuration beside the necessary ones. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Names of further nodes, on which nothing runs yet: for clients. */
  readonly others?: readonly string[];
  /** Called before anything is started, for what must run on the others by then; gives further keys of the configuration. */
  readonly prepare?: (
    network: TestNetwork,
    directory: string,
  ) => Promise<Readonly<Record<string, unknown>>>;
}

/** A running site. Nodes: `master`, `scheduler`, `agent1` and so on. */
export interface NetworkSite {
  readonly directory: string;
  readonly network: TestNetwork;
  /** Those of the agents, in order. */
  readonly agents: readonly NetworkNode[];
  /** Of the scheduler, for the observer and for nodes. */
  readonly endpoint: string;
  readonly mesosEndpoint: string;
  /** The program that runs, or ran last, on the node. */
  program(name: string): Program;
  /** Starts the program of a node whose former one has ended; resolves when it is ready. */
  start(name: string): Promise<Program>;
  /** One call of the scheduler. */
  api(method: string, path: string, body?: unknown): Promise<ApiAnswer>;
  /** The master's GET /state. */
  state(): Promise<MasterState>;
  /** Those of an agent: others may use the same ports. */
  redisServers(agent: string): SeenRedisServer[];
  /** Ends everything and removes it. */
  destroy(): Promise<void>;
}

/** What tests look at of a master's state. */
export interface MasterState {
  readonly agents: readonly {
    readonly id: string;
    readonly hostname: string;
    readonly address: string;
    readonly state: string;
  }[];
  readonly tasks: readonly {
    readonly id: string;
    readonly agentId: string;
    readonly state: string;
  }[];
}

const program = (name: "local" | "scheduler"): string =>
  join(repositoryRoot(), "packages", name, "dist/main.js");

const agentNamesOf = ({ agents }: NetworkSiteOptions): readonly string[] =>
  agents.map((_, index) => `agent${index + 1}`);

/** Makes the network and starts everything; resolves when the scheduler is ready and all agents are registered. */
export async function startNetworkSite(options: NetworkSiteOptions): Promise<NetworkSite> {
  const directory = await mkdtemp(join(tmpdir(), "mrr-network-"));
  const network = await createNetwork([
    ...["master", "scheduler", ...agentNamesOf(options)],
    ...(options.others ?? []),
  ]);
  const destroy = async (): Promise<void> => {
    await network.destroy();
    await sweepProcesses(directory);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const prepared = (await options.prepare?.(network, directory)) ?? {};
    return await startOn(
      network,
      directory,
      { ...options, config: { ...options.config, ...prepared } },
      destroy,
    );
  } catch (error) {
    await destroy();
    throw error;
  }
}

async function startOn(
  network: TestNetwork,
  directory: string,
  options: NetworkSiteOptions,
  destroy: () => Promise<void>,
): Promise<NetworkSite> {
  const names = agentNamesOf(options);
  const { ip: masterIp } = network.node("master");
  const { ip: schedulerIp } = network.node("scheduler");
  const secretFile = join(directory, "secret");
  await writeFile(secretFile, `${secret}\n`, { mode: 0o600 });
  const config = {
    UserName: "",
    DBType: "embedded",
    DataDir: join(directory, "data"),
    Master: `${masterIp}:5050`,
    ArtifactIP: schedulerIp,
    HTTPBind: schedulerIp,
    NodePath: process.execPath,
    ...options.config,
  };
  await writeFile(join(directory, "config.json"), JSON.stringify(config));
  const { pingTimeoutMs = 500, pingTimeoutsMax = 3 } = options;
  const masterArgs = [
    ...[program("local"), "master", "--ip", masterIp, "--secret-file", secretFile],
    ...["--work_dir", join(directory, "master")],
    ...["--agent_ping_timeout", `${pingTimeoutMs}ms`],
    ...["--max_agent_ping_timeouts", String(pingTimeoutsMax)],
  ];
  const agentArgs = (name: string): readonly string[] => [
    ...[program("local"), "agent", "--ip", network.node(name).ip, "--hostname", name],
    ...["--master", `${masterIp}:5050`, "--secret-file", secretFile],
    ...["--work_dir", join(directory, name), "--registration_backoff_factor", "100ms"],
    ...["--resources", `cpus:16;mem:8192;ports:[${agentPorts.first}-${agentPorts.last}]`],
    ...["--attributes", options.agents[names.indexOf(name)] ?? ""],
  ];
  const programs = new Map<string, Program>();
  const api = (method: string, path: string, body?: unknown) =>
    callApi(`http://${schedulerIp}:5656`, method, path, body);
  const start = async (name: string): Promise<Program> => {
    const args =
      name === "master"
        ? masterArgs
        : name === "scheduler"
          ? [program("scheduler"), `-config=${join(directory, "config.json")}`]
          : agentArgs(name);
    const started = await network.node(name).launch({ command: process.execPath, args });
    programs.set(name, started);
    if (name !== "scheduler") {
      await started.waitReady(siteReadyDeadlineMs);
      return started;
    }
    const isReady = async () => {
      const { status } = await api("GET", "/readyz");
      if (status !== 200) throw new Error(`/readyz: ${status}`);
    };
    await started.waitFor(isReady, { deadlineMs: siteReadyDeadlineMs, what: "it is ready" });
    return started;
  };
  const mesosEndpoint = `http://${masterIp}:5050`;
  await start("master");
  await Promise.all(["scheduler", ...names].map(start));
  return {
    directory,
    network,
    agents: names.map((name) => network.node(name)),
    endpoint: `http://${schedulerIp}:5656`,
    mesosEndpoint,
    program(name) {
      const found = programs.get(name);
      if (found === undefined) throw new Error(`nothing ran on ${name}`);
      return found;
    },
    start,
    api,
    async state() {
      const answer = await callApi(mesosEndpoint, "GET", "/state");
      return answer.json as MasterState;
    },
    redisServers: (agent) => findRedisServers(join(directory, agent, "/")),
    destroy,
  };
}
