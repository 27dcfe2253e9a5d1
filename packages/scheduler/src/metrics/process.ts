/**
 * Owns what is measured of the program itself: CPU, memory, and how long its event loop was held up.
 * Not: what the program does (meter.ts). Made by main.ts, since it is about the real process.
 * Source of the names: Prometheus, "Writing client libraries", process metrics; prom-client for the heap.
 * SPDX-License-Identifier: Apache-2.0
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Clock, Timer } from "@mr-redis/core";
import { Counter, type Family, Histogram, Shown } from "./series.js";
import { ownMetrics as metrics } from "./table.js";

/** One look at the event loop: its longest pause within this time is one observation. */
const lagWindowMs = 1_000;

/** Node looks at the loop this often; a pause is measured as longer than that. */
const resolutionMs = 10;

const lagBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const;

/** What is measured of the process. */
export interface ProcessMeter {
  families(): readonly Family[];
  /** Idempotent. */
  close(): void;
}

/** Begins to look at the event loop. */
export function measureProcess(clock: Clock): ProcessMeter {
  const lag = new Histogram(metrics.eventLoopLag, lagBounds);
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  let timer: Timer | null = null;
  const look = (): void => {
    // A window without a tick has been one long pause, which the next one shows.
    if (delay.max > 0) lag.observe(delay.max / 1e9 - resolutionMs / 1_000);
    delay.reset();
    timer = clock.after(lagWindowMs, look);
  };
  timer = clock.after(lagWindowMs, look);
  const startSeconds = clock.nowMs() / 1_000 - process.uptime();
  return {
    families: () => [lag, ...ofProcess(startSeconds)],
    close: () => {
      timer?.cancel();
      delay.disable();
    },
  };
}

function ofProcess(startSeconds: number): Family[] {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, heapTotal } = process.memoryUsage();
  const cpu = new Counter(metrics.cpu);
  cpu.add((user + system) / 1e6);
  const one = (shown: Shown, value: number): Shown => {
    shown.set(value);
    return shown;
  };
  return [
    cpu,
    one(new Shown(metrics.residentMemory), rss),
    one(new Shown(metrics.startTime), startSeconds),
    one(new Shown(metrics.heapUsed), heapUsed),
    one(new Shown(metrics.heapTotal), heapTotal),
  ];
}
