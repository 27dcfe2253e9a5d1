/**
 * Tests the command line of mrr-scheduler.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import { parseArguments } from "./arguments.js";

const plain = { mode: "run", config: null, exitWithParent: false, newFramework: false };

test.each([
  [[], plain],
  [["-config=a.json"], { ...plain, config: "a.json" }],
  [
    ["--config", "a.json", "-exit-with-parent"],
    { ...plain, config: "a.json", exitWithParent: true },
  ],
  [["-logtostderr=true", "-v=2"], plain],
  [["--new-framework"], { ...plain, newFramework: true }],
  [["-NewFramework", "-config=a"], { ...plain, config: "a", newFramework: true }],
  [["-DumpEmptyConfig"], { ...plain, mode: "dump-empty-config" }],
  [["--check-config", "-config=a"], { ...plain, mode: "check-config", config: "a" }],
  [["-help"], { ...plain, mode: "help" }],
  [["store", "dump", "-config=a"], { ...plain, mode: "store-dump", config: "a" }],
  [["store", "-config", "a", "check"], { ...plain, mode: "store-check", config: "a" }],
  [["store", "-config", "check", "dump"], { ...plain, mode: "store-dump", config: "check" }],
  [["store", "check"], { ...plain, mode: "store-check" }],
  [["store", "--help"], { ...plain, mode: "store-help" }],
  [["store", "dump", "-h"], { ...plain, mode: "store-help" }],
])("%j", (argv, value) => {
  expect(parseArguments(argv)).toEqual({ ok: true, value });
});

test.each([
  [["run"]],
  [["-config"]],
  [["-unknown"]],
  [["store"]],
  [["store", "drop"]],
  [["store", "dump", "check"]],
  [["store", "dump", "-check-config"]],
  [["store", "check", "-unknown"]],
  [["store", "check", "-new-framework"]],
  [["dump"]],
])("%j is refused", (argv) => {
  expect(parseArguments(argv).ok).toBe(false);
});
