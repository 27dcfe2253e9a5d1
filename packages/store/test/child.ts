/**
 * Owns making and starting the program that is killed: bundled from the sources, so that no build is needed.
 * Not: what it does (load-child.ts). Called by kill.test.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));

/** Bundles load-child.ts into a new directory below node_modules, where it finds classic-level; the caller removes it. */
export async function buildLoadChild(): Promise<{ directory: string; program: string }> {
  const cache = join(here, "../node_modules/.cache");
  await mkdir(cache, { recursive: true });
  const directory = await mkdtemp(join(cache, "mr-redis-store-"));
  const program = join(directory, "load-child.mjs");
  await build({
    entryPoints: [join(here, "load-child.ts")],
    outfile: program,
    bundle: true,
    platform: "node",
    format: "esm",
    conditions: ["mr-redis-source"],
    external: ["classic-level"],
    logLevel: "warning",
  });
  return { directory, program };
}

/** A started program with all that it said. */
export class Child {
  readonly process: ChildProcess;
  /** Settles when it has ended and everything that it said has been read. */
  readonly ended: Promise<void>;
  #output = "";

  constructor(program: string, args: readonly string[]) {
    this.process = spawn(process.execPath, [program, ...args], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.process.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      this.#output += chunk;
    });
    this.ended = new Promise((resolve) => this.process.once("close", () => resolve()));
  }

  /** Whole lines only: the last one may have been cut by the kill. */
  get lines(): readonly string[] {
    return this.#output.split("\n").slice(0, -1);
  }

  says(word: string): boolean {
    return this.#output.includes(word);
  }

  async kill(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.ended;
  }
}
