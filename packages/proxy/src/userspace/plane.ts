/**
 * Owns the opening of the userspace data plane. Not: how it works (local-plane.ts). Called by main.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { DataPlane, PlaneOptions } from "../routes.js";
import { LocalPlane } from "./local-plane.js";

/** See `PlaneMaker` of routes.ts. Works on every system that has Node. */
export async function openUserspacePlane(options: PlaneOptions): Promise<DataPlane> {
  return new LocalPlane(options);
}
