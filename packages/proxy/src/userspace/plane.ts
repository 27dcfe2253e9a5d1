/**
 * Owns the opening of the userspace data plane. Not: how it works (local-plane.ts, workers.ts). Called by main.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { DataPlane, PlaneOptions } from "../routes.js";
import { LocalPlane } from "./local-plane.js";
import { WorkersPlane } from "./workers.js";

/**
 * See `PlaneMaker` of routes.ts. Works on every system that has Node. More than one worker: the program that runs is
 * started again for each of them, and must call `servePlaneWorker` (worker.ts) there.
 */
export async function openUserspacePlane(options: PlaneOptions): Promise<DataPlane> {
  return options.workers > 1 ? new WorkersPlane(options) : new LocalPlane(options);
}
