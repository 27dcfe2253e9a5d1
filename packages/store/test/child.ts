/**
 * Owns making and starting programs that tests kill and freeze: bundled from the sources, so that no build is needed.
 * Not: what they do (load-child.ts, leader-child.ts). Called by kill.test.ts and leader-process.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));

const cache = join(here, "../node_modules/.cache");

/**
 * Bundles a program of this directory into a new one below node_modules, where it finds the packages that are not
 * bundled; gives the program's path. The caller removes the directory.
 */
export async function bundleChild(source: string): Promise<string> {
  await mkdir(cache, { recursive: true });
  const directory = await mkdtemp(join(cache, "mr-redis-store-"));
  const program = join(directory, source.replace(/ts$/, "mjs"));
  await build({
    entryPoints: [join(here, source)],
    outdir: directory,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    conditions: ["mr-redis-source"],
    external: ["classic-level", "etcd3", "zookeeper"],
    logLevel: "warning",
  });
  return program;
}

/** Removes what {@link bundleChild} made. */
export const removeBundle = (program: string): Promise<void> =>
  rm(dirname(program), { recursive: true, force: true });

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
