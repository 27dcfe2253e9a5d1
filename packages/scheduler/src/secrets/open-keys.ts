/**
 * Owns the keys of the `SecretKeyFile` in a running program: read at the start, in force again when the file changes.
 * Not: the form of the file (key-file.ts), nor sealing (secret-keys.ts). Called by scheduler.ts and the store tool.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Clock, type Config, MrrError } from "@mr-redis/core";
import type { Log } from "../log.js";
import { type NamedFile, readNamed, reloadFiles } from "../reloaded-files.js";
import { keyFileBytesMax, parseKeyFile, type SealingKey } from "./key-file.js";
import { SecretKeys } from "./secret-keys.js";

/** Keys that follow their file. */
export interface OpenedKeys {
  readonly keys: SecretKeys;
  /** Looks at the file no more. Idempotent. */
  close(): void;
}

const name = "SecretKeyFile";

const fileOf = (path: string): NamedFile => ({
  key: name,
  path,
  bytesMax: keyFileBytesMax,
  isPrivate: true,
});

function keysOf(path: string, text: string): readonly SealingKey[] {
  const keys = parseKeyFile(text);
  if (keys.ok) return keys.value;
  const problems = keys.problems.map((problem) => `${problem.path} ${problem.rule}`);
  throw new MrrError("config-invalid", `${name} ${path}: ${problems.join("; ")}`);
}

/** The keys of now, for a program that ends soon; none without a file. Rejects with `config-invalid`. */
export async function readSecretKeys({ secretKeyFile: path }: Config): Promise<SecretKeys> {
  return new SecretKeys(path === "" ? [] : keysOf(path, await readNamed(fileOf(path))));
}

/** Reads the keys, none without a file, and follows it. Rejects with `config-invalid`, which names file and line. */
export async function openSecretKeys(
  { secretKeyFile: path }: Config,
  shell: { readonly clock: Clock; readonly log: Log; readonly intervalMs?: number },
): Promise<OpenedKeys> {
  if (path === "") return { keys: new SecretKeys([]), close() {} };
  const keys = new SecretKeys([]);
  const files = await reloadFiles({
    files: [fileOf(path)],
    parse: ([text = ""]) => keysOf(path, text),
    apply: (next) => {
      const [sealing] = keys.ids;
      // What is stored is sealed with it: without it the next start would fail.
      if (!next.some(({ id }) => id === sealing)) {
        throw new MrrError("config-invalid", `${name} ${path} must still hold key ${sealing}`);
      }
      const gone = keys.ids.filter((id) => !next.some((key) => key.id === id));
      if (gone.length > 0) {
        const text =
          "keys are gone from SecretKeyFile; `mrr-scheduler store check` must name none of them before the next start";
        shell.log.warn({ gone }, text);
      }
      keys.replace(next);
      shell.log.info({ keyIds: keys.ids }, "keys for the secrets in the store");
    },
    ...shell,
  });
  keys.replace(files.value);
  shell.log.info({ keyIds: keys.ids }, "keys for the secrets in the store");
  return { keys, close: () => files.close() };
}
