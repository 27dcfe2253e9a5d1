/**
 * Test that the README's example is what a run prints; `npm run e2e -- readme -u` writes it.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type RunningUp, repositoryRoot, run, startUp, until } from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type ExampleStep,
  normalisePorts,
  renderExample,
  withExample,
} from "../../tools/readme.js";

let up: RunningUp;

beforeAll(async () => {
  up = await startUp({ hasProxy: true });
});

afterAll(async () => {
  expect(await up.stop()).toEqual([]);
});

/** Types a command in the repository's root and notes what it printed. */
async function type(command: string): Promise<ExampleStep> {
  const result = await run({
    command: "sh",
    args: ["-c", command],
    cwd: repositoryRoot(),
    env: { ...process.env, MRR_ENDPOINT: up.endpoint },
  });
  expect(result.exitCode, result.stderr).toBe(0);
  // What npm warns of concerns the machine it runs on, and so does a create that takes more than three seconds.
  const warnings = result.stderr.split("\n").filter((line) => !/^(npm |Waiting: )/.test(line));
  return { command, output: result.stdout + warnings.join("\n") };
}

test("the README's example is what a run prints", async () => {
  const steps = [await type("npx mrr create -n inst -m 200 -s 1 -w")];
  const status = await type("npx mrr status -n inst");
  const port = /^Address = 127\.0\.0\.1:(\d+)/m.exec(status.output)?.[1] ?? "none";
  // A person types more slowly than a busy machine needs to tell the proxy.
  await until(
    async () => (await run({ command: "redis-cli", args: ["-p", port, "ping"] })).exitCode === 0,
    {
      deadlineMs: 60_000,
      what: "the proxy serves the instance",
    },
  );
  steps.push(status, await type(`redis-cli -p ${port} set foo bar`));
  steps.push(await type("npx mrr delete -n inst"));

  const file = join(repositoryRoot(), "README.md");
  const readme = await readFile(file, "utf8");
  const wanted = withExample(readme, renderExample(steps));
  await expect(wanted).toMatchFileSnapshot(file);
});

test("ports are shown in the order in which they appear, those at the proxy apart", () => {
  const steps = normalisePorts([
    {
      command: "status",
      output:
        "Master = 127.0.0.1:31007\n\tSlave0 = 127.0.0.1:31001\nAddress = 127.0.0.1:23456\n" +
        "Read address = 127.0.0.1:23457\n",
    },
    { command: "redis-cli -p 31007 set foo bar", output: "OK\n" },
    { command: "redis-cli -p 23456 get foo", output: "bar\n" },
  ]);
  expect(steps).toEqual([
    {
      command: "status",
      output:
        "Master = 127.0.0.1:6379\n\tSlave0 = 127.0.0.1:6380\nAddress = 127.0.0.1:20000\n" +
        "Read address = 127.0.0.1:20001\n",
    },
    { command: "redis-cli -p 6379 set foo bar", output: "OK\n" },
    { command: "redis-cli -p 20000 get foo", output: "bar\n" },
  ]);
});
