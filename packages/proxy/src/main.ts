/**
 * Owns the program mrr-proxy: command line and file, signals, exit codes.
 * Not: what runs (service.ts). The only composition root of this package.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Stats, unwatchFile, watchFile } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { errorTable, isMrrError, MrrError, problemsText } from "@mr-redis/core";
import { type Arguments, helpText, parseArguments } from "./arguments.js";
import { type ProxyConfig, parseProxyConfig } from "./config.js";
import { accessOf } from "./follow/access.js";
import { createLog, type Log } from "./log.js";
import { Service } from "./service.js";
import { stateFileDefault } from "./state-place.js";
import { systemClock } from "./system-clock.js";
import { isPlaneWorker, servePlaneWorker } from "./userspace/worker.js";

const version = async (): Promise<string> => {
  const text = await readFile(new URL("../package.json", import.meta.url), "utf8");
  return String((JSON.parse(text) as { version?: unknown }).version);
};

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** Longest end: cuts, tools of the kernel, and a file that is written. */
const endMsMax = 30_000;

/** Between two looks at the files that may change. */
const watchMs = 2_000;

/** The file, where there is one, and what the flags say. A named scheduler needs no file. */
async function readConfig({ config: given, flags }: Arguments): Promise<ProxyConfig> {
  const path = configPath({ config: given, flags });
  let text = "{}";
  if (path !== null) {
    try {
      text = await readFile(path, "utf8");
    } catch (error) {
      const { message } = error as Error;
      const hint = given === null ? "; name a scheduler with -scheduler, or see -help" : "";
      throw new MrrError("config-invalid", `${path}: ${message}${hint}`, { cause: error });
    }
  }
  const config = parseProxyConfig(text, flags);
  if (config.ok) return config.value;
  const where = path === null ? "" : `${path}: `;
  throw new MrrError("config-invalid", `${where}${problemsText(config.problems)}`);
}

const configPath = ({ config, flags }: Pick<Arguments, "config" | "flags">): string | null =>
  config ?? (flags.Scheduler === undefined ? "./config.json" : null);

function stateFileOf(config: ProxyConfig): string | null {
  const { stateFile, schedulers, bind } = config;
  if (schedulers.length === 0 || stateFile === "") return null;
  if (stateFile !== null) return stateFile;
  const place = { env: process.env, homeDirectory: homedir(), isRoot: process.getuid?.() === 0 };
  return stateFileDefault(place, schedulers, bind);
}

/** Reads the file again on SIGHUP, or when it or a file of the certificate changes; one reading after the other. */
function watchConfig(args: Arguments, config: ProxyConfig, service: Service, log: Log): () => void {
  let last: Promise<void> = Promise.resolve();
  let watched: readonly string[] = [];
  const again = (): void => {
    last = last
      .then(async () => {
        const now = await readConfig(args);
        watch(now);
        await service.reload(now);
      })
      .catch((error: unknown) => {
        log.error({ err: error }, "the configuration stays as it was");
      });
  };
  const changed = (now: Stats, before: Stats): void => {
    if (now.mtimeMs !== before.mtimeMs || now.size !== before.size) again();
  };
  const watchAll = (files: readonly string[]): void => {
    for (const file of watched) if (!files.includes(file)) unwatchFile(file);
    for (const file of files) {
      if (!watched.includes(file))
        watchFile(file, { interval: watchMs, persistent: false }, changed);
    }
    watched = files;
  };
  const watch = ({ tls }: ProxyConfig): void => {
    const files = [configPath(args), tls?.certFile, tls?.keyFile].filter((file) => file != null);
    watchAll([...new Set(files)]);
  };
  watch(config);
  process.on("SIGHUP", again);
  return () => watchAll([]);
}

async function run(args: Arguments, config: ProxyConfig): Promise<void> {
  const log = createLog(Date.now, say);
  const service = await Service.start({
    config,
    stateFile: stateFileOf(config),
    clock: systemClock,
    log,
    random: Math.random,
    access: accessOf({
      tokenFile: config.tokenFile ?? process.env.MRR_TOKEN_FILE ?? null,
      caFile: config.caFile ?? process.env.MRR_CA_FILE ?? null,
    }),
  });
  // For whoever started this program: `mrr up` waits for it.
  process.stdout.write(`${JSON.stringify({ msg: "ready" })}\n`);
  const unwatch = watchConfig(args, config, service, log);
  let isEnding = false;
  const end = (): void => {
    if (isEnding) return;
    isEnding = true;
    unwatch();
    log.info({}, "ending");
    const fail = (because: string): void => {
      log.error({ because }, "the end is not whole");
      process.exit(errorTable.internal.exitCode);
    };
    setTimeout(() => fail(`it took more than ${endMsMax} ms`), endMsMax);
    service.close().then(
      () => process.exit(0),
      (error: Error) => fail(error.message),
    );
  };
  process.once("SIGTERM", end);
  process.once("SIGINT", end);
  if (args.exitWithParent) {
    process.stdin.once("end", end).once("error", end).once("close", end).resume();
  }
}

async function main(argv: readonly string[]): Promise<void> {
  const wanted = parseArguments(argv);
  if (!wanted.ok) throw new MrrError("invalid-request", problemsText(wanted.problems));
  const { mode } = wanted.value;
  if (mode === "help") process.stdout.write(helpText);
  else if (mode === "version") process.stdout.write(`${await version()}\n`);
  else {
    const config = await readConfig(wanted.value);
    for (const warning of config.warnings) say(`Warning: ${warning}`);
    if (mode === "run") await run(wanted.value, config);
    else {
      const { routes, schedulers } = config;
      say(`The configuration is good: ${routes.length} entries, ${schedulers.length} schedulers.`);
    }
  }
}

// Whoever reads the log may go (a pipe, the journal); clients stay.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

if (isPlaneWorker) servePlaneWorker(systemClock);
else
  main(process.argv.slice(2)).catch((error: unknown) => {
    if (!isMrrError(error)) throw error;
    const { exitCode, help } = errorTable[error.code];
    say(`mrr-proxy: ${error.message}\n${help}`);
    process.exit(exitCode);
  });
