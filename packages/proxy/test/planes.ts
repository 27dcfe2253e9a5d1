/**
 * Owns what tests of planes begin with: options with wide limits, a route of 127.0.0.1, a watcher that notes.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { PlaneOptions, PlaneSettings, Route } from "../src/routes.js";
import { systemClock } from "../src/system-clock.js";

/** Limits that no test reaches unless it sets its own. */
const settingsDefault: PlaneSettings = {
  clientsMax: 10_000,
  clientsTotalMax: 10_000,
  targetWaitMs: 60_000,
  tls: null,
};

/** Options of a plane; what it tells is added to `told`. */
export const planeOptions = (
  settings: Partial<PlaneSettings> = {},
  told: string[] = [],
): PlaneOptions => ({
  clock: systemClock,
  settings: { ...settingsDefault, ...settings },
  watcher: {
    problem: (route, problem) => void told.push(`${route.name}: ${problem}`),
    log: (_level, message) => void told.push(message),
  },
  workers: 1,
});

/** A route of 127.0.0.1 to ports of it. */
export const route = (port: number, ...targets: number[]): Route => ({
  name: `route-${port}`,
  kind: "static",
  listen: { host: "127.0.0.1", port },
  targets: targets.map((target) => ({ host: "127.0.0.1", port: target })),
  kept: [],
});
