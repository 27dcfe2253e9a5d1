/**
 * Owns the program itself for tests: main.ts bundled once, started in a folder of its own, ended without a trace.
 * Called by process.test.ts, recovery.test.ts, stub-executors.test.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { killProcess, sweepProcesses, until } from "@mr-redis/testing";
import { build } from "esbuild";
import { expect } from "vitest";
import type { RunningAgent } from "../src/index.js";

/** Limit for the ready line. */
const readyDeadlineMs = 30_000;

/** What the ready line says. */
export interface Ready {
  readonly port: number;
  readonly agents: readonly RunningAgent[];
}

/** A started program. */
export interface Launched {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  /** Both of its outputs so far. */
  said(): string;
}

/** The bundled program with a folder of its own. */
export class ProgramFolder {
  readonly folder = mkdtempSync(join(tmpdir(), "mrr-local-main-"));
  readonly #children: ChildProcess[] = [];

  /** Bundles it with its program of stub executors; once. */
  async build(): Promise<void> {
    writeFileSync(join(this.folder, "package.json"), '{"type":"module"}');
    const source = join(import.meta.dirname, "..", "src");
    await build({
      entryPoints: { main: join(source, "main.ts"), "stub/main": join(source, "stub", "main.ts") },
      outdir: this.folder,
      bundle: true,
      platform: "node",
      format: "esm",
      conditions: ["mr-redis-source"],
      logLevel: "silent",
      banner: {
        js: "import{createRequire as r}from'node:module';const require=r(import.meta.url);",
      },
    });
  }

  get program(): string {
    return join(this.folder, "main.js");
  }

  launch(args: readonly string[]): Launched {
    const child = spawn(process.execPath, [this.program, ...args], {
      stdio: ["pipe", "pipe", "pipe"],
      cwd: this.folder,
    });
    this.#children.push(child);
    let text = "";
    for (const output of [child.stdout, child.stderr]) {
      output.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
    }
    const ended = new Promise<number | null>((resolve) => {
      child.once("exit", (code) => resolve(code));
    });
    return { child, ended, said: () => text };
  }

  /** One agent, quick offers, on a free port; resolves at its ready line. */
  async start(args: readonly string[]): Promise<Launched & { readonly ready: Ready }> {
    const base = ["--port", "0", "--agents", "1", "--allocation-interval", "50ms"];
    const one = this.launch([...base, ...args]);
    await until(() => one.said().includes('"msg":"ready"'), {
      deadlineMs: readyDeadlineMs,
      what: "the ready line",
    });
    const lines = one.said().split("\n");
    const ready: Ready = JSON.parse(
      lines.find((text) => text.startsWith('{"msg":"ready"')) ?? "{}",
    );
    return { ...one, ready };
  }

  /** Kills the programs that were started; fails when anything else had to be ended. */
  async end(): Promise<void> {
    for (const child of this.#children.splice(0)) {
      if (child.pid !== undefined) await killProcess(child.pid);
    }
    const left = await sweepProcesses(this.folder);
    expect(left.map((seen) => seen.commandLine)).toEqual([]);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
