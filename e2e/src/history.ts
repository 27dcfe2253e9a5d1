/**
 * Owns clients that write to several processes without pause, and the history of what was acknowledged: by whom and when.
 * Each has one command in flight, so an acknowledgement is given between its sending and its coming.
 * Not: what happens to the processes meanwhile. Called by tests of partitions.
 * SPDX-License-Identifier: Apache-2.0
 */
import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { pause } from "@mr-redis/testing";

/** The list that all writes go to. */
export const historyKey = "history";

/** Between two writes of one client: leaves the CPU to others, small against every limit under test. */
const writeIntervalMs = 5;

/** After a refusal, and before the next connection. */
const refusedIntervalMs = 20;

/** For an answer; a process that is only slow answers far sooner. */
const answerMsMax = 3_000;

/** Most characters of an answer that is looked at. */
const answerLengthMax = 4_096;

/** Whom to write to. */
export interface Target {
  readonly id: string;
  readonly ip: string;
  readonly port: number;
}

/** One acknowledged write. Times are of `performance.now()`. */
export interface Acknowledged {
  readonly processId: string;
  readonly value: string;
  readonly sentAtMs: number;
  readonly ackedAtMs: number;
}

/** What running clients have seen. */
export interface Writers {
  readonly acknowledged: readonly Acknowledged[];
  /** Of one process. */
  countOf(processId: string): number;
  /** Adds clients for processes that have none yet. */
  add(targets: readonly Target[]): void;
  /** Ends all of them. */
  stop(): Promise<void>;
}

/** Starts a client for each process. */
export function startWriters(targets: readonly Target[]): Writers {
  const acknowledged: Acknowledged[] = [];
  const counts = new Map<string, number>();
  const clients = new Map<string, Promise<void>>();
  const life = { isOver: false };
  const take = (one: Acknowledged): void => {
    acknowledged.push(one);
    counts.set(one.processId, (counts.get(one.processId) ?? 0) + 1);
  };
  const add = (more: readonly Target[]): void => {
    for (const target of more) {
      if (!clients.has(target.id)) clients.set(target.id, writeTo(target, life, take));
    }
  };
  add(targets);
  return {
    acknowledged,
    countOf: (processId) => counts.get(processId) ?? 0,
    add,
    async stop() {
      life.isOver = true;
      await Promise.all(clients.values());
    },
  };
}

async function writeTo(
  target: Target,
  life: { readonly isOver: boolean },
  take: (one: Acknowledged) => void,
): Promise<void> {
  let number = 0;
  while (!life.isOver) {
    const socket = createConnection({ host: target.ip, port: target.port, noDelay: true });
    socket.setEncoding("utf8").setTimeout(answerMsMax, () => socket.destroy());
    socket.on("error", () => {});
    try {
      await once(socket, "connect");
      while (!life.isOver) {
        number += 1;
        const value = `${target.id}/${number}`;
        const sentAtMs = performance.now();
        const answer = await ask(socket, ["RPUSH", historyKey, value]);
        const ackedAtMs = performance.now();
        const isDone = answer.startsWith(":");
        if (isDone) take({ processId: target.id, value, sentAtMs, ackedAtMs });
        await pause(isDone ? writeIntervalMs : refusedIntervalMs);
      }
    } catch {
      // The outcome of the last command is unknown: it is no acknowledged write.
      await pause(refusedIntervalMs);
    } finally {
      socket.destroy();
    }
  }
}

/** The wire form of a command. */
const encode = (words: readonly string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`;

/** One command and its answer of one line; throws when the connection ends before. */
function ask(socket: Socket, words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const end = (act: () => void): void => {
      socket.off("data", onData).off("close", onClose);
      act();
    };
    const onData = (chunk: string): void => {
      text += chunk;
      if (text.endsWith("\r\n")) end(() => resolve(text));
      else if (text.length > answerLengthMax) end(() => reject(new Error("too long an answer")));
    };
    const onClose = (): void => end(() => reject(new Error("the connection has ended")));
    if (socket.destroyed) reject(new Error("the connection has ended"));
    else {
      socket.on("data", onData).on("close", onClose);
      socket.write(encode(words));
    }
  });
}

/** Bytes that a write takes in the stream to the replicas, at least. */
export const streamBytesOf = ({ value }: Acknowledged): number =>
  encode(["RPUSH", historyKey, value]).length;

/**
 * Pairs of processes that certainly acknowledged in overlapping time: each was sent a write, which it acknowledged, after
 * the other one's first acknowledgement had come.
 */
export function overlapsOf(history: readonly Acknowledged[]): string[] {
  const times = new Map<string, { firstAckedMs: number; lastSentMs: number }>();
  for (const { processId, sentAtMs, ackedAtMs } of history) {
    const seen = times.get(processId) ?? { firstAckedMs: ackedAtMs, lastSentMs: sentAtMs };
    times.set(processId, {
      firstAckedMs: Math.min(seen.firstAckedMs, ackedAtMs),
      lastSentMs: Math.max(seen.lastSentMs, sentAtMs),
    });
  }
  const all = [...times];
  return all.flatMap(([one, first], index) =>
    all.slice(index + 1).flatMap(([other, second]) => {
      const byMs = Math.min(
        first.lastSentMs - second.firstAckedMs,
        second.lastSentMs - first.firstAckedMs,
      );
      return byMs > 0 ? [`${one} and ${other} for ${byMs.toFixed(1)} ms`] : [];
    }),
  );
}

/** Acknowledged writes that are not among `present`. */
export function missingIn(
  history: readonly Acknowledged[],
  present: readonly string[],
): Acknowledged[] {
  const known = new Set(present);
  return history.filter(({ value }) => !known.has(value));
}
