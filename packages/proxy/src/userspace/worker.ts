/**
 * Owns one worker of the userspace plane: a plane of its own that does what the owning process says, and ends with it.
 * Not: the dividing of clients among workers (node:cluster). Called by main.ts in a process that workers.ts has started.
 * SPDX-License-Identifier: Apache-2.0
 */
import cluster from "node:cluster";
import type { Clock } from "@mr-redis/core";
import { LocalPlane } from "./local-plane.js";
import type { WorkerAnswer, WorkerOrder } from "./worker-words.js";

/** Whether this process is a worker of the plane. */
export const isPlaneWorker: boolean = cluster.isWorker;

const answer = (said: WorkerAnswer): void => {
  // Whoever would hear it may have gone: this process ends then.
  if (process.connected) process.send?.(said, undefined, {}, () => {});
};

const nothing = (): void => {};

/** Serves until the owning process says so or has gone. */
export function servePlaneWorker(clock: Clock): void {
  // Signals to the whole group are for the owning process.
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, nothing);
  let plane: LocalPlane | null = null;
  const obey = async (order: WorkerOrder): Promise<void> => {
    if (order.type === "begin") {
      plane = new LocalPlane({
        clock,
        settings: order.settings,
        watcher: {
          problem: (route, problem) => answer({ type: "problem", route, problem }),
          log: (level, message, fields = {}) => answer({ type: "log", level, message, fields }),
        },
      });
      return;
    }
    if (plane === null) return;
    if (order.type === "configure") {
      plane.configure(order.settings);
      return;
    }
    const { id } = order;
    if (order.type === "states") {
      answer({ type: "states", id, states: await plane.states() });
      return;
    }
    if (order.type === "apply") await plane.apply(order.routes);
    else if (order.type === "change") await plane.change(order.changed, order.removed);
    else await plane.close();
    answer({ type: "done", id });
  };
  process.on("message", (order: WorkerOrder) => {
    obey(order).catch((error: unknown) => {
      // A defect: the owning process starts another worker.
      process.nextTick(() => {
        throw error;
      });
    });
  });
  answer({ type: "ready" });
}
