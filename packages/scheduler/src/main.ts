#!/usr/bin/env node
/**
 * Owns the program mrr-scheduler: flags, configuration file, environment, signals, exit codes.
 * Not: anything else (scheduler.ts). The only file of this package that reads the environment.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFileSync, unlinkSync } from "node:fs";
import { readFile } from "node:fs/promises";
import {
  errorTable,
  exposureWarnings,
  isMrrError,
  MrrError,
  maskedConfig,
  type Problem,
  parseConfig,
  parseConfigText,
  renderEmptyConfig,
} from "@mr-redis/core";
import { systemClock } from "@mr-redis/mesos";
import { type Arguments, helpText, parseArguments, storeHelpText } from "./arguments.js";
import { parseCrashPoint } from "./crash-points.js";
import { createLog, logLevels } from "./log.js";
import { readMesosFiles } from "./mesos-access.js";
import { measureProcess } from "./metrics/process.js";
import { startScheduler } from "./scheduler.js";
import { readStoreFiles } from "./store-access.js";
import { runStoreTool, type StoreAction } from "./store-tool/run.js";

/** The ancestor's default; unlike it, a missing file at this place is no error. */
const configPathDefault = "./config.json";

/** Largest configuration file: a hundred times the one with every key. */
const configBytesMax = 1024 * 1024;

/** Longest orderly end; then the process ends anyway. Below the 5 s after which `mrr up` uses force. */
const closeMsMax = 4_000;

const version = async (): Promise<string> => {
  const text = await readFile(new URL("../package.json", import.meta.url), "utf8");
  return String((JSON.parse(text) as { version?: unknown }).version);
};

const invalid = (path: string, problems: readonly Problem[]): MrrError =>
  new MrrError(
    "config-invalid",
    `${path}:\n${problems.map((problem) => `  ${problem.path} ${problem.rule}`).join("\n")}`,
  );

async function readConfigText(path: string | null): Promise<string | null> {
  try {
    const text = await readFile(path ?? configPathDefault, "utf8");
    if (text.length > configBytesMax) throw new Error(`it is larger than ${configBytesMax} bytes`);
    return text;
  } catch (error) {
    if (path === null && (error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new MrrError(
      "config-invalid",
      `the configuration file ${path ?? configPathDefault} cannot be read: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

async function loadConfig(path: string | null) {
  const text = await readConfigText(path);
  const result = text === null ? parseConfig({}, process.env) : parseConfigText(text, process.env);
  if (!result.ok) throw invalid(path ?? configPathDefault, result.problems);
  return result.value;
}

async function run(args: Arguments): Promise<number> {
  const { config, warnings } = await loadConfig(args.config);
  const log = createLog({
    program: "mrr-scheduler",
    level: logLevels.find((level) => level === config.logLevel) ?? "info",
    destination: config.logFile,
  });
  process.on("uncaughtException", (error) => {
    log.fatal({ err: error }, "a defect");
    complain(error);
    process.exit(errorTable.internal.exitCode);
  });
  for (const warning of warnings) log.warn({ ...warning }, "configuration");
  for (const warning of exposureWarnings(config)) {
    log.warn({ ...warning }, "configuration");
    // Also where the log goes elsewhere, and at every start: somebody should see it.
    process.stderr.write(`mrr-scheduler: warning: ${warning.key} ${warning.text}\n`);
  }
  const ending = new AbortController();
  const asked = new Promise<void>((resolve) => {
    const end = (): void => {
      ending.abort(new Error("asked to end"));
      resolve();
    };
    process.once("SIGINT", end);
    process.once("SIGTERM", end);
    if (!args.exitWithParent) return;
    process.stdin.once("end", end).once("error", end).once("close", end).resume();
  });
  const scheduler = await startScheduler({
    config,
    version: await version(),
    clock: systemClock,
    log,
    mesosFiles: await readMesosFiles(config),
    storeFiles: await readStoreFiles(config),
    signal: ending.signal,
    newFramework: args.newFramework,
    processMeter: measureProcess(systemClock),
    crash: parseCrashPoint(process.env, {
      die: () => process.kill(process.pid, "SIGKILL"),
      onSignal: (arm) => process.on("SIGUSR2", arm),
      takeFile: (path) => {
        const text = readFileSync(path, "utf8");
        unlinkSync(path);
        return text;
      },
    }),
  });
  const { http, artifacts } = scheduler;
  if (!ending.signal.aborted) {
    process.stdout.write(`${JSON.stringify({ msg: "ready", http, artifacts })}\n`);
  }
  const stopped = await Promise.race([asked.then(() => null), scheduler.stopped]);
  log.info({ reason: stopped?.message ?? "asked to end" }, "ending");
  systemClock.after(closeMsMax, () => process.exit(stopped === null ? 0 : exitCode(stopped)));
  await scheduler.close();
  if (stopped !== null) throw stopped;
  return 0;
}

async function lookIntoStore(action: StoreAction, path: string | null): Promise<number> {
  const { config } = await loadConfig(path);
  const lines: string[] = [];
  const code = await runStoreTool({
    action,
    config,
    clock: systemClock,
    print: (line) => lines.push(line),
  });
  // All of it, also into a pipe that is read slowly: the program ends with an exit() right after.
  await new Promise<void>((resolve) => {
    process.stdout.write(lines.map((line) => `${line}\n`).join(""), () => resolve());
  });
  return code;
}

const exitCode = (error: unknown): number =>
  isMrrError(error) ? errorTable[error.code].exitCode : errorTable.internal.exitCode;

function complain(error: unknown): void {
  if (isMrrError(error)) {
    process.stderr.write(
      `mrr-scheduler: ${error.code}: ${error.message}\n${errorTable[error.code].help}\n`,
    );
  } else process.stderr.write(`mrr-scheduler: ${(error as Error)?.stack ?? String(error)}\n`);
}

async function main(argv: readonly string[]): Promise<number> {
  const args = parseArguments(argv);
  if (!args.ok) throw invalid("command line", args.problems);
  switch (args.value.mode) {
    case "help":
      process.stdout.write(helpText);
      return 0;
    case "version":
      process.stdout.write(`${await version()}\n`);
      return 0;
    case "dump-empty-config":
      process.stdout.write(renderEmptyConfig());
      return 0;
    case "check-config": {
      const { config, warnings } = await loadConfig(args.value.config);
      for (const { key, text } of [...warnings, ...exposureWarnings(config)])
        process.stderr.write(`warning: ${key} ${text}\n`);
      process.stdout.write(`${JSON.stringify(maskedConfig(config), null, 2)}\n`);
      return 0;
    }
    case "store-help":
      process.stdout.write(storeHelpText);
      return 0;
    case "store-dump":
      return lookIntoStore("dump", args.value.config);
    case "store-check":
      return lookIntoStore("check", args.value.config);
    case "run":
      return run(args.value);
  }
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    complain(error);
    process.exit(exitCode(error));
  },
);
