/**
 * Owns the tests of the crash points: refused outside of tests, by name, at the n-th time.
 * SPDX-License-Identifier: Apache-2.0
 */
import { describe, expect, it } from "vitest";
import { crashPointNames, parseCrashPoint } from "./crash-points.js";

const host = (die: () => void) => ({
  die,
  onSignal: (_arm: () => void) => {},
  takeFile: (_path: string): string => "",
});

const never = host(() => {
  throw new Error("must not die");
});

describe("crash points", () => {
  it("do nothing when none is chosen", () => {
    const crash = parseCrashPoint({}, never);
    for (const name of crashPointNames) crash(name);
  });

  it("are refused without the test flag, and for a name that is none", () => {
    expect(() => parseCrashPoint({ MRR_CRASH_AT: "before:reply" }, never)).toThrow(/MRR_TEST/);
    for (const wanted of ["before:nothing", "before:reply#0", "before:reply#x", "#3"]) {
      const environment = { MRR_CRASH_AT: wanted, MRR_TEST: "1" };
      expect(() => parseCrashPoint(environment, never), wanted).toThrow(/there is no/);
    }
  });

  it("end the program at the n-th time, once", () => {
    let deaths = 0;
    const environment = { MRR_CRASH_AT: "after:commit-document#2", MRR_TEST: "1" };
    const crash = parseCrashPoint(
      environment,
      host(() => {
        deaths += 1;
      }),
    );
    const seen = ["after:commit-document", "before:commit-document", "after:commit-document"].map(
      (name) => {
        crash(name);
        return deaths;
      },
    );
    crash("after:commit-document");
    expect([...seen, deaths]).toEqual([0, 0, 1, 1]);
  });

  it("can be chosen later, by a file and a signal", () => {
    let deaths = 0;
    let signal = () => {};
    const environment = { MRR_CRASH_AT: "@/some/file", MRR_TEST: "1" };
    const crash = parseCrashPoint(environment, {
      die: () => {
        deaths += 1;
      },
      onSignal: (arm) => {
        signal = arm;
      },
      takeFile: (path) => (path === "/some/file" ? "before:reply\n" : ""),
    });
    crash("before:reply");
    expect(deaths).toBe(0);
    signal();
    crash("before:reply");
    expect(deaths).toBe(1);
  });
});
