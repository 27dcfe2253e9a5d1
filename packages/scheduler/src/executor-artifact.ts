/**
 * Owns what agents are told to run: which file is served under which name, the command, and its environment.
 * Not: serving (artifact/) nor the executor itself. Called by scheduler.ts at start.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { type Config, executorNeed, isTlsToAgents, MrrError } from "@mr-redis/core";
import type { ContainerInfo, ExecutorInfo } from "@mr-redis/mesos";
import { inspectFile } from "./artifact/inspect.js";
import type { Log } from "./log.js";
import { executorInfoOf } from "./mesos/launch.js";

/** Where the build puts the executor: one file beside this package. */
const bundledPath = fileURLToPath(
  new URL("../../executor/bundle/mr-redis-executor.cjs", import.meta.url),
);

/** Search path of the executor on agents that set none. */
const agentPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** A new object of an executor seldom lives long: more room for them only makes it bigger (bench/executor.md). */
const nodeFlags = "--max-semi-space-size=2";

/** Time that an executor has between SHUTDOWN and its end: enough to stop every redis-server. */
const shutdownGraceMs = 10_000;

/** A file to serve and what agents do with it. */
export interface ServedFile {
  readonly path: string;
  /** Path segment under which it is served; changes with the content, since agents may cache by address. */
  readonly name: string;
  readonly executable: boolean;
  /** An archive, which agents unpack in the sandbox. */
  readonly extract: boolean;
}

/** What is served to run an executor, and how it is started there. */
export interface ExecutorArtifact {
  readonly files: readonly ServedFile[];
  /** For /bin/sh. */
  readonly command: string;
}

/** Where the archive of a release has its program. */
const archivedProgram = "./mr-redis-executor/mr-redis-executor";

/** Where ExecutorImage has it: on its PATH. */
const imageProgram = "mr-redis-executor";

/**
 * Reads what the configuration names, or the executor that was built with this scheduler. Throws MrrError
 * `config-invalid` for a file that cannot be read.
 */
export async function loadExecutorArtifact(config: Config, log: Log): Promise<ExecutorArtifact> {
  const program = await loadProgram(config, log);
  const redis = config.redisServerFile === "" ? null : await servedRedis(config.redisServerFile);
  return {
    files: [...program.files, ...(redis === null ? [] : [redis])],
    command:
      redis === null
        ? program.command
        : `export MRR_REDIS_SERVER="$PWD/${redis.name}"; ${program.command}`,
  };
}

async function loadProgram(config: Config, log: Log): Promise<ExecutorArtifact> {
  // Its working directory is the image's; what was fetched lies in the sandbox.
  const inSandbox = 'cd "$MESOS_SANDBOX" && ';
  if (config.executorImage !== "")
    return { files: [], command: `${inSandbox}exec ${imageProgram}` };
  if (config.executorPath === "") return shippedProgram(config);
  const { executorPath: path } = config;
  const isOld = basename(path) === "MrRedisExecutor";
  const content = await inspectFile(path).catch((cause: unknown) => {
    if (isOld) return null;
    throw unreadable(path, "correct ExecutorPath", cause);
  });
  if (content === null || (isOld && !content.isSingleExecutable)) {
    const text =
      "ExecutorPath names the ancestor's executor, which cannot be used; the one shipped is served";
    log.warn({ path }, text);
    return shippedProgram(config);
  }
  if (/\.(?:tar\.gz|tgz)$/.test(path)) {
    const name = `mr-redis-executor.${content.hash}.tar.gz`;
    return {
      files: [{ path, name, executable: false, extract: true }],
      command: `export NODE=${quoted(config.nodePath)}; exec ${archivedProgram}`,
    };
  }
  const name = `${plainName(path)}.${content.hash}`;
  return { files: [{ path, name, executable: true, extract: false }], command: `exec ./${name}` };
}

async function shippedProgram({ nodePath }: Config): Promise<ExecutorArtifact> {
  const path = bundledPath;
  const { hash } = await inspectFile(path).catch((cause: unknown) => {
    throw unreadable(path, "run `npm run build`", cause);
  });
  const name = `mr-redis-executor.${hash}.cjs`;
  return {
    files: [{ path, name, executable: false, extract: false }],
    command: `exec ${quoted(nodePath)} ${nodeFlags} ./${name}`,
  };
}

async function servedRedis(path: string): Promise<ServedFile> {
  const { hash } = await inspectFile(path).catch((cause: unknown) => {
    throw unreadable(path, "correct RedisServerFile", cause, "redis-server");
  });
  // Redis is one program with several names, and does what its name says.
  return { path, name: `redis-server.${hash}`, executable: true, extract: false };
}

const unreadable = (path: string, remedy: string, cause: unknown, what = "executor"): MrrError =>
  new MrrError("config-invalid", `the ${what} ${path} cannot be read: ${remedy}`, { cause });

