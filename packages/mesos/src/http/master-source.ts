/**
 * Owns which master the next attempt goes to: the next of a list, or the one that a detector sees leading.
 * Not: when to try, nor redirects (the scheduler session, which calls this).
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "@mr-redis/core";
import type {
  Leader,
  LeaderDetector,
  LeaderSighting,
  LeaderWatch,
} from "../leader/leader-detector.js";
import { schedulerPath } from "./master-address.js";

/** A master to try. */
export interface MasterTarget {
  readonly url: URL;
  /** Of MasterInfo: new with each start of the master. Null when it is not known. */
  readonly id: string | null;
}

/** Where attempts go. */
export interface MasterSource {
  /** Begins to look; `changed` is called when {@link target} or {@link absence} may have another value, never at once. */
  start(changed: () => void): void;
  /** The one to try; null while none is known. */
  target(): MasterTarget | null;
  /** Why there is none, for people. */
  absence(): string;
  /** An attempt at the target failed. */
  failed(): void;
  /** Ends the look; idempotent. */
  close(): Promise<void>;
}

/** Each of a list in turn. */
export class ListedMasters implements MasterSource {
  readonly #urls: readonly URL[];
  #index = 0;

  /** At least one. */
  constructor(urls: readonly URL[]) {
    this.#urls = urls;
  }

  start(): void {}

  target(): MasterTarget {
    const url = this.#urls[this.#index];
    assert(url !== undefined, "there is at least one master");
    return { url, id: null };
  }

  absence(): string {
    return "";
  }

  failed(): void {
    this.#index = (this.#index + 1) % this.#urls.length;
  }

  async close(): Promise<void> {}
}

/** The one that leads, and the one that led as long as nobody can tell. */
export class DetectedMaster implements MasterSource {
  readonly #detector: LeaderDetector;
  readonly #scheme: "http" | "https";
  #watch: LeaderWatch | null = null;
  #target: MasterTarget | null = null;
  #absence: string;

  /** Masters do not announce whether they speak TLS. */
  constructor(detector: LeaderDetector, scheme: "http" | "https") {
    this.#detector = detector;
    this.#scheme = scheme;
    this.#absence = `asking ${detector.name} which master leads`;
  }

  start(changed: () => void): void {
    this.#watch = this.#detector.watch((sighting) => {
      this.#note(sighting);
      changed();
    });
  }

  target(): MasterTarget | null {
    return this.#target;
  }

  absence(): string {
    return this.#absence;
  }

  failed(): void {}

  async close(): Promise<void> {
    await this.#watch?.close();
  }

  #note(sighting: LeaderSighting): void {
    if (sighting.type === "leader") {
      this.#target = { url: leaderUrl(sighting.leader, this.#scheme), id: sighting.leader.id };
      return;
    }
    this.#absence = sighting.because;
    if (sighting.type === "none") this.#target = null;
  }
}

/** By name with TLS, since certificates are made for names; else by address, which needs no name server. */
function leaderUrl(leader: Leader, scheme: "http" | "https"): URL {
  const { hostname, ip, port } = leader;
  const host = scheme === "https" ? (hostname ?? ip) : (ip ?? hostname);
  assert(host !== null, "a leader has a name or an address");
  return new URL(`${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}${schedulerPath}`);
}
