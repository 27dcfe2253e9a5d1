/**
 * Owns the bounds of a process' log: size on disk, lines in memory, lines cut anywhere.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exitLogLinesMax, logLineCharactersMax } from "@mr-redis/core";
import { systemClock } from "@mr-redis/mesos";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openProcessLog } from "./process-log.js";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mrr-log-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("the files stay within twice the limit, and the newest lines are kept", () => {
  const path = join(directory, "a.log");
  const log = openProcessLog(path, systemClock, () => undefined, 1_000);
  for (let index = 0; index < 1_000; index += 1) log.write(Buffer.from(`line ${index}\n`));
  log.write(Buffer.from(`${"x".repeat(5_000)}\n`));
  log.close();
  const sizes = readdirSync(directory).map((name) => statSync(join(directory, name)).size);
  expect(readdirSync(directory).sort()).toEqual(["a.log", "a.log.1"]);
  for (const size of sizes) expect(size).toBeLessThanOrEqual(1_000);
  expect(readFileSync(`${path}.1`, "utf8")).toContain("line 999\n");
  const lines = log.lines();
  expect(lines).toHaveLength(exitLogLinesMax);
  expect(lines.at(-2)).toBe("line 999");
  expect(lines.at(-1)).toHaveLength(logLineCharactersMax);
  log.close();
  log.write(Buffer.from("late\n"));
});

test("lines are the same however the output is cut, and control characters are gone", () => {
  const text = Buffer.from("first\nzweite Zeile: ö€\u0007\n\nunfinished");
  const wanted = ["first", "zweite Zeile: ö€", "unfinished"];
  for (let cut = 0; cut <= text.length; cut += 1) {
    const heard: string[] = [];
    const log = openProcessLog(join(directory, "b.log"), systemClock, (line) => heard.push(line));
    log.write(text.subarray(0, cut));
    log.write(text.subarray(cut));
    expect(log.lines()).toEqual(wanted);
    expect(heard).toEqual(wanted.slice(0, 2));
    log.close();
  }
});

test("a password that Redis quotes from its configuration is in neither file nor memory", () => {
  const path = join(directory, "d.log");
  const log = openProcessLog(path, systemClock, () => undefined);
  const quoted = ['>>> \'user "replica" on ">pass word"\'', ">>> 'masterauth \"pass word\"'"];
  log.write(Buffer.from(`${quoted.join("\n")}\n`));
  expect(log.lines()).toEqual([">>> 'user ...'", ">>> 'masterauth ...'"]);
  log.close();
  expect(readFileSync(path, "utf8")).toBe(">>> 'user ...'\n>>> 'masterauth ...'\n");
});

test("a log whose directory is gone loses lines, nothing else", () => {
  const log = openProcessLog(join(directory, "c.log"), systemClock, () => undefined, 10);
  rmSync(directory, { recursive: true });
  log.write(Buffer.from("twelve bytes\n"));
  log.write(Buffer.from("twelve bytes\n"));
  expect(log.lines()).toEqual(["twelve bytes", "twelve bytes"]);
  log.close();
});
