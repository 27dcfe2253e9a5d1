/**
 * Owns the running of one agent machine: its timers, executors' streams, containers, volumes, link to the master.
 * Not: decisions (agent/), processes (container/). Called by shell/local.ts.
 * Invariant: what an executor or a container is told (a launch, an acknowledgement) is on record before.
 * SPDX-License-Identifier: Apache-2.0
 */
import { unreachable } from "@mr-redis/core";
import type { AgentInfo, Resource } from "@mr-redis/mesos";
import { type Agent, createAgent } from "../agent/agent.js";
import { type AgentSettings, agentIdOf } from "../agent/books.js";
import type {
  AgentEffect,
  AgentEvent,
  AgentTimer,
  ContainerPlan,
  TaskName,
} from "../agent/effects.js";
import { recoveringText } from "../agent/executor-calls.js";
import { type RecoveredAgent, recordOf, taskRecordOf } from "../agent/record.js";
import type { AgentEndpoint, AgentMessage, MasterMessage } from "../border/messages.js";
import { AdoptedContainer } from "../container/adopted.js";
import { Container, type ContainerContext, type ContainerReport } from "../container/container.js";
import type { Launcher } from "../container/processes.js";
import type { ContainerRecord, ProcessName } from "../container/records.js";
import { changeVolumes, linkVolumes } from "../container/volumes.js";
import type { StreamPorts } from "../http/event-stream.js";
import type { ExecutorServer } from "../http/executor-endpoint.js";
import type { MachinePorts } from "../master/books.js";
import { StubContainer, type StubHost } from "../stub/host.js";
import { AgentFile } from "./agent-file.js";
import type { Log } from "./master-shell.js";
import { OpenStreams } from "./streams.js";
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
  /** The process that no container may outlive, if there is one. */
  readonly parent: ProcessName | null;
  /** Holds all executors in the place of containers (`--stub-executors`); null: real ones. */
  readonly stubs: StubHost | null;
  /** What the former process left: its record, and the containers that go on. */
  readonly recovered: RecoveredAgent | null;
  readonly living: readonly ContainerRecord[];
}

/** All that reaches executors and containers, in one order. */
const heldForRecord: ReadonlySet<AgentEffect["type"]> = new Set([
  "send-executor",
  "close-stream",
  "launch-container",
  "destroy-container",
  "link-volumes",
]);

const isHeldForRecord = ({ type }: AgentEffect): boolean => heldForRecord.has(type);

