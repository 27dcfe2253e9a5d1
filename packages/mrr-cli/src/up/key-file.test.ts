/** Tests of the key file of `mrr up`. SPDX-License-Identifier: Apache-2.0 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { keepKeyFile } from "./key-file.js";

const directories: string[] = [];

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

function directory(): string {
  const made = mkdtempSync(join(tmpdir(), "mrr-key-"));
  directories.push(made);
  return made;
}

test("is made for its owner alone, whatever an earlier run left half-done, and kept", () => {
  const dataDir = directory();
  const path = join(dataDir, "secrets.key");
  writeFileSync(`${path}.new`, "half", { mode: 0o644 });
  keepKeyFile(path);
  const made = readFileSync(path, "utf8");
  expect(made).toMatch(/^#.*\n[A-Za-z0-9+/]{43}=\n$/);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  keepKeyFile(path);
  expect(readFileSync(path, "utf8")).toBe(made);
  expect(readdirSync(dataDir)).toEqual(["secrets.key"]);
});

test("no two are the same", () => {
  const [one, other] = [join(directory(), "a"), join(directory(), "b")];
  keepKeyFile(one);
  keepKeyFile(other);
  expect(readFileSync(one, "utf8")).not.toBe(readFileSync(other, "utf8"));
});

test("a place where nothing can be made is named", () => {
  const path = join(directory(), "none", "secrets.key");
  expect(() => keepKeyFile(path)).toThrow(`${path} cannot be written (ENOENT)`);
});
