/**
 * Owns the opening of the store that the configuration names, with the files that it names, and the words for what is
 * wrong with it. Not: the drivers (packages/store). Called by scheduler.ts, main.ts and the store tool.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, type Config, isMrrError, MrrError } from "@mr-redis/core";
import { createStore, type Store, type StoreCredentials, type StoreTls } from "@mr-redis/store";

/** What of the configuration is in files. Never logged. */
export interface StoreFiles {
  readonly credentials: StoreCredentials | null;
  readonly tls: StoreTls | null;
}

/** Largest file of certificates or of a password: the system's whole list of authorities has 0.2 MB. */
const fileBytesMax = 4 * 1024 * 1024;

/** Reads a file that the configuration names under `key`. Rejects with `config-invalid`, which names key and file. */
export async function readConfigured(key: string, path: string): Promise<string> {
  try {
    const text = await readFile(path, "utf8");
    if (text.length > fileBytesMax) throw new Error(`it is larger than ${fileBytesMax} bytes`);
    return text;
  } catch (error) {
    const reason = (error as Error).message;
    throw new MrrError("config-invalid", `${key} ${path} cannot be read: ${reason}`, {
      cause: error,
    });
  }
}

/** A secret that has a file of its own; the line end behind it does not belong to it. */
export const readSecretFile = async (key: string, path: string): Promise<string> =>
  (await readConfigured(key, path)).replace(/\r?\n$/, "");

/** Reads what the configuration names. Rejects with `config-invalid`. */
export async function readStoreFiles(config: Config): Promise<StoreFiles> {
  if (config.dbType !== "etcd" && config.dbType !== "zookeeper") {
    return { credentials: null, tls: null };
  }
  const password =
    config.dbPasswordFile === ""
      ? config.dbPassword
      : await readSecretFile("DBPasswordFile", config.dbPasswordFile);
  const credentials = config.dbUser === "" ? null : { user: config.dbUser, password };
  return { credentials, tls: await readTls(config) };
}

async function readTls(config: Config): Promise<StoreTls | null> {
  const { dbCaFile, dbCertFile, dbKeyFile } = config;
  const isTls = config.dbEndPoints.some((endPoint) => endPoint.startsWith("https:"));
  if (config.dbType !== "etcd" || !isTls) return null;
  const client =
    dbCertFile === ""
      ? null
      : {
          certificate: await readConfigured("DBCertFile", dbCertFile),
          key: await readConfigured("DBKeyFile", dbKeyFile),
        };
  return { ca: dbCaFile === "" ? null : await readConfigured("DBCAFile", dbCaFile), client };
}

/** The keys of the configuration that say where the store is, for texts. */
export function storeKeys(config: Config): string {
  const { dbType, dbEndPoints, dataDir } = config;
  const place =
    dbType === "embedded" ? `, DataDir ${dataDir}` : `, DBEndPoint ${dbEndPoints.join(",")}`;
  return `DBType ${dbType}${dbType === "memory" ? "" : place}`;
}

/** The error with the keys that it is about in front. */
export function atStore(config: Config, error: unknown): unknown {
  if (!isMrrError(error)) return error;
  const { code, message, details } = error;
  return new MrrError(code, `${storeKeys(config)}: ${message}`, { cause: error, details });
}

/** True for a store that this process alone can have: what is wrong with it is known at once. */
export const isLocalStore = ({ dbType }: Config): boolean =>
  dbType === "embedded" || dbType === "memory";

/** Opens the store; `readOnly` (default false) for those who only look. Rejects as `createStore` does. */
export const openConfiguredStore = (
  config: Config,
  files: StoreFiles,
  clock: Clock,
  { readOnly = false }: { readonly readOnly?: boolean } = {},
): Promise<Store> =>
  createStore({
    driver: config.dbType,
    clock,
    directory: join(config.dataDir, "store"),
    endpoints: config.dbEndPoints,
    credentials: files.credentials,
    tls: files.tls,
    leaseTtlMs: config.leaseTtlMs,
    timeLimitMs: config.dbTimeLimitMs,
    readOnly,
  });
