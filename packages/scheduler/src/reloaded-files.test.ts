/**
 * Owns the proof that files are read again when they change, and that bad ones leave the old ones in force.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "@mr-redis/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { machineClock } from "../test/machine-clock.js";
import { createLog } from "./log.js";
import { reloadFiles } from "./reloaded-files.js";

let directory: string;
let path: string;
let lines: string[];
const ends: (() => void)[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "mrr-reload-"));
  path = join(directory, "file");
  lines = [];
});

afterEach(async () => {
  for (const end of ends.splice(0)) end();
  await rm(directory, { recursive: true });
});

const start = async () => {
  const applied: string[] = [];
  const files = await reloadFiles({
    files: [{ key: "TheKey", path, bytesMax: 10 }],
    parse: ([text = ""]) => {
      if (text.includes("bad")) throw new Error("it is bad");
      return text;
    },
    apply: (value) => void applied.push(value),
    clock: machineClock,
    intervalMs: 5,
    log: createLog({
      program: "test",
      level: "info",
      destination: { write: (line) => lines.push(line) },
    }),
  });
  ends.push(() => files.close());
  return { files, applied };
};

/** At once, as whoever replaces such a file should: half of one must not be seen. */
const put = async (text: string): Promise<void> => {
  await writeFile(join(directory, "next"), text);
  await rename(join(directory, "next"), path);
};

const linesOf = (text: string): number => lines.filter((line) => line.includes(text)).length;

it("a changed file comes into force, a bad one does not and is named once, until it is good again", async () => {
  await writeFile(path, "one");
  const { files, applied } = await start();
  expect([files.value, applied]).toEqual(["one", []]);
  await put("two");
  await eventually(() => expect(applied).toEqual(["two"]));
  await put("bad");
  await eventually(() => expect(linesOf("the old ones stay in force")).toBe(1));
  await rm(path);
  await eventually(() => expect(linesOf("TheKey")).toBeGreaterThan(1));
  expect([files.value, linesOf("it is bad")]).toEqual(["two", 1]);
  await put("too long for it");
  await eventually(() => expect(linesOf("it is larger than 10 bytes")).toBe(1));
  await put("three");
  await eventually(() => expect([files.value, applied]).toEqual(["three", ["two", "three"]]));
});

it.each([
  ["that is missing", async () => {}, /TheKey .*file cannot be read: ENOENT/],
  ["that is too large", () => writeFile(path, "x".repeat(11)), /it is larger than 10 bytes/],
  ["that is bad", () => writeFile(path, "bad"), /it is bad/],
])("a file %s is refused at the start", async (_what, make, text) => {
  await make();
  await expect(start()).rejects.toThrow(text);
});
