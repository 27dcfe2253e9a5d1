/**
 * Owns the proof that the log is JSON lines without secrets and that its destination cannot stop a program.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MrrError } from "@mr-redis/core";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createLog, type Log, redacted } from "./log.js";

function collect(): { log: Log; lines: () => Record<string, unknown>[] } {
  const texts: string[] = [];
  const log = createLog({
    program: "test",
    level: "info",
    destination: { write: (text) => texts.push(text) },
  });
  return { log, lines: () => texts.map((text) => JSON.parse(text)) };
}

it("writes one JSON line with program, time, level, message and fields", () => {
  const { log, lines } = collect();
  log.child({ instance: "a" }).info({ port: 6380 }, "launched");
  log.debug({}, "too light");
  expect(lines()).toEqual([
    {
      level: "info",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      program: "test",
      instance: "a",
      port: 6380,
      message: "launched",
    },
  ]);
});

it("hides what a key calls a secret, at any depth, in children and in errors", () => {
  const { log, lines } = collect();
  const details = { masterauth: "S3CRET", nested: [{ ReplicaPassword: "S3CRET" }] };
  const cause = new MrrError("internal", "inner", { details: { secret: "S3CRET" } });
  log.child({ token: "S3CRET" }).error(
    {
      goal: { master: { address: "10.0.0.1", secret: "S3CRET" } },
      headers: { authorization: "S3CRET", cookie: "S3CRET" },
      secret: null,
      err: new MrrError("store-unavailable", "outer", { cause, details }),
    },
    "failed",
  );
  expect(JSON.stringify(lines())).not.toContain("S3CRET");
  expect(lines()[0]).toMatchObject({
    goal: { master: { address: "10.0.0.1", secret: "[redacted]" } },
    secret: null,
    err: {
      name: "MrrError",
      message: "outer",
      code: "store-unavailable",
      stack: expect.stringContaining("MrrError: outer"),
      cause: { message: "inner", code: "internal" },
    },
  });
});

it("never lets out a value under a secret's name, whatever is around it", () => {
  const marker = "MARKER-OF-A-SECRET";
  const tree = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 5 },
      fc.constant({ secret: marker }),
      fc.constant({ password: { deep: [marker] } }),
      fc.array(tie("node"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom("a", "err", "goal", "details"), tie("node"), { maxKeys: 3 }),
    ),
  })).node;
  fc.assert(fc.property(tree, (value) => !JSON.stringify(redacted({ value })).includes(marker)));
});

it("cuts what is long, wide, deep or circular", () => {
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  expect(JSON.stringify(redacted(circle))).toContain("[deep]");
  expect(String(redacted("x".repeat(10_000))).length).toBeLessThan(4_100);
  expect((redacted(Array.from({ length: 1_000 }, () => 1)) as unknown[]).length).toBe(101);
  expect(
    redacted({ big: 10n, bytes: new Uint8Array(3), call: () => 1, when: new Date(0) }),
  ).toEqual({
    big: "10",
    bytes: "[3 bytes]",
    call: undefined,
    when: "1970-01-01T00:00:00.000Z",
  });
});

it("appends to a file whose folder it makes", async () => {
  const folder = await mkdtemp(join(tmpdir(), "mrr-log-"));
  try {
    const path = join(folder, "deep", "mrr.log");
    for (const message of ["one", "two"]) {
      createLog({ program: "test", level: "info", destination: path }).info({}, message);
    }
    const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).message)).toEqual(["one", "two"]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it("loses lines, not the program, when the disk is full", async () => {
  const failures: unknown[] = [];
  const note = (error: unknown) => failures.push(error);
  process.on("uncaughtException", note);
  try {
    const log = createLog({ program: "test", level: "info", destination: "/dev/full" });
    for (let count = 0; count < 10; count++) log.info({ count }, "lost");
    await new Promise((resolve) => setImmediate(resolve));
    expect(failures).toEqual([]);
  } finally {
    process.removeListener("uncaughtException", note);
  }
});
