/**
 * Owns the simulated Mesos master: agents that it knows, the one framework's session, offers, answers about tasks.
 * Not: what runs on an agent (agent.ts), nor decisions. Source: Mesos v1 scheduler API, and recordings of a real master.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { AgentOffer, ControlHappening, GoalBatch, Launch, ReportBatch } from "@mr-redis/core";
import type { Agent, PendingUpdate } from "./agent.js";
import type { NodeId } from "./network.js";
import type { World } from "./world.js";

/** What the master sends to a subscribed scheduler. */
export interface SessionHolder {
  readonly node: NodeId;
  deliver(sessionId: number, happening: ControlHappening): void;
  /** Another one has subscribed, or the connection is gone. */
  sessionEnded(sessionId: number, replaced: boolean): void;
}

interface Session {
  readonly id: number;
  readonly holder: SessionHolder;
  /** Events of one session keep their order. */
  lastAtMs: number;
}

interface KnownAgent {
  readonly agent: Agent;
  /** registered: as the master sees it. */
  registered: boolean;
  /** False when the master was started anew and has not heard of it. */
  known: boolean;
  filteredUntilMs: number;
  /** Number of its registration. */
  registration: number;
  /** Tasks that were accepted and have not reached it. */
  readonly launching: Map<string, Launch>;
}

interface Offered {
  readonly agentId: string;
  readonly cpusMilli: number;
  readonly memMilliMib: number;
}

const agentCpusMilli = 8_000;
const agentMemMilliMib = 64_000_000;

/** See the head of this file. */
export class MesosMaster {
  readonly #world: World;
  readonly node: NodeId;
  readonly #agents = new Map<string, KnownAgent>();
  readonly #offers = new Map<string, Offered>();
  #session: Session | null = null;
  #suppressed = true;
  #sessions = 0;
  #offerIds = 0;
  /** False while no master is elected. */
  #up = true;

