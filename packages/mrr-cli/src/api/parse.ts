/**
 * Owns turning answers of /v2 into types: pure, tolerant of what is new, strict about what is needed.
 * Not: HTTP (client.ts). Called by instances.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Parsed, parsed, refused } from "@mr-redis/core";
import type { Failover, Instance, InstancePage, Problem, Process, Unplaced } from "./types.js";

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (value: unknown): Fields | null =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : null;

const text = (value: unknown, fallback = ""): string =>
  typeof value === "string" ? value : fallback;

/** What is nested deeply has no text: making one would end the program. */
const scalar = (value: unknown): string => (typeof value === "object" ? "?" : String(value));

const number = (value: unknown, fallback = 0): number =>
  typeof value === "number" && Number.isFinite(value) ? value : fallback;

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function parseProcess(value: unknown): Process | null {
  const fields = fieldsOf(value);
  if (fields === null) return null;
  return {
    id: text(fields.id),
    role: text(fields.role),
    state: text(fields.state),
    ip: typeof fields.ip === "string" ? fields.ip : null,
    port: number(fields.port),
    agentId: text(fields.agentId),
    hostname: text(fields.hostname),
    ready: fields.ready === true,
  };
}

const parseProcesses = (value: unknown): Process[] =>
  list(value).flatMap((entry) => {
    const process = parseProcess(entry);
    return process === null ? [] : [process];
  });

function parseUnplaced(value: unknown): Unplaced | null {
  const fields = fieldsOf(value);
  if (fields === null) return null;
  const agents = list(fields.agents).flatMap((entry) => {
    const agent = fieldsOf(entry);
    if (agent === null) return [];
    const { agentId, hostname } = agent;
    return [{ agentId: text(agentId), hostname: text(hostname), text: text(agent.text) }];
  });
  return { missing: number(fields.missing), text: text(fields.text), agents };
}

function parseReason(value: unknown): Instance["reason"] {
  const fields = fieldsOf(value);
  return fields === null ? null : { code: text(fields.code), text: text(fields.text) };
}

function parseConfig(value: unknown): Record<string, string> {
  const entries = Object.entries(fieldsOf(value) ?? {});
  return Object.fromEntries(entries.map(([name, setting]) => [name, scalar(setting)]));
}

const parseConstraints = (value: unknown): string[][] =>
  list(value).map((constraint) => list(constraint).map((part) => text(part)));

/** An instance. Needs a name and a status; everything else may be missing. */
export function parseInstance(value: unknown): Parsed<Instance> {
  const fields = fieldsOf(value);
  if (fields === null) return refused("the answer", "must be an instance");
  if (typeof fields.name !== "string" || typeof fields.status !== "string") {
    return refused("the answer", "must have a name and a status");
  }
  return parsed({
    name: fields.name,
    type: text(fields.type, "S"),
    status: fields.status,
    reason: parseReason(fields.reason),
    memory: number(fields.memory),
    slaves: number(fields.slaves),
    distribution: typeof fields.distribution === "number" ? fields.distribution : null,
    config: parseConfig(fields.config),
    constraints: parseConstraints(fields.constraints),
    fencing: text(fields.fencing),
    onUnreachable: text(fields.onUnreachable),
    auth: fields.auth === true,
    tls: fields.tls === true,
    master: parseProcess(fields.master),
    replicas: parseProcesses(fields.replicas),
    processes: parseProcesses(fields.processes),
    unplaced: parseUnplaced(fields.unplaced),
    hasConnection: fields.proxy !== undefined,
  });
}

/** A page of the list. */
export function parsePage(value: unknown): Parsed<InstancePage> {
  const fields = fieldsOf(value);
  if (fields === null || !Array.isArray(fields.instances)) {
    return refused("the answer", "must have a list of instances");
  }
  const instances: Instance[] = [];
  for (const entry of fields.instances) {
    const instance = parseInstance(entry);
    if (!instance.ok) return instance;
    instances.push(instance.value);
  }
  const next = typeof fields.next === "string" && fields.next !== "" ? fields.next : null;
  return parsed({ instances, next, raw: fields.instances });
}

function parseFailover(value: unknown): Failover[] {
  const fields = fieldsOf(value);
  if (fields === null) return [];
  const objects = (values: unknown): Fields[] =>
    list(values).flatMap((value) => {
      const each = fieldsOf(value);
      return each === null ? [] : [each];
    });
  const numberOrNull = (each: unknown) => (typeof each === "number" ? each : null);
  const failover: Failover = {
    epoch: number(fields.epoch),
    kind: text(fields.kind),
    oldMaster: typeof fields.oldMaster === "string" ? fields.oldMaster : null,
    newMaster: text(fields.newMaster),
    because: text(fieldsOf(fields.because)?.text),
    startedAt: text(fields.startedAt),
    seen: objects(fields.seen).map((each) => ({
      by: text(each.by),
      what: text(each.what),
      atMs: number(each.atMs),
    })),
    steps: objects(fields.steps).map((each) => ({
      name: text(each.name),
      atMs: number(each.atMs),
    })),
    candidates: objects(fields.candidates).map((each) => ({
      processId: text(each.processId),
      hostname: text(each.hostname),
      offset: number(each.offset, -1),
      dataEpoch: number(each.dataEpoch),
      diverged: each.diverged === true,
    })),
    bytesGivenUp: numberOrNull(fields.bytesGivenUp),
    writerlessMs: numberOrNull(fields.writerlessMs),
  };
  return [failover];
}

/** The failovers of an instance, newest last. */
export function parseFailovers(value: unknown): Parsed<readonly Failover[]> {
  const fields = fieldsOf(value);
  if (fields === null || !Array.isArray(fields.failovers)) {
    return refused("the answer", "must have a list of failovers");
  }
  return parsed(fields.failovers.flatMap(parseFailover));
}

/** The epoch that an accepted failover will have. */
export function parseEpoch(value: unknown): Parsed<number> {
  const epoch = fieldsOf(value)?.epoch;
  return typeof epoch === "number" ? parsed(epoch) : refused("the answer", "must have an epoch");
}

/** Problem details; null when the answer is none (a proxy's page, an older scheduler). */
export function parseProblem(value: unknown): Problem | null {
  const fields = fieldsOf(value);
  if (fields === null || typeof fields.code !== "string") return null;
  return {
    type: text(fields.type, "about:blank"),
    title: text(fields.title),
    status: number(fields.status),
    detail: text(fields.detail, text(fields.title)),
    code: fields.code,
    help: text(fields.help),
  };
}
