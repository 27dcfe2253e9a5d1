/**
 * Owns the environment of an executor: exactly what a real agent gives, nothing of this process's own.
 * Not: starting it (container.ts). Called by container.ts.
 * Source of the rule: reference section 12.1; recordings wire/json/executor*\/env.txt (PWD there is the shell's).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { CommandInfo } from "@mr-redis/mesos";
import { durationText } from "../agent/duration.js";
import type { AgentEndpoint } from "../border/messages.js";

/** What PATH is when the command does not set it. */
export const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What the environment is made of. */
export interface EnvironmentInput {
  readonly frameworkId: string;
  readonly executorId: string;
  readonly agentId: string;
  /** The sandbox; as it names the container, it is also how its processes are found again. */
  readonly directory: string;
  readonly endpoint: AgentEndpoint;
  readonly checkpoint: boolean;
  readonly shutdownGraceMs: number;
  readonly recoveryTimeoutMs: number;
  readonly subscriptionBackoffMsMax: number;
  readonly command: CommandInfo | undefined;
}

/** The variables; those of the command win over all others. */
export function executorEnvironment(input: EnvironmentInput): Readonly<Record<string, string>> {
  const { endpoint, directory } = input;
  const address = `${endpoint.ip}:${endpoint.port}`;
  const own = (input.command?.environment?.variables ?? []).flatMap((variable) =>
    variable.value === undefined ? [] : [[variable.name, variable.value] as const],
  );
  return {
    LIBPROCESS_IP: endpoint.ip,
    LIBPROCESS_PORT: "0",
    MESOS_AGENT_ENDPOINT: address,
    MESOS_CHECKPOINT: input.checkpoint ? "1" : "0",
    MESOS_DIRECTORY: directory,
    MESOS_EXECUTOR_ID: input.executorId,
    MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: durationText(input.shutdownGraceMs),
    MESOS_FRAMEWORK_ID: input.frameworkId,
    MESOS_HTTP_COMMAND_EXECUTOR: "0",
    ...(input.checkpoint
      ? {
          MESOS_RECOVERY_TIMEOUT: durationText(input.recoveryTimeoutMs),
          MESOS_SUBSCRIPTION_BACKOFF_MAX: durationText(input.subscriptionBackoffMsMax),
        }
      : {}),
    MESOS_SANDBOX: directory,
    MESOS_SLAVE_ID: input.agentId,
    MESOS_SLAVE_PID: `slave(1)@${address}`,
    PATH: defaultPath,
    ...Object.fromEntries(own),
  };
}
