#!/usr/bin/env node
/**
 * Owns the program `mrr-local`: command line, signals, ready line, exit codes. Nothing else.
 * SPDX-License-Identifier: Apache-2.0
 */
import { fileURLToPath } from "node:url";
import { errorTable, isMrrError, problemsText } from "@mr-redis/core";
import { helpText, parseCommandLine } from "./flags.js";
import { mesosVersion } from "./options.js";
import { type RunningLocal, startLocal } from "./shell/local.js";

const log = (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
  const line = { time: new Date().toISOString(), msg: message, ...fields };
  process.stderr.write(`${JSON.stringify(line)}\n`);
};

/** Beside this file in both forms: dist/main.js and bundle/mrr-local.js. */
const stubProgram = fileURLToPath(new URL("./stub/main.js", import.meta.url));

/** Ends once, whoever asks, also while it is still being started: executors of a former run may be taken over already. */
function endOnRequest(started: Promise<RunningLocal>, exitWithParent: boolean): void {
  let isEnding = false;
  const end = (why: string) => {
    if (isEnding) return;
    isEnding = true;
    log("ending", { why });
    const closed = started.then((local) => local.close());
    closed.then(
      () => process.exit(0),
      (error: unknown) => {
        log("ending failed", { error: String(error) });
        process.exit(errorTable.internal.exitCode);
      },
    );
  };
  process.on("SIGINT", () => end("SIGINT"));
  process.on("SIGTERM", () => end("SIGTERM"));
  process.on("SIGHUP", () => end("SIGHUP"));
  if (!exitWithParent) return;
  process.stdin.on("end", () => end("stdin ended"));
  process.stdin.on("error", () => end("stdin failed"));
  process.stdin.resume();
}

async function main(): Promise<void> {
  const command = parseCommandLine(process.argv.slice(2));
  if (!command.ok) {
    process.stderr.write(`mrr-local: ${problemsText(command.problems)}\n`);
    process.exitCode = errorTable["invalid-request"].exitCode;
    return;
  }
  switch (command.value.type) {
    case "help":
      process.stdout.write(helpText());
      return;
    case "version":
      process.stdout.write(`mrr-local, Mesos ${mesosVersion} v1 APIs\n`);
      return;
    case "run": {
      const { options, exitWithParent, stubExecutors } = command.value;
      const parentPid = exitWithParent ? process.ppid : null;
      const stubs = { stubProgram: stubExecutors ? stubProgram : null };
      const started = startLocal({ ...options, ...stubs, parentPid }, { log });
      endOnRequest(started, exitWithParent);
      const { port, masterId, agents } = await started;
      process.stdout.write(`${JSON.stringify({ msg: "ready", port, masterId, agents })}\n`);
    }
  }
}

main().catch((error: unknown) => {
  const entry = isMrrError(error) ? errorTable[error.code] : errorTable.internal;
  const code = isMrrError(error) ? error.code : "internal";
  const text = error instanceof Error ? error.message : String(error);
  log("not started", { code, error: text });
  process.stderr.write(`mrr-local: ${text}. ${entry.help}\n`);
  process.exit(entry.exitCode);
});
