/**
 * Owns how the programs are found and with what they are started.
 * Not: their arguments (plan.ts) and their life (supervisor.ts). Called by run.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MrrError } from "@mr-redis/core";
import { findOnPath } from "./checks.js";

/** Where the built programs are. */
export interface ProgramPaths {
  readonly local: string;
  readonly scheduler: string;
  readonly proxy: string;
}

/** What the bundle of each program is made of (`bundle.mjs` and `turbo.json` there). */
const bundledPackages = {
  local: ["core", "mesos", "local"],
  scheduler: ["core", "mesos", "store", "scheduler"],
  proxy: ["core", "proxy"],
} as const;

const writtenAtMs = (path: string): number =>
  statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** The packages of the programs. */
const packageNames = {
  local: "@mr-redis/local",
  scheduler: "@mr-redis/scheduler",
  proxy: "@mr-redis/proxy",
} as const;

/** What starts a package's program: its bundle, which starts sooner, or `dist/main.js` where that was built later. */
function mainOf(name: keyof ProgramPaths): string {
  const dist = fileURLToPath(new URL(".", import.meta.resolve(packageNames[name])));
  const bundle = join(dist, "..", "bundle", `mrr-${name}.js`);
  // The compiler writes this file at each build; one that came after the bundle makes the bundle old.
  const builtAtMs = bundledPackages[name].map((other) =>
    writtenAtMs(join(dist, "..", "..", other, "dist", ".tsbuildinfo")),
  );
  return writtenAtMs(bundle) > Math.max(...builtAtMs) ? bundle : join(dist, "main.js");
}

/**
 * Finds the programs; `MRR_LOCAL_MAIN`, `MRR_SCHEDULER_MAIN` and `MRR_PROXY_MAIN` name others (for tests and packagers).
 * Throws MrrError `config-invalid` when one is missing: then the build is.
 */
export function findPrograms(env: Readonly<Record<string, string | undefined>>): ProgramPaths {
  const programs = {
    local: env.MRR_LOCAL_MAIN ?? mainOf("local"),
    scheduler: env.MRR_SCHEDULER_MAIN ?? mainOf("scheduler"),
    proxy: env.MRR_PROXY_MAIN ?? mainOf("proxy"),
  };
  const missing = Object.values(programs).filter((path) => !existsSync(path));
  if (missing.length > 0) {
    const text = `${missing.join(" and ")} is not there: run \`npm run build\``;
    throw new MrrError("config-invalid", text);
  }
  return programs;
}

/** A program and the words before those of the script. */
export interface Launcher {
  readonly command: string;
  readonly args: readonly string[];
}

/**
 * Words for node: MiB of each half of the young generation. With Node's own 16 the memory of both programs grows by 20
 * to 30 MB under load for no measurable gain in speed.
 */
const nodeFlags = ["--max-semi-space-size=4"] as const;

/**
 * Node, where possible behind setpriv: then the kernel sends SIGTERM to the child when this process dies. The end of
 * standard input tells it as well; this is for a child that does not get to read it.
 */
export async function findLauncher(path: string | undefined): Promise<Launcher> {
  const node = { command: process.execPath, args: nodeFlags };
  if (process.platform !== "linux") return node;
  const setpriv = await findOnPath(["setpriv"], path);
  if (setpriv === null) return node;
  // Busybox has a setpriv without this option.
  const probe = spawnSync(setpriv, ["--pdeathsig", "TERM", "--version"], { timeout: 2_000 });
  if (probe.status !== 0) return node;
  return { command: setpriv, args: ["--pdeathsig", "TERM", "--", process.execPath, ...nodeFlags] };
}

/**
 * Variables that would change the programs behind the user's back (npm's, and two that the ancestor reads), and the token
 * of whoever calls, which is none of their business.
 */
const droppedVariable = /^(npm_.*|HOST|ETCD_LOCAL_ENDPOINT|INIT_CWD|MRR_TOKEN)$/;

/** Secrets that one of the programs needs, and nobody else. */
const secretVariables: Readonly<Record<string, keyof ProgramPaths>> = {
  MRR_DB_PASSWORD: "scheduler",
};

/** The environment of a child. */
export const childEnvironment = (
  env: Readonly<Record<string, string | undefined>>,
  program: keyof ProgramPaths,
): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(env).filter(
      ([name]) => !droppedVariable.test(name) && (secretVariables[name] ?? program) === program,
    ),
  );
