/**
 * Owns `mrr-scheduler store dump|check`: opens the store that the configuration names, reads, prints, closes.
 * Not: what is printed (dump.ts, check.ts). Called by main.ts. Writes nothing to the store and does not campaign.
 * SPDX-License-Identifier: Apache-2.0
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Clock, type Config, isMrrError, MrrError } from "@mr-redis/core";
import type { Store } from "@mr-redis/store";
import { readSecretKeys } from "../secrets/open-keys.js";
import { SecretKeys } from "../secrets/secret-keys.js";
import { atStore, openConfiguredStore, readStoreFiles } from "../store-access.js";
import { inconsistencies } from "./check.js";
import { dumpLines } from "./dump.js";
import { keyLines } from "./keys.js";
import { readStore } from "./records.js";

/** What the tool can do. */
export type StoreAction = "dump" | "check";

/** Exit code of a check that found something. */
const inconsistentExitCode = 1;

/** What the tool is given. */
export interface StoreToolOptions {
  readonly action: StoreAction;
  readonly config: Config;
  readonly clock: Clock;
  readonly print: (line: string) => void;
  /** Opens the store; default: the one that the configuration names. */
  readonly openStore?: () => Promise<Store>;
}

/** Runs it; resolves with the exit code. Rejects with MrrError when the store cannot be read. */
export async function runStoreTool(options: StoreToolOptions): Promise<number> {
  const { action, config, print } = options;
  try {
    const store = await (options.openStore?.() ?? openExisting(options));
    try {
      if (action === "dump") {
        // Nothing of it is shown, so that no key is needed.
        for (const line of dumpLines(await readStore(store, new SecretKeys([])))) print(line);
        return 0;
      }
      const keys = await readSecretKeys(config);
      const seen = await readStore(store, keys);
      const found = inconsistencies(seen);
      for (const line of found) print(line);
      for (const line of keyLines(seen, keys)) print(line);
      print(summaryOf(seen.records.length, found.length));
      return found.length === 0 ? 0 : inconsistentExitCode;
    } finally {
      await store.close();
    }
  } catch (error) {
    throw atStore(config, error);
  }
}

const summaryOf = (records: number, found: number): string =>
  `${records} ${records === 1 ? "record" : "records"}, ${found} ${found === 1 ? "inconsistency" : "inconsistencies"}`;

async function openExisting({ config, clock, action }: StoreToolOptions): Promise<Store> {
  const { dbType, dataDir } = config;
  if (dbType === "memory") throw new MrrError("config-invalid", "nothing is kept there");
  // To open it would make it.
  if (dbType === "embedded" && !existsSync(join(dataDir, "store"))) {
    throw new MrrError("config-invalid", "there is no store in this directory");
  }
  try {
    const files = await readStoreFiles(config);
    return await openConfiguredStore(config, files, clock, { readOnly: true });
  } catch (error) {
    if (!isMrrError(error) || error.code !== "store-locked") throw error;
    const text = `${error.message}; ${action} can look into it only while no scheduler runs`;
    throw new MrrError("store-locked", text, { cause: error });
  }
}
