/**
 * Owns the running of one agent machine: its timers, executors' streams, containers, volumes, link to the master.
 * Not: decisions (agent/), processes (container/). Called by shell/local.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { unreachable } from "@mr-redis/core";
import type { AgentInfo, Resource } from "@mr-redis/mesos";
import { type Agent, createAgent } from "../agent/agent.js";
import { type AgentSettings, agentIdOf } from "../agent/books.js";
import type { AgentEffect, AgentEvent, AgentTimer, ContainerPlan } from "../agent/effects.js";
import { type AgentRecord, recordOf } from "../agent/record.js";
import type { AgentEndpoint, AgentMessage, MasterMessage } from "../border/messages.js";
import { Container, type ContainerContext } from "../container/container.js";
import type { Launcher } from "../container/processes.js";
import { changeVolumes, linkVolumes } from "../container/volumes.js";
import type { EventStream, StreamPorts } from "../http/event-stream.js";
import type { ExecutorServer } from "../http/executor-endpoint.js";
import type { MachinePorts } from "../master/books.js";
import { AgentFile } from "./agent-file.js";
import type { Log } from "./master-shell.js";
import { NamedTimers } from "./timers.js";

/** How an agent runs. */
export interface AgentShellOptions {
  readonly info: AgentInfo;
  readonly endpoint: AgentEndpoint;
  readonly workDir: string;
  readonly launcher: Launcher;
  readonly switchUser: boolean;
  readonly recoveryTimeoutMs: number;
  readonly subscriptionBackoffMsMax: number;
  readonly settings: AgentSettings;
  /** What the former process left. */
  readonly record: AgentRecord | null;
}

/** One agent with its surroundings. */
export class AgentShell {
  readonly agent: Agent;
  readonly options: AgentShellOptions;
  readonly endpoint: ExecutorServer;
  readonly #ports: MachinePorts;
  readonly #log: Log;
  readonly #toMaster: (message: AgentMessage) => void;
  readonly #timers: NamedTimers<AgentTimer>;
  readonly #streams = new Map<string, EventStream<"executor.Event">>();
  readonly #containers = new Map<string, Container>();
  /** Paths of volumes in the sandboxes, by container. */
  readonly #links = new Map<string, ReadonlySet<string>>();
  readonly #file: AgentFile;
  #isStopped = false;
  #onIdle: (() => void) | null = null;

  constructor(
    options: AgentShellOptions,
    ports: MachinePorts,
    streamPorts: StreamPorts,
    toMaster: (message: AgentMessage) => void,
    log: Log,
  ) {
    this.options = options;
    this.#ports = ports;
    this.#log = log;
    this.#toMaster = toMaster;
    const { info, endpoint, settings, record, workDir } = options;
    this.agent = createAgent(info, endpoint, settings, ports, record);
    this.#file = new AgentFile(workDir, ports.clock, () => recordOf(this.agent.books));
    this.#timers = new NamedTimers(ports.clock, (timer) =>
      this.handle({ type: "timer-fired", timer }),
    );
    this.endpoint = this.#createEndpoint(streamPorts);
  }

  /** Registers with the master. */
  start(): void {
    this.handle({ type: "started" });
  }

  masterSaid(message: MasterMessage): void {
    this.handle({ type: "master-said", message });
  }

  handle(event: AgentEvent): void {
    if (this.#isStopped) return;
    for (const effect of this.agent.handle(event)) this.#runOne(effect);
  }

  /** Number of containers whose processes may still run. */
  get containersCount(): number {
    return this.#containers.size;
  }

  /**
   * Asks every executor to shut down, kills what is left after `graceMs`, resolves when nothing is left.
   * Afterwards the agent does nothing any more.
   */
  async stop(graceMs: number): Promise<void> {
    this.handle({ type: "stopping" });
    if (this.#containers.size > 0) {
      const timer = this.#ports.clock.after(graceMs, () => {
        for (const container of this.#containers.values()) container.destroy();
      });
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
      timer.cancel();
    }
    this.#isStopped = true;
    this.#timers.cancelAll();
    this.#file.flush();
  }

  #runOne(effect: AgentEffect): void {
    switch (effect.type) {
      case "send-master":
        this.#toMaster(effect.message);
        return;
      case "send-executor":
        this.#streams.get(effect.streamId)?.send(effect.event);
        return;
      case "close-stream":
        this.#streams.get(effect.streamId)?.close();
        this.#streams.delete(effect.streamId);
        return;
      case "launch-container":
        this.#launch(effect.plan);
        return;
      case "destroy-container":
        this.#containers.get(effect.containerId)?.destroy();
        return;
      case "set-timer":
        this.#timers.set(effect.timer, effect.delayMs);
        return;
      case "cancel-timer":
        this.#timers.cancel(effect.timer);
        return;
      case "log":
        this.#log(effect.message, effect.fields);
        return;
      case "link-volumes":
        this.#link(effect.containerId, effect.volumes);
        return;
      case "change-volumes":
        changeVolumes(this.options.workDir, effect.kind, effect.volumes);
        return;
      case "save":
        this.#file.changed();
        return;
      default:
        unreachable(effect);
    }
  }

  #launch(plan: ContainerPlan): void {
    const container = new Container(plan, this.#containerContext(plan));
    this.#containers.set(plan.containerId, container);
    void container.start();
  }

  #link(containerId: string, volumes: readonly Resource[]): void {
    const container = this.#containers.get(containerId);
    if (container === undefined) return;
    const before = this.#links.get(containerId) ?? new Set();
    const { directory, user } = container;
    const linked = linkVolumes(this.options.workDir, directory, volumes, before, user);
    this.#links.set(containerId, linked);
  }

  #containerContext(plan: ContainerPlan): ContainerContext {
    const { workDir, launcher, switchUser, settings, endpoint } = this.options;
    const grace = plan.executor.shutdown_grace_period?.nanoseconds;
    return {
      workDir,
      launcher,
      switchUser,
      clock: this.#ports.clock,
      environment: {
        agentId: agentIdOf(this.agent.books),
        endpoint,
        checkpoint: plan.framework.checkpoint ?? false,
        shutdownGraceMs: grace === undefined ? settings.shutdownGraceMs : grace / 1e6,
        recoveryTimeoutMs: this.options.recoveryTimeoutMs,
        subscriptionBackoffMsMax: this.options.subscriptionBackoffMsMax,
      },
      log: this.#log,
      report: (report) => {
        if (report.type !== "container-started") {
          this.#containers.delete(report.containerId);
          this.#links.delete(report.containerId);
        }
        this.handle(report);
        if (this.#containers.size === 0) this.#onIdle?.();
      },
    };
  }

  #createEndpoint(streamPorts: StreamPorts): ExecutorServer {
    return {
      streamPorts,
      newStreamId: () => this.#ports.newUuid(),
      refusal: (call) =>
        this.#isStopped
          ? { status: 503, text: "Agent has not finished recovery" }
          : this.agent.refusal(call),
      subscribed: (stream, call) => {
        this.#streams.set(stream.id, stream);
        this.handle({ type: "executor-subscribed", streamId: stream.id, call });
      },
      streamClosed: (streamId) => {
        this.#streams.delete(streamId);
        this.handle({ type: "stream-closed", streamId });
      },
      called: (call) => this.handle({ type: "executor-called", call }),
    };
  }
}
