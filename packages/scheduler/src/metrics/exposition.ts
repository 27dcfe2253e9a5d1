/**
 * Owns the answer of `/metrics`: everything that is counted or counted up, in the order of the table, as one text.
 * Not: the route (api/metrics.ts). Made by scheduler.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock } from "@mr-redis/core";
import type { Stance } from "../api/port.js";
import { type CensusSource, takeCensus } from "./census.js";
import type { Meter } from "./meter.js";
import type { ProcessMeter } from "./process.js";
import { type Family, headOf, Shown } from "./series.js";
import { allMetrics, ownMetrics } from "./table.js";

/** What is shown. */
export interface ExpositionOptions {
  readonly clock: Clock;
  readonly version: string;
  readonly meter: Meter;
  /** null (tests): nothing of the process. */
  readonly process: ProcessMeter | null;
  /** Longest age of the store's word while all is well. */
  readonly confirmedAgeMsMax: number;
  readonly stance: () => Stance;
  /** Of the reign that may act; null: this scheduler does not lead. */
  readonly census: () => CensusSource | null;
}

/** How many connections the API has (api/connections.ts). */
export interface ConnectionCounts {
  readonly count: number;
  readonly busyCount: number;
  readonly evictedCount: number;
}

/** See the head of this file. */
export class Exposition {
  readonly #options: ExpositionOptions;
  #running: Promise<string> | null = null;

  constructor(options: ExpositionOptions) {
    this.#options = options;
  }

  /** The text. Those who ask while one is being made get the same. */
  text(connections: ConnectionCounts): Promise<string> {
    this.#running ??= this.#make(connections).finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #make(connections: ConnectionCounts): Promise<string> {
    const { meter, process, census } = this.#options;
    const source = census();
    const cluster = source === null ? [] : await takeCensus(source, turn);
    const families = new Map<string, Family>();
    const own = [...this.#own(), ...httpOf(connections)];
    for (const family of [
      ...own,
      ...meter.families(),
      ...(process?.families() ?? []),
      ...cluster,
    ]) {
      families.set(family.metric.name, family);
    }
    let text = "";
    for (const metric of allMetrics) {
      const samples = families.get(metric.name)?.samples() ?? "";
      if (samples !== "") text += headOf(metric) + samples;
    }
    return text;
  }

  #own(): readonly Family[] {
    const { version, meter, stance, confirmedAgeMsMax } = this.#options;
    const now = stance();
    const leads = now.type === "leading";
    const ageMs = leads || now.type === "memory" ? now.stateAgeMs : null;
    const family = (metric: ConstructorParameters<typeof Shown>[0], value: number | null) => {
      const shown = new Shown(metric);
      if (value !== null) shown.set(value);
      return shown;
    };
    const info = new Shown(ownMetrics.buildInfo);
    info.set(1, version, globalThis.process.version.slice(1));
    const answers = meter.storeAnsweredAtMs > meter.storeFailedAtMs;
    const isUp = answers && (!leads || now.stateAgeMs <= confirmedAgeMsMax);
    return [
      info,
      family(ownMetrics.leader, leads ? 1 : 0),
      family(ownMetrics.leaderTerm, meter.term),
      family(ownMetrics.storeUp, isUp ? 1 : 0),
      family(ownMetrics.storeConfirmedAge, ageMs === null ? null : ageMs / 1_000),
      family(ownMetrics.mesosConnected, leads && meter.isSubscribed ? 1 : 0),
    ];
  }
}

function httpOf({ count, busyCount, evictedCount }: ConnectionCounts): readonly Family[] {
  const connections = new Shown(ownMetrics.httpConnections);
  connections.set(count);
  const busy = new Shown(ownMetrics.httpBusy);
  busy.set(busyCount);
  const evicted = new Shown(ownMetrics.httpEvicted);
  evicted.set(evictedCount);
  return [connections, busy, evicted];
}

/** What else has arrived gets its turn. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
