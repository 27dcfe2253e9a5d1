/**
 * Owns the loading of the package `zookeeper` (the C client, optional, compiled at install time) and the types of the
 * part of it that is used. Not: what is done with it (zookeeper-detector.ts). Called where `zk://` addresses are checked.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createRequire } from "node:module";
import { MrrError } from "@mr-redis/core";

/** `code` is 0 or negative. */
type Done<Value> = (code: number, text: string, value: Value | null) => void;

/** One client; calls give 0, or why they could not be begun. */
export interface ZookeeperClient {
  /** Of the session in ms, as the server granted it; -1 when no client could be made, as without a name server. */
  readonly timeout: number;
  init(config: object): unknown;
  /**
   * Ends the session when connected: it blocks the whole process until the server has answered, or for seconds when that
   * is frozen. While it is not connected this takes no time.
   */
  close(): unknown;
  on(event: string, listener: (source: unknown, detail: unknown) => void): unknown;
  add_auth(scheme: string, secret: string, done: (code: number) => void): number;
  a_get_children(path: string, isWatched: boolean, done: Done<string[]>): number;
  a_exists(path: string, isWatched: boolean, done: Done<object>): number;
  a_get(
    path: string,
    isWatched: boolean,
    done: (code: number, text: string, stat: object | null, data: Uint8Array | null) => void,
  ): number;
}

/** What the package exports. */
export type ZookeeperConstructor = new (config: object) => ZookeeperClient;

/** Error numbers of `zookeeper.h` that are told apart. */
export const zookeeperCode = { ok: 0, noNode: -101, noAuth: -102, authFailed: -115 } as const;

const mending = {
  install: "npm install --include=optional",
  build:
    "apt-get install -y python3 make g++ libnode-dev; npm_config_nodedir=/usr npm rebuild zookeeper",
};

const isMissing = (error: unknown): boolean =>
  typeof error === "object" &&
  error !== null &&
  "code" in error &&
  error.code === "MODULE_NOT_FOUND" &&
  String(error).includes("'zookeeper'");

/**
 * The client's class. Throws {@link MrrError} `config-invalid`, with the command that mends it, when the package is not
 * installed or was not built. `load` gives what the package exports.
 */
export function loadZookeeper(
  load: () => unknown = () => createRequire(import.meta.url)("zookeeper"),
): ZookeeperConstructor {
  try {
    return load() as ZookeeperConstructor;
  } catch (error) {
    const [what, how] = isMissing(error)
      ? ["not installed", mending.install]
      : ["not built for this Node", mending.build];
    throw new MrrError(
      "config-invalid",
      `masters at zk:// need the optional package zookeeper, which is ${what}: ${how}`,
      { cause: error },
    );
  }
}
