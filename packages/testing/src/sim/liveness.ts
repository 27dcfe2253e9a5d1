/**
 * Owns what must be true some time after everything works again: every instance as asked, nothing left over.
 * Not: what must be true always (checks.ts). Called by run.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { controlLimits, type InstanceDocument } from "@mr-redis/core";
import type { Redis } from "./redis.js";
import { Violation } from "./violation.js";
import { proxyPorts, type World } from "./world.js";

/**
 * Everything must be as asked so long after the last fault has ended, in milliseconds of virtual time; not counted is the
 * time for which there was no place but one whose port is avoided.
 */
export const healMsMax = 240_000;

const stepMs = 250;

/** Ends every fault. */
function mend(world: World): void {
  world.isRotating = false;
  world.network.calm();
  world.network.healAll();
  world.store.faults = { lostShare: 0, silentShare: 0, lateShare: 0 };
  for (const scheduler of world.schedulers) {
    scheduler.thaw();
    scheduler.start();
  }
  for (const agent of world.agents) {
    agent.thaw();
    agent.powerOn();
  }
  for (const redis of world.living()) redis.thaw();
}

/** Mends everything and lets time pass until all is well; returns how long that took. Throws when it takes too long. */
export function heal(world: World): number {
  const { clock } = world;
  world.note("everything is mended");
  mend(world);
  const sinceMs = clock.monotonicMs();
  let avoidanceMs = 0;
  for (;;) {
    clock.advanceBy(stepMs);
    // Faults of the story may still begin or end: they were started before.
    mend(world);
    const problem = problemOf(world);
    const tookMs = clock.monotonicMs() - sinceMs;
    if (problem === null) return tookMs;
    // A port on which a start failed is left alone for a while; a full cluster may have no other one until then.
    if (problem.includes("no room for")) avoidanceMs += stepMs;
    const limitMs = healMsMax + Math.min(avoidanceMs, controlLimits.portAvoidMs);
    if (tookMs > limitMs) throw new Violation("liveness", problem);
  }
}

/** The first thing that is not as it should be. */
function problemOf(world: World): string | null {
  for (const [name, spec] of world.promised) {
    const document = world.store.document(name);
    const isGone = document === null || document.status === "DELETED";
    const isEither = isGone || document.status === "RUNNING";
    if (world.doubtful.has(name) && isEither) continue;
    if (spec === null) {
      if (!isGone) return `${name} was deleted and is ${document.status}: ${document.reason?.text}`;
    } else if (document === null) return `${name} was promised and is gone`;
    else {
      const problem = problemOfInstance(world, document);
      if (problem !== null) return `${name}: ${problem}`;
    }
  }
  for (const agent of world.agents) {
    for (const { order } of agent.living()) {
      const document = world.store.document(order.instance);
      const known = document?.processes.some(({ id }) => id === order.processId) === true;
      if (!known) return `${order.processId} is a task without a record`;
    }
  }
  return null;
}

/** Whoever has no ports at proxies waits for as many as are not free. */
function lacksPorts(world: World, { proxy, spec }: InstanceDocument): boolean {
  if (proxy !== undefined) return false;
  const countOf = ({ proxy: ports }: InstanceDocument): number =>
    ports === undefined ? 0 : ports.read === null ? 1 : 2;
  const documents = [...world.store.documents.values()].map(({ document }) => document);
  const taken = documents.reduce((sum, document) => sum + countOf(document), 0);
  const count = proxyPorts.last - proxyPorts.first + 1;
  return count - taken >= (spec.slaves > 0 ? 2 : 1);
}

/** Exactly the passwords that are stored are accepted, no more and no less. */
function hasUsers({ clients }: Redis, { users }: InstanceDocument): boolean {
  if (users === undefined || clients === null) return users === undefined && clients === null;
  const wanted = [users.readWrite, users.readOnly].flatMap(({ current, previous }) =>
    previous === null ? [current.hash] : [current.hash, previous.hash],
  );
  const accepted = [...clients.values()].flatMap(({ hashes }) => hashes);
  return wanted.length === accepted.length && wanted.every((hash) => accepted.includes(hash));
}

function problemOfInstance(world: World, document: InstanceDocument): string | null {
  const { name, status, processes, spec, masterId, epoch } = document;
  if (status !== "RUNNING") return `is ${status}: ${document.reason?.text}`;
  if (processes.length !== spec.slaves + 1) return `has ${processes.length} processes`;
  for (const { id } of processes) {
    if (world.redisNamed(id) === null) return `${id} is a record without a process`;
  }
  if (lacksPorts(world, document)) return "has no ports at proxies although some are free";
  const writers = world.redisesOf(name).filter(({ accepts }) => accepts);
  const [writer] = writers;
  if (writers.length !== 1 || writer === undefined) return `${writers.length} accept writes`;
  if (writer.identity.processId !== masterId || writer.reign !== epoch) {
    return "another than the stored master accepts writes";
  }
  const stranger = world.redisesOf(name).find((redis) => !hasUsers(redis, document));
  if (stranger !== undefined) return `${stranger.identity.processId} has other users than stored`;
  const missing = world.checks.missing(name, writer);
  return missing > 0 ? `its master lacks ${missing} writes` : null;
}
