/**
 * Owns the tests of the arithmetic of open files.
 * SPDX-License-Identifier: Apache-2.0
 */
import { describe, expect, it } from "vitest";
import { openFilesMax, parseOpenFilesMax, planOpenFiles } from "./open-files.js";

describe("open files", () => {
  it("are read from the text of the kernel", async () => {
    const text = (limit: string) =>
      `Limit                     Soft Limit           Hard Limit           Units     \nMax open files            ${limit}                 4096                 files     \n`;
    expect(parseOpenFilesMax(text("1024"))).toBe(1024);
    expect(parseOpenFilesMax(text("unlimited"))).toBe(Number.POSITIVE_INFINITY);
    expect(parseOpenFilesMax("")).toBeNull();
    const own = await openFilesMax();
    if (process.platform === "linux") expect(own).toBeGreaterThan(0);
    else expect(own).toBeNull();
  });

  it("say what they allow, and what to do when that is too little", () => {
    expect(planOpenFiles(1_000_000, 10_000, 10_000)).toEqual({
      clientsTotalMax: 494_800,
      text: "1000000 open files = 400 of its own + 10000 routes + 2 x 494800 clients",
      remedy: null,
    });
    expect(planOpenFiles(1_024, 20, 10_000)).toEqual({
      clientsTotalMax: 302,
      text: "1024 open files = 400 of its own + 20 routes + 2 x 302 clients",
      remedy:
        "for 10000 clients (ClientsMax) allow 20420: LimitNOFILE=20420 of systemd, or ulimit -n 20420",
    });
    expect(planOpenFiles(1_024, 10_000, 10)).toMatchObject({ clientsTotalMax: 1 });
    expect(planOpenFiles(null, 10_000, 10)).toMatchObject({ remedy: null });
  });
});
