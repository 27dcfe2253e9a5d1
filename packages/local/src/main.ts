#!/usr/bin/env node
/**
 * Owns the program `mrr-local`: command line, signals, ready line, exit codes. Nothing else.
 * SPDX-License-Identifier: Apache-2.0
 */
import { fileURLToPath } from "node:url";
import { errorTable, isMrrError, problemsText } from "@mr-redis/core";
import { parseCommandLine } from "./flags.js";
import { mesosVersion } from "./options.js";
import { type AgentOptions, startAgent } from "./remote/agent.js";
import { secretVariable } from "./remote/handshake.js";
import { type MasterOptions, startMaster } from "./remote/master.js";
import { startLocal } from "./shell/local.js";

const log = (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
  const line = { time: new Date().toISOString(), msg: message, ...fields };
  process.stderr.write(`${JSON.stringify(line)}\n`);
};

/** Beside this file in both forms: dist/main.js and bundle/mrr-local.js. */
const stubProgram = fileURLToPath(new URL("./stub/main.js", import.meta.url));

/** What runs and can be ended. */
interface Running {
  close(): Promise<void>;
}

/**
 * Ends once, whoever asks, also while it is still being started: executors of a former run may be taken over already.
 * The result ends it for a reason of the program itself.
 */
function endOnRequest(started: Promise<Running>, exitWithParent: boolean): (why: string) => void {
  let isEnding = false;
  const end = (why: string) => {
    if (isEnding) return;
    isEnding = true;
    log("ending", { why });
    const closed = started.then((running) => running.close());
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
  if (!exitWithParent) return end;
  process.stdin.on("end", () => end("stdin ended"));
  process.stdin.on("error", () => end("stdin failed"));
  process.stdin.resume();
  return end;
}

const sayReady = (fields: Readonly<Record<string, unknown>>): void => {
  process.stdout.write(`${JSON.stringify({ msg: "ready", ...fields })}\n`);
};

async function runMaster(options: MasterOptions): Promise<void> {
  const started = startMaster(options, { log });
  endOnRequest(started, false);
  const { port, masterId } = await started;
  sayReady({ port, masterId });
}

async function runAgent(options: AgentOptions, exitWithParent: boolean): Promise<void> {
  const parentPid = exitWithParent ? process.ppid : null;
  const started = startAgent({ ...options, parentPid }, { log });
  const end = endOnRequest(started, exitWithParent);
  const { port, registered, dismissed } = await started;
  void dismissed.then(() => end("the master has told this agent to end: it was marked gone"));
  sayReady({ port, agentId: await registered });
}

async function main(): Promise<void> {
  const command = parseCommandLine(process.argv.slice(2), process.env);
  if (!command.ok) {
    process.stderr.write(`mrr-local: ${problemsText(command.problems)}\n`);
    process.exitCode = errorTable["invalid-request"].exitCode;
    return;
  }
  // Executors and what they start need not know it.
  delete process.env[secretVariable];
  switch (command.value.type) {
    case "help":
      process.stdout.write(command.value.text);
      return;
    case "version":
      process.stdout.write(`mrr-local, Mesos ${mesosVersion} v1 APIs\n`);
      return;
    case "master":
      return runMaster(command.value.options);
    case "agent":
      return runAgent(command.value.options, command.value.exitWithParent);
    case "run": {
      const { options, exitWithParent, stubExecutors } = command.value;
      const parentPid = exitWithParent ? process.ppid : null;
      const stubs = { stubProgram: stubExecutors ? stubProgram : null };
      const started = startLocal({ ...options, ...stubs, parentPid }, { log });
      endOnRequest(started, exitWithParent);
      const { port, masterId, agents, adminPort } = await started;
      sayReady({ port, masterId, agents, ...(adminPort === null ? {} : { adminPort }) });
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
