/**
 * Owns the composition of the executor: environment, session with the agent, supervisor, the end of the program.
 * Not: any rule. Started by a Mesos agent (one for each agent); bundled into one file by `npm run bundle`.
 * SPDX-License-Identifier: Apache-2.0
 */
import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { assert, type CertificateAnswer, problemsText } from "@mr-redis/core";
import {
  createExecutorSession,
  createWireCodec,
  type ExecutorEnvironment,
  type ExecutorSessionState,
  parseExecutorEnvironment,
  systemClock,
  wireContentTypes,
} from "@mr-redis/mesos";
import { type AgentAccess, agentAccessOf } from "./agent-access.js";
import { type AgentLink, createAgentLink, supervisorInputs } from "./agent-link.js";
import type {
  ContainerRuntime,
  ContainerRuntimeOptions,
  ContainerSettings,
} from "./container/runtime.js";
import { type AgentSettings, parseExecutorSettings } from "./environment.js";
import { createJsonLog } from "./json-log.js";
import type { Log } from "./ports.js";
import { findRedisBinary, pathDefault } from "./redis-binary.js";
import type { RedisConnector } from "./redis-connection.js";
import { createRetiredLogs } from "./retired-logs.js";
import { Supervisor } from "./supervisor.js";
import type { RedisCertificates } from "./tls/certificates.js";

/** Part of the shutdown grace period in which the last updates must reach the agent. */
const drainShare = 0.15;

/** Where the kernel does not tell the limit of open files. */
const filesMaxDefault = 1024;

const readFile = (path: string): string => readFileSync(path, "utf8");

/** Exit codes (core, error table: config-invalid, internal). */
const exitCodes = { done: 0, environment: 2, defect: 70 } as const;

/** Hard limit of open files: Node raises its own to it, and processes inherit that. */
function filesMax(): number {
  try {
    const line = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
    return line === null ? filesMaxDefault : Number(line[1]);
  } catch {
    return filesMaxDefault;
  }
}

function start(environment: ExecutorEnvironment, log: Log): void {
  const { settings, problems } = parseExecutorSettings(process.env);
  if (problems.length > 0) log.error("settings corrected", { problems: problemsText(problems) });
  const access = reachAgent(environment, settings.agent, log);
  if (access === null) return;
  const clock = systemClock;
  let connect: RedisConnector | null = null;
  const session = createExecutorSession({
    ...access,
    clock,
    codec: createWireCodec(wireContentTypes[settings.mesosEncoding]),
    random: Math.random,
    randomBytes16: () => randomBytes(16),
    onEvent(event) {
      const options = {
        ...{ shutdownGraceMs: environment.shutdownGraceMs, newStartId: randomUUID, log },
        onCertificate: (answer: CertificateAnswer) => certificates?.answered(answer),
      };
      for (const input of supervisorInputs(event, options)) supervisor.handle(input);
    },
    onState: (state) => onState(state, supervisor, log),
  });
  const link = createAgentLink(session, log);
  const searchPath = process.env.PATH || pathDefault;
  const runId = randomUUID();
  let certificates: RedisCertificates | null = null;
  const executorSecret = randomBytes(16).toString("hex");
  const sandbox = resolve(environment.sandbox);
  const supervisor: Supervisor = new Supervisor({
    supervise: { runId, ...settings.limits },
    clock,
    link,
    log,
    sandbox,
    findBinary: () => findRedisBinary(settings.redisServer, searchPath),
    connectRedis(options) {
      assert(connect !== null, "ioredis is loaded before the first event");
      return connect(options);
    },
    async certificates() {
      const { RedisCertificates } = await import("./tls/certificates.js");
      const directory = settings.tlsDirectory;
      const send = (text: string): void => link.sendMessage(text);
      certificates ??= new RedisCertificates({ directory, clock, log, runId, send });
      return certificates;
    },
    executorSecret,
    filesMax: filesMax(),
    retiredLogs: createRetiredLogs(),
    ...(settings.containers === null
      ? {}
      : { containers: (events) => containersOf(settings.containers, events) }),
    onExit: (because) => {
      void leave(link, because.code === "agent-lost" ? 0 : environment.shutdownGraceMs);
    },
  });
  let loaded: typeof import("./container/load.js") | null = null;
  const containersOf = (
    containers: ContainerSettings | null,
    events: Pick<ContainerRuntimeOptions, "note" | "onLeftover">,
  ): ContainerRuntime => {
    assert(loaded !== null && containers !== null, "the runtime is loaded before the start");
    const { frameworkId, agentId, executorId } = environment;
    return loaded.loadContainerRuntime({
      ...events,
      settings: containers,
      owner: { frameworkId, agentId, executorId, runId },
      clock,
      sandbox,
      executorSecret,
      user: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
    });
  };
  const leave = async (agentLink: AgentLink, graceMs: number): Promise<void> => {
    const late = new Promise<void>((done) => void clock.after(graceMs * drainShare, done));
    await Promise.race([Promise.all([agentLink.drained(), supervisor.removed()]), late]);
    await session.close();
    process.exit(exitCodes.done);
  };
  onFailure(supervisor, log);
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      log.info("told to end", { signal });
      supervisor.handle({ type: "shutdown-received", graceMs: environment.shutdownGraceMs });
    });
  }
  const begin = (): void => {
    session.start();
    supervisor.start();
  };
  if (settings.containers === null) begin();
  else {
    // Only where it is needed: it is a third of what an executor has to load.
    void import("./container/load.js").then((module) => {
      loaded = module;
      begin();
    });
  }
  // Loaded while the agent answers; nothing can be launched before.
  void import("./connect.js").then((module) => {
    connect = module.connectRedis;
  });
}

/** Null when it cannot be reached as it must be: nothing can run then, and the agent reports the end. */
function reachAgent(
  environment: ExecutorEnvironment,
  settings: AgentSettings,
  log: Log,
): AgentAccess | null {
  try {
    return agentAccessOf(environment, settings, { readFile, hostname });
  } catch (error) {
    log.error("who vouches for the agent cannot be read", { because: String(error) });
    process.exitCode = exitCodes.environment;
    return null;
  }
}

function onState(state: ExecutorSessionState, supervisor: Supervisor, log: Log): void {
  if (state.type === "subscribed") {
    log.info("subscribed", { hostname: state.subscribed.agent_info.hostname });
    return;
  }
  log.error(state.type === "gave-up" ? "agent lost" : "agent away", { because: state.because });
  if (state.type === "gave-up") supervisor.handle({ type: "agent-lost" });
}

/** A defect: end with all processes rather than go on in an unknown state. Their stack may be told, never their values. */
function onFailure(supervisor: Supervisor, log: Log): void {
  const fail = (error: unknown): void => {
    const stack = error instanceof Error ? error.stack : String(error);
    log.error("internal error", { stack });
    supervisor.killAll();
    process.exit(exitCodes.defect);
  };
  process.on("uncaughtException", fail);
  process.on("unhandledRejection", fail);
}

const log = createJsonLog(systemClock, (text) => process.stdout.write(text));
process.on("exit", log.flush);
const environment = parseExecutorEnvironment(process.env);
if (environment.ok) start(environment.value, log);
else {
  log.error("this is no environment of a Mesos agent", {
    problems: problemsText(environment.problems),
  });
  process.exitCode = exitCodes.environment;
}
