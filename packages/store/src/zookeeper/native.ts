/**
 * Owns the loading of the package `zookeeper` (the C client, optional, compiled at install time) and the types of the
 * part of it that is used. Not: what is done with it (session.ts). Called by store.ts.
 *
 * Its sockets are inherited by programs that are started beside it (it is built without SOCK_CLOEXEC): they then stay
 * open behind its back, and the event loop hears of them under the number of another socket. So no process that has
 * a store on ZooKeeper may start programs; the scheduler starts none.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import { MrrError } from "@mr-redis/core";

/** What ZooKeeper says about a node. */
export interface Stat {
  /** Changes of its data; begins at 0 again when a node is removed and made anew. */
  readonly version: number;
  /** Session that it ends with, in hexadecimal; "0" when it outlives sessions. */
  readonly ephemeralOwner: string;
}

/** `code` is 0 or a number of codes.ts. */
type Done<Values extends unknown[]> = (code: number, text: string, ...values: Values) => void;

/** One connection of the C client; calls give 0, or why they could not be begun. */
export interface NativeClient {
  /** 3: connected. */
  readonly state: number;
  /** Of the session in ms, as the server granted it; -1 when the client could not be made. */
  readonly timeout: number;
  readonly client_id: string;
  readonly client_password: string;
  init(config: object): unknown;
  /**
   * Ends the session when connected. It then blocks the whole process until the server has answered, 1.5 s at most
   * (and up to 3 s before while the socket takes nothing).
   */
  close(): unknown;
  on(event: string, listener: (source: unknown, detail: unknown) => void): unknown;
  add_auth(scheme: string, secret: string, done: Done<[]>): number;
  a_create(path: string, data: Buffer, flags: number, done: Done<[string]>): number;
  a_set(path: string, data: Buffer, version: number, done: Done<[Stat | null]>): number;
  a_delete_(path: string, version: number, done: Done<[]>): number;
  a_exists(path: string, isWatched: boolean, done: Done<[Stat | null]>): number;
  a_get(path: string, isWatched: boolean, done: Done<[Stat | null, Uint8Array | null]>): number;
  a_get_children(path: string, isWatched: boolean, done: Done<[string[] | null]>): number;
  a_set_acl(path: string, version: number, acl: readonly object[], done: Done<[]>): number;
  a_sync(path: string, done: Done<[string]>): number;
}

/** What the package exports. */
export type NativeConstructor = new (config: object) => NativeClient;

const mending = {
  install: "npm install --include=optional",
  build: "apt-get install -y python3 make g++ && npm rebuild zookeeper",
};

const isMissing = (error: unknown): boolean =>
  typeof error === "object" &&
  error !== null &&
  "code" in error &&
  error.code === "MODULE_NOT_FOUND" &&
  String(error).includes("'zookeeper'");

/**
 * The client's class. Throws MrrError `config-invalid`, with the command that mends it, when the package is not
 * installed or was not built. `load` gives what the package exports.
 */
export function loadNative(
  load: () => unknown = () => createRequire(import.meta.url)("zookeeper"),
): NativeConstructor {
  try {
    return load() as NativeConstructor;
  } catch (error) {
    const [what, how] = isMissing(error)
      ? ["not installed", mending.install]
      : ["not built for this Node", mending.build];
    throw new MrrError(
      "config-invalid",
      `DBType "zookeeper" needs the optional package zookeeper, which is ${what}: ${how}`,
      { cause: error },
    );
  }
}
