/**
 * Owns the words of the proxy: a route leads from an address of its own to one of its targets.
 * Not: where routes come from (entries.ts, follow/), nor who carries the bytes (userspace/, kernel/).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock } from "@mr-redis/core";

/** A host and a port of it. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** `10.0.0.1:6380`, `[::1]:6380`. */
export const hostPortText = ({ host, port }: HostPort): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

/** Reads {@link hostPortText}; an empty host means all addresses. null: it is none. */
export function parseHostPort(text: string): HostPort | null {
  const match = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{0,253})):(\d{1,5})$/.exec(text);
  if (match === null) return null;
  const host = match[1] ?? match[2] ?? "";
  const port = Number(match[3]);
  return port >= 1 && port <= 65_535 ? { host, port } : null;
}

/**
 * What a route is for. write: leads to the master of an instance. read: spreads over its replicas. static: an entry of the
 * configuration file, led elsewhere by people.
 */
export type RouteKind = "write" | "read" | "static";

/**
 * One address that never changes, and where it leads now. New connections go to `targets` in turn; without one they wait
 * for `targetWaitMs` and then get an error reply of Redis.
 * The rule of cutting, the same for every kind and plane: a connection is left alone while its target is in `targets` or
 * in `kept`, and is cut at once in both directions, by reset, when it is in neither. So that a plane needs to know no more,
 * whoever makes the routes (follow/) decides: a write route keeps its last known master until a scheduler was asked after a
 * start, and nothing else ever; a read route keeps a former replica for a while when it is merely not ready, and not
 * when it has become the master or its instance is gone.
 */
export interface Route {
  /**
   * Unique among all routes and the same as long as the route lives: NAME/write and NAME/read of an instance, the name of
   * an entry. For change(), admin, logs and metrics.
   */
  readonly name: string;
  readonly kind: RouteKind;
  /** Unique among all routes: whoever makes the routes sees to that. */
  readonly listen: HostPort;
  /** No address twice. */
  readonly targets: readonly HostPort[];
  /** Former targets that get no new connections and whose open ones are left alone. */
  readonly kept: readonly HostPort[];
  /** Clients speak TLS with the target itself: it is passed through, and nothing is said to them. Absent (never false): not so. */
  readonly passesTls?: true;
}

/** Names of the routes of an instance. */
export const routeName = (instance: string, kind: "write" | "read"): string =>
  `${instance}/${kind}`;

export const sameTarget = (a: HostPort, b: HostPort): boolean =>
  a.host === b.host && a.port === b.port;

/** What became of one route. */
export interface RouteState {
  readonly route: Route;
  /** Why it is not served; null: it is. A plane tries again by itself. */
  readonly problem: string | null;
  readonly counters: RouteCounters;
}

/** The problem of a route that is on its way. */
export const notListening = "not listening yet";

/** Since the route came to be; `open` and `waiting` are of now. */
export interface RouteCounters {
  readonly accepted: number;
  readonly open: number;
  readonly waiting: number;
  /** Connections that had to wait for a target. */
  readonly waits: number;
  /** Bytes of clients, and bytes of targets. */
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Connections ended because their target was a target no more. */
  readonly cuts: number;
  /** Connections refused: too many, or no target in time. */
  readonly refusals: number;
}

/** A certificate with its key, as PEM. The key is a secret. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
}

/** What can change while a plane runs. A lower limit ends no connection: it holds for new ones. */
export interface PlaneSettings {
  /** Most clients of one route at the same time; more get an error reply. */
  readonly clientsMax: number;
  /** Most clients of all routes together: what the limit of open files allows. */
  readonly clientsTotalMax: number;
  /** Longest wait of a client for a target that takes it, in milliseconds. */
  readonly targetWaitMs: number;
  /** null: clients speak plain TCP. A change holds for new connections. Userspace only. */
  readonly tls: TlsMaterial | null;
}

/** What a plane tells by itself. */
export interface PlaneWatcher {
  /** The problem of a route came (text) or went (null). Called on change only. */
  problem(route: Route, problem: string | null): void;
  /** Something that concerns the plane, for the log: `message` is constant, what varies is in `fields`. */
  log(level: "info" | "warn", message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** What every plane is made of. */
export interface PlaneOptions {
  readonly clock: Clock;
  readonly settings: PlaneSettings;
  readonly watcher: PlaneWatcher;
  /** Processes or threads that carry bytes, 1 to {@link workersMax}; for userspace. */
  readonly workers: number;
}

/** Most workers: more than the cores of any host that only proxies. */
export const workersMax = 64;

/**
 * What carries the bytes. Changes are made one after the other, in the order of the calls; each resolves once it is
 * live for new connections, and whatever had to be cut is cut. None rejects for a fault of a single route: that one gets a
 * problem, all others are served, and the plane tries it again every {@link retryProblemMs}.
 */
export interface DataPlane {
  readonly kind: "userspace" | "kernel";
  /** Makes the routes exactly these: what is new is listened on, what is gone is ended, what is the same is not disturbed. */
  apply(routes: readonly Route[]): Promise<void>;
  /**
   * Makes or changes these routes and ends those of these names; costs what is named, whatever the number of routes (one
   * of 10,000 is live within 50 ms). Removals come first, so that a new route may take the address of one that goes. A name
   * that is not there is no error. The same `listen` under the same name: nothing is listened on anew.
   */
  change(changed: readonly Route[], removed: readonly string[]): Promise<void>;
  /** From now on; 10,000 routes or not, this is immediate. */
  configure(settings: PlaneSettings): void;
  /** Of all routes, in no particular order; from workers, so it takes a moment. */
  states(): Promise<readonly RouteState[]>;
  /** Ends all connections and listeners, and whatever the plane made on the host; idempotent. */
  close(): Promise<void>;
}

/** Between two tries to serve a route that has a problem: whoever held its port may have gone. */
export const retryProblemMs = 5_000;

/**
 * Makes a plane that has no routes yet: `openUserspacePlane` of userspace/plane.ts, `openKernelPlane` of kernel/plane.ts.
 * Rejects with an MrrError that says what is missing where this plane cannot work on this host.
 */
export type PlaneMaker = (options: PlaneOptions) => Promise<DataPlane>;
