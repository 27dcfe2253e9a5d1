/**
 * Owns what must be true at every step of a run, from the outside: by what redis-servers hold and accept, by what is
 * stored and answered. Not: what should be true after healing (liveness.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Effect, InstanceDocument } from "@mr-redis/core";
import { commonOffset, isRelated, type Place } from "./history.js";
import type { Redis } from "./redis.js";
import { Violation } from "./violation.js";
import type { World } from "./world.js";

/** What clients were told of one instance. */
interface Truth {
  place: Place;
  reign: number;
}

/** See the head of this file. */
export class Checks {
  readonly #world: World;
  readonly #truths = new Map<string, Truth>();
  /** Promotions that were committed. */
  promotions = 0;
  failovers = 0;
  steps = 0;

  constructor(world: World) {
    this.#world = world;
  }

  #name(redis: Redis): string {
    return `${redis.identity.processId.slice(-4)}(S${redis.node})`;
  }

  /** Who accepts writes of this instance now? */
  writers(instance: string): void {
    this.steps += 1;
    let writer: Redis | null = null;
    for (const redis of this.#world.redisesOf(instance)) {
      if (!redis.accepts || redis.isExcused) continue;
      if (writer !== null) {
        const names = `${this.#name(writer)} of reign ${writer.reign} and ${this.#name(redis)} of reign ${redis.reign}`;
        throw new Violation("two-writers", `${instance}: ${names} accept writes`);
      }
      writer = redis;
    }
    if (writer === null) return;
    const document = this.#world.store.document(instance);
    if (document === null || document.epoch <= writer.reign || document.masterId === null) return;
    if (isForced(document)) return;
    const text = `${this.#name(writer)} of reign ${writer.reign} accepts writes, ${document.epoch} is stored`;
    throw new Violation("past-reign-writes", `${instance}: ${text}`);
  }

  /** A write was acknowledged. */
  wrote(redis: Redis): void {
    const truth = this.#truths.get(redis.identity.instance);
    if (truth === undefined || redis.reign < truth.reign) return;
    truth.place = redis.place;
  }

  /** A process became a master. */
  promoted(redis: Redis): void {
    const { instance } = redis.identity;
    const truth = this.#truths.get(instance);
    if (truth === undefined) {
      this.#truths.set(instance, { place: redis.place, reign: redis.reign });
      return;
    }
    if (redis.reign <= truth.reign) return;
    const had = truth.place.offset;
    if (had > 0 && !isRelated(redis.place, truth.place)) this.#checkEmpty(redis, truth);
    truth.place = redis.place;
    truth.reign = redis.reign;
  }

  /** An empty one may be master only when nobody with data lives, or where the owner chose so. */
  #checkEmpty(redis: Redis, truth: Truth): void {
    const { instance } = redis.identity;
    const document = this.#world.store.document(instance);
    if (document !== null && isForced(document)) return;
    if (document?.spec.slaves === 0 && document.spec.onUnreachable === "replace") return;
    for (const other of this.#world.redisesOf(instance)) {
      if (other === redis || commonOffset(other.place, truth.place) === 0) continue;
      const text = `${this.#name(redis)} is empty and masters while ${this.#name(other)} has data`;
      throw new Violation("empty-master", `${instance}: ${text}`);
    }
  }

  /** A full copy took the place of what a process had. */
  replaced(redis: Redis, before: Place, after: Place): void {
    const truth = this.#truths.get(redis.identity.instance);
    if (truth === undefined) return;
    const had = commonOffset(before, truth.place);
    const has = commonOffset(after, truth.place);
    if (has >= had) return;
    const text = `${this.#name(redis)} had ${had} of the data and was given a copy with ${has}`;
    throw new Violation("newer-data-overwritten", `${redis.identity.instance}: ${text}`);
  }

  /** A document is about to be stored. */
  committing(name: string, before: InstanceDocument | null, after: InstanceDocument | null): void {
    if (after === null || before === null || before.incarnation !== after.incarnation) {
      if (before !== null && after !== null && !this.#mayGo(before)) {
        throw new Violation("instance-lost", `${name} was created anew over a live one`);
      }
      this.#truths.delete(name);
      return;
    }
    if (after.epoch < before.epoch) throw new Violation("reign", `${name}: the epoch goes back`);
    if (
      after.epoch === before.epoch &&
      before.masterId !== null &&
      after.masterId !== null &&
      after.masterId !== before.masterId
    ) {
      throw new Violation("reign", `${name}: two masters in epoch ${after.epoch}`);
    }
    this.#portsKept(name, before, after);
    if (after.epoch > before.epoch && before.masterId !== null) this.#decided(name, before, after);
  }

  /** Ports at proxies are given once, and kept until the instance is gone. */
  #portsKept(name: string, { proxy: given }: InstanceDocument, after: InstanceDocument): void {
    if (given === undefined || after.status === "DELETED") return;
    const { proxy } = after;
    if (proxy?.write === given.write && proxy.read === given.read) return;
    const text = `had ${JSON.stringify(given)} and gets ${JSON.stringify(proxy ?? null)}`;
    throw new Violation("proxy-ports", `${name}: ${text}`);
  }

  /** No port is stored for two instances. */
  #portsApart(): void {
    const owners = new Map<number, string>();
    for (const { document } of this.#world.store.documents.values()) {
      const { write = null, read = null } = document.proxy ?? {};
      for (const port of [write, read]) {
        if (port === null) continue;
        const owner = owners.get(port);
        if (owner !== undefined) {
          throw new Violation("proxy-ports", `${port} is of ${owner} and of ${document.name}`);
        }
        owners.set(port, document.name);
      }
    }
  }

  /** Deleted, or a delete was asked for since it was stored: a create may come in the same commit as the end. */
  #mayGo({ name, status }: InstanceDocument): boolean {
    return status === "DELETED" || status === "DELETING" || this.#world.doubtful.has(name);
  }

  #decided(name: string, before: InstanceDocument, after: InstanceDocument): void {
    const { masterId } = after;
    const record = after.failovers.at(-1);
    const isPromotion = before.processes.some(({ id }) => id === masterId);
    if (!isPromotion) return;
    this.promotions += 1;
    if (record?.epoch !== after.epoch) {
      throw new Violation("no-reason", `${name}: a promotion without a record`);
    }
    const truth = this.#truths.get(name);
    const chosen = this.#world.redisNamed(masterId ?? "");
    if (truth === undefined || chosen === null || record.kind === "forced") return;
    const has = commonOffset(chosen.place, truth.place);
    if (record.kind === "planned" && has < truth.place.offset) {
      const text = `a planned failover gives up ${truth.place.offset - has} writes`;
      throw new Violation("acknowledged-write-lost", `${name}: ${text}`);
    }
    for (const { processId, offset } of record.candidates) {
      const other = this.#world.redisNamed(processId);
      if (other === null || offset < 0 || other === chosen) continue;
      const had = commonOffset(other.place, truth.place);
      if (had <= has) continue;
      const text = `${this.#name(chosen)} has ${has} and was chosen, ${this.#name(other)} has ${had}`;
      throw new Violation("acknowledged-write-lost", `${name}: ${text}`);
    }
  }

  /** A document was stored. */
  committed(name: string, document: InstanceDocument): void {
    const { status, reason } = document;
    if (
      status !== "RUNNING" &&
      status !== "DELETED" &&
      reason === null &&
      document.processes.length > 0
    ) {
      throw new Violation("no-reason", `${name} is ${status} without a reason`);
    }
    for (const { because, epoch } of document.failovers) {
      if (because.text === "") throw new Violation("no-reason", `${name}: failover to ${epoch}`);
    }
    this.#portsApart();
    this.writers(name);
  }

  /** What a scheduler is about to do. */
  effect(effect: Effect, term: number): void {
    const { store } = this.#world;
    if (effect.type === "accept-offers") {
      for (const { order } of effect.launches) {
        const document = store.document(order.instance);
        const known = document?.processes.some(({ id }) => id === order.processId) === true;
        if ((order.auth === true) !== (document?.spec.auth === true) && store.term === term) {
          throw new Violation("password", `${order.processId} is launched open, or closed to all`);
        }
        if (!known && store.term === term) {
          const text = `${order.processId} is launched before it is stored`;
          throw new Violation("act-before-persist", text);
        }
      }
    } else if (effect.type === "send-goals" && store.term === term) {
      for (const goal of effect.batch.goals) {
        if (goal.role === "parked") continue;
        const document = store.document(goal.processId.slice(0, goal.processId.indexOf("::")));
        const master = goal.role === "master" ? goal.processId : goal.master?.processId;
        if (document?.epoch === goal.epoch && document.masterId === master) continue;
        const text = `${goal.role} of epoch ${goal.epoch} is said to ${goal.processId} before it is stored`;
        throw new Violation("act-before-persist", text);
      }
    }
  }

  /** A rotation was told: what is given out from now on is accepted by everybody who was not named. */
  rotated(name: string, pending: readonly string[]): void {
    const document = this.#world.store.document(name);
    if (document?.users === undefined) throw new Violation("password", `${name} has no users`);
    const { readWrite, readOnly } = document.users;
    for (const { id } of document.processes) {
      const redis = this.#world.redisNamed(id);
      if (redis === null || pending.includes(id)) continue;
      if (redis.admits(readWrite.current.hash) && redis.admits(readOnly.current.hash)) continue;
      const text = `${this.#name(redis)} does not accept the passwords of a rotation that was told`;
      throw new Violation("password", `${name}: ${text}`);
    }
  }

  /** What is left of the truth that the present master does not have; null: it has all, or there is none. */
  missing(name: string, redis: Redis): number {
    const truth = this.#truths.get(name);
    return truth === undefined ? 0 : truth.place.offset - commonOffset(redis.place, truth.place);
  }
}

const isForced = ({ failovers, epoch }: InstanceDocument): boolean => {
  const last = failovers.at(-1);
  return last?.kind === "forced" && last.epoch === epoch;
};
