/**
 * Owns the tests of the check of LevelDB's log (log-check.ts), on logs that LevelDB wrote.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDisk } from "./disk.js";
import { crc32c, logDamage } from "./log-check.js";

let directory = "";
let file = "";
let log: Buffer = Buffer.alloc(0);
/** Size of the log after each write: 40 small ones and one over several blocks, then a small and a large one. */
const ends: number[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "mrr-log-"));
  const level = new ClassicLevel(directory);
  await level.open();
  const sizes = [...Array.from({ length: 40 }, (_, index) => 10 + index * 37), 100_000, 5, 70_000];
  for (const [index, size] of sizes.entries()) {
    await level.put(`k${index}`, "v".repeat(size), { sync: true });
    const name = (await readdir(directory)).find((each) => each.endsWith(".log")) ?? "";
    file = join(directory, name);
    log = await readFile(file);
    ends.push(log.length);
  }
  await level.close();
});
afterAll(() => rm(directory, { recursive: true }));

test("crc32c is Castagnoli's", () => {
  expect(crc32c(Buffer.from("123456789"), 0, 9)).toBe(0xe3069283);
});

test("an undamaged log, and one cut anywhere, is no damage", { timeout: 60_000 }, () => {
  expect(logDamage(log)).toBe(null);
  for (let end = 0; end < log.length; end += 499)
    expect(logDamage(log.subarray(0, end))).toBe(null);
});

test("a changed bit is damage, except in the last write", { timeout: 60_000 }, () => {
  const lastBegin = ends.at(-2) ?? 0;
  for (let at = 0; at < log.length; at += 83) {
    const changed = Buffer.from(log);
    changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
    const damagedAt = logDamage(changed);
    if (at >= lastBegin) expect(damagedAt).toBe(null);
    else expect(damagedAt ?? Number.NaN, `bit at ${at}`).toBeLessThanOrEqual(at);
  }
});

test("an end that was never written whole is no damage: zeros, garbage, a hole in it", () => {
  const lastBegin = ends.at(-2) ?? 0;
  const whole = log.subarray(0, lastBegin);
  const garbage = Buffer.from(Array.from({ length: 9000 }, (_, index) => (index * 7919) % 251));
  expect(logDamage(Buffer.concat([whole, Buffer.alloc(100_000)]))).toBe(null);
  expect(logDamage(Buffer.concat([whole, garbage]))).toBe(null);
  const holed = Buffer.from(log);
  holed.fill(0, lastBegin, lastBegin + 8192);
  expect(logDamage(holed)).toBe(null);
});

test("a damaged log is refused with its place, and not touched", async () => {
  const changed = Buffer.from(log);
  const at = ends[3] ?? 0;
  changed[at + 20] = (changed[at + 20] ?? 0) ^ 1;
  await writeFile(file, changed);
  await expect(openDisk(directory)).rejects.toMatchObject({
    code: "store-corrupt",
    details: { file, damagedAt: at },
  });
  expect(await readFile(file)).toEqual(changed);
  await writeFile(file, log);
  await (await openDisk(directory)).close();
});
