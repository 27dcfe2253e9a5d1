/**
 * Owns the style rules that no linter knows: sizes, headers, banned words, dead files, links, package pages.
 * Not: formatting and imports (biome). Called by packages/testing/test/tidy.test.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";

/** Longest source file in lines; see CONTRIBUTING.md. */
export const sourceLinesMax = 500;

/** Longest test file in lines. */
export const testLinesMax = 800;

/** Old offenders with their present size. An entry may only shrink, and goes when the file fits. */
export const oversized: Readonly<Record<string, number>> = {
  // A table: one line for each field of the Mesos messages.
  "packages/mesos/src/wire/schema.ts": 1033,
};

/** A text file of the repository; `path` is relative to its root, with forward slashes. */
export interface TextFile {
  readonly path: string;
  readonly text: string;
}

/** One rule broken at one place. */
export interface TidyProblem {
  readonly path: string;
  readonly problem: string;
}

const skippedDirectories = new Set([
  "node_modules",
  "dist",
  "bundle",
  "coverage",
  ".git",
  ".turbo",
  ".mrr",
]);
const textEndings = /\.(ts|tsx|js|mjs|cjs|md|json|yml|yaml|sh|txt|html|css)$|\/(run|LICENSE)$/;

/** Every text file below `root` that belongs to the repository. */
export function readTree(root: string): TextFile[] {
  const files: TextFile[] = [];
  const visit = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const full = join(directory, entry.name);
      if (entry.isDirectory() && !skippedDirectories.has(entry.name)) visit(full);
      if (!entry.isFile()) continue;
      const path = relative(root, full).replaceAll("\\", "/");
      if (textEndings.test(`/${path}`)) files.push({ path, text: readFileSync(full, "utf8") });
    }
  };
  visit(root);
  return files.sort((left, right) => (left.path < right.path ? -1 : 1));
}

const isCode = (path: string): boolean => /\.(ts|tsx|js|mjs)$/.test(path) && !isFixture(path);
const isFixture = (path: string): boolean => path.includes("/fixtures/");
const isTest = (path: string): boolean => /\.test(-support)?\.tsx?$/.test(path);
const isConfig = (path: string): boolean => /\.config\.(ts|js|mjs)$/.test(path);
const isGenerated = (file: TextFile): boolean => file.text.includes("Generated from ");

/** Files that are too long, and entries of `allowed` that no longer say the truth. */
export function sizeProblems(
  files: readonly TextFile[],
  allowed: Readonly<Record<string, number>> = oversized,
): TidyProblem[] {
  const problems: TidyProblem[] = [];
  for (const file of files) {
    if (!isCode(file.path) || isGenerated(file)) continue;
    const lines = file.text.split("\n").length - 1;
    const linesMax = isTest(file.path) ? testLinesMax : sourceLinesMax;
    const known = allowed[file.path];
    if (known !== undefined && lines < known) {
      problems.push({ path: file.path, problem: `shrank to ${lines} lines: lower its entry` });
    }
    if (lines > (known ?? linesMax)) {
      problems.push({ path: file.path, problem: `${lines} lines, at most ${known ?? linesMax}` });
    }
  }
  const paths = new Set(files.map((file) => file.path));
  const gone = Object.keys(allowed).filter((path) => !paths.has(path));
  return [...problems, ...gone.map((path) => ({ path, problem: "is gone: remove its entry" }))];
}

/** Code whose first comment does not say what the file owns, or does not name the licence. */
export function headerProblems(files: readonly TextFile[]): TidyProblem[] {
  return files.flatMap(({ path, text }) => {
    if (!isCode(path) || isConfig(path)) return [];
    const header = /^(?:#!.*\n)?\/\*\*[\s\S]*?\*\//.exec(text)?.[0];
    if (header === undefined) return [{ path, problem: "does not open with a comment" }];
    const problems: TidyProblem[] = [];
    if (!header.includes("SPDX-License-Identifier: Apache-2.0")) {
      problems.push({ path, problem: "names no licence in its first comment" });
    }
    if (!isTest(path) && !/\bOwns\b/.test(header)) {
      problems.push({ path, problem: "does not say what it owns" });
    }
    return problems;
  });
}

// In pieces, so that this file does not break its own rule.
const unfinished = new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "XX" + "X"].join("|")})\\b`);
const focused = new RegExp(`\\b(test|it|describe|suite)\\.${"on" + "ly"}\\b`);

/** Words that say that something is unfinished, and tests that shut out the others. */
export function wordProblems(files: readonly TextFile[]): TidyProblem[] {
  return linesWith(
    files.filter((file) => isCode(file.path) || file.path.endsWith(".md")),
    [
      [unfinished, "says that something is unfinished"],
      [focused, "runs one test and leaves out the others"],
    ],
  );
}

const impure = /\bMath\.random\b|\bnew Date\b|\bDate\.|\bperformance\.now\b/;

/** Clocks and randomness in the packages that must be pure. */
export function purityProblems(files: readonly TextFile[]): TidyProblem[] {
  const pure = files.filter(
    ({ path }) => /^packages\/(core\/src|mesos\/src\/wire)\//.test(path) && !isTest(path),
  );
  const code = pure.map(({ path, text }) => ({ path, text: withoutComments(text) }));
  return linesWith(code, [[impure, "is not pure"]]);
}

// Directories of developers' machines; in pieces for the same reason as above.
const machinePath = new RegExp(`(^|[\\s"'\`(=:])/(${["wo" + "rk", "ro" + "ot"].join("|")})/\\w`);

/** Paths that exist on one machine only. */
export function machinePathProblems(files: readonly TextFile[]): TidyProblem[] {
  const own = files.filter((file) => file.path !== "package-lock.json");
  return linesWith(own, [[machinePath, "names a path of one machine"]]);
}

function linesWith(
  files: readonly TextFile[],
  rules: readonly (readonly [RegExp, string])[],
): TidyProblem[] {
  const problems: TidyProblem[] = [];
  for (const { path, text } of files) {
    text.split("\n").forEach((line, index) => {
      for (const [pattern, problem] of rules) {
        if (pattern.test(line)) problems.push({ path: `${path}:${index + 1}`, problem });
      }
    });
  }
  return problems;
}

/** Replaces comments by blank space, so that line numbers stay. */
const withoutComments = (text: string): string =>
  text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, " "))
    .replace(/(^|\s)\/\/.*$/gm, "$1");

