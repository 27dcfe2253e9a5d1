/**
 * Owns the reading of the environment that an agent gives to an executor.
 * Not: the environment itself, which is handed in. Called by the executor's main.ts.
 * Source of the rule: Apache Mesos, src/slave/slave.cpp `executorEnvironment`, src/executor/executor.cpp (TLS and
 * socket), and recordings of a real agent.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Parsed, type Problem, parsed, refused } from "@mr-redis/core";
import type { Endpoint } from "./connection.js";

/** What an executor is told by its agent. */
export interface ExecutorEnvironment {
  readonly frameworkId: string;
  readonly executorId: string;
  readonly agentId: string;
  /** The agent's API. */
  readonly endpoint: Endpoint;
  /** File with who signed the certificates of the cluster, when the operator hands that to executors. */
  readonly caFile?: string;
  /** Working directory as this process sees it. */
  readonly sandbox: string;
  /** The framework checkpoints: executors live on while the agent is away. */
  readonly checkpoint: boolean;
  /** From SHUTDOWN until the agent kills the container. */
  readonly shutdownGraceMs: number;
  /** How long to look for an agent that went away. Only with checkpoint, else 0. */
  readonly recoveryTimeoutMs: number;
  /** Longest delay before a new subscription. */
  readonly subscriptionBackoffMaxMs: number;
  /** Bearer token. Never log it, and keep it out of the environment of children. */
  readonly authenticationToken: string | undefined;
}

/** The agent's defaults, for agents that do not say (flags executor_shutdown_grace_period, recovery_timeout). */
export const shutdownGraceMsDefault = 5_000;
export const recoveryTimeoutMsDefault = 15 * 60_000;
export const subscriptionBackoffMaxMsDefault = 2_000;

const unitsMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  ms: 1,
  secs: 1e3,
  mins: 60e3,
  hrs: 3600e3,
  days: 86_400e3,
  weeks: 604_800e3,
};

/** A duration as Mesos writes it (`5secs`, `1.5mins`), in milliseconds. */
export function parseMesosDuration(text: string): Parsed<number> {
  const match = /^(\d+(?:\.\d+)?)(ns|us|ms|secs|mins|hrs|days|weeks)$/.exec(text);
  const unitMs = unitsMs[match?.[2] ?? ""];
  if (match === null || unitMs === undefined) {
    return refused("", "must be a duration like 5secs or 1.5mins");
  }
  return parsed(Number(match[1]) * unitMs);
}

/** The environment, or every variable that is missing or wrong. */
export function parseExecutorEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): Parsed<ExecutorEnvironment> {
  const problems: Problem[] = [];
  const text = (name: string): string => {
    const value = env[name] ?? "";
    if (value === "")
      problems.push({ path: name, rule: "is missing: was this started by an agent?" });
    return value;
  };
  const durationMs = (name: string, defaultMs: number): number => {
    const value = env[name];
    if (value === undefined) return defaultMs;
    const duration = parseMesosDuration(value);
    if (duration.ok) return duration.value;
    problems.push(...duration.problems.map(({ rule }) => ({ path: name, rule })));
    return defaultMs;
  };
  const checkpoint = env.MESOS_CHECKPOINT === "1";
  const address = text("MESOS_AGENT_ENDPOINT");
  if (address !== "" && !isHostAndPort(address)) {
    problems.push({ path: "MESOS_AGENT_ENDPOINT", rule: "must be host:port" });
  }
  const socketPath = env.MESOS_DOMAIN_SOCKET ?? "";
  const caFile = env.LIBPROCESS_SSL_CA_FILE ?? env.SSL_CA_FILE ?? "";
  // The agent never speaks TLS on its socket.
  const scheme = socketPath === "" && isTls(env) ? "https" : "http";
  const environment: ExecutorEnvironment = {
    frameworkId: text("MESOS_FRAMEWORK_ID"),
    executorId: text("MESOS_EXECUTOR_ID"),
    agentId: text("MESOS_SLAVE_ID"),
    endpoint: {
      origin: `${scheme}://${address}`,
      ...(socketPath === "" ? {} : { socketPath }),
    },
    ...(caFile === "" ? {} : { caFile }),
    sandbox: env.MESOS_SANDBOX ?? text("MESOS_DIRECTORY"),
    checkpoint,
    shutdownGraceMs: durationMs("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", shutdownGraceMsDefault),
    recoveryTimeoutMs: checkpoint
      ? durationMs("MESOS_RECOVERY_TIMEOUT", recoveryTimeoutMsDefault)
      : 0,
    subscriptionBackoffMaxMs: durationMs(
      "MESOS_SUBSCRIPTION_BACKOFF_MAX",
      subscriptionBackoffMaxMsDefault,
    ),
    authenticationToken: env.MESOS_EXECUTOR_AUTHENTICATION_TOKEN,
  };
  return problems.length === 0 ? parsed(environment) : { ok: false, problems };
}

/**
 * An agent does not tell its executors whether it speaks TLS; operators do, with the variables of libprocess (flag
 * `--executor_environment_variables`, or the environment of the command).
 */
function isTls(env: Readonly<Record<string, string | undefined>>): boolean {
  const value = env.LIBPROCESS_SSL_ENABLED ?? env.SSL_ENABLED;
  return value === "1" || value === "true";
}

function isHostAndPort(text: string): boolean {
  if (!URL.canParse(`http://${text}`)) return false;
  const url = new URL(`http://${text}`);
  // The default port of http is left out by URL, so look for any port in the text.
  return /:\d+$/.test(text) && url.pathname === "/" && url.username === "" && url.search === "";
}
