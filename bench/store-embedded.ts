/**
 * Owns the measurement of the embedded store: durable commits a second, and the time of a start.
 * Run by hand; command and results are in store-embedded.md. Works in a new directory below the given one (default: /tmp).
 * SPDX-License-Identifier: Apache-2.0
 */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "@mr-redis/core";
import { createStore, type Leadership, type Store } from "@mr-redis/store";

const clock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Length of one measurement. */
const measureMs = 3000;

const document = (bytes: number, mark: number): string =>
  JSON.stringify({ mark, fill: `${mark}`.padEnd(bytes - 40, "x") });

const perSecond = (count: number, sinceMs: number): string =>
  Math.round((count * 1000) / (performance.now() - sinceMs)).toLocaleString("en");

/** What the disk can do: append and fdatasync, one after the other. */
function floor(directory: string, bytes: number): string {
  const file = openSync(join(directory, "floor"), "w");
  const data = document(bytes, 0);
  const startMs = performance.now();
  let count = 0;
  while (performance.now() - startMs < measureMs) {
    writeSync(file, data);
    fdatasyncSync(file);
    count += 1;
  }
  const result = perSecond(count, startMs);
  closeSync(file);
  return result;
}

async function commits(store: Store, leadership: Leadership, inFlight: number, bytes: number) {
  const startMs = performance.now();
  let count = 0;
  const loop = async (index: number) => {
    const key = `instance/${bytes}-${inFlight}-${index}` as const;
    for (let basedOn: string | null = null; performance.now() - startMs < measureMs; ) {
      const [outcome] = await store.commit(leadership, [
        { key, basedOn, value: document(bytes, count) },
      ]);
      if (outcome?.type !== "done") throw new Error(JSON.stringify(outcome));
      basedOn = outcome.revision;
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, index) => loop(index)));
  return perSecond(count, startMs);
}

async function start(directory: string, count: number, bytes: number): Promise<string> {
  const open = () => createStore({ driver: "embedded", directory, clock });
  const first = await open();
  const leadership = await first.campaign("bench", new AbortController().signal);
  const changes = Array.from({ length: count }, (_, index) => {
    return { key: `instance/i${index}` as const, basedOn: null, value: document(bytes, index) };
  });
  await first.commit(leadership, changes);
  await first.close();
  const startMs = performance.now();
  const store = await open();
  const openMs = performance.now() - startMs;
  const all = await store.readAll();
  const readMs = performance.now() - startMs - openMs;
  await store.close();
  if (all.length !== count) throw new Error("documents are missing");
  return `open ${openMs.toFixed(0)} ms, readAll ${readMs.toFixed(0)} ms`;
}

const scratch = mkdtempSync(join(process.argv[2] ?? tmpdir(), "mrr-bench-"));
try {
  console.log("| document | in flight | durable commits/s | append + fdatasync alone |");
  console.log("|---|---|---|---|");
  const directory = join(scratch, "commits");
  const store = await createStore({ driver: "embedded", directory, clock });
  const leadership = await store.campaign("bench", new AbortController().signal);
  for (const bytes of [1000, 20_000]) {
    for (const inFlight of [1, 64]) {
      const rate = await commits(store, leadership, inFlight, bytes);
      console.log(`| ${bytes} B | ${inFlight} | ${rate} | ${floor(scratch, bytes)} |`);
    }
  }
  await store.close();
  console.log(
    `\n10,000 documents of 3,500 B: ${await start(join(scratch, "start"), 10_000, 3500)}`,
  );
} finally {
  rmSync(scratch, { recursive: true });
}