/** Pages without a title, and links that lead nowhere. */
export function pageProblems(root: string, files: readonly TextFile[]): TidyProblem[] {
  const pages = files.filter((file) => file.path.endsWith(".md") && !isFixture(file.path));
  return pages.flatMap(({ path, text }) => {
    const problems: TidyProblem[] = [];
    if (!text.startsWith("# ")) problems.push({ path, problem: "has no title in its first line" });
    const prose = text.replace(/```[\s\S]*?```/g, "").replace(/`[^`\n]*`/g, "");
    for (const [, target] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (target !== undefined && !resolves(root, path, target)) {
        problems.push({ path, problem: `links to ${target}, which is not there` });
      }
    }
    return problems;
  });
}

function resolves(root: string, from: string, target: string): boolean {
  if (/^[a-z]+:/.test(target)) return true;
  const [file = "", anchor] = target.split("#");
  const full = file === "" ? join(root, from) : normalize(join(root, dirname(from), file));
  if (!existsSync(full)) return false;
  if (anchor === undefined || !full.endsWith(".md")) return true;
  const headings = readFileSync(full, "utf8").matchAll(/^#+ +(.*)$/gm);
  return [...headings].some(([, heading]) => anchorOf(heading ?? "") === anchor);
}

const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

interface PackageManifest {
  readonly version?: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** True when `text` names the module `name`, or a path in it, in quotes. */
const mentionsModule = (text: string, name: string): boolean =>
  ['"', "'"].some((quote) => text.includes(quote + name + quote)) || text.includes(`"${name}/`);

/** Packages whose page is missing or does not say why each dependency is there; dependencies that
 * nothing uses; versions out of step. */
export function packageProblems(files: readonly TextFile[]): TidyProblem[] {
  const texts = new Map(files.map((file) => [file.path, file.text]));
  const rootVersion = (JSON.parse(texts.get("package.json") ?? "{}") as PackageManifest).version;
  const manifests = files.filter(({ path }) => /^(packages\/[^/]+|e2e)\/package\.json$/.test(path));
  return manifests.flatMap(({ path, text }) => {
    const manifest = JSON.parse(text) as PackageManifest;
    const problems: TidyProblem[] = [];
    if (manifest.version !== rootVersion) {
      problems.push({ path, problem: `has version ${manifest.version}, not ${rootVersion}` });
    }
    if (manifest.license !== "Apache-2.0") problems.push({ path, problem: "names no licence" });
    const pagePath = path.replace("package.json", "README.md");
    const page = texts.get(pagePath);
    if (page === undefined) return [...problems, { path: pagePath, problem: "is missing" }];
    const own = files.filter((file) => file.path.startsWith(path.replace("package.json", "")));
    for (const name of Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })) {
      if (!own.some((file) => isCode(file.path) && mentionsModule(file.text, name))) {
        problems.push({ path, problem: `depends on ${name}, which no file of it names` });
      }
      const sentence = page.split("\n").find((line) => line.includes(`\`${name}\``));
      if (sentence === undefined || sentence.length < name.length + 20) {
        problems.push({ path: pagePath, problem: `has no sentence for \`${name}\`` });
      }
    }
    return problems;
  });
}

const importPattern = /(?:from|import|import\(|new URL\()\s*"(\.{1,2}\/[^"]+)"/g;
const isEntry = (path: string): boolean =>
  /(^|\/)(index|main|[a-z-]+-main)\.ts$/.test(path) || isTest(path) || isConfig(path);

/** Tables that only their tests read, which write a page of docs/ from them and hold the program to them. */
const documentation = new Set(["packages/scheduler/src/api/v1-deviations.ts"]);

/** Sources that no entry point and no test reaches. */
export function deadFileProblems(files: readonly TextFile[]): TidyProblem[] {
  const sources = files.filter(({ path }) => /^(packages\/[^/]+|e2e)\/src\/.*\.ts$/.test(path));
  const known = new Set(sources.map((file) => file.path));
  const used = new Set<string>();
  for (const { path, text } of files.filter((file) => isCode(file.path))) {
    for (const [, target] of text.matchAll(importPattern)) {
      if (target === undefined) continue;
      const full = join(dirname(path), target).replace(/\.js$/, ".ts");
      if (known.has(full) && !(isTest(path) && !path.startsWith("e2e/"))) used.add(full);
    }
  }
  return sources
    .filter(({ path }) => !isEntry(path) && !used.has(path) && !documentation.has(path))
    .map(({ path }) => ({ path, problem: "is used by no source" }));
}

/** All rules over the repository at `root`. */
export function tidyProblems(root: string): TidyProblem[] {
  const files = readTree(root);
  return [
    ...sizeProblems(files),
    ...headerProblems(files),
    ...wordProblems(files),
    ...purityProblems(files),
    ...machinePathProblems(files),
    ...pageProblems(root, files),
    ...packageProblems(files),
    ...deadFileProblems(files),
  ];
}
