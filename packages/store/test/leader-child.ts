/**
 * Owns the program that leads for the conformance suite: it counts in a document and says what was answered.
 * Not: the verdict. Bundled and started by leader-process.ts; ends with its standard input.
 *
 *     node leader-child.mjs <options of the store, JSON> <key>
 *
 * Lines: see LeaderProcess (src/conformance/harness.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { writeSync } from "node:fs";
import { createStore, type DocumentKey, type StoreOptions } from "../src/index.js";
import { systemClock } from "./system-clock.js";

// Synchronous: what was said is said, whatever happens to the process.
const say = (line: string) => writeSync(1, `${line}\n`);

async function main(options: Omit<StoreOptions, "clock">, key: DocumentKey): Promise<void> {
  const store = await createStore({ ...options, clock: systemClock });
  const leadership = await store.campaign("leader", new AbortController().signal);
  say(`term ${leadership.term}`);
  leadership.lost.then(({ because }) => say(`lost ${because}`));
  let basedOn: string | null = null;
  for (let n = 1; ; n += 1) {
    if (!leadership.isValid()) say("invalid");
    const [outcome] = await store.commit(leadership, [{ key, basedOn, value: String(n) }]);
    if (outcome?.type === "done") {
      basedOn = outcome.revision;
      say(`done ${n}`);
    } else if (outcome?.type === "refused") {
      say(`refused ${outcome.reason}`);
      if (outcome.reason !== "stale" || outcome.current?.value !== String(n)) break;
      basedOn = outcome.current.revision;
    } else {
      say(`unknown ${outcome?.cause}`);
      n -= 1;
    }
  }
  await store.close();
  // Nothing of the store may keep the process.
  process.stdin.destroy();
}

process.stdin.on("end", () => process.exit(0)).resume();
main(JSON.parse(process.argv[2] ?? ""), process.argv[3] as DocumentKey).catch((error) => {
  say(`error ${error.message}`);
  process.exit(1);
});
