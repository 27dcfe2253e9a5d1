/**
 * Tests launch.ts: what makes another executor, and what makes another version of one.
 * SPDX-License-Identifier: Apache-2.0
 */
import { executorVersionOf } from "@mr-redis/core";
import { expect, test } from "vitest";
import { type ExecutorOptions, executorInfoOf } from "./launch.js";

const options: ExecutorOptions = {
  command: "exec node ./mr-redis-executor.0123.cjs",
  uris: [
    { value: "http://10.0.0.1:5454/mr-redis-executor.0123.cjs", executable: false, extract: false },
  ],
  environment: { PATH: "/bin", MRR_EXECUTOR_IDLE_MS: "300000" },
  need: { cpusMilli: 100, memMilliMib: 64_000 },
  role: "*",
  shutdownGraceMs: 10_000,
};

const idOf = (change: Partial<ExecutorOptions>): string =>
  executorInfoOf({ ...options, ...change }).executor_id.value;

test("the id stands for all of it, its version for what is to be run", () => {
  const id = idOf({});
  expect(id).toMatch(/^mr-redis-[0-9a-f]{12}-[0-9a-f]{8}$/);
  expect(idOf({})).toBe(id);
  const same: Partial<ExecutorOptions>[] = [
    { uris: options.uris.map((uri) => ({ ...uri, value: uri.value.replace("10.0.0.1", "h") })) },
    { need: { cpusMilli: 200, memMilliMib: 64_000 } },
    { role: "redis" },
  ];
  const other: Partial<ExecutorOptions>[] = [
    { uris: options.uris.map((uri) => ({ ...uri, value: uri.value.replace("0123", "4567") })) },
    { command: "exec other" },
    { environment: { ...options.environment, MRR_EXECUTOR_IDLE_MS: "1" } },
    { shutdownGraceMs: 1 },
  ];
  const ids = [{}, ...same, ...other].map(idOf);
  expect(new Set(ids).size).toBe(ids.length);
  for (const change of same) expect(executorVersionOf(idOf(change))).toBe(executorVersionOf(id));
  const versions = [{}, ...other].map((change) => executorVersionOf(idOf(change)));
  expect(new Set(versions).size).toBe(versions.length);
});
