/**
 * Owns one placement round: match what is wanted with the offers held, have the documents committed, then accept.
 * Not: the matching itself (placement/), nor when a round begins (control.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "../assert.js";
import type { LaunchOrder, Stamp } from "../goal/types.js";
import type { InstanceDocument, ProcessRecord } from "../instance/types.js";
import type { Assignment, MatchPlan, ProcessNeed } from "../placement/types.js";
import { processIdOf } from "../request/names.js";
import { usersKey } from "../users/users.js";
import type { AgentBook } from "./agents.js";
import type { InstanceCell } from "./cell.js";
import type { Effect, Launch } from "./effects.js";
import { goalContentOf, goalKey } from "./goals.js";
import type { ControlSettings } from "./settings.js";
import { isActive, processOf, withFailover, withPlanned } from "./transitions.js";

/** A round between the matching and its ACCEPTs. */
export interface PlacementRound {
  /** Offers to be accepted together, by agent. */
  readonly offerIds: ReadonlyMap<string, readonly string[]>;
  readonly launches: Map<string, { readonly cell: InstanceCell; readonly launch: Launch }[]>;
  /** Instances whose commit is not done. */
  readonly pending: Set<string>;
  /** Agents of which an offer was withdrawn meanwhile: an ACCEPT with it would lose all launches. */
  readonly spoiled: Set<string>;
  readonly beganAtMs: number;
}

/** What a round needs from its owner. */
export interface RoundHost {
  readonly atMs: number;
  readonly monotonicMs: number;
  readonly settings: ControlSettings;
  readonly agents: AgentBook;
  nextStamp(): Stamp;
}

/** Memory and CPU of one process of this instance, as Mesos counts them. */
export const needOf = (document: InstanceDocument, settings: ControlSettings): ProcessNeed => ({
  cpusMilli: settings.redisCpusMilli,
  memMilliMib: settings.memoryNeedMilli(document.spec.memoryMib),
});

/** Writes the plan into the documents; returns the round that waits for their commits, or null when nothing was placed. */
export function beginRound(
  plan: MatchPlan,
  cells: ReadonlyMap<string, InstanceCell>,
  offerIds: ReadonlyMap<string, readonly string[]>,
  host: RoundHost,
): PlacementRound | null {
  const byInstance = new Map<string, Assignment[]>();
  for (const assignment of plan.assignments) {
    const list = byInstance.get(assignment.instance);
    if (list === undefined) byInstance.set(assignment.instance, [assignment]);
    else list.push(assignment);
  }
  if (byInstance.size === 0) return null;
  const agents = new Set(plan.assignments.map((assignment) => assignment.agentId));
  const round: PlacementRound = {
    offerIds: new Map([...offerIds].filter(([agentId]) => agents.has(agentId))),
    launches: new Map(),
    pending: new Set(byInstance.keys()),
    spoiled: new Set(),
    beganAtMs: host.monotonicMs,
  };
  for (const [name, assignments] of byInstance) {
    const cell = cells.get(name);
    assert(cell !== undefined, "only known instances are placed");
    placeInstance(cell, assignments, round, host);
  }
  return round;
}

/** Last part of a fresh id: enough to tell the replicas of one master apart for ever. */
const userCharacters = 12;

/** An ACL user's name that no replica of the instance ever had. */
export const replicaUserOf = (freshId: string): string =>
  `replica-${freshId.slice(-userCharacters)}`;

function placeInstance(
  cell: InstanceCell,
  assignments: readonly Assignment[],
  round: PlacementRound,
  host: RoundHost,
): void {
  const identities = assignments.map(({ agentId }) => ({
    id: processIdOf(cell.name, host.settings.nextId()),
    secret: host.settings.nextSecret(),
    replicaSecret: host.settings.nextSecret(),
    replicaUser: replicaUserOf(host.settings.nextId()),
    executorId: host.agents.executorOf(agentId),
  }));
  const document = withPlanned(cell.document, assignments, identities, {
    executorId: host.settings.executorId,
    atMs: host.atMs,
    runtime: host.settings.runtime,
  });
  cell.document = withLoss(cell, document, host);
  cell.writeQuorum = document.writeQuorum;
  cell.held.push({ type: "round-part" });
  const need = needOf(document, host.settings);
  for (const { id } of identities) {
    const process = processOf(document, id);
    assert(process !== undefined, "a planned process has a record");
    const { executorId } = process;
    const isUsual = executorId === host.settings.executorId;
    const order = orderOf(cell, document, process, host);
    const launch = { order, need, ...(isUsual ? {} : { executorId }) };
    cell.launches.set(id, { sinceMs: host.monotonicMs, isOfSession: true });
    const list = round.launches.get(process.agentId);
    if (list === undefined) round.launches.set(process.agentId, [{ cell, launch }]);
    else list.push({ cell, launch });
  }
}

