/**
 * Owns the port through which the HTTP API asks the control loop, in words of the domain.
 * Not: HTTP (v1.ts, v2.ts) nor any decision. Declared by its user, the API; the scheduler's loop implements it.
 * SPDX-License-Identifier: Apache-2.0
 */
import type {
  AgentView,
  Because,
  ConnectionUsers,
  InstanceDocument,
  InstanceEndpoints,
  InstanceSpec,
  InstanceStatus,
  InstanceView,
  MrrError,
  UpgradeView,
} from "@mr-redis/core";
import type { EventsReader, EventsSink } from "../events/hub.js";

/** A checked create. */
export interface CreateRequest {
  readonly name: string;
  readonly spec: InstanceSpec;
}

/**
 * created: committed to the store. recreated: the same, over a DELETED name. exists: nothing was changed.
 * failed: the API answers with the error's HTTP status (`store-unavailable`: 503); whether the commit
 * took place is then as unknown as the error says.
 */
export type CreateOutcome =
  | { readonly type: "created" | "recreated" | "exists"; readonly view: InstanceView }
  | { readonly type: "failed"; readonly error: MrrError };

/** accepted: committed, also when the instance was DELETING before. The others changed nothing. */
export type DeleteOutcome =
  | { readonly type: "accepted"; readonly view: InstanceView }
  | { readonly type: "already-deleted" | "not-found" }
  | { readonly type: "failed"; readonly error: MrrError };

/** A wish for another master. `to` null: the best replica. */
export interface FailoverRequest {
  readonly name: string;
  readonly to: string | null;
  /** Also when writes may be lost by it: without the master's consent, or over a newer process that cannot be reached. */
  readonly force: boolean;
}

/** accepted: it is being done; its record will carry this epoch. refused: nothing was changed, `text` has the numbers. */
export type FailoverOutcome =
  | { readonly type: "accepted"; readonly epoch: number; readonly view: InstanceView }
  | { readonly type: "refused"; readonly code: string; readonly text: string }
  | { readonly type: "not-found" }
  | { readonly type: "failed"; readonly error: MrrError };

/** A wish for new passwords. */
export interface RotationRequest {
  readonly name: string;
  /** How long the passwords of now are accepted as well; 0: no longer. More than a week is a week. */
  readonly graceMs: number;
}

/**
 * rotated: stored, and in force at every process but those in `pending` (ids): told once all that can be reached have
 * confirmed it, or after 5 s. refused: nothing was changed.
 */
export type RotationOutcome =
  | {
      readonly type: "rotated";
      readonly pending: readonly string[];
      readonly view: InstanceView;
    }
  | { readonly type: "refused"; readonly code: "no-users" | "deleting"; readonly text: string }
  | { readonly type: "not-found" }
  | { readonly type: "failed"; readonly error: MrrError };

/** What an operator may say of the upgrade of executors. */
export type UpgradeAction = "start" | "pause" | "resume";

/** A page of instances, in the order of their names. */
export interface ListQuery {
  /** Only names behind this one, as strings compare; null: from the first. */
  readonly after: string | null;
  /** Most instances in the page. */
  readonly limit: number;
  /** Only instances of this status; null: all. */
  readonly status: InstanceStatus | null;
}

/** `next` is the name to continue behind; null when this page is the last. */
export interface ListPage {
  readonly instances: readonly InstanceView[];
  readonly next: string | null;
}

/** A page of where instances are, those that are not DELETED. `next` as of {@link ListPage}. */
export interface EndpointsPage {
  readonly instances: readonly InstanceEndpoints[];
  readonly next: string | null;
  /** What changes from now on comes behind this `Last-Event-ID`; null: nothing will, this is from memory. */
  readonly lastEventId: string | null;
}

/** How clients get to an instance. */
export interface ConnectionView {
  /** null: it is DELETED. */
  readonly endpoints: InstanceEndpoints | null;
  /** Why it has no ports at proxies, with the remedy; null: it has. */
  readonly problem: Because | null;
  /** The passwords, for those who may know them; null: it has none, or it is DELETED. */
  readonly users: ConnectionUsers | null;
  /**
   * Its redis-servers speak TLS only, and this authority (PEM) vouches for them; `ca` null: that of the directory on the
   * agents, or the own one is not made yet. null: plain TCP.
   */
  readonly tls: { readonly ca: string | null } | null;
}

/**
 * Who answers for the cluster. leading: this scheduler. memory: nobody known; this one led, and shows what it last knew.
 * standby: the scheduler at `leaderUrl`. leaderless: nobody, and this one knows nothing.
 * `stateAgeMs`: since the store last confirmed that what is shown counts. `reason` is one clause for people.
 */
export type Stance =
  | { readonly type: "leading"; readonly stateAgeMs: number }
  | { readonly type: "memory"; readonly stateAgeMs: number; readonly reason: string }
  | { readonly type: "standby"; readonly leaderUrl: string; readonly text: string }
  | { readonly type: "leaderless"; readonly reason: string };

/**
 * What the API needs from the control loop. Reads answer from memory, at once. Every method may throw (or reject
 * with) an MrrError, above all `not-ready` as long as the documents are not loaded; the API answers with its status.
 * Of two simultaneous creates of one name exactly one is `created`.
 */
export interface ControlPort {
  /** Who answers at this moment; the other methods are for `leading`, those that read also for `memory`. */
  stance(): Stance;
  /** Subscribed to Mesos and leading; otherwise `reason` says what is missing. */
  ready(): { readonly ok: boolean; readonly reason: string | null };
  /** Settles once the outcome is durable; within the store's time limit. */
  create(request: CreateRequest): Promise<CreateOutcome>;
  /** Settles once the wish to delete is durable; within the store's time limit. */
  remove(name: string): Promise<DeleteOutcome>;
  /** Settles once the wish was taken up or refused; the failover itself goes on after that. */
  failover(request: FailoverRequest): Promise<FailoverOutcome>;
  /**
   * New passwords for the users of an instance. Settles when they are in force, at the latest some seconds after they were
   * stored. Asked for again within 30 s of a rotation whose grace is not over, it makes no others: it can only end that
   * grace sooner. Later a new one takes its place, and the passwords of before the last one are accepted no more.
   */
  rotate(request: RotationRequest): Promise<RotationOutcome>;
  /** The instance (DELETED ones for as long as their record stays), or null. Any text may be asked for. */
  view(name: string): InstanceView | null;
  list(query: ListQuery): ListPage;
  /** Instances that /v1 calls RUNNING: RUNNING, DEGRADED and DELETING. May be read in several turns of the event loop. */
  listRunning(): Iterable<InstanceView>;
  /** Of an instance that {@link view} shows; else null. */
  connection(name: string): ConnectionView | null;
  endpoints(query: Pick<ListQuery, "after" | "limit">): EndpointsPage;
  /**
   * Tells `sink` where instances are, or what changed behind `lastEventId`, and each change from then on. Throws
   * `overloaded` when too many are told already; `not-ready` of a scheduler that has ceased to lead.
   */
  follow(sink: EventsSink, lastEventId: string | null): EventsReader;
  agents(): readonly AgentView[];
  /** How far the upgrade of executors is. */
  upgrade(): UpgradeView;
  /** Settles once the wish is durable; within the store's time limit. */
  changeUpgrade(action: UpgradeAction): Promise<UpgradeView>;
  /**
   * Calls `listener` on each change of that instance (null: its record is gone) until the returned function is
   * called, which is idempotent. Changes may be coalesced; the last one is never lost. A document, not a view, since
   * a view looks at every process.
   */
  watch(name: string, listener: (document: InstanceDocument | null) => void): () => void;
}
