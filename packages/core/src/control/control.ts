/**
 * Owns the scheduler's decision core: one event in, effects out. Everything that mr-redis decides about instances is
 * reached from here. Not: I/O, clock, randomness (all handed in). Driven by packages/scheduler, by tests and by the simulator.
 * The state is one mutable object, so that an event costs what it concerns and not what exists (10,000 instances);
 * the same events in the same order always give the same effects.
 * SPDX-License-Identifier: Apache-2.0
 */
import { unreachable } from "../assert.js";
import { leaseRenewShare } from "../failover/lease.js";
import type { Goal, Stamp } from "../goal/types.js";
import type { Because, InstanceDocument, ProcessRecord } from "../instance/types.js";
import { instanceOfProcessId } from "../request/names.js";
import type { UpgradeState } from "../upgrade/types.js";
import { UserDesk } from "../users/desk.js";
import { Agenda } from "./agenda.js";
import { AgentBook } from "./agents.js";
import { createCell, type InstanceCell } from "./cell.js";
import { type CommitHost, CommitPipeline } from "./commits.js";
import type { Effect } from "./effects.js";
import type { ControlEvent, LoadedDocument, TaskUpdate } from "./events.js";
import { ExecutorBook, executorKey } from "./executors.js";
import {
  dropProcess,
  endProcess,
  orphanProcess,
  processAlive,
  processUnreachable,
  takeReport,
  updateBecause,
} from "./instances.js";
import { launchDoubtMs, meaningOf, wasNeverLaunched } from "./meaning.js";
import { Outbox } from "./outbox.js";
import { Placement } from "./placement.js";
import { ProxyPortDesk } from "./proxy-ports.js";
import { Reconciliation } from "./reconciliation.js";
import { type RequestHost, takeRequest } from "./requests.js";
import { review } from "./review.js";
import { type ControlSettings, controlLimits } from "./settings.js";
import { isActive, processOf } from "./transitions.js";
import { Upgrade } from "./upgrade.js";

const reconcileKey = "#reconcile";
const placementKey = "#placement";
const silenceKey = "#silence";

/** A task that was killed although nobody deletes its instance is one that was not heard of in time. */
const wasTried = ({ state }: TaskUpdate): boolean =>
  state === "TASK_FAILED" || state === "TASK_KILLED";

/** The decision core. See the head of this file. */
export class Control implements CommitHost, RequestHost {
  readonly settings: ControlSettings;
  /** Wall clock of the event being handled. */
  atMs = 0;
  /** Monotonic clock of the event being handled. */
  monotonicMs = 0;
  settleUntilMs = Number.POSITIVE_INFINITY;
  readonly cells = new Map<string, InstanceCell>();
  /** Grows whenever an instance comes or goes. */
  membership = 0;
  readonly agents = new AgentBook();
  readonly upgrades: Upgrade;
  readonly proxyPorts: ProxyPortDesk;
  readonly users = new UserDesk();
  subscribed = false;
  subscribedAtMs = 0;
  readonly electedAtMs: number;
  readonly #agenda = new Agenda();
  readonly #commits = new CommitPipeline();
  readonly #reconciliation = new Reconciliation();
  readonly #placement: Placement;
  readonly #touched = new Set<InstanceCell>();
  readonly #outbox: Outbox;
  readonly #executors: ExecutorBook;
  #effects: Effect[] = [];
  #counter = 0;

  constructor(
    settings: ControlSettings,
    start: {
      readonly documents: readonly LoadedDocument[];
      readonly atMs: number;
      readonly monotonicMs: number;
      readonly upgrade?: UpgradeState;
    },
  ) {
    this.settings = settings;
    this.#placement = new Placement(this, settings);
    this.upgrades = new Upgrade(this, settings.executorId, start.upgrade ?? "off");
    this.proxyPorts = new ProxyPortDesk(this, settings.proxyPorts);
    this.atMs = start.atMs;
    this.monotonicMs = start.monotonicMs;
    this.electedAtMs = start.monotonicMs;
    this.#executors = new ExecutorBook(settings.executorSilenceMs);
    this.#outbox = new Outbox(settings.term, this.#executors);
    for (const { document, revision } of start.documents) {
      const cell = createCell(document, { revision });
      this.cells.set(cell.name, cell);
      for (const process of document.processes)
        this.agents.hosts(process.agentId, process.hostname);
      this.#touched.add(cell);
    }
    this.proxyPorts.load(this.cells.values());
  }

