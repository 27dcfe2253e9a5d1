/**
 * Owns the check that what pages name is there: commands of `mrr`, scripts of npm, files, keys of the configuration, error codes.
 * Not: links and anchors (tools/tidy.ts), nor pages that are generated (each beside its table).
 * SPDX-License-Identifier: Apache-2.0
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repositoryRoot } from "../src/mrr-up.js";

const root = repositoryRoot();
const text = (path: string): string => readFileSync(join(root, path), "utf8");

/** Paths of the files in a folder, and below it. */
const filesBelow = (folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return folder === "" ? [] : filesBelow(path);
    return [path];
  });

const readmes = readdirSync(join(root, "packages")).map((name) => `packages/${name}/README.md`);
const pages = [
  ...["", "docs", "deploy", "bench"].flatMap(filesBelow).filter((path) => path.endsWith(".md")),
  ...[...readmes, "e2e/README.md"].filter((path) => existsSync(join(root, path))),
];

/** What stands between backticks, and in blocks of code. */
function code(page: string): string[] {
  const whole = text(page);
  const blocks = [...whole.matchAll(/```[a-z]*\n([\s\S]*?)```/g)].map(([, block]) => block ?? "");
  const indented = [...whole.matchAll(/^ {4,}(\S.*)$/gm)].map(([, line]) => line ?? "");
  const prose = whole.replace(/```[\s\S]*?```/g, "");
  const spans = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, span]) => span ?? "");
  return [...blocks.flatMap((block) => block.split("\n")), ...indented, ...spans];
}

/** Every find of `pattern` in the code of all pages that `isKnown` does not know, with its page. */
function unknown(
  pattern: RegExp,
  isKnown: (found: string) => boolean,
  within: readonly string[] = pages,
): string[] {
  let count = 0;
  const problems = within.flatMap((page) =>
    code(page).flatMap((line) =>
      [...line.matchAll(pattern)].flatMap(([, found = ""]) => {
        count += 1;
        return isKnown(found) ? [] : [`${page}: ${found} in: ${line.trim()}`];
      }),
    ),
  );
  expect(count, `${pattern} finds something`).toBeGreaterThan(5);
  return problems;
}

const commands = new Set(
  filesBelow("packages/mrr-cli/src/commands").flatMap((path) =>
    [...text(path).matchAll(/\.(?:command|alias)\(\s*"([a-z-]+)/g)].map(([, name]) => name ?? ""),
  ),
);

test("commands of mrr are there", () => {
  expect([...commands]).toEqual(expect.arrayContaining(["up", "create", "list", "failovers"]));
  const isKnown = (name: string): boolean => commands.has(name);
  expect(unknown(/(?:^|[\s/(])mrr ([a-z][a-z-]*)/g, isKnown)).toEqual([]);
});

test("scripts of npm are there", () => {
  const manifests = [
    "package.json",
    ...readmes.map((path) => path.replace(/README.md$/, "package.json")),
  ];
  const scripts = new Set(
    manifests.flatMap((path) =>
      Object.keys((JSON.parse(text(path)) as { scripts: Record<string, string> }).scripts),
    ),
  );
  const pattern = /npm run (?:--silent )?([a-z][\w:-]*)/g;
  expect(unknown(pattern, (name) => scripts.has(name))).toEqual([]);
});

test("files of this repository are there", () => {
  const isKnown = (path: string): boolean =>
    /[*<]/.test(path) || /\/(?:dist|bundle)\//.test(path) || existsSync(join(root, path));
  const pattern = /(?:^|[\s(])((?:packages|e2e|deploy|docs|tools|bench)\/[\w./*<-]*\.[a-z]+)/g;
  expect(unknown(pattern, isKnown)).toEqual([]);
});

test("keys in examples of a configuration are there", () => {
  const rows = text("docs/reference/configuration.md").matchAll(/^\| `(\w+)` \|/gm);
  const keys = new Set([...rows].map(([, key]) => key ?? ""));
  // Keys of a proxy's file, and of requests.
  const others = new Set([
    "Entries",
    "Name",
    "Pair",
    "From",
    "To",
    "Addr",
    "Config",
    "Fencing",
    "OnUnreachable",
  ]);
  const proxy = text("packages/proxy/src/config.ts") + text("packages/proxy/src/arguments.ts");
  const isKnown = (key: string): boolean =>
    keys.has(key) || others.has(key) || new RegExp(`\\b${key}\\b`).test(proxy);
  const operating = pages.filter((page) => /^(?:docs\/operating|deploy)\//.test(page));
  expect(unknown(/"([A-Z]\w+)"\s*:/g, isKnown, operating)).toEqual([]);
  // As prose names them: FencingLagMs, ExecutorCpus.
  const isKey = /^(?:Executor|Redis|Fencing|Artifact|Proxy|Mesos|DB|HTTP)[A-Z]\w*$/;
  expect(
    unknown(/^([A-Z][A-Za-z]+)$/g, (word) => !isKey.test(word) || isKnown(word), operating),
  ).toEqual([]);
});

test("the page of failures speaks of each error code, and of no other", () => {
  const rows = (page: string) =>
    [...text(page).matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name ?? "").sort();
  const codes = rows("docs/reference/errors.md");
  expect(codes.length).toBeGreaterThan(20);
  expect(rows("docs/operating/failures.md")).toEqual(codes);
});
