/**
 * Owns the program that kill.test.ts kills: it commits under load and says what was answered, line by line.
 * Not: the verdict. Bundled and started by child.ts; ends with its standard input.
 *
 *     node load-child.mjs <directory> <first number>
 *
 * Lines: `term <n>`, `stored <key> <n>`, `done <key> <n>`, `unknown <key> <n>`, `error <code> <message>`.
 * SPDX-License-Identifier: Apache-2.0
 */
import { writeSync } from "node:fs";
import { isMrrError } from "@mr-redis/core";
import { createStore, type DocumentKey, type Leadership, type Store } from "../src/index.js";
import { loadKeys, valueFor } from "./load-values.js";
import { systemClock } from "./system-clock.js";

/** Pause before an unknown change is tried again. */
const retryDelayMs = 20;

// Synchronous: what the parent reads was said before the kill, what was answered and not yet said is at most one
// number for each key.
const say = (line: string) => writeSync(1, `${line}\n`);

async function loop(store: Store, leadership: Leadership, key: DocumentKey, first: number) {
  let basedOn = (await store.read(key))?.revision ?? null;
  for (let n = first; ; n += 1) {
    const value = valueFor(n);
    let again = false;
    for (;;) {
      const [outcome] = await store.commit(leadership, [{ key, basedOn, value }]);
      const stored = outcome?.type === "refused" && "current" in outcome ? outcome.current : null;
      if (outcome?.type === "done") {
        basedOn = outcome.revision;
      } else if (outcome?.type === "unknown") {
        say(`unknown ${key} ${n}`);
        again = true;
        await new Promise((resolve) => systemClock.after(retryDelayMs, () => resolve(null)));
        continue;
      } else if (again && outcome?.type === "refused" && (stored?.value ?? null) === value) {
        basedOn = stored?.revision ?? null;
      } else {
        throw new Error(`commit ${key} ${n}: ${JSON.stringify(outcome)}`);
      }
      break;
    }
    say(`done ${key} ${n}`);
  }
}

async function main(directory: string, first: number): Promise<void> {
  const store = await createStore({ driver: "embedded", directory, clock: systemClock });
  const leadership = await store.campaign("load", new AbortController().signal);
  say(`term ${leadership.term}`);
  await Promise.all(loadKeys.map((key) => loop(store, leadership, key, first)));
}

process.stdin.on("end", () => process.exit(0)).resume();
main(process.argv[2] ?? "", Number(process.argv[3])).catch((error) => {
  say(`error ${isMrrError(error) ? error.code : "defect"} ${error.message}`);
  process.exit(1);
});
