/**
 * Owns the process that leads for the conformance suite: bundled from the sources, so that no build is needed.
 * Not: what it does (leader-child.ts). Called by the harnesses of drivers with a server.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { LeaderProcess } from "../src/conformance/harness.js";
import type { DocumentKey, StoreOptions } from "../src/index.js";
import { bundleChild, Child, removeBundle } from "./child.js";

let bundled: Promise<string> | null = null;

/** Removes what starting leaders has made; for the end of a test file. */
export async function removeLeaderProgram(): Promise<void> {
  if (bundled !== null) await removeBundle(await bundled);
  bundled = null;
}

/** A leader's process that may also end by itself. */
export interface StartedLeader extends LeaderProcess {
  readonly ended: Promise<void>;
}

/** Starts a leader on the store of `options`; the test's process takes it along when it ends. */
export async function startLeaderProcess(
  options: Omit<StoreOptions, "clock">,
  key: DocumentKey,
): Promise<StartedLeader> {
  bundled ??= bundleChild("leader-child.ts");
  const child = new Child(await bundled, [JSON.stringify(options), key]);
  const { pid } = child.process;
  if (pid === undefined) throw new Error("the leader's process was not started");
  return {
    pid,
    get lines() {
      return child.lines;
    },
    ended: child.ended,
    kill: () => child.kill(),
  };
}
