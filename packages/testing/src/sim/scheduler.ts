/**
 * Owns one simulated scheduler: campaign, load, reign with the real decision core, Mesos session, end of the leadership.
 * As packages/scheduler (succession, reign, loop, committer, effects), without promises and wire formats.
 * Not: any decision. Called by world.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type CommitDocument,
  Control,
  type ControlHappening,
  type Effect,
  type LoadedDocument,
  type Timer,
} from "@mr-redis/core";
import type { SessionHolder } from "./mesos.js";
import type { NodeId } from "./network.js";
import type { World } from "./world.js";

/** How often who does not lead tries to. */
const campaignMs = 500;

/** Next try of a session that was not had. */
const subscribeAgainMs = 200;

interface Reign {
  readonly term: number;
  readonly control: Control;
  /** Monotonic time until which the store's answer lets it act. */
  validUntilMs: number;
  sessionId: number | null;
  timer: Timer | null;
  timerAtMs: number;
}

/** See the head of this file. */
export class Scheduler implements SessionHolder {
  readonly #world: World;
  readonly node: NodeId;
  reign: Reign | null = null;
  up = true;
  frozen = false;
  #held: (() => void)[] = [];
  #life = 0;

  constructor(world: World, node: NodeId) {
    this.#world = world;
    this.node = node;
    this.#campaign(world.random.next() * campaignMs);
  }

