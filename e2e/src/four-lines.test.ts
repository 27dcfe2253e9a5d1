/**
 * Tests of the four lines of the README, as a person types them. SPDX-License-Identifier: Apache-2.0
 */
import {
  eventually,
  type RunningUp,
  repositoryRoot,
  run,
  secureRun,
  siteStoreOfRun,
  startUp,
} from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createFlags, loginOf, redisCli } from "./everything-on.js";
import { show } from "./look.js";

let up: RunningUp;

beforeAll(async () => {
  up = await startUp();
});

afterAll(async () => {
  expect(await up.stop()).toEqual([]);
});

const npx = (...args: string[]) =>
  run({
    command: "npx",
    args: ["mrr", ...args],
    cwd: repositoryRoot(),
    env: { ...process.env, ...secureRun()?.env, MRR_ENDPOINT: up.endpoint },
  });

const shown =
  /^Status = RUNNING\nType = MS\nCapacity = 200\nMaster = [\d.]+:\d+\n\tSlave0 = [\d.]+:\d+\nAddress = [\d.]+:\d+\nRead address = [\d.]+:\d+\n$/;
const shownSecure = new RegExp(`${shown.source.slice(0, -1)}Auth = yes .*\\nTls = yes\\n$`);

test("create, status, set, delete", async () => {
  const created = await npx("create", "-n", "inst", "-m", "200", "-s", "1", "-w", ...createFlags());
  expect([created.exitCode, created.stdout.split("\n").map((line) => line.trimEnd())]).toEqual([
    0,
    [
      "Attempting to Create a Redis Instance (inst) with mem=200 slaves=1",
      expect.stringMatching(/^Instance Creation accepted\.\.\.*$/),
      "Instance Created.",
      "",
    ],
  ]);

  const status = await npx("status", "-n", "inst");
  expect([status.exitCode, status.stdout]).toEqual([
    0,
    expect.stringMatching(secureRun() === null ? shown : shownSecure),
  ]);

  const [, host = "", port = ""] = /Master = ([\d.]+):(\d+)/.exec(status.stdout) ?? [];
  expect(host).toBe("127.0.0.1");
  const login = await loginOf(up, "inst");
  expect((await redisCli(port, login, "set", "foo", "bar")).stdout).toBe("OK\n");
  const slavePort = /Slave0 = [\d.]+:(\d+)/.exec(status.stdout)?.[1] ?? "";
  await eventually(async () => {
    const read = await redisCli(slavePort, login, "get", "foo");
    expect(read.stdout).toBe("bar\n");
  });

  const deleted = await npx("delete", "-n", "inst");
  expect([deleted.exitCode, deleted.stdout.trimEnd()]).toEqual([0, "Instance Deletion initated.."]);
  await eventually(async () => {
    expect([up.redisServers(), (await show(up, "inst")).status]).toEqual([[], "DELETED"]);
  });
});

// The bar is that of the one-machine mode; with another store its server starts first, and certificates take their time.
test.skipIf(siteStoreOfRun() !== "embedded" || secureRun() !== null)(
  "mrr up was ready within 3 s",
  () => {
    expect(up.readyAfterMs).toBeLessThan(3_000);
  },
);
