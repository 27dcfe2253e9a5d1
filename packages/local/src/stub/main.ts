/**
 * Owns the program of stub executors: one process that holds the sessions of all executors of all agents and starts no
 * redis-server. For tests and benches. Started by `mrr-local --stub-executors`, and ends when its stdin does.
 * Not: an executor (executor.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { problemsText } from "@mr-redis/core";
import { parseExecutorEnvironment, systemClock } from "@mr-redis/mesos";
import { StubExecutor } from "./executor.js";
import { lineOf, lineReader, type StubOrder } from "./protocol.js";
import { RedisWorld } from "./redis-world.js";

/** Raw wait status of an executor that cannot begin: exit code 2. */
const refusedStatus = 512;

const world = new RedisWorld();
const executors = new Map<string, StubExecutor>();

function ended(containerId: string, status: number): void {
  executors.delete(containerId);
  process.stdout.write(lineOf({ type: "ended", containerId, status }));
}

function obey(order: StubOrder): void {
  const { containerId } = order;
  if (order.type === "end") {
    executors.get(containerId)?.kill();
    return;
  }
  const environment = parseExecutorEnvironment(order.environment);
  if (!environment.ok) {
    process.stderr.write(`mrr-local stub executors: ${problemsText(environment.problems)}\n`);
    ended(containerId, refusedStatus);
    return;
  }
  const executor = new StubExecutor({
    environment: environment.value,
    variables: order.environment,
    clock: systemClock,
    world,
    onEnd: (status) => ended(containerId, status),
  });
  executors.set(containerId, executor);
  executor.start();
}

process.stdin.setEncoding("utf8");
process.stdin.on("data", lineReader(obey));
process.stdin.on("end", () => process.exit(0));
process.stdout.on("error", () => process.exit(0));
// A signal to the whole group of a terminal is for mrr-local, which ends this program in order.
process.on("SIGINT", () => undefined);
