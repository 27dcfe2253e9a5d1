/**
 * Tests the guard of containers with a real shell: whose clock it trusts, and what it does when that is not the host's.
 * The end by a connection, a file or a deadline: container.test.ts and the end-to-end tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "@mr-redis/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { guardMount, guardScript } from "../src/container/guard.js";

const deadlineMs = 20_000;

let directory = "";
let child: ChildProcess | null = null;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "mrr-guard-"));
});

afterEach(async () => {
  child?.kill("SIGKILL");
  child = null;
  await rm(directory, { recursive: true, force: true });
});

/** A guard over a program that only waits, with a clock and a deadline of the test's own; in a list: its exit, which is not waited for. */
async function startGuarded(uptime: number, deadline: number): Promise<Promise<unknown[]>[]> {
  const [program, clock] = [join(directory, "program"), join(directory, "uptime")];
  const script = '#!/bin/sh\n[ "$1" = --version ] && { echo v=1; exit; }\nexec sleep 600\n';
  await writeFile(program, script);
  await chmod(program, 0o700);
  await writeFile(clock, `${uptime}.00 0.00\n`);
  const padded = String(deadline).padStart(12, "0");
  await writeFile(join(directory, "alive"), `${padded} ${padded}\n`);
  const own = guardScript.replaceAll("/proc/uptime", clock).replaceAll(guardMount, directory);
  child = spawn("/bin/sh", ["-c", own, "guard", program, "end"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  // Listened to from the start: it may end at once.
  const exited = once(child, "exit");
  let said = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  child.stdin?.write("\n");
  await eventually(async () => expect(said).toMatch(/pid \d+/), { deadlineMs, what: "it runs" });
  return [exited];
}

/** In one go: half a line is no time. */
async function setClock(text: string): Promise<void> {
  await writeFile(join(directory, "uptime.new"), text);
  await rename(join(directory, "uptime.new"), join(directory, "uptime"));
}

test("a clock that is not the host's ends the program at once: it would never reach the deadline", async () => {
  const [exited] = await startGuarded(100, 1_000_008);
  expect(await exited).toEqual([137, null]);
});

test("on the host's clock it goes on until the deadline, and ends then", async () => {
  const [exited] = await startGuarded(1_000_000, 1_000_008);
  // Longer than it takes to look twice would be a wait; the clock is moved instead.
  await setClock("1000007.00 0.00\n");
  expect(child?.exitCode).toBeNull();
  await setClock("1000008.00 0.00\n");
  expect(await exited).toEqual([137, null]);
});
