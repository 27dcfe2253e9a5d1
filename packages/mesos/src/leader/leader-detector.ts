/**
 * Owns the port through which a session learns which master leads.
 * Not: any implementation (zookeeper-detector.ts has one), nor what follows from a change (the scheduler session).
 * SPDX-License-Identifier: Apache-2.0
 */

/** A leading master, as it announced itself. */
export interface Leader {
  /** New with each start of the master; null when it did not tell. SUBSCRIBED names the same one. */
  readonly id: string | null;
  /** Name of its machine; null when it did not tell. Certificates are made for it. */
  readonly hostname: string | null;
  /** IPv4 or IPv6, without brackets; null when it did not tell. Hostname or ip is there. */
  readonly ip: string | null;
  readonly port: number;
}

/** What a detector sees. */
export type LeaderSighting =
  /** It leads, or did a moment ago: it need not have recovered yet. */
  | { readonly type: "leader"; readonly leader: Leader }
  /** There is none at present. */
  | { readonly type: "none"; readonly because: string }
  /** It cannot be told now; who led before may still. */
  | { readonly type: "unknown"; readonly because: string };

/** An ongoing look. */
export interface LeaderWatch {
  /** Ends it; nothing is told any more. Idempotent, never rejects. */
  close(): Promise<void>;
}

/** Tells who leads. */
export interface LeaderDetector {
  /** What is asked, for people and logs; without secrets. */
  readonly name: string;
  /**
   * Tells what is seen and every change of it, never before this returns. What was told last holds, for as long as that
   * is; the same may be told again.
   */
  watch(listener: (sighting: LeaderSighting) => void): LeaderWatch;
}
