/** Tests of what happens to the output of the programs: lines, the word ready, bounded files. SPDX-License-Identifier: Apache-2.0 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openLog } from "./bounded-log.js";
import { isReadyLine, LineCutter } from "./lines.js";

describe("lines", () => {
  test("however the text is cut, the lines are the same", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "ü", "€", "\n", "{", "😀") });
    fc.assert(
      fc.property(text, fc.array(fc.integer({ min: 0, max: 80 })), (whole, cuts) => {
        const bytes = Buffer.from(whole);
        const cutter = new LineCutter();
        const lines: string[] = [];
        let from = 0;
        for (const to of [...cuts.sort((a, b) => a - b), bytes.length]) {
          lines.push(...cutter.add(bytes.subarray(from, Math.max(from, to))));
          from = Math.max(from, to);
        }
        lines.push(...cutter.end());
        expect(lines).toEqual(
          whole.endsWith("\n") ? whole.split("\n").slice(0, -1) : wanted(whole),
        );
      }),
    );
  });
  const wanted = (whole: string): string[] => (whole === "" ? [] : whole.split("\n"));

  test("a line without an end does not grow for ever", () => {
    const cutter = new LineCutter();
    for (let count = 0; count < 20; count += 1) cutter.add(Buffer.alloc(10_000, "x"));
    expect(cutter.add(Buffer.from("\n")).map((line) => line.length)).toEqual([65_536]);
  });

  test.each([
    ['{"msg":"ready"}', true],
    ['{"level":"info","msg":"ready","http":"http://127.0.0.1:1"}', true],
    ['{"msg":"ready', false],
    ['{"msg":"not ready"}', false],
    ['{"message":"ready"}', false],
    ["ready", false],
    ['["msg","ready"]', false],
  ])("%s: ready is %s", (line, isReady) => {
    expect(isReadyLine(line)).toBe(isReady);
  });
});

describe("a log", () => {
  let directory = "";
  const path = (): string => join(directory, "log/x.log");
  const read = (name = path()): string => readFileSync(name, "utf8");

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "mrr-log-"));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  test("is appended to, private, and makes its directory", () => {
    openLog(path()).write("one\n");
    const log = openLog(path());
    log.write(Buffer.from("two\n"));
    log.close();
    log.close();
    log.write("after the end\n");
    expect([read(), statSync(path()).mode & 0o777]).toEqual(["one\ntwo\n", 0o600]);
  });

  test("beyond its limit it moves aside, and only one is kept", () => {
    const log = openLog(path(), 10);
    for (const text of ["aaaaaa", "bbbbbb", "cccccc", "dd"]) log.write(text);
    log.close();
    expect([read(), read(`${path()}.1`), readdirSync(join(directory, "log"))]).toEqual([
      "ccccccdd",
      "bbbbbb",
      ["x.log", "x.log.1"],
    ]);
  });

  test("what an earlier run wrote counts", () => {
    openLog(path(), 10).write("aaaaaaaa");
    openLog(path(), 10).write("bbb");
    expect([read(), read(`${path()}.1`)]).toEqual(["bbb", "aaaaaaaa"]);
  });

  test("a log that cannot be written loses lines and stops nothing", () => {
    const log = openLog(path(), 4);
    log.write("aaaa");
    rmSync(join(directory, "log"), { recursive: true });
    writeFileSync(join(directory, "log"), "a file where the directory was");
    expect(() => log.write("bbbb")).not.toThrow();
  });
});
