/**
 * Owns the tests of the state file: it comes back as it was, is refused when it is not whole, and is never written half.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { InstanceEndpoints } from "@mr-redis/core";
import { eventually, VirtualClock } from "@mr-redis/testing";
import { afterAll, describe, expect, it } from "vitest";
import { parseSaved, readSaved, StateFile } from "./state-file.js";

const directory = mkdtempSync(join(tmpdir(), "mrr-proxy-state-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const instance: InstanceEndpoints = {
  name: "orders",
  incarnation: "1",
  type: "S",
  status: "RUNNING",
  epoch: 1,
  writer: "none",
  master: null,
  replicas: [],
  proxy: { write: 20_000, read: null },
};

describe("the state file", () => {
  it("comes back as it was written, for its owner alone, with nothing beside it", async () => {
    const clock = new VirtualClock();
    const home = join(directory, "deep", "er");
    const path = join(home, "proxy.json");
    let content: readonly InstanceEndpoints[] = [instance];
    const file = new StateFile(
      path,
      clock,
      () => content,
      () => expect.unreachable(),
    );
    file.touch();
    await clock.runTo(999);
    expect(await readSaved(path)).toBeNull();
    await clock.runTo(1_000);
    await eventually(async () =>
      expect(await readSaved(path)).toEqual({
        ok: true,
        value: { savedAtMs: clock.nowMs(), instances: [instance] },
      }),
    );
    content = [];
    file.touch();
    await file.close();
    expect(await readSaved(path)).toMatchObject({ ok: true, value: { instances: [] } });
    expect(readdirSync(home)).toEqual(["proxy.json"]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("is refused when it was cut anywhere, or is of another version", () => {
    const text = JSON.stringify({
      version: 1,
      savedAt: new Date(0).toISOString(),
      instances: [instance],
    });
    expect(parseSaved(text).ok).toBe(true);
    for (let end = 0; end < text.length; end += 1)
      expect(parseSaved(text.slice(0, end)).ok).toBe(false);
    expect(parseSaved(text.replace('"version":1', '"version":2')).ok).toBe(false);
    expect(parseSaved(text.replace('"S"', '"T"')).ok).toBe(false);
    for (const other of ["null", "[]", "{}", '"x"']) expect(parseSaved(other).ok).toBe(false);
  });

  it("says once that it cannot be written, and does not stop", async () => {
    const clock = new VirtualClock();
    const blocked = join(directory, "blocked");
    writeFileSync(blocked, "a file");
    const errors: string[] = [];
    const path = join(blocked, "proxy.json");
    const file = new StateFile(
      path,
      clock,
      () => [],
      (error) => errors.push(error.message),
    );
    file.touch();
    await clock.runTo(1_000);
    await eventually(() => expect(errors).toHaveLength(1));
    file.touch();
    await file.close();
    expect(errors).toHaveLength(1);
    expect(readFileSync(blocked, "utf8")).toBe("a file");
    expect(await readSaved(directory)).toMatchObject({ ok: false });
  });
});
