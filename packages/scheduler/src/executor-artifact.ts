/**
 * Owns what agents are told to run: which file is served under which name, the command, and its environment.
 * Not: serving (artifact/) nor the executor itself. Called by scheduler.ts at start.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { type Config, executorNeed, isTlsToAgents, MrrError } from "@mr-redis/core";
import type { ExecutorInfo } from "@mr-redis/mesos";
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

/** The file to serve and how agents start it. */
export interface ExecutorArtifact {
  readonly path: string;
  /** Path segment under which it is served; changes with the content, since agents may cache by address. */
  readonly name: string;
  readonly command: string;
  readonly executable: boolean;
}

/** Reads the executor that the configuration names, or the one that was built with this scheduler. */
export async function loadExecutorArtifact(config: Config): Promise<ExecutorArtifact> {
  const path = config.executorPath === "" ? bundledPath : config.executorPath;
  const content = await readFile(path).catch((error: unknown) => {
    const remedy = config.executorPath === "" ? "run `npm run build`" : "correct ExecutorPath";
    throw new MrrError("config-invalid", `the executor ${path} cannot be read: ${remedy}`, {
      cause: error,
    });
  });
  if (config.executorPath !== "") {
    const name = basename(path);
    return { path, name, command: `exec ${quoted(`./${name}`)}`, executable: true };
  }
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 12);
  const name = `mr-redis-executor.${hash}.cjs`;
  const command = `exec ${quoted(config.nodePath)} ${nodeFlags} ./${name}`;
  return { path, name, command, executable: false };
}

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

/** The ExecutorInfo for launches; `address` is where the artifact server listens. */
export function executorOf(
  config: Config,
  { artifact, ca }: { readonly artifact: ExecutorArtifact; readonly ca: CaArtifact | null },
  address: { readonly host: string; readonly port: number },
): ExecutorInfo {
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  const scheme = config.artifactCertificateFile === "" ? "http" : "https";
  const uriOf = (name: string, executable: boolean) => ({
    value: `${scheme}://${host}:${address.port}/${encodeURIComponent(name)}`,
    executable,
    extract: false,
  });
  return executorInfoOf({
    command: artifact.command,
    uris: [
      uriOf(artifact.name, artifact.executable),
      ...(ca === null ? [] : [uriOf(ca.name, false)]),
    ],
    environment: {
      PATH: agentPath,
      MRR_MESOS_ENCODING: config.mesosEncoding,
      MRR_REDIS_SERVER: config.redisPath,
      MRR_REDIS_TIMEOUT_MS: String(config.redisTimeoutMs),
      MRR_REDIS_START_TIMEOUT_MS: String(config.redisStartTimeoutMs),
      MRR_REDIS_STOP_GRACE_MS: String(config.redisStopGraceMs),
      MRR_EXECUTOR_IDLE_MS: String(config.executorIdleMs),
      MRR_REPORT_INTERVAL_MS: String(config.reportIntervalMs),
      MRR_FENCING_MARGIN_MS: String(config.fencingMarginMs),
      ...agentEnvironment(config, ca),
    },
    need: executorNeed(config),
    role: config.role,
    shutdownGraceMs,
  });
}

/** A word for /bin/sh. */
const quoted = (word: string): string =>
  /^[A-Za-z0-9_./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
