/**
 * Owns the proof that a key file is asked for its mode and followed while the program runs, never to where the key that seals
 * now is missing; and that it is said when another key goes.
 * SPDX-License-Identifier: Apache-2.0
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Config, parseConfig } from "@mr-redis/core";
import { eventually } from "@mr-redis/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { machineClock } from "../../test/machine-clock.js";
import { createLog } from "../log.js";
import { keyBytes, sealingKeyOf } from "./key-file.js";
import { type OpenedKeys, openSecretKeys, readSecretKeys } from "./open-keys.js";

const limit = { deadlineMs: 30_000 };

const bytesOf = (byte: number): Buffer => Buffer.alloc(keyBytes, byte);
const lineOf = (byte: number): string => bytesOf(byte).toString("base64");
const idOf = (byte: number): string => sealingKeyOf(bytesOf(byte)).id;

let directory: string;
let path: string;
let lines: string[];
let opened: OpenedKeys | null;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mrr-keys-"));
  path = join(directory, "keys");
  lines = [];
  opened = null;
});

afterEach(() => {
  opened?.close();
  rmSync(directory, { recursive: true });
});

function configOf(secretKeyFile: string): Config {
  const parsed = parseConfig({ SecretKeyFile: secretKeyFile }, {});
  if (!parsed.ok) throw new Error("a test's configuration is wrong");
  return parsed.value.config;
}

const write = (...bytes: number[]): void =>
  writeFileSync(path, `${bytes.map(lineOf).join("\n")}\n`, { mode: 0o600 });

async function openFile(): Promise<OpenedKeys> {
  const destination = { write: (line: string) => void lines.push(line) };
  const log = createLog({ program: "test", level: "info", destination });
  opened = await openSecretKeys(configOf(path), { clock: machineClock, log, intervalMs: 20 });
  return opened;
}

it("without a file there are no keys", async () => {
  expect((await readSecretKeys(configOf(""))).areKept).toBe(false);
  const none = await openSecretKeys(configOf(""), undefined as never);
  none.close();
  expect(none.keys.areKept).toBe(false);
});

it("a file that others may use is refused, with the remedy", async () => {
  write(1);
  for (const mode of [0o640, 0o604, 0o620, 0o666]) {
    chmodSync(path, mode);
    await expect(readSecretKeys(configOf(path))).rejects.toMatchObject({
      code: "config-invalid",
      message: `SecretKeyFile ${path} cannot be read: its mode is 0${mode.toString(8)}, others may use it; run \`chmod 600 ${path}\``,
    });
  }
  chmodSync(path, 0o400);
  expect((await readSecretKeys(configOf(path))).ids).toEqual([idOf(1)]);
});

it("a missing file and wrong lines are named", async () => {
  await expect(openFile()).rejects.toMatchObject({
    code: "config-invalid",
    message: expect.stringMatching(/^SecretKeyFile .*keys cannot be read: ENOENT/),
  });
  writeFileSync(path, `${lineOf(1)}\nnonsense\n`, { mode: 0o600 });
  await expect(openFile()).rejects.toMatchObject({
    code: "config-invalid",
    message: expect.stringMatching(/^SecretKeyFile .*keys: line 2 must be 32 bytes in base64/),
  });
});

it("a new first line seals from then on; the key that seals cannot go", async () => {
  write(1);
  const { keys } = await openFile();
  const sealed = keys.sealingOf("instance/a")?.seal("secret") ?? "";
  write(2, 1);
  await eventually(() => expect(keys.ids).toEqual([idOf(2), idOf(1)]), limit);
  expect(keys.sealingOf("instance/a")?.open(sealed)).toBe("secret");
  write(3);
  await eventually(() => expect(lines.join("")).toContain(`must still hold key ${idOf(2)}`), limit);
  expect(keys.ids).toEqual([idOf(2), idOf(1)]);
  write(2);
  await eventually(() => expect(keys.ids).toEqual([idOf(2)]), limit);
  expect(lines.join("")).toMatch(new RegExp(`"gone":\\["${idOf(1)}"\\].*store check`));
  // Nothing of a key is ever logged.
  for (const byte of [1, 2, 3]) expect(lines.join("")).not.toContain(lineOf(byte).slice(0, 20));
});
