/**
 * Owns what the API sees of this scheduler: the present reign, the memory of the last one, or who leads instead.
 * Not: how one comes to lead (succession.ts, which tells it), nor HTTP (api/). Implements the port that the API declares.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type AgentView,
  type Clock,
  type InstanceDocument,
  type InstanceView,
  MrrError,
  type UpgradeView,
} from "@mr-redis/core";
import type {
  ConnectionView,
  ControlPort,
  CreateOutcome,
  CreateRequest,
  DeleteOutcome,
  EndpointsPage,
  FailoverOutcome,
  FailoverRequest,
  ListPage,
  ListQuery,
  RotationOutcome,
  RotationRequest,
  Stance,
  UpgradeAction,
} from "./api/port.js";
import type { LoopPort } from "./control-port.js";
import type { EventsReader, EventsSink } from "./events/hub.js";
import type { LeaderIdentity } from "./leader-identity.js";

/** A reign as the front needs it. */
export interface ReignView {
  readonly port: LoopPort;
  changeUpgrade(action: UpgradeAction): Promise<UpgradeView>;
  /** False as soon as it must not act any more. */
  mayAct(): boolean;
  ready(): { readonly ok: boolean; readonly reason: string | null };
  /** Monotonic ms of the store's last word about this leadership; of the end, it stays. */
  confirmedAtMs(): number;
}

/** See the head of this file. */
export class Front implements ControlPort {
  readonly #clock: Clock;
  #reign: ReignView | null = null;
  #leader: (LeaderIdentity & { readonly url: string }) | null = null;
  #reason = "starting";
  /** Why the leader may not be one any more; null while the store names it. */
  #doubt: string | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A reign begins. */
  reigns(reign: ReignView): void {
    this.#reign = reign;
    this.#leader = null;
  }

  /** Somebody else leads: clients are sent there. What was known of an own reign is outdated by that. */
  follows(leader: LeaderIdentity & { readonly url: string }): void {
    this.#reign = null;
    this.#leader = leader;
    this.#doubt = null;
  }

  /**
   * Nobody is known to lead, and why. A leader that was known is not one any more unless `keepLeader`. `forget`: what was
   * known of an own reign is outdated.
   */
  waits(
    reason: string,
    options: { readonly keepLeader?: boolean; readonly forget?: boolean } = {},
  ): void {
    this.#reason = reason;
    this.#doubt = reason;
    if (options.keepLeader !== true) this.#leader = null;
    if (options.forget === true) this.#reign = null;
  }

  stance(): Stance {
    const reign = this.#reign;
    if (reign !== null) {
      const stateAgeMs = Math.max(0, Math.round(this.#clock.monotonicMs() - reign.confirmedAtMs()));
      if (reign.mayAct()) return { type: "leading", stateAgeMs };
      return { type: "memory", stateAgeMs, reason: this.#reason };
    }
    if (this.#leader === null) return { type: "leaderless", reason: this.#reason };
    return { type: "standby", leaderUrl: this.#leader.url, text: this.#leader.text };
  }

  ready(): { readonly ok: boolean; readonly reason: string | null } {
    const stance = this.stance();
    switch (stance.type) {
      case "leading":
        return this.#present().ready();
      case "standby":
        return { ok: false, reason: `standby: ${stance.text} leads${this.#doubtText()}` };
      case "memory":
        return {
          ok: false,
          reason: `${stance.reason}; what is shown is ${stance.stateAgeMs} ms old`,
        };
      case "leaderless":
        return { ok: false, reason: stance.reason };
    }
  }

  create(request: CreateRequest): Promise<CreateOutcome> {
    return this.#present().port.create(request);
  }

  remove(name: string): Promise<DeleteOutcome> {
    return this.#present().port.remove(name);
  }

  failover(request: FailoverRequest): Promise<FailoverOutcome> {
    return this.#present().port.failover(request);
  }

  rotate(request: RotationRequest): Promise<RotationOutcome> {
    return this.#present().port.rotate(request);
  }

  view(name: string): InstanceView | null {
    return this.#present().port.view(name);
  }

  list(query: ListQuery): ListPage {
    return this.#present().port.list(query);
  }

  listRunning(): Iterable<InstanceView> {
    return this.#present().port.listRunning();
  }

  connection(name: string): ConnectionView | null {
    return this.#present().port.connection(name);
  }

  endpoints(query: Pick<ListQuery, "after" | "limit">): EndpointsPage {
    return this.#present().port.endpoints(query);
  }

  follow(sink: EventsSink, lastEventId: string | null): EventsReader {
    return this.#present().port.follow(sink, lastEventId);
  }

  agents(): readonly AgentView[] {
    return this.#present().port.agents();
  }

  upgrade(): UpgradeView {
    return this.#present().port.upgrade();
  }

  changeUpgrade(action: UpgradeAction): Promise<UpgradeView> {
    return this.#present().changeUpgrade(action);
  }

  watch(name: string, listener: (document: InstanceDocument | null) => void): () => void {
    return this.#present().port.watch(name, listener);
  }

  /** The reign that may act; null: this scheduler does not lead. */
  leading(): ReignView | null {
    const reign = this.#reign;
    return reign?.mayAct() === true ? reign : null;
  }

  #doubtText(): string {
    return this.#doubt === null ? "" : `, as far as is known: ${this.#doubt}`;
  }

  #present(): ReignView {
    if (this.#reign !== null) return this.#reign;
    const reason = this.#leader === null ? this.#reason : `${this.#leader.text} leads`;
    throw new MrrError("not-ready", reason);
  }
}