  /** Handles one event; returns what is to be done, in order. */
  handle(event: ControlEvent): readonly Effect[] {
    this.atMs = event.atMs;
    this.monotonicMs = event.monotonicMs;
    this.#dispatch(event);
    this.#settle();
    this.upgrades.pump();
    this.proxyPorts.pump();
    this.#settle();
    this.#placement.pump();
    this.#settle();
    this.#outbox.flush(this.subscribed, (effect) => this.emit(effect));
    this.#scheduleOwn();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /**
   * True when what is shown is known and not only remembered: Mesos has answered for every process that the store
   * holds, or has had its time to.
   */
  isInformed(monotonicMs: number): boolean {
    return this.subscribed && (this.#reconciliation.isHeard || monotonicMs >= this.settleUntilMs);
  }

  /** Monotonic time at which a `woken` event is wanted, or null. */
  wakeAtMs(): number | null {
    return this.#agenda.next();
  }

  emit(effect: Effect): void {
    this.#effects.push(effect);
  }

  wakeAt(name: string, monotonicMs: number): void {
    this.#agenda.setEarliest(name, monotonicMs);
  }

  nextStamp(): Stamp {
    this.#counter += 1;
    return this.settings.rules.stampOf(this.settings.term, this.#counter);
  }

  sendGoal(process: ProcessRecord, goal: Goal): void {
    this.#outbox.sendGoal(process, goal);
  }

  askReport(process: ProcessRecord): void {
    this.#outbox.askReport(process);
  }

  heardAtMs(process: ProcessRecord): number {
    return this.#executors.sinceMs(executorKey(process), this.subscribedAtMs);
  }

  isSilent(process: ProcessRecord): boolean {
    return this.subscribed && this.#executors.isSilent(process);
  }

  setLeased(process: ProcessRecord, leased: boolean): void {
    this.#executors.setLeased(process, leased);
  }

  leaseWanted(process: ProcessRecord): void {
    this.#outbox.leaseWanted(process);
  }

  setWanting(cell: InstanceCell, wanting: boolean): void {
    this.#placement.setWanting(cell, wanting);
  }

  roundPartDone(name: string): void {
    this.#placement.partDone(name);
  }

  addCell(cell: InstanceCell): void {
    this.cells.set(cell.name, cell);
    this.membership += 1;
    this.touch(cell);
  }

  dropCell(cell: InstanceCell): void {
    this.#placement.setWanting(cell, false);
    this.#touched.delete(cell);
    this.#agenda.clear(cell.name);
    this.#executors.index(cell, [], this.monotonicMs);
    this.cells.delete(cell.name);
    this.proxyPorts.dropped(cell.name);
    this.users.dropped(cell.name, this);
    this.membership += 1;
    this.emit({ type: "view-changed", name: cell.name });
  }

  /** The cell is looked at again before this event is over. */
  touch(cell: InstanceCell): void {
    this.#touched.add(cell);
  }

  /** Done only after everything that is known of the instance now is durable: acknowledgements, answers. */
  hold(cell: InstanceCell, effect: Effect): void {
    cell.held.push(effect);
    this.touch(cell);
  }

  /** A planned process whose launch will not be sent. */
  launchDropped(cell: InstanceCell, processId: string, because: Because): void {
    dropProcess(cell, processId, because);
    this.touch(cell);
  }

  #dispatch(event: ControlEvent): void {
    switch (event.type) {
      case "create-requested":
      case "delete-requested":
      case "failover-requested":
      case "rotation-requested":
        takeRequest(event, this);
        break;
      case "upgrade-set":
        this.upgrades.set(event.state);
        break;
      case "subscribed":
        this.#subscribed();
        break;
      case "disconnected":
        this.subscribed = false;
        this.#reconciliation.pause();
        this.#placement.disconnected();
        break;
      case "offers-received":
        for (const offer of event.offers) this.agents.offered(offer, this.atMs);
        this.#placement.offersReceived(event.offers);
        break;
      case "offer-rescinded":
        this.#placement.offerRescinded(event.offerId);
        break;
      case "accept-failed":
        this.#acceptFailed(event.processIds, event.text);
        break;
      case "task-updated":
        this.#taskUpdated(event.update);
        break;
      case "reports-received":
        this.#reportsReceived(event);
        break;
      case "agent-removed":
        this.agents.removed(event.agentId);
        this.#executors.agentRemoved(event.agentId);
        break;
      case "commit-finished": {
        const cell = this.#commits.finish(event.commitId, event.result, this);
        if (cell !== null && this.cells.get(cell.name) === cell) this.touch(cell);
        break;
      }
      case "woken":
        this.#woken();
        break;
      default:
        unreachable(event);
    }
  }

  /** An ACCEPT that Mesos certainly did not take: its launches will never be. */
  #acceptFailed(processIds: readonly string[], text: string): void {
    for (const processId of processIds) {
      const cell = this.#cellOf(processId);
      if (cell !== undefined) this.launchDropped(cell, processId, { code: "accept-failed", text });
    }
  }

  #subscribed(): void {
    this.subscribed = true;
    this.subscribedAtMs = this.monotonicMs;
    this.#executors.subscribed(this.monotonicMs);
    this.settleUntilMs = Math.min(this.settleUntilMs, this.monotonicMs + controlLimits.settleMs);
    for (const cell of this.cells.values()) {
      cell.killedAtMs.clear();
      cell.launches.clear();
      // Nothing could be heard while there was no session.
      cell.unsyncedSinceMs.clear();
      cell.unreachableSinceMs.clear();
      this.touch(cell);
    }
    this.#reconcileAll();
    this.#placement.subscribed();
  }

