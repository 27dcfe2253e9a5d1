/**
 * Owns files whose content may change while the program runs: read at the start, looked at again every second, and put
 * into force when the new content is good and written to its end. Not: what they mean (tokens, certificates). Made by server-access.ts and tls-files.ts.
 * Why reading and not watching: a file may be replaced by rename, through links or on a network, and they are small.
 * SPDX-License-Identifier: Apache-2.0
 */
import { open } from "node:fs/promises";
import { type Clock, MrrError, type Timer } from "@mr-redis/core";
import type { Log } from "./log.js";

/** From one look to the next: nobody notices a second, and a small file costs nothing. */
const lookIntervalMs = 1_000;

/** What of a mode is for others than the owner. */
const othersMode = 0o077;

/** A file, and the key of the configuration that names it. */
export interface NamedFile {
  readonly key: string;
  readonly path: string;
  readonly bytesMax: number;
  /** Others than its owner may not read it; default false: whoever may. */
  readonly isPrivate?: boolean;
}

/** Files that mean something together, as a certificate and its key. */
export interface ReloadedFiles<T> {
  /** What is in force. */
  readonly value: T;
  /** Looks no more. Idempotent. */
  close(): void;
}

/** How files are read and used. */
export interface ReloadOptions<T> {
  readonly files: readonly NamedFile[];
  /** Makes sense of the contents, in the order of `files`; throws what is wrong with them. */
  readonly parse: (contents: readonly string[]) => T;
  /** Called with what has come into force later on. What it throws is a content that is not good. */
  readonly apply: (value: T) => void;
  readonly clock: Clock;
  readonly log: Log;
  /** Other than a second (tests). */
  readonly intervalMs?: number;
}

/** Reads the files; rejects with `config-invalid`, which names key and file, when they are not good at the start. */
export async function reloadFiles<T>(options: ReloadOptions<T>): Promise<ReloadedFiles<T>> {
  const { clock, log, files, intervalMs = lookIntervalMs } = options;
  const keys = files.map(({ key }) => key);
  let seen = await readAll(files);
  let value = options.parse(seen);
  /** What the last look saw. Half a file may be a good one, so only what two looks saw alike counts. */
  let glimpsed = seen;
  let trouble = "";
  let isClosed = false;
  let timer: Timer | null = null;
  const look = async (): Promise<void> => {
    try {
      const contents = await readAll(files);
      const isStill = isEqual(contents, glimpsed);
      glimpsed = contents;
      const isSame = isEqual(contents, seen);
      if (isClosed || !isStill || (isSame && trouble === "")) return;
      if (!isSame) {
        const next = options.parse(contents);
        options.apply(next);
        value = next;
        seen = contents;
      }
      trouble = "";
      log.info({ keys }, "files were read again and are in force");
    } catch (error) {
      const text = (error as Error).message;
      // Once for each mistake, not each second.
      if (!isClosed && text !== trouble) {
        log.error(
          { keys, problem: text },
          "changed files are not good: the old ones stay in force",
        );
      }
      trouble = text;
    }
  };
  const lookLater = (): void => {
    timer = clock.after(intervalMs, () => {
      void look().then(() => {
        if (!isClosed) lookLater();
      });
    });
  };
  lookLater();
  return {
    get value() {
      return value;
    },
    close() {
      isClosed = true;
      timer?.cancel();
    },
  };
}

const isEqual = (left: readonly string[], right: readonly string[]): boolean =>
  left.every((content, index) => content === right[index]);

const readAll = (files: readonly NamedFile[]): Promise<string[]> =>
  Promise.all(files.map(readNamed));

/** Reads a file. Rejects with `config-invalid`, which names key and file. */
export async function readNamed(file: NamedFile): Promise<string> {
  const { key, path, bytesMax, isPrivate = false } = file;
  try {
    const handle = await open(path, "r");
    try {
      const stats = await handle.stat();
      if (!stats.isFile()) throw new Error("it is no regular file");
      if (isPrivate && (stats.mode & othersMode) !== 0) {
        const mode = (stats.mode & 0o777).toString(8).padStart(4, "0");
        throw new Error(`its mode is ${mode}, others may use it; run \`chmod 600 ${path}\``);
      }
      const { buffer, bytesRead } = await handle.read(
        Buffer.alloc(bytesMax + 1),
        0,
        bytesMax + 1,
        0,
      );
      if (bytesRead > bytesMax) throw new Error(`it is larger than ${bytesMax} bytes`);
      return buffer.toString("utf8", 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    const reason = (error as Error).message;
    throw new MrrError("config-invalid", `${key} ${path} cannot be read: ${reason}`, {
      cause: error,
    });
  }
}