  constructor(world: World, node: NodeId, agents: readonly Agent[]) {
    this.#world = world;
    this.node = node;
    for (const agent of agents) {
      this.#agents.set(agent.agentId, {
        agent,
        registered: true,
        known: true,
        filteredUntilMs: 0,
        registration: 1,
        launching: new Map(),
      });
    }
    this.#allocate();
  }

  /** SUBSCRIBE. The session's id, or null: nobody answers. */
  subscribe(holder: SessionHolder): number | null {
    const { network } = this.#world;
    if (!this.#up || !network.isConnected(holder.node, this.node)) return null;
    const before = this.#session;
    this.#sessions += 1;
    const id = this.#sessions;
    this.#session = { id, holder, lastAtMs: 0 };
    this.#offers.clear();
    this.#suppressed = false;
    for (const known of this.#agents.values()) known.filteredUntilMs = 0;
    if (before !== null && before.holder !== holder) {
      network.stream(this.node, before.holder.node, () =>
        before.holder.sessionEnded(before.id, true),
      );
    }
    this.#emit({ type: "subscribed" });
    return id;
  }

  /** The scheduler's connection is gone. */
  unsubscribe(sessionId: number): void {
    if (this.#session?.id === sessionId) this.#session = null;
  }

  /** The leading master ends; another takes over after a while and hears of the agents one by one. */
  failOver(downMs: number): void {
    if (!this.#up) return;
    this.#up = false;
    const before = this.#session;
    this.#session = null;
    this.#offers.clear();
    before?.holder.sessionEnded(before.id, false);
    const { clock, random } = this.#world;
    for (const known of this.#agents.values()) known.known = false;
    clock.after(downMs, () => {
      this.#up = true;
      for (const known of this.#agents.values()) {
        clock.after(random.next() * 2_000, () => this.#registered(known));
      }
    });
  }

  #emit(happening: ControlHappening): void {
    const session = this.#session;
    if (session === null) return;
    const { network, clock } = this.#world;
    const nowMs = clock.monotonicMs();
    const dueMs = Math.max(session.lastAtMs, nowMs + network.delayMs());
    session.lastAtMs = dueMs;
    const { holder, id } = session;
    network.stream(this.node, holder.node, () => holder.deliver(id, happening), dueMs - nowMs);
  }

  /** A call of the scheduler: lost with the connection, refused when the session is over. */
  #call(node: NodeId, sessionId: number, run: () => void): void {
    this.#world.network.stream(node, this.node, () => {
      if (this.#up && this.#session?.id === sessionId) run();
    });
  }

  #toAgent(agentId: string, run: (agent: Agent) => void, lost: () => void = () => {}): void {
    const known = this.#agents.get(agentId);
    if (known?.registered !== true || !known.known) return;
    const { registration } = known;
    this.#world.network.stream(this.node, known.agent.node, () => {
      // A new registration is a new connection: what waited on the old one is lost.
      if (known.agent.powered && known.registration === registration) run(known.agent);
      else lost();
    });
  }

  /** Goals: lost, late, doubled; past the master even when the session that sent them is over. */
  goals(node: NodeId, sessionId: number, agentId: string, batch: GoalBatch): void {
    const { network } = this.#world;
    network.mail([node, this.node], () => {
      if (!this.#up || this.#session?.id !== sessionId) return;
      const known = this.#agents.get(agentId);
      if (known?.registered !== true || !known.known) return;
      network.mail([this.node, known.agent.node], () => known.agent.goals(batch));
    });
  }

  reportsFrom(agent: Agent, batch: ReportBatch): void {
    const { network } = this.#world;
    network.mail([agent.node, this.node], () => {
      const session = this.#session;
      const known = this.#agents.get(agent.agentId);
      if (!this.#up || session === null || known?.registered !== true || !known.known) return;
      const { holder, id } = session;
      network.mail([this.node, holder.node], () =>
        holder.deliver(id, {
          type: "reports-received",
          agentId: agent.agentId,
          executorId: "executor",
          batch,
        }),
      );
    });
  }

  updateFrom(agent: Agent, update: PendingUpdate): void {
    this.#world.network.mail([agent.node, this.node], () => {
      if (this.#up && this.#agents.get(agent.agentId)?.registered === true) {
        this.#emit({
          type: "task-updated",
          update: { ...update, agentId: agent.agentId, reason: null },
        });
      }
    });
  }

  revive(node: NodeId, sessionId: number): void {
    this.#call(node, sessionId, () => {
      this.#suppressed = false;
      for (const known of this.#agents.values()) known.filteredUntilMs = 0;
      this.#offerAll();
    });
  }

  suppress(node: NodeId, sessionId: number): void {
    this.#call(node, sessionId, () => {
      this.#suppressed = true;
    });
  }

  decline(
    node: NodeId,
    sessionId: number,
    offerIds: readonly string[],
    refuseSeconds: number,
  ): void {
    this.#call(node, sessionId, () => {
      for (const offerId of offerIds) {
        const known = this.#agents.get(this.#offers.get(offerId)?.agentId ?? "");
        this.#offers.delete(offerId);
        if (known !== undefined) {
          known.filteredUntilMs = this.#world.clock.monotonicMs() + refuseSeconds * 1_000;
        }
      }
    });
  }

  acknowledge(
    node: NodeId,
    sessionId: number,
    ack: { agentId: string; taskId: string; uuid: string },
  ) {
    this.#call(node, sessionId, () =>
      this.#toAgent(ack.agentId, (agent) => agent.acknowledge(ack.taskId, ack.uuid)),
    );
  }

  kill(node: NodeId, sessionId: number, taskId: string, agentId: string): void {
    this.#call(node, sessionId, () => {
      const known = this.#agents.get(agentId);
      const lives = known?.agent.tasks.has(taskId) === true;
      if (known?.registered === true && known.known && lives) {
        this.#toAgent(agentId, (agent) => agent.kill(taskId));
      } else this.#answer(taskId, agentId);
    });
  }

  reconcile(
    node: NodeId,
    sessionId: number,
    tasks: readonly { taskId: string; agentId: string }[],
  ) {
    this.#call(node, sessionId, () => {
      for (const { taskId, agentId } of tasks) this.#answer(taskId, agentId);
      if (tasks.length > 0) return;
      for (const { agent, registered, known } of this.#agents.values()) {
        if (!registered || !known) continue;
        for (const taskId of agent.tasks.keys()) this.#answer(taskId, agent.agentId);
      }
    });
  }

  /** What the master says of one task when it is asked. */
  #answer(taskId: string, agentId: string): void {
    const known = this.#agents.get(agentId);
    const task = known?.agent.tasks.get(taskId);
    if (known === undefined) this.#say(taskId, agentId, "TASK_UNKNOWN");
    // A master that has just been elected says nothing of agents that it waits for.
    else if (!known.known) return;
    else if (!known.registered) this.#say(taskId, agentId, "TASK_UNREACHABLE");
    else if (known.launching.has(taskId)) this.#say(taskId, agentId, "TASK_STAGING");
    else this.#say(taskId, agentId, task?.updates[0]?.state ?? task?.state ?? "TASK_GONE");
  }

  #say(taskId: string, agentId: string, state: string): void {
    this.#emit({
      type: "task-updated",
      update: {
        taskId,
        agentId,
        state,
        source: "SOURCE_MASTER",
        reason: "REASON_RECONCILIATION",
        message: null,
        uuid: null,
      },
    });
  }

  /** ACCEPT: with a void offer every task is dropped. */
  accept(
    node: NodeId,
    sessionId: number,
    agentId: string,
    offerIds: readonly string[],
    launches: readonly Launch[],
  ) {
    this.#call(node, sessionId, () => {
      const isVoid = offerIds.some((offerId) => this.#offers.get(offerId)?.agentId !== agentId);
      for (const offerId of offerIds) this.#offers.delete(offerId);
      const known = this.#agents.get(agentId);
      if (isVoid || known?.registered !== true || !known.known) {
        for (const { order } of launches) this.#say(order.processId, agentId, "TASK_DROPPED");
        return;
      }
      for (const each of launches) known.launching.set(each.order.processId, each);
      const arrived = (): void => {
        for (const { order } of launches) known.launching.delete(order.processId);
      };
      const launch = (agent: Agent): void => {
        arrived();
        for (const { order, need } of launches) agent.launch(order, need);
      };
      this.#toAgent(agentId, launch, arrived);
    });
  }

  #allocate(): void {
    this.#world.clock.after(1_000, () => {
      if (!this.#suppressed) this.#offerAll();
      this.#allocate();
    });
  }

  #offerAll(): void {
    if (!this.#up || this.#session === null) return;
    const nowMs = this.#world.clock.monotonicMs();
    const offers: AgentOffer[] = [];
    const offered = new Set([...this.#offers.values()].map(({ agentId }) => agentId));
    for (const { agent, registered, known, filteredUntilMs } of this.#agents.values()) {
      const may = registered && known && agent.powered && filteredUntilMs <= nowMs;
      if (may && !offered.has(agent.agentId)) offers.push(this.#offerOf(agent));
    }
    if (offers.length > 0) this.#emit({ type: "offers-received", offers });
  }

  #offerOf(agent: Agent): AgentOffer {
    // What was accepted counts, on its way too.
    const onTheWay = this.#agents.get(agent.agentId)?.launching.values() ?? [];
    const here = [...agent.living(), ...onTheWay];
    const executor = here.length > 0 ? this.#world.executorNeed : { cpusMilli: 0, memMilliMib: 0 };
    let cpusMilli = agentCpusMilli - executor.cpusMilli;
    let memMilliMib = agentMemMilliMib - executor.memMilliMib;
    for (const { need } of here) {
      cpusMilli -= need.cpusMilli;
      memMilliMib -= need.memMilliMib;
    }
    const taken = new Set(here.map(({ order }) => order.port));
    const ports = [];
    for (let port = agent.ports[0]; port <= agent.ports[1]; port += 1) {
      if (!taken.has(port)) ports.push({ begin: port, end: port });
    }
    this.#offerIds += 1;
    const offerId = `offer-${this.#offerIds}`;
    const { agentId, address } = agent;
    this.#offers.set(offerId, { agentId, cpusMilli, memMilliMib });
    const hasExecutor = here.length > 0;
    return {
      offerId,
      agentId,
      hostname: `host-${agentId}`,
      address,
      cpusMilli,
      memMilliMib,
      ports,
      hasExecutor,
    };
  }

  /** The agent did not answer for the whole of its time limit. */
  agentLost(agent: Agent): void {
    const known = this.#agents.get(agent.agentId);
    if (known === undefined || !known.registered || !known.known || !this.#up) return;
    known.registered = false;
    for (const [offerId, { agentId }] of this.#offers) {
      if (agentId !== agent.agentId) continue;
      this.#offers.delete(offerId);
      this.#emit({ type: "offer-rescinded", offerId });
    }
    for (const { order } of agent.living()) {
      this.#say(order.processId, agent.agentId, "TASK_UNREACHABLE");
    }
    this.#emit({ type: "agent-removed", agentId: agent.agentId });
  }

  /** The agent is heard again. */
  agentBack(agent: Agent): void {
    const known = this.#agents.get(agent.agentId);
    if (known !== undefined && this.#up) this.#registered(known);
  }

  #registered(known: KnownAgent): void {
    const { agent } = known;
    if (!this.#world.network.isConnected(agent.node, this.node) || !agent.powered || !this.#up)
      return;
    if (known.registered && known.known) return;
    known.registered = true;
    known.known = true;
    known.registration += 1;
    known.launching.clear();
    for (const [taskId, task] of agent.tasks) {
      if (task.updates.length === 0) this.#say(taskId, agent.agentId, task.state);
    }
    agent.repeatUpdates();
  }

  /** The agent has come back without these. */
  tasksLost(agent: Agent, taskIds: readonly string[]): void {
    for (const taskId of taskIds) this.#say(taskId, agent.agentId, "TASK_DROPPED");
  }

  /** Agents try to register for as long as they are not; called now and then. */
  retryAgents(): void {
    if (!this.#up) return;
    for (const known of this.#agents.values()) this.#registered(known);
  }
}