  #reconcileAll(): void {
    const tasks: [string, string][] = [];
    for (const cell of this.cells.values()) {
      for (const process of cell.document.processes) tasks.push([process.id, process.agentId]);
    }
    this.#reconciliation.begin(tasks, this.monotonicMs, (effect) => this.emit(effect));
  }

  #cellOf(processId: string): InstanceCell | undefined {
    const name = instanceOfProcessId(processId);
    return name === null ? undefined : this.cells.get(name);
  }

  #taskUpdated(update: TaskUpdate): void {
    const cell = this.#cellOf(update.taskId);
    const process = cell && processOf(cell.document, update.taskId);
    const ack: Effect | null =
      update.uuid !== null && update.agentId !== null
        ? { type: "acknowledge", agentId: update.agentId, taskId: update.taskId, uuid: update.uuid }
        : null;
    if (cell === undefined || process === undefined) {
      this.#reconciliation.answered(update.taskId);
      this.#orphan(update.taskId, update.agentId, update.state);
      if (ack !== null) {
        if (cell === undefined) this.emit(ack);
        else this.hold(cell, ack);
      }
      return;
    }
    const launch = cell.launches.get(process.id);
    const meaning = meaningOf(update, {
      seen: process.state !== "planned",
      freshLaunch:
        launch?.isOfSession === true && this.monotonicMs < launch.sinceMs + launchDoubtMs,
      wanted: isActive(cell.document),
    });
    const lives = meaning === "alive" || meaning === "running";
    // Mesos speaks only of tasks that it knows once an agent is back, and a late word of life proves nothing: what
    // has a uuid may be sent again long after, so it never settles a question that is open.
    if (meaning !== "ended" && (!lives || this.isSilent(process))) {
      this.#reconciliation.doubt(process.id, process.agentId, this.monotonicMs);
    } else if (lives && update.uuid !== null) this.#reconciliation.heard(process.id);
    else this.#reconciliation.answered(process.id);
    if (lives) processAlive(cell, process.id, meaning === "running", this.monotonicMs);
    else if (meaning === "unreachable") processUnreachable(cell, process.id);
    else if (meaning === "ended") this.#endedOrOrphaned(cell, process, update);
    if (ack !== null) this.hold(cell, ack);
    this.touch(cell);
  }

  /** The end of an executor is not the end of its containers: those are waited for, until somebody saw it or their guard did. */
  #endedOrOrphaned(cell: InstanceCell, process: ProcessRecord, update: TaskUpdate): void {
    const { rules, marginMs } = this.settings;
    const runtime = process.runtime ?? "process";
    const isByExecutor = update.source === "SOURCE_EXECUTOR";
    // Agents also say TASK_DROPPED of what ran before their own restart: one that was heard of was launched.
    const wasLaunched =
      process.state !== "planned" || process.startId !== null || !wasNeverLaunched(update);
    if (!wasLaunched || rules.confirmsEnd({ runtime, isByExecutor })) {
      this.#ended(cell, process, update);
      return;
    }
    const endsByMs = this.monotonicMs + rules.outliveMs(runtime) + marginMs;
    const because = updateBecause(update);
    // Mesos offers its port to others meanwhile.
    this.agents.avoidPort(process.address, process.port, endsByMs);
    orphanProcess(cell, process.id, { endsByMs, because, wasTried: wasTried(update) });
  }

  #ended(cell: InstanceCell, process: ProcessRecord, update: TaskUpdate): void {
    // Only the executor tried the port; a launch that Mesos dropped says nothing about it.
    if (update.source === "SOURCE_EXECUTOR") this.#portFailed(cell, process);
    const ending = { because: updateBecause(update), wasTried: wasTried(update) };
    endProcess(cell, process.id, ending, this);
  }

  /** A process ended on this port: if it never served there, and nobody ended it, a stranger may hold the port. */
  #portFailed(cell: InstanceCell, process: ProcessRecord): void {
    const served = cell.servingSinceMs.has(process.id) || process.startId !== null;
    if (served || !isActive(cell.document)) return;
    const untilMs = this.monotonicMs + controlLimits.portAvoidMs;
    this.agents.avoidPort(process.address, process.port, untilMs);
  }

  /** A task that no document knows: the store was read completely, so nobody wants it. */
  #orphan(taskId: string, agentId: string | null, state: string): void {
    const lives = state === "TASK_STAGING" || state === "TASK_STARTING" || state === "TASK_RUNNING";
    if (!lives || agentId === null) return;
    this.emit({
      type: "kill-task",
      agentId,
      taskId,
      because: { code: "orphan", text: "no instance has this process" },
    });
  }

  #reportsReceived(event: Extract<ControlEvent, { type: "reports-received" }>): void {
    const { batch } = event;
    const key = executorKey(event);
    const late = this.#executors.heard(key, batch, this.monotonicMs, (cell) => this.touch(cell));
    const renewMs = this.settings.masterLeaseMs * leaseRenewShare;
    if (!late && this.#executors.isRenewalDue(key, this.monotonicMs, renewMs)) {
      this.#outbox.leaseWanted(event);
    }
    for (const report of batch.processes) {
      // Of a late batch only deaths are believed: a process never comes back.
      if (late && report.phase !== "exited") continue;
      const cell = this.#cellOf(report.processId);
      const process = cell && processOf(cell.document, report.processId);
      if (cell === undefined || process === undefined) {
        if (report.phase !== "exited") {
          this.#orphan(report.processId, event.agentId, "TASK_RUNNING");
        }
        continue;
      }
      if (process.agentId !== event.agentId) continue;
      if (report.phase === "exited") this.#portFailed(cell, process);
      takeReport(cell, report, this);
      this.touch(cell);
    }
    if (batch.full && !late) this.#missed(event);
  }

  /** Its executor does not know it (any more): not heard of now, and Mesos is asked what became of it. */
  #missed(event: Extract<ControlEvent, { type: "reports-received" }>): void {
    const listed = new Set(event.batch.processes.map(({ processId }) => processId));
    for (const cell of this.#executors.cellsOf(executorKey(event))) {
      for (const { id, state, agentId, executorId } of cell.document.processes) {
        const isThere = agentId === event.agentId && executorId === event.executorId;
        if (!isThere || state !== "running" || listed.has(id)) continue;
        if (cell.reports.delete(id)) this.touch(cell);
        this.#reconciliation.doubt(id, agentId, this.monotonicMs);
      }
    }
  }

  #woken(): void {
    for (const key of this.#agenda.due(this.monotonicMs)) {
      if (key === silenceKey && this.subscribed) {
        this.#executors.wake(this.monotonicMs, (cell) => this.touch(cell));
      }
      if (key === reconcileKey) {
        this.#reconciliation.wake(
          this.monotonicMs,
          (effect) => this.emit(effect),
          () => this.#reconcileAll(),
        );
      }
      const cell = this.cells.get(key);
      if (cell === undefined) continue;
      this.#commits.retry(cell, this);
      this.touch(cell);
    }
  }

  #settle(): void {
    for (const cell of this.#touched) {
      this.#touched.delete(cell);
      if (this.cells.get(cell.name) !== cell) continue;
      this.#executors.index(cell, cell.document.processes, this.monotonicMs);
      review(cell, this);
      this.#executors.index(cell, cell.document.processes, this.monotonicMs);
      this.#commits.start(cell, this);
      this.emit({ type: "view-changed", name: cell.name });
    }
  }

  #scheduleOwn(): void {
    this.#agenda.put(reconcileKey, this.#reconciliation.next());
    this.#agenda.put(placementKey, this.#placement.next());
    this.#agenda.put(silenceKey, this.subscribed ? this.#executors.next() : null);
  }

  /** What is held of offers now, for the API. */
  heldOffers() {
    return this.#placement.offers();
  }

  /** The document of an instance, or undefined; for tests and the API. */
  document(name: string): InstanceDocument | undefined {
    return this.cells.get(name)?.document;
  }
}