/** With the record of a loss: a new and empty master takes the place of one that left nothing to promote. */
function withLoss(
  cell: InstanceCell,
  document: InstanceDocument,
  host: RoundHost,
): InstanceDocument {
  const { masterId, epoch } = document;
  if (epoch === cell.document.epoch || !document.wasRunning || masterId === null) return document;
  const because = cell.lastFailure ?? { code: "master-gone", text: "the master is gone" };
  const startedAtMs = cell.lostAtMs === 0 ? host.atMs : cell.lostAtMs;
  cell.verifyEpoch = epoch;
  return withFailover(document, {
    epoch,
    kind: because.code === "given-up" ? "unreachable" : "death",
    oldMaster: cell.document.masterId,
    newMaster: masterId,
    because,
    startedAtMs,
    seen: [{ by: "scheduler", what: because.text, atMs: startedAtMs }],
    steps: [{ name: "placed-empty", atMs: host.atMs }],
    candidates: [],
    bytesGivenUp: null,
    writerlessMs: null,
  });
}

function orderOf(
  cell: InstanceCell,
  document: InstanceDocument,
  process: ProcessRecord,
  host: RoundHost,
): LaunchOrder {
  const { settings } = host;
  const parked = !process.member && settings.rules.joinsParked();
  const { spec, users } = document;
  const terms = { parked, writeQuorum: cell.writeQuorum, users, settings };
  const content = goalContentOf(document, process, terms);
  const stamp = host.nextStamp();
  cell.sentGoals.set(process.id, {
    key: goalKey(content),
    users: usersKey(content.users),
    stamp,
    sentAtMs: host.monotonicMs,
  });
  return {
    version: 1,
    instance: document.name,
    processId: process.id,
    address: process.address,
    port: process.port,
    memoryMib: process.memoryMib,
    config: spec.config,
    goal: { ...content, stamp },
    ...(spec.auth === undefined ? {} : { auth: spec.auth }),
    ...(spec.tls === undefined ? {} : { tls: spec.tls }),
  };
}

/** What became of a round. */
export interface RoundEnd {
  readonly effects: readonly Effect[];
  /** Processes whose launch will never be sent. */
  readonly dropped: readonly { readonly cell: InstanceCell; readonly processId: string }[];
  /** Offers that are used up. */
  readonly usedOfferIds: readonly string[];
}

/** The ACCEPTs of a round whose documents are all durable: one for each agent. */
export function endRound(round: PlacementRound, subscribed: boolean, nowMs: number): RoundEnd {
  assert(round.pending.size === 0, "launches wait for their commits");
  const effects: Effect[] = [];
  const dropped: { cell: InstanceCell; processId: string }[] = [];
  const usedOfferIds: string[] = [];
  for (const [agentId, entries] of round.launches) {
    const offerIds = round.offerIds.get(agentId) ?? [];
    const usable = subscribed && !round.spoiled.has(agentId);
    const launches: Launch[] = [];
    for (const { cell, launch } of entries) {
      const { processId } = launch.order;
      const present = processOf(cell.document, processId) !== undefined;
      if (!present) continue;
      // Mesos has answered meanwhile that it has no such task: what is launched now would be ended as an orphan later.
      if (usable && isActive(cell.document) && !cell.orphans.has(processId)) {
        launches.push(launch);
        cell.launches.set(processId, { sinceMs: nowMs, isOfSession: true });
      } else dropped.push({ cell, processId });
    }
    if (launches.length === 0) continue;
    usedOfferIds.push(...offerIds);
    effects.push({
      type: "accept-offers",
      agentId,
      offerIds,
      launches,
      refuseSeconds: 0,
      because: { code: "placed", text: `${launches.length} processes have their place here` },
    });
  }
  return { effects, dropped, usedOfferIds };
}
