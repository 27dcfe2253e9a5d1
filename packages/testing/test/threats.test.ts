/**
 * Owns the check that the threat model names tests that there are. SPDX-License-Identifier: Apache-2.0
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repositoryRoot } from "../src/mrr-up.js";

const page = readFileSync(join(repositoryRoot(), "docs/internals/threats.md"), "utf8");

/** Files of tests with the names of tests that follow each, in one row of a table or in one paragraph. */
function namedTests(text: string): { file: string; names: string[] }[] {
  const blocks = text.split("\n\n").flatMap((block) => {
    const lines = block.split("\n");
    return lines.every((line) => line.startsWith("|")) ? lines : [block.replaceAll("\n", " ")];
  });
  return blocks.flatMap((block) =>
    [...block.matchAll(/`([\w./-]+\.test\.ts)`((?:(?!`[\w./-]+\.test\.ts`).)*)/g)].map(
      ([, file = "", rest = ""]) => ({
        file,
        names: [...rest.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => name),
      }),
    ),
  );
}

test("every test that the threat model names is there", () => {
  const named = namedTests(page);
  expect(named.length).toBeGreaterThan(30);
  const missing = named.flatMap(({ file, names }) => {
    const path = join(repositoryRoot(), file);
    if (!existsSync(path)) return [file];
    const text = readFileSync(path, "utf8");
    return names.filter((name) => !text.includes(name)).map((name) => `${file}: ${name}`);
  });
  expect(missing).toEqual([]);
});

test("every row of its threats names a test", () => {
  const rows = page.split("\n").filter((line) => line.startsWith("| ") && !line.includes("---"));
  const doors = rows.findIndex((line) => line.startsWith("| `mrr-local`, master"));
  const threats = rows.slice(doors + 1).filter((line) => !line.startsWith("| threat "));
  expect(threats.length).toBeGreaterThan(25);
  expect(threats.filter((line) => !/`[\w./-]+\.test\.ts`/.test(line))).toEqual([]);
});
