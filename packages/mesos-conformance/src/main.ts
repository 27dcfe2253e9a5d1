#!/usr/bin/env node
/**
 * Owns the program `mesos-conformance`: command line, the parts put together, signals, output, exit codes.
 * SPDX-License-Identifier: Apache-2.0
 */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect, isIP } from "node:net";
import { fileURLToPath } from "node:url";
import { problemsText } from "@mr-redis/core";
import { basicAuthorization } from "@mr-redis/mesos";
import type { SeenAgent } from "./bundles.js";
import type { Check } from "./check.js";
import { checklist } from "./checklist.js";
import { executorObstacle, findLeader, RunRefused, survey, sweep } from "./cluster.js";
import { Context, type Means } from "./context.js";
import type { Access } from "./http.js";
import { helpText, type Options, parseCommandLine } from "./options.js";
import { counts, exitCode, listText, resultText, summaryText } from "./report.js";
import { type Result, runChecks } from "./run.js";
import { type Station, startStation } from "./station.js";
import { CheckEnd, fail } from "./verdict.js";

/** Limit for an answer of the master. */
const answerMsMax = 20_000;

/** Between two lines that say what is still running. */
const progressMs = 10_000;

const executorFile = fileURLToPath(new URL("../executor/executor.mjs", import.meta.url));

const tell = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

function accessOf(options: Options): Access {
  const { principal, secretFile, caFile } = options;
  const read = (file: string): string => {
    try {
      return readFileSync(file, "utf8");
    } catch (error) {
      throw new RunRefused(`${file} is not read: ${String(error)}`);
    }
  };
  const secret = secretFile === null ? null : read(secretFile).trim();
  const header = secret === null ? null : basicAuthorization({ principal, secret });
  if (header !== null && !header.ok) throw new RunRefused(problemsText(header.problems));
  return {
    authorization: header === null ? undefined : header.value,
    ca: caFile === null ? undefined : read(caFile),
    answerMsMax,
  };
}

/** The address of this machine from which the master is reached. */
function localAddress(url: URL): Promise<string> {
  const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
  return new Promise((resolve, reject) => {
    const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ""), port }, () => {
      const { localAddress: address } = socket;
      socket.destroy();
      resolve((address ?? "127.0.0.1").replace(/^::ffff:/, ""));
    });
    socket.on("error", (error) => reject(new RunRefused(`${url.origin} is not reached: ${error}`)));
  });
}

async function startStationOf(options: Options, url: URL): Promise<Station> {
  const own = await localAddress(url);
  const advertise = options.advertise ?? own;
  return startStation({
    advertise,
    bind: options.bind ?? (isIP(advertise) > 0 && advertise === own ? own : "0.0.0.0"),
    port: options.listenPort,
    token: randomBytes(12).toString("hex"),
    executorFile,
    nodeFile: options.serveNode ? process.execPath : null,
  });
}

function meansOf(options: Options, url: URL, access: Access, station: Station): Means {
  const { role, principal, user, slack, quick, node, serveNode, agentRestartCommand } = options;
  return {
    ...{ url, access, station, role, slack, quick, agentRestartCommand },
    tasks: { stationUrl: station.url, node, serveNode },
    info: {
      user,
      name: "mesos-conformance",
      principal,
      roles: [role],
      checkpoint: true,
      failover_timeout: 60,
      capabilities: [
        { type: "MULTI_ROLE" },
        { type: "PARTITION_AWARE" },
        { type: "TASK_KILLING_STATE" },
        { type: "RESERVATION_REFINEMENT" },
      ],
    },
  };
}

async function surveyAgents(
  means: Means,
  options: Options,
  signal: AbortSignal,
): Promise<readonly SeenAgent[]> {
  const context = new Context(means, [], "survey", signal);
  try {
    return await survey(context, options.agents);
  } finally {
    await context.end();
  }
}

