/**
 * Owns the tests of the command line: every key has its flag, in the ancestor's way of writing and in ours.
 * SPDX-License-Identifier: Apache-2.0
 */
import { describe, expect, it } from "vitest";
import { helpText, parseArguments } from "./arguments.js";
import { configKeys } from "./config.js";

const nothing = { mode: "run", config: null, flags: {}, exitWithParent: false };

describe("parseArguments", () => {
  it("takes one or two dashes, a value behind = or a blank, keys in any way of writing", () => {
    const argv = [
      ...["--scheduler", "http://a:1,http://b:2", "-bind=10.0.0.9", "--clients-max=5"],
      ...[
        "-ClientsMax",
        "6",
        "-target-wait",
        "7",
        "--state=",
        "-tls-cert",
        "c",
        "-exit-with-parent",
      ],
      ...["-http-port", "80", "--config", "f"],
    ];
    expect(parseArguments(argv)).toEqual({
      ok: true,
      value: {
        mode: "run",
        config: "f",
        exitWithParent: true,
        flags: {
          Scheduler: "http://a:1,http://b:2",
          Bind: "10.0.0.9",
          ClientsMax: "6",
          TargetWaitMs: "7",
          State: "",
          TlsCert: "c",
          HTTPPort: "80",
        },
      },
    });
    expect(parseArguments([])).toEqual({ ok: true, value: nothing });
    expect(parseArguments(["-h"])).toEqual({ ok: true, value: { ...nothing, mode: "help" } });
    expect(parseArguments(["--version"])).toEqual({
      ok: true,
      value: { ...nothing, mode: "version" },
    });
    expect(parseArguments(["-check-config"])).toEqual({
      ok: true,
      value: { ...nothing, mode: "check-config" },
    });
  });

  it("names what it does not know, and what has no value", () => {
    expect(parseArguments(["-colour", "-entries", "--bind"])).toEqual({
      ok: false,
      problems: [
        { path: "-colour", rule: "is not known; see -help" },
        { path: "-entries", rule: "is not known; see -help" },
        { path: "-bind", rule: "needs a value" },
      ],
    });
    expect(parseArguments(["http://a:1"])).toMatchObject({ ok: false });
    expect(parseArguments(["-config="])).toMatchObject({ ok: false });
  });

  it("teaches every key", () => {
    for (const key of configKeys)
      expect(helpText).toContain(key === "Entries" ? '"Entries"' : `[${key}]`);
  });
});
