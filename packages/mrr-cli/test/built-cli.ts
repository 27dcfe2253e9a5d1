/**
 * Owns the command line as a program of its own for tests: the bundle, made from the sources without a build.
 * Not: running it in the test's process (run-cli.ts). Called by tests of this package.
 * SPDX-License-Identifier: Apache-2.0
 */
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "@mr-redis/testing";
import { afterAll, beforeAll } from "vitest";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The stand-in for both programs of `mrr up`. */
export const fakeProgram = here("fixtures/fake-program.mjs");

/** Builds before the first test of a file; gives the path of the program. */
export function useBuiltCli(): () => string {
  let directory = "";
  const main = (): string => join(directory, "bundle/mrr.js");
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "mrr-built-"));
    await copyFile(here("../package.json"), join(directory, "package.json"));
    const made = await run({
      command: process.execPath,
      args: [here("../bundle.mjs"), join(directory, "bundle")],
    });
    if (made.exitCode !== 0) throw new Error(made.stderr);
  }, 60_000);
  afterAll(() => rm(directory, { recursive: true, force: true }));
  return main;
}