/** A name that needs no encoding in an address, and no quotes in a shell. */
const plainName = (path: string): string =>
  basename(path)
    .replaceAll(/[^A-Za-z0-9._-]/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "") || "executor";

/** The file that tells executors who vouches for their agents. */
export interface CaArtifact {
  readonly path: string;
  readonly name: string;
}

/** Null without one; `ca` is its text. */
export function caArtifactOf({ mesosCaFile }: Config, ca: string | null): CaArtifact | null {
  if (ca === null) return null;
  const hash = createHash("sha256").update(ca).digest("hex").slice(0, 12);
  return { path: mesosCaFile, name: `mesos-ca.${hash}.pem` };
}

/** How executors call their agents, where they are not to find out themselves. */
const agentEnvironment = (config: Config, ca: CaArtifact | null): Record<string, string> => ({
  ...(config.agentScheme === "auto" && !isTlsToAgents(config)
    ? {}
    : { MRR_AGENT_SCHEME: isTlsToAgents(config) ? "https" : "http" }),
  ...(ca === null ? {} : { MRR_AGENT_CA: ca.name }),
  ...(config.agentCertificateName === "address"
    ? {}
    : { MRR_AGENT_CERTIFICATE_NAME: config.agentCertificateName }),
});

/** How executors run containers; nothing where they run plain processes, whose executors stay the same then. */
const containerEnvironment = (config: Config): Record<string, string> =>
  config.runtime === "process"
    ? {}
    : {
        MRR_REDIS_IMAGE: config.redisImage,
        MRR_DOCKER_SOCKET: config.dockerSocket,
        MRR_IMAGE_PULL_TIMEOUT_MS: String(config.imagePullTimeoutMs),
        MRR_REDIS_CPUS_MILLI: String(config.redisCpusMilli),
        MRR_REDIS_MEMORY_OVERHEAD_MB: String(config.redisMemoryOverheadMib),
        MRR_REDIS_MEMORY_OVERHEAD_PERCENT: String(config.redisMemoryOverheadPercent),
      };

/** The ExecutorInfo for launches; `address` is where the artifact server listens. */
export function executorOf(
  config: Config,
  { artifact, ca }: { readonly artifact: ExecutorArtifact; readonly ca: CaArtifact | null },
  address: { readonly host: string; readonly port: number },
): ExecutorInfo {
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  const scheme = config.artifactCertificateFile === "" ? "http" : "https";
  const uriOf = ({ name, executable, extract }: Omit<ServedFile, "path">) => ({
    value: `${scheme}://${host}:${address.port}/${encodeURIComponent(name)}`,
    executable,
    extract,
  });
  const container = containerOf(config);
  return executorInfoOf({
    command: artifact.command,
    uris: [
      ...artifact.files.map(uriOf),
      ...(ca === null ? [] : [uriOf({ name: ca.name, executable: false, extract: false })]),
    ],
    environment: {
      PATH: agentPath,
      MRR_MESOS_ENCODING: config.mesosEncoding,
      // The command sets it where one is served: its path is known there only.
      ...(config.redisServerFile === "" ? { MRR_REDIS_SERVER: config.redisPath } : {}),
      MRR_REDIS_TIMEOUT_MS: String(config.redisTimeoutMs),
      MRR_REDIS_START_TIMEOUT_MS: String(config.redisStartTimeoutMs),
      MRR_REDIS_STOP_GRACE_MS: String(config.redisStopGraceMs),
      MRR_EXECUTOR_IDLE_MS: String(config.executorIdleMs),
      MRR_REPORT_INTERVAL_MS: String(config.reportIntervalMs),
      MRR_FENCING_MARGIN_MS: String(config.fencingMarginMs),
      // A variable that is not there leaves the executors of older configurations as they are.
      ...(config.redisTlsDirectory === ""
        ? {}
        : { MRR_REDIS_TLS_DIRECTORY: config.redisTlsDirectory }),
      ...containerEnvironment(config),
      ...agentEnvironment(config, ca),
    },
    need: executorNeed(config),
    role: config.role,
    shutdownGraceMs,
    ...(container === null ? {} : { container }),
  });
}

/** Both kinds share the agent's network: redis-servers listen on the ports of its offers. */
function containerOf({ executorImage, executorContainer }: Config): ContainerInfo | null {
  if (executorImage === "") return null;
  return executorContainer === "docker"
    ? { type: "DOCKER", docker: { image: executorImage, network: "HOST" } }
    : {
        type: "MESOS",
        mesos: { image: { type: "DOCKER", docker: { name: executorImage } } },
      };
}

/** A word for /bin/sh. */
const quoted = (word: string): string =>
  /^[A-Za-z0-9_./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
