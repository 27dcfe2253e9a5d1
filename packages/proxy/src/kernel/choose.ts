/**
 * Owns the choice of the data plane, and that no table of an ended proxy leads clients past a plane that knows nothing of it.
 * Not: the planes. Called by main.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { isMrrError } from "@mr-redis/core";
import type { DataPlane, PlaneOptions } from "../routes.js";
import { openUserspacePlane } from "../userspace/plane.js";
import { takeLock } from "./lock.js";
import { openKernelPlaneWith } from "./plane.js";
import { removalText, tableName } from "./rules.js";
import { runTool, type ToolRunner } from "./tools.js";

/** auto: the kernel where it works, else userspace; the log says which, and why not. */
export const planeKinds = ["auto", "kernel", "userspace"] as const;

/** What is asked for. */
export type PlaneKind = (typeof planeKinds)[number];

/** Opens the plane. Rejects where `kernel` is asked for and cannot be; see {@link openKernelPlaneWith}. */
export async function openPlane(
  kind: PlaneKind,
  options: PlaneOptions,
  run: ToolRunner = runTool,
): Promise<DataPlane> {
  let because = "it was asked for";
  if (kind !== "userspace") {
    try {
      return await openKernelPlaneWith(run, options);
    } catch (error) {
      if (kind === "kernel" || !isMrrError(error)) throw error;
      because = error.message;
    }
  }
  const isLeft = await removeLeftTable(run);
  options.watcher.log("info", "userspace carries connections", { because });
  if (isLeft) options.watcher.log("info", "a table that an ended proxy left was removed");
  return openUserspacePlane(options);
}

/** True: there was one, and nobody had it. Without the tools or the right to use them there is nothing to be done. */
async function removeLeftTable(run: ToolRunner): Promise<boolean> {
  if (process.platform !== "linux") return false;
  const there = await run("nft", ["list", "table", "ip", tableName]);
  if (!there.isOk) return false;
  const lock = await takeLock();
  if (lock === null) return false;
  try {
    return (await run("nft", ["-f", "-"], removalText)).isOk;
  } finally {
    await lock.release();
  }
}
