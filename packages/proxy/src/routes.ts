/**
 * Owns the words of the proxy: a route leads from an address of its own to one of its targets.
 * Not: where routes come from (static-config.ts, follow.ts), nor who carries the bytes (userspace/).
 * SPDX-License-Identifier: Apache-2.0
 */

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
 * One address that never changes, and where it leads now. New connections go to the targets in turn; without a target
 * they wait. A connection to a target that is not one any more is cut.
 */
export interface Route {
  /** Unique among all routes; for admin, logs and metrics. */
  readonly name: string;
  readonly listen: HostPort;
  readonly targets: readonly HostPort[];
}

/** What became of one route. */
export interface RouteState {
  readonly route: Route;
  /** Why nobody listens on it; null: it works. */
  readonly problem: string | null;
  readonly counters: RouteCounters;
}

/** Since the route came to be; `open` and `waiting` are of now. */
export interface RouteCounters {
  readonly accepted: number;
  readonly open: number;
  readonly waiting: number;
  /** Bytes of clients, and bytes of targets. */
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Connections ended because their target was a target no more. */
  readonly cuts: number;
  /** Connections refused: too many, or no target in time. */
  readonly refusals: number;
}

/** What carries the bytes. */
export interface DataPlane {
  /** Makes the routes these: what is new is listened on, what is gone is ended, what is the same is not disturbed. */
  apply(routes: readonly Route[]): Promise<void>;
  states(): readonly RouteState[];
  /** Ends all connections and listeners; idempotent. */
  close(): Promise<void>;
}
