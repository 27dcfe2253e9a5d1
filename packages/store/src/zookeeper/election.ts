/**
 * Owns how a session becomes the leader's: the tree is made, the leader's node is ours, the term grows.
 * Not: what the leader does then (leadership.ts, writer.ts). Called by store.ts.
 *
 * The order matters: the node that ends with the session first, then the term, written on the same session. So of two
 * that write a term the later one has read what the earlier wrote, and an ended session writes none. Nothing here
 * leans on a `sync`, which is no proof (session.ts): the writes are, and the last of them makes the connection fit for
 * reads that see all that earlier leaders wrote.
 *
 * The leader writes its node again and again (leadership.ts). Those who wait must not be woken by that, so their watch is
 * one on the node's children: it has none, and the only thing that such a watch then tells is its removal.
 * SPDX-License-Identifier: Apache-2.0
 */
import { Buffer } from "node:buffer";
import { type Clock, MrrError } from "@mr-redis/core";
import type { OpenCalls } from "../deadline.js";
import type { LeaderRecord } from "../port.js";
import { ConnectionLost, code, fromZookeeper } from "./codes.js";
import { awaitingText } from "./document.js";
import type { Layout } from "./layout.js";
import type { Answer, Session } from "./session.js";

/** What an election needs. */
export interface ElectionOptions {
  readonly session: Session;
  readonly layout: Layout;
  readonly clock: Clock;
  /** Gives each step its limit. */
  readonly calls: OpenCalls;
  readonly holder: string;
}

/** The value, or what the answer says as an error. */
export function must<T>(answer: Answer<T>, what: string): T {
  if (answer.code !== code.ok) throw fromZookeeper(answer.code, what);
  return answer.value as T;
}

/** What the leader's node holds; without a term until it is known. */
export const encodeLeader = (record: { holder: string; term: number | null }): Buffer =>
  Buffer.from(JSON.stringify(record));

/** What the leader's node says; null when it names no term (yet). */
export function parseLeader(data: Buffer): LeaderRecord | null {
  try {
    const value: unknown = JSON.parse(data.toString());
    if (typeof value !== "object" || value === null) return null;
    const { holder, term } = value as Record<string, unknown>;
    if (typeof holder !== "string" || !Number.isSafeInteger(term)) return null;
    return { holder, term: Number(term) };
  } catch {
    return null;
  }
}

/**
 * Makes the nodes above the documents where they are missing, ours alone when there is a user, and sees that we may read
 * those of the store. What was there before is not changed: who may use it is for those to say who made it. Rejects
 * with MrrError `config-invalid` when we may not.
 */
export async function ensureTree(session: Session, layout: Layout): Promise<void> {
  for (const path of layout.parents) {
    if ((await session.exists(path)).code === code.ok) continue;
    const made = await session.create(path, Buffer.alloc(0));
    if (made.code !== code.nodeExists) must(made, `make ${path}`);
    if (made.code === code.ok && session.hasUser) must(await session.protect(path), `use ${path}`);
  }
  for (const path of [layout.root, layout.instances]) {
    must(await session.children(path), `read ${path}`);
  }
}

/** Sees that we may read the tree, or that there is none. Rejects with MrrError `config-invalid` when we may not. */
export async function checkTree(session: Session, layout: Layout): Promise<void> {
  for (const path of [layout.root, layout.instances]) {
    const found = await session.children(path);
    if (found.code !== code.noNode) must(found, `read ${path}`);
  }
}

/** Resolves when another look at the leader's node is worth it: it changed, the connection did, or time has passed. */
function nextLook(options: ElectionOptions, signal: AbortSignal): Promise<void> {
  const { session, layout, clock } = options;
  return new Promise((resolve, reject) => {
    const ends: (() => void)[] = [];
    const settle = (how: () => void) => () => {
      for (const end of ends.splice(0)) end();
      how();
    };
    const look = settle(resolve);
    const abort = settle(() => reject(signal.reason));
    // The node's removal is told; this is for what is not, such as a watch that was lost.
    const timer = clock.after(session.grantedMs / 3, look);
    ends.push(() => timer.cancel());
    ends.push(session.onNode((_, path) => path === layout.leader && look()));
    ends.push(session.onEnd(look));
    signal.addEventListener("abort", abort);
    ends.push(() => signal.removeEventListener("abort", abort));
    if (signal.aborted) abort();
  });
}

/** True once the leader's node is ours, false while it is another's. */
async function tryToSit(options: ElectionOptions): Promise<boolean> {
  const { session, layout, holder } = options;
  const record = encodeLeader({ holder, term: null });
  const made = await session.create(layout.leader, record, { ephemeral: true });
  if (made.code !== code.nodeExists) must(made, `make ${layout.leader}`);
  const found = await session.exists(layout.leader);
  // Its owner has just ended.
  if (found.code === code.noNode) return tryToSit(options);
  const { ephemeralOwner } = must(found, `look at ${layout.leader}`);
  if (ephemeralOwner === "0") {
    const text = `${layout.leader} was made by another program; remove it, or choose another prefix`;
    throw new MrrError("store-corrupt", text);
  }
  if (ephemeralOwner !== session.id) {
    const watched = await session.children(layout.leader, true);
    if (watched.code === code.noNode) return tryToSit(options);
    must(watched, `look at ${layout.leader}`);
    return false;
  }
  if (session.hasUser) must(await session.protect(layout.leader), `use ${layout.leader}`);
  return true;
}

/** Stores the next term, which nobody else has; resolves with it. */
async function nextTerm(session: Session, layout: Layout): Promise<number> {
  const path = layout.term;
  for (;;) {
    const found = await session.get(path);
    if (found.code === code.noNode) {
      // With a user it is protected before it says anything.
      const first = session.hasUser ? awaitingText : Buffer.from("0");
      const made = await session.create(path, first);
      if (made.code !== code.nodeExists) must(made, `make ${path}`);
      if (session.hasUser) must(await session.protect(path), `use ${path}`);
      continue;
    }
    const { stat, data } = must(found, `read ${path}`);
    const text = data.equals(awaitingText) ? "0" : data.toString();
    const last = Number(text);
    if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(last + 1)) {
      const what = `${path} holds no number: another program has written it`;
      throw new MrrError("store-corrupt", what);
    }
    const set = await session.set(path, Buffer.from(String(last + 1)), stat.version);
    if (set.code === code.badVersion) continue;
    must(set, `write ${path}`);
    return last + 1;
  }
}

/**
 * Waits until the session is the leader's; resolves with the term. Rejects with the reason of `signal`, with the session's
 * end, or with MrrError `store-unavailable`, `store-corrupt` or `config-invalid`.
 */
export async function winElection(options: ElectionOptions, signal: AbortSignal): Promise<number> {
  const { session, layout, calls, holder } = options;
  const sit = async (): Promise<number | null> => {
    await session.whenConnected();
    signal.throwIfAborted();
    await ensureTree(session, layout);
    if (!(await tryToSit(options))) return null;
    const term = await nextTerm(session, layout);
    // A write that most of the servers have; what earlier leaders wrote came before it.
    const record = encodeLeader({ holder, term });
    must(await session.set(layout.leader, record, -1), `write ${layout.leader}`);
    return term;
  };
  for (;;) {
    signal.throwIfAborted();
    try {
      const term = await calls.run(sit());
      if (term !== null) return term;
      await nextLook(options, signal);
    } catch (error) {
      if (!(error instanceof ConnectionLost) || session.endError !== null) throw error;
    }
  }
}
