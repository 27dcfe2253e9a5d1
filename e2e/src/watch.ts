/**
 * Owns watching the API without a pause while something is killed, to see whether it ever lies.
 * Not: what is killed. Called by the kill tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import { isAlive, pause, type RunningUp, until } from "@mr-redis/testing";
import type { ShownInstance, V1Instance } from "./look.js";

/** Pause between two looks; a look is five requests' worth of work at most. */
const lookIntervalMs = 15;

/** Limit for the first one, on a busy machine. */
const firstLookMs = 20_000;

/** What was seen at one moment. A `code` of 0: no connection. */
export interface Look {
  readonly atMs: number;
  readonly v1Code: number;
  readonly v1: V1Instance | null;
  readonly v2Code: number;
  readonly v2: ShownInstance | null;
  readonly listCode: number;
}

/** A running watch. */
export interface Watch {
  readonly looks: readonly Look[];
  stop(): Promise<readonly Look[]>;
}

async function get<T>(up: RunningUp, path: string): Promise<{ code: number; value: T | null }> {
  try {
    const answer = await up.api("GET", path);
    return { code: answer.status, value: answer.status === 200 ? (answer.json as T) : null };
  } catch {
    return { code: 0, value: null };
  }
}

/** Looks at an instance until stopped; resolves with the first look, so that what was before is in it. */
export async function watch(up: RunningUp, name: string): Promise<Watch> {
  const looks: Look[] = [];
  let isStopped = false;
  const loop = async (): Promise<void> => {
    while (!isStopped) {
      const atMs = performance.now();
      const [v1, v2, list] = await Promise.all([
        get<V1Instance>(up, `/v1/STATUS/${name}`),
        get<ShownInstance>(up, `/v2/instances/${name}`),
        get<unknown>(up, "/v1/STATUS"),
      ]);
      looks.push({
        atMs,
        v1Code: v1.code,
        v1: v1.value,
        v2Code: v2.code,
        v2: v2.value,
        listCode: list.code,
      });
      await pause(lookIntervalMs);
    }
  };
  const done = loop();
  await until(() => looks.length > 0, { deadlineMs: firstLookMs, what: "a first look" });
  return {
    looks,
    stop: async () => {
      isStopped = true;
      await done;
      return looks;
    },
  };
}

/** Answers that must not be given while the scheduler itself is untouched: anything but 200. */
export const wrongCodes = (looks: readonly Look[]): number[] =>
  [...new Set(looks.flatMap((look) => [look.v1Code, look.v2Code, look.listCode]))].filter(
    (code) => code !== 200,
  );

/** Looks later than `fromMs` that still show the process `id` as ready, or the instance as RUNNING with it. */
export const liesAbout = (looks: readonly Look[], id: string, fromMs: number): Look[] =>
  looks.filter(
    (look) =>
      look.atMs > fromMs &&
      look.v2?.processes.some((process) => process.id === id && process.ready) === true,
  );

/** Statuses in the order in which they were seen, repeats left out. */
export const statusesSeen = (looks: readonly Look[]): string[] => {
  const seen = looks.flatMap((look) => (look.v2 === null ? [] : [look.v2.status]));
  return seen.filter((status, index) => status !== seen[index - 1]);
};

/** Kills a process by pid without waiting, and says when. */
export function killNow(pid: number): number {
  if (!isAlive(pid)) throw new Error(`process ${pid} is already gone`);
  process.kill(pid, "SIGKILL");
  return performance.now();
}
