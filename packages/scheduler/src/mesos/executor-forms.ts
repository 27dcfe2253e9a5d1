/**
 * Owns which ExecutorInfo launches on an agent carry: the usual one, whose own resources are unreserved, or one that is
 * equal but for resources that are reserved for the role.
 * Not: its content (launch.ts), nor the resources of tasks (offer.ts). Called by reign.ts for each offer, and by effects.ts.
 * Why there are several: all tasks of a live executor must carry an equal ExecutorInfo, the reservations of its resources
 * included; and an agent may have nothing unreserved. The id stands for the content, so that after a restart it can be
 * told from the executors that an offer names which one runs there. One that cannot be told is left to end idle.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ProcessNeed } from "@mr-redis/core";
import {
  amountOf,
  type ExecutorInfo,
  isSameKind,
  type Offer,
  type Resource,
  scalarOf,
} from "@mr-redis/mesos";
import { withExecutorId } from "./launch.js";
import { usableOf } from "./offer.js";

/** Most forms that are remembered: each kind of reservation on any agent makes one, and operators use few. */
export const formsMax = 256;

/** Most agents of which is remembered which form was last used there; ten times what one scheduler is made for. */
const agentsMax = 10_000;

/** What a launch on an agent is for. */
export interface ExecutorChoice {
  readonly info: ExecutorInfo;
  /** It runs there, or is being started. */
  readonly isPresent: boolean;
}

/** See the head of this file. */
export class ExecutorForms {
  readonly usual: ExecutorInfo;
  readonly #need: ProcessNeed;
  readonly #byId = new Map<string, ExecutorInfo>();
  readonly #byAgent = new Map<string, string>();

  /** `usual` has its resources unreserved; `role`: the framework's. */
  constructor(usual: ExecutorInfo, need: ProcessNeed, role: string) {
    this.usual = usual;
    this.#need = need;
    this.#byId.set(usual.executor_id.value, usual);
    const kinds = [undefined, ...rolesAbove(role)];
    for (const cpus of kinds) {
      for (const mem of kinds) {
        const form = this.#formOf(ownKind("cpus", role, cpus), ownKind("mem", role, mem));
        this.#byId.set(form.executor_id.value, form);
      }
    }
  }

  /** Undefined for an executor of another set-up, or one that was forgotten. */
  byId(executorId: string): ExecutorInfo | undefined {
    return this.#byId.get(executorId);
  }

  /** For a launch with this offer; null when no executor runs there and none finds its resources in the offer. */
  choose(offer: Offer): ExecutorChoice | null {
    const agentId = offer.agent_id.value;
    const last = this.#byAgent.get(agentId) ?? this.usual.executor_id.value;
    const living = (offer.executor_ids ?? [])
      .map(({ value }) => value)
      .filter((id) => this.#byId.has(id));
    const present = this.#byId.get(living.find((id) => id === last) ?? living[0] ?? "");
    const choice: ExecutorChoice | null =
      present !== undefined ? { info: present, isPresent: true } : this.#toStart(offer, last);
    if (choice !== null) this.#remember(agentId, choice.info);
    return choice;
  }

  #toStart(offer: Offer, last: string): ExecutorChoice | null {
    const before = this.#byId.get(last);
    const isHeld = (resource: Resource): boolean =>
      sum(usableOf(offer, resource.name).filter((each) => isSameKind(each, resource))) >=
      amountOf(resource);
    // Another offer of this agent may be in use for it just now.
    if (last !== this.usual.executor_id.value && before?.resources?.every(isHeld)) {
      return { info: before, isPresent: false };
    }
    const cpus = kindFor(usableOf(offer, "cpus"), this.#need.cpusMilli);
    const mem = kindFor(usableOf(offer, "mem"), this.#need.memMilliMib);
    if (cpus === undefined || mem === undefined) return null;
    return { info: this.#formOf(this.#asUsual(cpus), this.#asUsual(mem)), isPresent: false };
  }

  /** What is equal to the usual kind and only written in another way is written as usual. */
  #asUsual(kind: Resource): Resource {
    return (this.usual.resources ?? []).find((each) => isSameKind(each, kind)) ?? kind;
  }

  #formOf(cpus: Resource, mem: Resource): ExecutorInfo {
    const resources = [
      { ...cpus, scalar: { value: scalarOf(this.#need.cpusMilli) } },
      { ...mem, scalar: { value: scalarOf(this.#need.memMilliMib) } },
    ];
    const { executor_id: _usual, ...info } = this.usual;
    const form = withExecutorId({ ...info, resources });
    return this.#byId.get(form.executor_id.value) ?? form;
  }

  #remember(agentId: string, info: ExecutorInfo): void {
    const id = info.executor_id.value;
    if (!this.#byId.has(id)) {
      if (this.#byId.size >= formsMax) return;
      this.#byId.set(id, info);
    }
    if (!this.#byAgent.has(agentId) && this.#byAgent.size >= agentsMax) this.#byAgent.clear();
    this.#byAgent.set(agentId, id);
  }
}

const sum = (resources: readonly Resource[]): number =>
  resources.reduce((total, resource) => total + amountOf(resource), 0);

/** The first kind, reserved ones before others, of which there is enough in one piece. */
function kindFor(resources: readonly Resource[], milli: number): Resource | undefined {
  return resources.find(
    (resource) => sum(resources.filter((each) => isSameKind(each, resource))) >= milli,
  );
}

/** Role `a/b/c` may use what is reserved for itself, for `a/b` and for `a`; `*` has no reservations. */
function rolesAbove(role: string): readonly string[] {
  if (role === "*") return [];
  const parts = role.split("/");
  return parts.map((_, index) => parts.slice(0, index + 1).join("/")).reverse();
}

/** Of an agent whose operator reserved all that it has, as Mesos offers it; `reservedFor` undefined: unreserved. */
function ownKind(name: string, role: string, reservedFor: string | undefined): Resource {
  return {
    name,
    type: "SCALAR",
    allocation_info: { role },
    ...(reservedFor === undefined ? {} : { reservations: [{ type: "STATIC", role: reservedFor }] }),
  };
}
