/**
 * Owns the process that leads for the conformance suite: bundled from the sources, so that no build is needed.
 * Not: what it does (leader-child.ts). Called by the harnesses of drivers with a server.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { LeaderProcess } from "../src/conformance/harness.js";
import type { DocumentKey, StoreOptions } from "../src/index.js";
import { bundleChild, Child } from "./child.js";

let bundled: Promise<string> | null = null;

/** Starts a leader on the store of `options`; the test's process takes it along when it ends. */
export async function startLeaderProcess(
  options: Omit<StoreOptions, "clock">,
  key: DocumentKey,
): Promise<LeaderProcess> {
  bundled ??= bundleChild("leader-child.ts");
  const child = new Child(await bundled, [JSON.stringify(options), key]);
  const { pid } = child.process;
  if (pid === undefined) throw new Error("the leader's process was not started");
  return {
    pid,
    get lines() {
      return child.lines;
    },
    kill: () => child.kill(),
  };
}