/** The checks, of which those that need the test executor fail at once where it does not run. */
async function withoutHopeless(
  checks: readonly Check[],
  means: Means,
  agents: readonly SeenAgent[],
  signal: AbortSignal,
): Promise<readonly Check[]> {
  const needsExecutor = ({ tags }: Check) => tags.includes("ce");
  if (!checks.some(needsExecutor)) return checks;
  const context = new Context(means, agents, "trial", signal);
  const obstacle = await executorObstacle(context).finally(() => context.end());
  if (obstacle === null) return checks;
  tell(obstacle);
  const hopeless = async () => fail(obstacle);
  return checks.map((check) => (needsExecutor(check) ? { ...check, run: hopeless } : check));
}

/** Limit for the last clean-up. */
const sweepMsMax = 30_000;

/** Frees what is left reserved; not possible where something still uses it. */
async function sweepAtEnd(means: Means): Promise<void> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), sweepMsMax);
  const context = new Context(means, [], "sweep", controller.signal);
  try {
    await sweep(context);
  } catch (error) {
    tell(`reservations may be left, the next run frees them: ${String(error)}`);
  } finally {
    clearTimeout(timer);
    await context.end();
  }
}

/** Says each {@link progressMs} what is still running. */
function watchProgress(options: Options) {
  const running = new Map<string, number>();
  const timer = setInterval(() => {
    const texts = [...running].map(
      ([id, startMs]) => `${id} (${Math.round((performance.now() - startMs) / 1_000)} s)`,
    );
    if (texts.length > 0) tell(`still running: ${texts.join(", ")}`);
  }, progressMs);
  return {
    stop: () => clearInterval(timer),
    progress: {
      started: ({ id }: { readonly id: string }) => running.set(id, performance.now()),
      ended: (result: Result) => {
        running.delete(result.id);
        if (options.output === "text") process.stdout.write(`${resultText(result)}\n`);
        else tell(`${result.outcome} ${result.id}`);
      },
    },
  };
}

async function run(options: Options, signal: AbortSignal): Promise<number> {
  const { only } = options;
  const wanted = checklist.filter(({ id }) => only.length === 0 || only.includes(id));
  const checks = wanted.filter(({ tags }) => !options.quick || !tags.includes("slow"));
  const access = accessOf(options);
  const url = await findLeader(options.master, access, signal);
  const station = await startStationOf(options, url);
  const watch = watchProgress(options);
  try {
    const means = meansOf(options, url, access, station);
    const needsAgents = checks.some(({ tags }) => !tags.includes("quiet"));
    const agents = needsAgents ? await surveyAgents(means, options, signal) : [];
    tell(
      `master ${url.host}, ${agents.length} agents: ${agents.map(({ address }) => address).join(", ")}`,
    );
    const runnable = await withoutHopeless(checks, means, agents, signal);
    const results = await runChecks(runnable, means, agents, signal, watch.progress);
    const isClean = results.length === checks.length && counts(results).fail === 0;
    if (needsAgents && !isClean) await sweepAtEnd(means);
    if (options.output === "json") {
      const summary = counts(results);
      const text = JSON.stringify({ master: url.host, agents, ...summary, results }, null, 2);
      process.stdout.write(`${text}\n`);
    } else process.stdout.write(`${summaryText(results, checks.length)}\n`);
    return exitCode(results, checks.length);
  } finally {
    watch.stop();
    await station.close();
  }
}

async function main(): Promise<void> {
  const command = parseCommandLine(process.argv.slice(2));
  if (!command.ok) {
    tell(`mesos-conformance: ${problemsText(command.problems)}`);
    process.exitCode = 2;
    return;
  }
  if (command.value.type !== "run") {
    const text = command.value.type === "help" ? helpText() : `${listText(checklist)}\n`;
    process.stdout.write(text);
    return;
  }
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      // Once more: at once, without a clean-up.
      if (controller.signal.aborted) process.exit(2);
      tell(`${name}: ending what was started`);
      controller.abort();
    });
  }
  process.exitCode = await run(command.value.options, controller.signal);
}

main().catch((error: unknown) => {
  const text =
    error instanceof RunRefused || error instanceof CheckEnd
      ? error.message
      : String(error instanceof Error ? error.stack : error);
  tell(`mesos-conformance: ${text}`);
  process.exitCode = 2;
});
