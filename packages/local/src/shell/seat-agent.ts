/**
 * Owns putting an agent on its seat: the agent machine with its settings, its record, and the executor API at its address.
 * Not: its link to the master. Called by shell/local.ts and remote/agent.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { AgentInfo } from "@mr-redis/mesos";
import type { AgentMessage } from "../border/messages.js";
import type { Leftovers } from "../container/leftovers.js";
import type { ProcessName } from "../container/records.js";
import { answerEmpty } from "../http/answer.js";
import type { StreamPorts } from "../http/event-stream.js";
import { serveExecutor } from "../http/executor-endpoint.js";
import type { Handler } from "../http/server.js";
import type { MachinePorts } from "../master/books.js";
import type { LocalOptions } from "../options.js";
import type { StubHost } from "../stub/host.js";
import { AgentShell } from "./agent-shell.js";
import type { Log } from "./master-shell.js";
import { executorPaths, recoveredAgent, type Seat } from "./seats.js";

/** What an agent is made of. */
export interface SeatedAgent {
  readonly options: Pick<
    LocalOptions,
    | "launcher"
    | "recoveryTimeoutMs"
    | "subscriptionBackoffMsMax"
    | "registrationTimeoutMs"
    | "shutdownGraceMs"
    | "updateRetryMs"
    | "updateRetryMsMax"
    | "reregistrationTimeoutMs"
  >;
  /** Without port and resources, which the seat has. */
  readonly info: Pick<AgentInfo, "hostname" | "attributes" | "domain">;
  readonly seat: Seat;
  readonly parent: ProcessName | null;
  readonly leftovers: Leftovers;
  readonly stubs: StubHost | null;
}

/** Executors are told of their agent so seldom, as by a real agent. */
const executorHeartbeatMs = 30 * 60_000;

/** Makes the agent and serves its executor API; it does nothing before its `start`. */
export function seatAgent(
  { options, info, seat, parent, leftovers, stubs }: SeatedAgent,
  machine: MachinePorts,
  streams: StreamPorts,
  toMaster: (message: AgentMessage) => void,
  log: Log,
): AgentShell {
  const { workDir, endpoint, record, resources } = seat;
  const living = leftovers.living.get(workDir) ?? [];
  const shell = new AgentShell(
    {
      info: { ...info, port: endpoint.port, resources },
      endpoint,
      workDir,
      launcher: options.launcher,
      switchUser: process.getuid?.() === 0,
      recoveryTimeoutMs: options.recoveryTimeoutMs,
      subscriptionBackoffMsMax: options.subscriptionBackoffMsMax,
      settings: {
        registrationTimeoutMs: options.registrationTimeoutMs,
        shutdownGraceMs: options.shutdownGraceMs,
        executorHeartbeatMs,
        updateRetryMs: options.updateRetryMs,
        updateRetryMsMax: options.updateRetryMsMax,
        reregistrationTimeoutMs: options.reregistrationTimeoutMs,
      },
      parent,
      stubs,
      recovered: record === null ? null : recoveredAgent(record, living, leftovers),
      living,
    },
    machine,
    streams,
    toMaster,
    log,
  );
  const serve: Handler = (request, response) => serveExecutor(shell.endpoint, request, response);
  for (const path of executorPaths) seat.routes.set(path, serve);
  seat.routes.set("/health", (_request, response) => answerEmpty(response));
  return shell;
}