  /** Does it now, or when it goes on. */
  #do(run: () => void): void {
    if (!this.up) return;
    if (this.frozen) this.#held.push(run);
    else run();
  }

  #after(delayMs: number, run: () => void): Timer {
    const life = this.#life;
    return this.#world.clock.after(delayMs, () => {
      if (life === this.#life) this.#do(run);
    });
  }

  #campaign(delayMs: number): void {
    this.#after(delayMs, () => {
      const life = this.#life;
      if (this.reign !== null) return;
      const sentAtMs = this.#world.clock.monotonicMs();
      this.#world.store.campaign(this.node, (term, documents) =>
        this.#do(() => {
          if (life === this.#life && this.reign === null) this.#begin(term, documents, sentAtMs);
        }),
      );
      this.#campaign(campaignMs);
    });
  }

  #begin(term: number, documents: readonly LoadedDocument[], sentAtMs: number): void {
    const { clock, options } = this.#world;
    const now = { atMs: this.#world.wallMs(this.node), monotonicMs: clock.monotonicMs() };
    const control = new Control(this.#world.controlSettings(term), { documents, ...now });
    const reign: Reign = {
      term,
      control,
      validUntilMs: sentAtMs + (options.leaderLeaseMs * 2) / 3,
      sessionId: null,
      timer: null,
      timerAtMs: Number.POSITIVE_INFINITY,
    };
    this.reign = reign;
    this.#world.reigns += 1;
    this.#post(reign, { type: "woken" });
    this.#subscribe(reign, 0);
    this.#renew(reign);
  }

  #renew(reign: Reign): void {
    this.#after(this.#world.options.leaderLeaseMs / 4, () => {
      if (this.reign !== reign || !this.#mayAct(reign)) return;
      const sentAtMs = this.#world.clock.monotonicMs();
      const kept = (): void => {
        const untilMs = sentAtMs + (this.#world.options.leaderLeaseMs * 2) / 3;
        reign.validUntilMs = Math.max(reign.validUntilMs, untilMs);
      };
      this.#world.store.renew(
        this.node,
        reign.term,
        () => this.#do(kept),
        () => this.#do(() => this.#end(reign)),
      );
      this.#renew(reign);
    });
  }

  /** One that was frozen learns here that its time is over. */
  #mayAct(reign: Reign): boolean {
    if (this.reign !== reign) return false;
    if (this.#world.clock.monotonicMs() < reign.validUntilMs) return true;
    this.#end(reign);
    return false;
  }

  #end(reign: Reign): void {
    if (this.reign !== reign) return;
    this.reign = null;
    reign.timer?.cancel();
    if (reign.sessionId !== null) this.#world.mesos.unsubscribe(reign.sessionId);
    this.#world.store.resign(this.node, reign.term);
    this.#campaign(campaignMs);
  }

  #subscribe(reign: Reign, delayMs: number): void {
    this.#after(delayMs, () => {
      if (!this.#mayAct(reign) || reign.sessionId !== null) return;
      reign.sessionId = this.#world.mesos.subscribe(this);
      if (reign.sessionId === null) this.#subscribe(reign, subscribeAgainMs);
    });
  }

  deliver(sessionId: number, happening: ControlHappening): void {
    this.#do(() => {
      const { reign } = this;
      if (reign !== null && reign.sessionId === sessionId) this.#post(reign, happening);
    });
  }

  sessionEnded(sessionId: number, replaced: boolean): void {
    this.#do(() => {
      const { reign } = this;
      if (reign === null || reign.sessionId !== sessionId) return;
      if (replaced) {
        this.#end(reign);
        return;
      }
      reign.sessionId = null;
      this.#post(reign, { type: "disconnected" });
      this.#subscribe(reign, subscribeAgainMs);
    });
  }

  /** No heartbeat came for too long: the connection is given up. */
  sessionSilent(): void {
    const sessionId = this.reign?.sessionId ?? null;
    if (sessionId === null) return;
    this.#world.mesos.unsubscribe(sessionId);
    this.sessionEnded(sessionId, false);
  }

  /** A request of a user; null when nobody leads here. */
  request(happening: ControlHappening): boolean {
    const { reign } = this;
    if (reign === null || this.frozen || !this.up) return false;
    this.#post(reign, happening);
    return true;
  }

  #post(reign: Reign, happening: ControlHappening): void {
    if (!this.#mayAct(reign)) return;
    const { control } = reign;
    const event = {
      ...happening,
      atMs: this.#world.wallMs(this.node),
      monotonicMs: this.#world.clock.monotonicMs(),
    };
    this.#world.sawEvent(this, event);
    for (const effect of control.handle(event)) {
      if (this.reign !== reign) return;
      this.#run(reign, effect);
    }
    this.#setTimer(reign);
  }

  #setTimer(reign: Reign): void {
    const { clock } = this.#world;
    const wakeAtMs = reign.control.wakeAtMs() ?? Number.POSITIVE_INFINITY;
    if (wakeAtMs === reign.timerAtMs || this.reign !== reign) return;
    reign.timer?.cancel();
    reign.timer = null;
    reign.timerAtMs = wakeAtMs;
    if (wakeAtMs === Number.POSITIVE_INFINITY) return;
    reign.timer = this.#after(Math.max(1, wakeAtMs - clock.monotonicMs()), () => {
      reign.timerAtMs = Number.POSITIVE_INFINITY;
      if (this.reign === reign) this.#post(reign, { type: "woken" });
    });
  }

  #run(reign: Reign, effect: Effect): void {
    const { mesos } = this.#world;
    this.#world.sawEffect(this, effect);
    switch (effect.type) {
      case "commit-document":
        this.#commit(reign, effect);
        return;
      case "reply":
        this.#world.replied(effect.requestId, effect.reply, reign.term);
        return;
      case "stop":
        this.#end(reign);
        return;
      case "view-changed":
        return;
      default:
        break;
    }
    const { sessionId } = reign;
    const { node } = this;
    if (sessionId === null) {
      if (effect.type === "accept-offers") {
        const processIds = effect.launches.map(({ order }) => order.processId);
        const { agentId } = effect;
        this.#after(0, () =>
          this.#post(reign, { type: "accept-failed", agentId, processIds, text: "not sent" }),
        );
      }
      return;
    }
    switch (effect.type) {
      case "accept-offers":
        mesos.accept(node, sessionId, effect.agentId, effect.offerIds, effect.launches);
        break;
      case "decline-offers":
        mesos.decline(node, sessionId, effect.offerIds, effect.refuseSeconds);
        break;
      case "revive-offers":
        mesos.revive(node, sessionId);
        break;
      case "suppress-offers":
        mesos.suppress(node, sessionId);
        break;
      case "acknowledge":
        mesos.acknowledge(node, sessionId, effect);
        break;
      case "kill-task":
        mesos.kill(node, sessionId, effect.taskId, effect.agentId);
        break;
      case "reconcile-tasks":
        mesos.reconcile(node, sessionId, effect.tasks);
        break;
      case "send-goals":
        mesos.goals(node, sessionId, effect.agentId, effect.batch);
        break;
      default:
        throw new Error(`the simulator does not know the effect ${JSON.stringify(effect)}`);
    }
  }

  #commit(reign: Reign, commit: CommitDocument): void {
    this.#world.store.commit(this.node, reign.term, commit, (result) =>
      this.#do(() => {
        if (this.reign !== reign) return;
        this.#post(reign, { type: "commit-finished", commitId: commit.commitId, result });
      }),
    );
  }

  /** kill -9. */
  kill(): void {
    if (!this.up) return;
    this.up = false;
    this.#life += 1;
    this.frozen = false;
    this.#held = [];
    const { reign } = this;
    this.reign = null;
    reign?.timer?.cancel();
    if (reign?.sessionId != null) this.#world.mesos.unsubscribe(reign.sessionId);
  }

  /** Starts again, with nothing but what the store has. */
  start(): void {
    if (this.up) return;
    this.up = true;
    this.#campaign(this.#world.random.next() * campaignMs);
  }

  freeze(): void {
    if (this.up) this.frozen = true;
  }

  thaw(): void {
    if (!this.frozen) return;
    this.frozen = false;
    const held = this.#held;
    this.#held = [];
    for (const run of held) this.#do(run);
  }
}
