/** Tests of the lock on a data directory and of who a process is. SPDX-License-Identifier: Apache-2.0 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { closeServer, freePort, listen } from "@mr-redis/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../system-clock.js";
import { identify, isRunning, parseIdentity, startOf } from "./identity.js";
import { endLeftovers, writeChildren } from "./leftovers.js";
import { takeLock } from "./lock.js";

let directory = "";
const file = (): string => join(directory, "up.lock");

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mrr-lock-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const own = () => identify(process.pid);

describe("the lock", () => {
  test("is held, refused to a second, and free after its release", () => {
    const first = takeLock(file());
    expect(first).toMatchObject({ type: "held", wasStale: false });
    expect(takeLock(file())).toEqual({ type: "taken", pid: process.pid });
    expect(JSON.parse(readFileSync(file(), "utf8"))).toEqual(own());
    if (first.type === "held") first.release();
    expect(readdirSync(directory)).toEqual([]);
    expect(takeLock(file())).toMatchObject({ type: "held", wasStale: false });
  });

  test.each([
    ["a process that is gone", { pid: 4_194_304, start: "boot 1" }],
    ["a later process with the same number", { pid: process.pid, start: "boot 1" }],
    ["nobody", {}],
  ])("of %s is taken over", (_who, content) => {
    writeFileSync(file(), JSON.stringify(content));
    expect(takeLock(file())).toMatchObject({ type: "held", wasStale: true });
    expect([readdirSync(directory), JSON.parse(readFileSync(file(), "utf8"))]).toEqual([
      ["up.lock"],
      own(),
    ]);
  });

  test.each(["", "{", "\0\0"])("that is broken (%j) is taken over", (text) => {
    writeFileSync(file(), text);
    expect(takeLock(file())).toMatchObject({ type: "held", wasStale: true });
  });

  test("release leaves alone what is not ours any more", () => {
    const lock = takeLock(file());
    const other = JSON.stringify({ pid: 1, start: "x" });
    writeFileSync(file(), other);
    if (lock.type === "held") lock.release();
    expect(readFileSync(file(), "utf8")).toBe(other);
  });
});

describe("who a process is", () => {
  test("oneself runs; another start of the same number does not", () => {
    const me = own();
    expect(me === null ? null : [isRunning(me), isRunning({ ...me, start: "other" })]).toEqual([
      true,
      false,
    ]);
    expect(startOf(4_194_304)).toBe(null);
  });

  test("who was killed is gone when its port is free, not while a thread of it still ends", async () => {
    for (let times = 0; times < 10; times += 1) {
      const port = await freePort();
      const script = `require("net").createServer().listen(${port}, "127.0.0.1", () => console.log())`;
      const child = spawn(process.execPath, ["-e", script], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      await new Promise((resolve) => child.stdout.once("data", resolve));
      const { pid = 0 } = child;
      child.kill("SIGKILL");
      // Without a pause: a zombie stays as long as its parent does not look.
      while (startOf(pid) !== null);
      await closeServer(await listen(port));
    }
  });

  test.each([
    null,
    5,
    {},
    { pid: "1", start: "x" },
    { pid: 1, start: "x" },
    { pid: 2.5, start: "" },
  ])("%j is nobody", (value) => {
    expect(parseIdentity(value)).toBe(null);
  });
});

describe("leftovers", () => {
  const children = (): string => join(directory, "children.json");

  test("those that live are ended, those that are gone are no harm", async () => {
    const child = spawn("sleep", ["60"]);
    const exited = new Promise((resolve) => {
      child.once("exit", (_code, signal) => resolve(signal));
    });
    const { pid = 0 } = child;
    writeChildren(children(), [pid, 4_194_304]);
    const ended = await endLeftovers(children(), systemClock);
    expect([ended, await exited]).toEqual([[pid], "SIGTERM"]);
    expect(await endLeftovers(children(), systemClock)).toEqual([]);
  });

  test.each(["{", "{}", '[{"pid":1}]', "[null]"])("a file with %s names nobody", async (text) => {
    writeFileSync(children(), text);
    expect(await endLeftovers(children(), systemClock)).toEqual([]);
  });

  test("no file, and the file of none", async () => {
    expect(await endLeftovers(children(), systemClock)).toEqual([]);
    writeChildren(children(), []);
    expect([existsSync(children()), await endLeftovers(children(), systemClock)]).toEqual([
      true,
      [],
    ]);
  });
});
