/**
 * Test of the proxy that `mrr up` brings along: one address that serves whatever is killed.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  findProcesses,
  type RunningUp,
  run,
  signalProcess,
  startUp,
  until,
} from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";

const deadlineMs = 60_000;

let up: RunningUp;

beforeAll(async () => {
  up = await startUp({ hasProxy: true });
});

afterAll(async () => {
  expect(await up.stop()).toEqual([]);
});

interface Connection {
  readonly host: string;
  readonly port: number;
  readonly readPort: number;
  readonly redisCli: string;
  readonly direct: { readonly master: string | null };
}

async function connection(): Promise<Connection> {
  const { exitCode, stdout, stderr } = await up.mrr("connection", "-n", "inst", "--json");
  expect(exitCode, stderr).toBe(0);
  return JSON.parse(stdout) as Connection;
}

/** What redis-cli says at the port; an error of the connection counts as its text. */
async function redis(port: number, ...words: string[]): Promise<string> {
  const { stdout, stderr } = await run({ command: "redis-cli", args: ["-p", `${port}`, ...words] });
  return (stdout + stderr).trim();
}

/** Repeats what may meet a cut connection until it says what is wanted. */
const says = (port: number, wanted: string, ...words: string[]): Promise<unknown> =>
  until(async () => (await redis(port, ...words)) === wanted, {
    deadlineMs,
    what: `${words.join(" ")} at ${port} says ${wanted}`,
  });

const pidOf = (program: string): number => {
  const found = findProcesses(up.place.dataDir).find(({ commandLine }) =>
    commandLine.includes(`packages/${program}/`),
  );
  if (found === undefined) throw new Error(`no program of ${program} runs`);
  return found.pid;
};

test("an instance keeps its address, whoever is killed", async () => {
  const created = await up.mrr("create", "-n", "inst", "-m", "100", "-s", "1", "-w");
  expect(created.exitCode, created.stderr).toBe(0);
  const first = await connection();
  const { port, readPort } = first;
  expect([first.host, up.place.proxy]).toEqual(["127.0.0.1", expect.anything()]);
  await says(port, "OK", "set", "foo", "bar");
  await says(readPort, "bar", "get", "foo");

  // The master: the same address leads to the next one, with what was replicated.
  const masterPort = Number(first.direct.master?.split(":").at(-1));
  signalProcess(up.redisPid(masterPort), "SIGKILL");
  await says(port, "bar", "get", "foo");
  await says(port, "OK", "set", "foo", "bar2");
  expect(await connection()).toMatchObject({ port, readPort });
  await says(readPort, "bar2", "get", "foo");

  // The scheduler: nothing is heard of it, and the address serves.
  signalProcess(pidOf("scheduler"), "SIGSTOP");
  expect(await redis(port, "get", "foo")).toBe("bar2");
  signalProcess(pidOf("scheduler"), "SIGKILL");
  expect(await redis(port, "get", "foo")).toBe("bar2");

  // The proxy: another one takes its place, from what it knew or what it is told.
  const proxy = pidOf("proxy");
  signalProcess(proxy, "SIGKILL");
  await until(() => up.program.stderr.includes("mrr-proxy is back"), {
    deadlineMs,
    what: "another proxy",
  });
  await says(port, "bar2", "get", "foo");
  expect(pidOf("proxy")).not.toBe(proxy);
});
