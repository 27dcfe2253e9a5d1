/**
 * Tests of the style rules: each catches what it names, and the repository keeps all of them.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import {
  deadFileProblems,
  headerProblems,
  machinePathProblems,
  packageProblems,
  pageProblems,
  purityProblems,
  sizeProblems,
  tidyProblems,
  wordProblems,
} from "../../../tools/tidy.js";
import { repositoryRoot } from "../src/mrr-up.js";

const lines = (count: number): string => "x\n".repeat(count);
const texts = (problems: readonly { path: string; problem: string }[]): string[] =>
  problems.map(({ path, problem }) => `${path} ${problem}`);

test("sizes: sources, tests, and a list that may only shrink", () => {
  const files = [
    { path: "a.ts", text: lines(501) },
    { path: "b.ts", text: lines(500) },
    { path: "c.test.ts", text: lines(801) },
    { path: "old.ts", text: lines(600) },
    { path: "better.ts", text: lines(550) },
    { path: "notes.md", text: lines(5_000) },
  ];
  expect(
    texts(sizeProblems(files, { "old.ts": 600, "better.ts": 600, "removed.ts": 700 })),
  ).toEqual([
    "a.ts 501 lines, at most 500",
    "c.test.ts 801 lines, at most 800",
    "better.ts shrank to 550 lines: lower its entry",
    "removed.ts is gone: remove its entry",
  ]);
});

test("headers: what a file owns, and its licence", () => {
  const licence = "SPDX-License-Identifier: Apache-2.0";
  const files = [
    { path: "good.ts", text: `/**\n * Owns x.\n * ${licence}\n */\n` },
    { path: "bin/run.js", text: `#!/usr/bin/env node\n/** Owns x. ${licence} */\n` },
    { path: "bare.ts", text: "export {};\n" },
    { path: "vague.ts", text: `/** Does x. ${licence} */\n` },
    { path: "free.ts", text: `/** Owns x. */\n// ${licence}\n` },
    { path: "a.test.ts", text: `/** Tests of x. ${licence} */\n` },
  ];
  expect(texts(headerProblems(files))).toEqual([
    "bare.ts does not open with a comment",
    "vague.ts does not say what it owns",
    "free.ts names no licence in its first comment",
  ]);
});

test("words, impure calls and paths of one machine are found with their line", () => {
  const marker = "TO" + "DO";
  const home = "/ro" + "ot";
  const files = [
    { path: "packages/core/src/a.ts", text: `\n// ${marker} later\nconst t = Date.now();\n` },
    { path: "packages/core/src/b.ts", text: "/** Date.now() is refused here */\n" },
    { path: "packages/store/src/c.ts", text: "const t = Date.now();\n" },
    { path: "d.test.ts", text: `test.${"on" + "ly"}("x", () => {});\n` },
    { path: "docs/e.md", text: `see ${home}/notes and https://x/root/y\n` },
  ];
  expect([
    ...texts(wordProblems(files)),
    ...texts(purityProblems(files)),
    ...texts(machinePathProblems(files)),
  ]).toEqual([
    "packages/core/src/a.ts:2 says that something is unfinished",
    "d.test.ts:1 runs one test and leaves out the others",
    "packages/core/src/a.ts:3 is not pure",
    "docs/e.md:1 names a path of one machine",
  ]);
});

test("pages: a title and links that resolve", () => {
  const text =
    "no title\n[a](package.json) [b](missing.md) [c](https://x) `[d](code.md)` [e](#no)\n";
  expect(texts(pageProblems(repositoryRoot(), [{ path: "x.md", text }]))).toEqual([
    "x.md has no title in its first line",
    "x.md links to missing.md, which is not there",
    "x.md links to #no, which is not there",
  ]);
});

test("packages: a page with a sentence for each dependency, one version", () => {
  const manifest = (version: string) =>
    JSON.stringify({ version, license: "Apache-2.0", dependencies: { undici: "7", ioredis: "5" } });
  const files = [
    { path: "package.json", text: JSON.stringify({ version: "1.0.0" }) },
    { path: "packages/a/package.json", text: manifest("1.0.0") },
    { path: "packages/a/README.md", text: "# a\n\n- `undici`: ordered calls on one connection.\n" },
    { path: "packages/a/src/index.ts", text: 'import { request } from "undici";\n' },
    { path: "packages/b/package.json", text: manifest("0.9.0") },
  ];
  expect(texts(packageProblems(files))).toEqual([
    "packages/a/package.json depends on ioredis, which no file of it names",
    "packages/a/README.md has no sentence for `ioredis`",
    "packages/b/package.json has version 0.9.0, not 1.0.0",
    "packages/b/README.md is missing",
  ]);
});

test("dead files: a test alone does not keep a source alive", () => {
  const files = [
    { path: "packages/a/src/index.ts", text: 'export * from "./used.js";\n' },
    { path: "packages/a/src/used.ts", text: "" },
    { path: "packages/a/src/dead.ts", text: "" },
    { path: "packages/a/src/dead.test.ts", text: 'import { x } from "./dead.js";\n' },
  ];
  expect(texts(deadFileProblems(files))).toEqual(["packages/a/src/dead.ts is used by no source"]);
});

test("the repository keeps every rule", () => {
  expect(texts(tidyProblems(repositoryRoot()))).toEqual([]);
});
