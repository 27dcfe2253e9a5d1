/**
 * Owns how instances, processes and agents look on /v2. Written field by field, so that a secret can only get out
 * by being named here. Not: routes (v2.ts) nor /v1 (v1-status.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type AgentView,
  attributeText,
  constraintTuple,
  type FailoverRecord,
  type InstanceView,
  type ProcessView,
  type Unplaced,
} from "@mr-redis/core";
import type { FailoverJson } from "./failover-schema.js";
import type { AgentListJson, InstanceJson, ProcessJson } from "./schema.js";

const iso = (atMs: number): string => new Date(atMs).toISOString();

/** The instance as /v2 shows it. */
export function instanceJson({ document, processes, unplaced }: InstanceView): InstanceJson {
  const { spec } = document;
  const all = processes.map(processJson);
  return {
    name: document.name,
    type: spec.slaves > 0 ? "MS" : "S",
    status: document.status,
    reason:
      document.reason === null ? null : { code: document.reason.code, text: document.reason.text },
    memory: spec.memoryMib,
    slaves: spec.slaves,
    masters: spec.masters,
    distribution: spec.distribution,
    config: { ...spec.config },
    fencing: spec.fencing,
    onUnreachable: spec.onUnreachable,
    auth: spec.auth === true,
    tls: spec.tls === true,
    constraints: (spec.constraints ?? []).map((constraint) => [...constraintTuple(constraint)]),
    epoch: document.epoch,
    createdAt: iso(document.createdAtMs),
    master: all.find((process) => process.id === document.masterId) ?? null,
    replicas: all.filter((process) => process.id !== document.masterId),
    processes: all,
    unplaced: unplaced === null ? null : unplacedJson(unplaced),
    proxy:
      document.proxy === undefined
        ? null
        : { write: document.proxy.write, read: document.proxy.read },
    failovers: document.failovers.map(failoverJson),
  };
}

/** The process as /v2 shows it. */
export function processJson({ record, report, ready }: ProcessView): ProcessJson {
  const stats = report?.stats ?? null;
  return {
    id: record.id,
    role: record.role,
    state: record.state,
    ip: record.address,
    port: record.port,
    agentId: record.agentId,
    hostname: record.hostname,
    ready,
    memoryUsedBytes: stats?.memoryUsedBytes ?? null,
    uptimeSeconds: stats?.uptimeSeconds ?? null,
    clients: stats?.clients ?? null,
    lastIoSeconds: stats?.lastIoSeconds ?? null,
    linkUp: report === null || report.role === "master" ? null : report.linkUp,
  };
}

/** The agents as /v2 shows them. */
export function agentListJson(agents: readonly AgentView[]): AgentListJson {
  return {
    agents: agents.map((agent) => ({
      agentId: agent.agentId,
      hostname: agent.hostname,
      processes: agent.processes,
      lastOfferAt: agent.lastOfferAtMs === null ? null : iso(agent.lastOfferAtMs),
      offered: agent.offered === null ? null : { ...agent.offered },
      ...traitsJson(agent),
    })),
  };
}

const traitsJson = ({ traits = null }: AgentView) => ({
  attributes:
    traits === null
      ? null
      : (traits.attributes ?? []).map((attribute) => ({
          name: attribute.name,
          value: attributeText(attribute),
        })),
  region: traits?.faultDomain?.region ?? null,
  zone: traits?.faultDomain?.zone ?? null,
});

const unplacedJson = ({ missing, because, agents }: Unplaced) => ({
  missing,
  text: because.text,
  agents: agents.map(({ agentId, hostname, text }) => ({ agentId, hostname, text })),
});

/** The record of a failover as /v2 shows it: its times count from the first sign. */
export const failoverJson = (record: FailoverRecord): FailoverJson => ({
  epoch: record.epoch,
  kind: record.kind,
  oldMaster: record.oldMaster,
  newMaster: record.newMaster,
  because: { code: record.because.code, text: record.because.text },
  startedAt: iso(record.startedAtMs),
  seen: record.seen.map(({ by, what, atMs }) => ({ by, what, atMs: atMs - record.startedAtMs })),
  steps: record.steps.map(({ name, atMs }) => ({ name, atMs: atMs - record.startedAtMs })),
  candidates: record.candidates.map(({ processId, hostname, offset, dataEpoch, diverged }) => ({
    processId,
    hostname,
    offset,
    dataEpoch,
    diverged,
  })),
  bytesGivenUp: record.bytesGivenUp,
  writerlessMs: record.writerlessMs,
});
