/**
 * Owns that one data directory has one `mrr up`: a file with the holder's identity, taken over when the holder is dead.
 * Not: the store's own lock (packages/store), which holds even if this one fails. Called by run.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { assert } from "@mr-redis/core";
import { identify, isRunning, type ProcessIdentity, parseIdentity } from "./identity.js";

/** held: ours until `release`; `wasStale`: the last holder was killed. taken: by the process `pid`, which lives. */
export type LockOutcome =
  | { readonly type: "held"; readonly wasStale: boolean; release(): void }
  | { readonly type: "taken"; readonly pid: number };

/** Tries before giving up: each means that another one started or ended in the same instant. */
const triesMax = 10;

/** Takes the lock `file` for this process. Its directory exists. Throws what the file system throws. */
export function takeLock(file: string): LockOutcome {
  const own = identify(process.pid);
  assert(own !== null, "this process can be identified");
  const draft = `${file}.${own.pid}`;
  writeFileSync(draft, JSON.stringify(own), { mode: 0o600 });
  let wasStale = false;
  try {
    for (let tries = 0; tries < triesMax; tries += 1) {
      if (linked(draft, file)) {
        return { type: "held", wasStale, release: () => removeOwn(file, own) };
      }
      const holder = readHolder(file);
      if (holder.type === "absent") continue;
      if (holder.identity !== null && isRunning(holder.identity)) {
        return { type: "taken", pid: holder.identity.pid };
      }
      wasStale = true;
      setAside(file, holder.text, `${draft}.stale`);
    }
    return { type: "taken", pid: 0 };
  } finally {
    unlinkSync(draft);
  }
}

/** A link is made whole or not at all, and never over another file. */
function linked(draft: string, file: string): boolean {
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

type Holder =
  | { readonly type: "absent" }
  | { readonly type: "present"; readonly text: string; readonly identity: ProcessIdentity | null };

function readHolder(file: string): Holder {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return { type: "absent" };
    throw error;
  }
  try {
    return { type: "present", text, identity: parseIdentity(JSON.parse(text)) };
  } catch {
    return { type: "present", text, identity: null };
  }
}

/** Removes a stale lock. Another one may have done so and taken it since: then what was moved is put back. */
function setAside(file: string, staleText: string, aside: string): void {
  try {
    renameSync(file, aside);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  if (readFileSync(aside, "utf8") !== staleText) linked(aside, file);
  unlinkSync(aside);
}

function removeOwn(file: string, own: ProcessIdentity): void {
  const holder = readHolder(file);
  const isOwn =
    holder.type === "present" &&
    holder.identity?.pid === own.pid &&
    holder.identity.start === own.start;
  if (isOwn) unlinkSync(file);
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;
