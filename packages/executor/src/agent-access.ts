/**
 * Owns how this executor reaches its agent: what the agent says, what the scheduler says, and who vouches for the agent.
 * Not: the connection (packages/mesos). Called by main.ts.
 * Source of the rule: no agent tells its executors whether it speaks TLS, nor its name; its unix socket never speaks TLS.
 * SPDX-License-Identifier: Apache-2.0
 */
import { resolve } from "node:path";
import type { ExecutorEnvironment } from "@mr-redis/mesos";
import type { AgentSettings } from "./environment.js";

/** What is read from outside, so that tests need neither files nor this machine's name. */
export interface AgentSurroundings {
  /** Reads a file; throws when that cannot be done. */
  readonly readFile: (path: string) => string;
  readonly hostname: () => string;
}

/** Options of the session with the agent. */
export interface AgentAccess {
  readonly environment: ExecutorEnvironment;
  readonly ca?: string;
  readonly agentName?: string;
}

/** Throws when the file of authorities cannot be read: nobody else is to be trusted then. */
export function agentAccessOf(
  environment: ExecutorEnvironment,
  { scheme, caFile, certificateName }: AgentSettings,
  { readFile, hostname }: AgentSurroundings,
): AgentAccess {
  const { endpoint } = environment;
  const isSocket = endpoint.socketPath !== undefined;
  const origin =
    scheme === null || isSocket
      ? endpoint.origin
      : endpoint.origin.replace(/^https?:/, `${scheme}:`);
  const reached = { ...environment, endpoint: { ...endpoint, origin } };
  if (!origin.startsWith("https:")) return { environment: reached };
  const file = caFile ?? environment.caFile;
  return {
    environment: reached,
    ...(file === undefined ? {} : { ca: readFile(resolve(environment.sandbox, file)) }),
    ...(certificateName === "hostname" ? { agentName: hostname() } : {}),
  };
}
