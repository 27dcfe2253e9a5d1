/**
 * Owns what is done to messages on their way through the master: some are lost, some come twice, some late.
 * Not: who asks for it (faults.ts), nor the messages. Called by shell/master-shell.ts for every message.
 * Only what a real Mesos may do to a message can be asked for: see {@link mayHappen}.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock } from "@mr-redis/core";

/** Where a message is met: between scheduler and master, or between master and agent. */
export type MessagePlace = "call" | "event" | "to-agent" | "from-agent";

/** What is done to a message. */
export type MessageAction = "drop" | "duplicate" | "delay";

/** A rule: it holds for messages of one kind until `count` were met or it is cleared. */
export interface MessageRule {
  readonly place: MessagePlace;
  /** As Mesos or border/messages.ts calls it: `ACCEPT`, `UPDATE`, `kill-task`. */
  readonly kind: string;
  readonly action: MessageAction;
  /** Only of `delay`. */
  readonly delayMs: number;
  /** Of one agent only; null: of all. Calls and events have none. */
  readonly agentId: string | null;
  /** How many messages; null: without an end. */
  readonly count: number | null;
  /** In (0, 1]: of how many of those that it holds for. */
  readonly probability: number;
}

/**
 * What may happen to which message. Calls were answered with 202 and are lost inside (`ACCEPT`: its launches, not its
 * offers); to an agent and from it everything is lost with a connection, and what is repeated can come twice or late.
 * Heartbeats can stop while a stream stands. Registrations, and what carries no repetition of its own, are left alone.
 */
export const mayHappen: Readonly<
  Record<MessagePlace, Readonly<Record<string, readonly MessageAction[]>>>
> = {
  call: {
    ACCEPT: ["drop"],
    KILL: ["drop"],
    ACKNOWLEDGE: ["drop"],
    RECONCILE: ["drop", "duplicate", "delay"],
    MESSAGE: ["drop", "duplicate", "delay"],
  },
  event: {
    HEARTBEAT: ["drop"],
    UPDATE: ["drop", "duplicate"],
    MESSAGE: ["drop", "duplicate", "delay"],
    FAILURE: ["drop", "duplicate", "delay"],
  },
  "to-agent": {
    "run-task": ["drop"],
    "kill-task": ["drop", "duplicate", "delay"],
    "acknowledge-update": ["drop", "duplicate", "delay"],
    "scheduler-message": ["drop", "duplicate", "delay"],
  },
  "from-agent": {
    update: ["drop", "duplicate", "delay"],
    "executor-message": ["drop", "duplicate", "delay"],
    "executor-exited": ["delay"],
  },
};

/** Most rules at one time: a test needs a handful. */
export const messageRulesMax = 100;

interface ActiveRule {
  readonly rule: MessageRule;
  left: number;
}

/** The rules in force, and how often each kind of thing was done. */
export class MessageFaults {
  readonly #clock: Clock;
  readonly #random: () => number;
  #active: ActiveRule[] = [];
  readonly #done = new Map<string, number>();

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** False when there are too many. */
  add(rule: MessageRule): boolean {
    if (this.#active.length >= messageRulesMax) return false;
    this.#active.push({ rule, left: rule.count ?? Number.POSITIVE_INFINITY });
    return true;
  }

  clear(): void {
    this.#active = [];
  }

  rules(): readonly MessageRule[] {
    return this.#active.map(({ rule }) => rule);
  }

  /** `drop event UPDATE` and so on, with how often it was done. */
  done(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#done);
  }

  /**
   * Delivers a message as the first rule that holds for it says. `lose` is done in the place of a delivery that is
   * dropped, where losing a message leaves something behind.
   */
  pass(
    message: { readonly place: MessagePlace; readonly kind: string; readonly agentId?: string },
    deliver: () => void,
    lose?: () => void,
  ): void {
    const met = this.#meet(message);
    if (met === null) {
      deliver();
      return;
    }
    const name = `${met.action} ${met.place} ${met.kind}`;
    this.#done.set(name, (this.#done.get(name) ?? 0) + 1);
    switch (met.action) {
      case "drop":
        lose?.();
        return;
      case "duplicate":
        deliver();
        deliver();
        return;
      case "delay":
        this.#clock.after(met.delayMs, deliver);
    }
  }

  #meet(message: {
    readonly place: MessagePlace;
    readonly kind: string;
    readonly agentId?: string;
  }): MessageRule | null {
    for (const active of this.#active) {
      const { rule } = active;
      const fits =
        rule.place === message.place &&
        rule.kind === message.kind &&
        (rule.agentId === null || rule.agentId === message.agentId);
      if (!fits || this.#random() >= rule.probability) continue;
      active.left -= 1;
      if (active.left <= 0) this.#active = this.#active.filter((one) => one !== active);
      return rule;
    }
    return null;
  }
}
