/**
 * Owns the test's end of a link to a ZooKeeper. Not: the link (zookeeper-link.mjs). Called by zookeeper.test.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { HeldLink } from "../src/conformance/harness.js";

/** A link that can also lose one write, on whichever connection it comes first. */
export interface ZookeeperLink extends HeldLink {
  /** 127.0.0.1 and the port. */
  readonly endpoint: string;
  /** The connection of the next write ends before the write is passed on, or before the answer to it is. */
  loseNext(what: "request" | "answer"): void;
  close(): Promise<void>;
}

/** Longest wait for the thread. */
const commandMs = 10_000;

/** Starts a link to `port` of 127.0.0.1. Its methods have taken effect when they return. */
export async function startZookeeperLink(port: number): Promise<ZookeeperLink> {
  const acks = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL("./zookeeper-link.mjs", import.meta.url), {
    workerData: { port, acks: acks.buffer },
  });
  const [linkPort] = await once(worker, "message");
  const command = (name: string) => {
    const before = Atomics.load(acks, 0);
    worker.postMessage(name);
    if (Atomics.wait(acks, 0, before, commandMs) === "timed-out") throw new Error(`no ${name}`);
  };
  return {
    endpoint: `127.0.0.1:${linkPort}`,
    hold: () => command("hold"),
    release: () => command("release"),
    cut: () => command("cut"),
    loseNext: (what) => command(`lose-${what}`),
    close: async () => {
      await worker.terminate();
    },
  };
}