/** One agent with its surroundings. */
export class AgentShell {
  readonly agent: Agent;
  readonly options: AgentShellOptions;
  readonly endpoint: ExecutorServer;
  readonly #ports: MachinePorts;
  readonly #log: Log;
  readonly #toMaster: (message: AgentMessage) => void;
  readonly #timers: NamedTimers<AgentTimer>;
  readonly #streams = new OpenStreams<"executor.Event">();
  readonly #containers = new Map<string, Container | AdoptedContainer | StubContainer>();
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
    const { info, endpoint, settings, recovered, workDir, living } = options;
    this.agent = createAgent(info, endpoint, settings, ports, recovered);
    const source = {
      whole: () => recordOf(this.agent.books),
      task: (name: TaskName) => taskRecordOf(this.agent.books, name),
    };
    this.#file = new AgentFile(workDir, ports.clock, source, log);
    for (const record of living) this.#adopt(record);
    this.#timers = new NamedTimers(ports.clock, (timer) =>
      this.handle({ type: "timer-fired", timer }),
    );
    this.endpoint = this.#createEndpoint(streamPorts);
  }

  /** Registers with the master, or first waits for the executors that outlived the former process. */
  start(): void {
    this.handle({ type: "started" });
    for (const container of this.#containers.values()) {
      if (container instanceof AdoptedContainer) container.look();
    }
  }

  /**
   * As a kill -9 of a real agent: nothing is written or told any more, connections end, executors live on. Those that
   * are only being fetched never start.
   */
  abandon(): void {
    this.#isStopped = true;
    this.#timers.cancelAll();
    this.#file.close();
    for (const container of this.#containers.values()) container.abandon();
    this.#streams.cutAll();
  }

  /** Ends the connections of all executors' streams; they subscribe again. */
  cutStreams(): void {
    this.#streams.cutAll();
  }

  masterSaid(message: MasterMessage): void {
    this.handle({ type: "master-said", message });
  }

  handle(event: AgentEvent): void {
    if (this.#isStopped) return;
    const effects = this.agent.handle(event);
    for (const effect of effects) if (effect.type === "save") this.#file.changed(effect.task);
    for (const effect of effects) {
      if (isHeldForRecord(effect)) this.#file.afterWrite(() => this.#runOne(effect));
      else this.#runOne(effect);
    }
  }

  /** Number of containers whose processes may still run. */
  get containersCount(): number {
    return this.#containers.size;
  }

  /**
   * Asks every executor to shut down, kills what is left after `graceMs`, waits for `lastWords`, then resolves.
   * Afterwards the agent does nothing any more.
   */
  async stop(graceMs: number, lastWords: () => Promise<void> = async () => {}): Promise<void> {
    this.handle({ type: "stopping" });
    this.#file.flush();
    if (this.#containers.size > 0) {
      const timer = this.#ports.clock.after(graceMs, () => {
        for (const container of this.#containers.values()) container.destroy();
      });
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
      timer.cancel();
    }
    await lastWords();
    this.#isStopped = true;
    this.#timers.cancelAll();
    this.#file.flush();
    this.#file.close();
  }

  #runOne(effect: AgentEffect): void {
    switch (effect.type) {
      case "send-master":
        this.#toMaster(effect.message);
        return;
      case "send-executor":
        this.#streams.send(effect.streamId, effect.event);
        return;
      case "close-stream":
        this.#streams.close(effect.streamId);
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
        return;
      default:
        unreachable(effect);
    }
  }

  #adopt(record: ContainerRecord): void {
    const { workDir, launcher } = this.options;
    const report = (one: ContainerReport) => this.#reported(one);
    const log = this.#log;
    const context = { workDir, launcher, clock: this.#ports.clock, report, log };
    this.#containers.set(record.containerId, new AdoptedContainer(record, context));
  }

  #launch(plan: ContainerPlan): void {
    const { stubs } = this.options;
    const context = this.#containerContext(plan);
    const container =
      stubs === null ? new Container(plan, context) : new StubContainer(stubs, plan, context);
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
    const { workDir, launcher, switchUser, parent, settings, endpoint } = this.options;
    const grace = plan.executor.shutdown_grace_period?.nanoseconds;
    return {
      workDir,
      launcher,
      switchUser,
      parent,
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
      report: (report) => this.#reported(report),
    };
  }

  #reported(report: ContainerReport): void {
    if (report.type !== "container-started") {
      this.#containers.delete(report.containerId);
      this.#links.delete(report.containerId);
    }
    this.handle(report);
    if (this.#containers.size === 0) this.#onIdle?.();
  }

  /** The end of an executor's stream may be the end of the executor, which nobody else tells of an adopted one. */
  #lookAtContainerOf(streamId: string): void {
    for (const { executors } of this.agent.books.frameworks.values()) {
      for (const executor of executors.values()) {
        if (executor.streamId !== streamId) continue;
        const container = this.#containers.get(executor.containerId);
        if (container instanceof AdoptedContainer) container.look();
      }
    }
  }

  #createEndpoint(streamPorts: StreamPorts): ExecutorServer {
    return {
      streamPorts,
      newStreamId: () => this.#ports.newUuid(),
      refusal: (call) =>
        this.#isStopped ? { status: 503, text: recoveringText } : this.agent.refusal(call),
      subscribed: (stream, call) => {
        this.#streams.add(stream);
        this.handle({ type: "executor-subscribed", streamId: stream.id, call });
      },
      streamClosed: (streamId) => {
        this.#streams.forget(streamId);
        this.#lookAtContainerOf(streamId);
        this.handle({ type: "stream-closed", streamId });
      },
      called: (call) => this.handle({ type: "executor-called", call }),
    };
  }
}
