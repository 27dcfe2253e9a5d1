/**
 * Owns the command line as a program of its own for tests: one file made from the sources, without a build.
 * Not: running it in the test's process (run-cli.ts). Called by tests of this package.
 * SPDX-License-Identifier: Apache-2.0
 */
import { copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll } from "vitest";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The stand-in for both programs of `mrr up`. */
export const fakeProgram = here("fixtures/fake-program.mjs");

/** Builds before the first test of a file; gives the path of main.js. */
export function useBuiltCli(): () => string {
  let directory = "";
  const main = (): string => join(directory, "dist/main.js");
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "mrr-built-"));
    await mkdir(join(directory, "dist"));
    await copyFile(here("../package.json"), join(directory, "package.json"));
    await build({
      entryPoints: [here("../src/main.ts")],
      outfile: main(),
      bundle: true,
      platform: "node",
      format: "esm",
      target: "node20",
      conditions: ["mr-redis-source"],
      logLevel: "error",
      // commander and undici are CommonJS.
      banner: {
        js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
      },
    });
  }, 60_000);
  afterAll(() => rm(directory, { recursive: true, force: true }));
  return main;
}
