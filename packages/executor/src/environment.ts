/**
 * Owns the reading of the MRR_* variables that the scheduler sets in ExecutorInfo.command.environment.
 * Not: the MESOS_* variables (packages/mesos). Called by main.ts.
 * A wrong value is said and replaced by its default: an executor that refused to start would take its agent out of use.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Problem, type SuperviseOptions, superviseDefaults } from "@mr-redis/core";
import type { wireContentTypes } from "@mr-redis/mesos";
import type { ContainerSettings } from "./container/runtime.js";

/** What the scheduler chose for this executor. */
export interface ExecutorSettings {
  /** Path or name of the redis-server; null: redis-server or valkey-server on the PATH. */
  readonly redisServer: string | null;
  readonly limits: Omit<SuperviseOptions, "runId">;
  /** Directory of this agent with the certificate for Redis; null: the scheduler gives one. */
  readonly tlsDirectory: string | null;
  readonly agent: AgentSettings;
  /** How processes run in containers; null: they are plain ones. */
  readonly containers: ContainerSettings | null;
  /** How the executor speaks to its agent. */
  readonly mesosEncoding: keyof typeof wireContentTypes;
}

/** How to reach the agent, where the scheduler says more than the agent does. */
export interface AgentSettings {
  /** Null: as the agent says, which is http unless its operator hands LIBPROCESS_SSL_ENABLED to executors. */
  readonly scheme: "http" | "https" | null;
  /** File (a name in the sandbox, or a path) with who vouches for agents; null: as the agent says, else whom Node trusts. */
  readonly caFile: string | null;
  /** The name that its certificate must have: the address on which it listens, or the name of this machine. */
  readonly certificateName: "address" | "hostname";
}

/** A day: no limit of the supervision makes sense beyond. */
const limitMsMax = 86_400_000;

/** Two readings of the clocks differ by this much without anybody having set one. */
const clockMarginMsMin = 50;

/** The settings and what was wrong with the variables. An empty variable counts as not set. */
export function parseExecutorSettings(env: Readonly<Record<string, string | undefined>>): {
  readonly settings: ExecutorSettings;
  readonly problems: readonly Problem[];
} {
  const problems: Problem[] = [];
  const integer = (name: string, min: number, max: number, fallback: number): number => {
    const text = env[name] ?? "";
    if (text === "") return fallback;
    const value = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    problems.push({
      path: name,
      rule: `must be an integer from ${min} to ${max}; ${fallback} is used`,
    });
    return fallback;
  };
  const limitMs = (name: string, minMs: number, defaultMs: number): number =>
    integer(name, minMs, limitMsMax, defaultMs);
  const encoding = (): ExecutorSettings["mesosEncoding"] => {
    const text = env.MRR_MESOS_ENCODING || "protobuf";
    if (text === "protobuf" || text === "json") return text;
    problems.push({
      path: "MRR_MESOS_ENCODING",
      rule: "must be protobuf or json; protobuf is used",
    });
    return "protobuf";
  };
  const word = <Word extends string>(name: string, words: readonly Word[]): Word | null => {
    const text = env[name] ?? "";
    const found = words.find((each) => each === text);
    if (found === undefined && text !== "") {
      problems.push({ path: name, rule: `must be ${words.join(" or ")}; it is not used` });
    }
    return found ?? null;
  };
  const containers = (): ContainerSettings | null => {
    // Not set by schedulers of plain processes, so that their executors stay the same.
    const image = env.MRR_REDIS_IMAGE ?? "";
    if (image === "") return null;
    const server = env.MRR_REDIS_SERVER ?? "";
    return {
      image,
      socket: env.MRR_DOCKER_SOCKET || "/var/run/docker.sock",
      pullTimeoutMs: limitMs("MRR_IMAGE_PULL_TIMEOUT_MS", 1_000, 600_000),
      cpusMilli: integer("MRR_REDIS_CPUS_MILLI", 1, 64_000, 100),
      redisMemoryOverheadMib: integer("MRR_REDIS_MEMORY_OVERHEAD_MB", 0, 65_536, 16),
      redisMemoryOverheadPercent: integer("MRR_REDIS_MEMORY_OVERHEAD_PERCENT", 0, 400, 10),
      program: server === "" || server === "redis-server" ? "redis-server valkey-server" : server,
    };
  };
  const defaults = superviseDefaults;
  const settings: ExecutorSettings = {
    redisServer: env.MRR_REDIS_SERVER === "" ? null : (env.MRR_REDIS_SERVER ?? null),
    limits: {
      redisTimeoutMs: limitMs("MRR_REDIS_TIMEOUT_MS", 100, defaults.redisTimeoutMs),
      startTimeoutMs: limitMs("MRR_REDIS_START_TIMEOUT_MS", 100, defaults.startTimeoutMs),
      stopGraceMs: limitMs("MRR_REDIS_STOP_GRACE_MS", 0, defaults.stopGraceMs),
      executorIdleMs: limitMs("MRR_EXECUTOR_IDLE_MS", 100, defaults.executorIdleMs),
      reportIntervalMs: limitMs("MRR_REPORT_INTERVAL_MS", 10, defaults.reportIntervalMs),
      clockMarginMs: Math.max(
        clockMarginMsMin,
        limitMs("MRR_FENCING_MARGIN_MS", 0, defaults.clockMarginMs),
      ),
    },
    tlsDirectory: env.MRR_REDIS_TLS_DIRECTORY || null,
    agent: {
      scheme: word("MRR_AGENT_SCHEME", ["http", "https"]),
      caFile: env.MRR_AGENT_CA || null,
      certificateName: word("MRR_AGENT_CERTIFICATE_NAME", ["address", "hostname"]) ?? "address",
    },
    mesosEncoding: encoding(),
    containers: containers(),
  };
  return { settings, problems };
}
