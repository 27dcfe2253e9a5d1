/**
 * Owns the proof that options which can never work are refused before anything runs, by name and without secrets.
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError } from "@mr-redis/core";
import { VirtualClock } from "@mr-redis/testing";
import { describe, expect, it } from "vitest";
import type { LeaderDetector } from "../leader/leader-detector.js";
import { loadZookeeper } from "../leader/zookeeper-native.js";
import {
  checkMasterAccess,
  createMasterAccess,
  type MasterAccessOptions,
} from "./master-access.js";
import { createSchedulerSession } from "./scheduler-session.js";

/** The text of the MrrError `config-invalid` that is thrown. */
function refusal(run: () => void): string {
  try {
    run();
  } catch (error) {
    if (error instanceof MrrError && error.code === "config-invalid") return error.message;
    throw error;
  }
  throw new Error("nothing was refused");
}

const damagedCa = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const colon = "must not contain a colon: Mesos can never authenticate it";
const masterRule = "must be host:port, http://host:port, https://host:port or zk://host:port/path";

describe("checkMasterAccess", () => {
  it.each<[string, Partial<MasterAccessOptions>, string]>([
    ["no master", { masters: [] }, "master is missing: at least one is needed"],
    ["a path", { masters: ["http://h:5050/x"] }, `master ${masterRule}`],
    ["a user", { masters: ["http://u:p@h:5050"] }, `master ${masterRule}`],
    ["another scheme", { masters: ["ftp://h:5050"] }, `master ${masterRule}`],
    [
      "zk beside others",
      { masters: ["zk://h:2181/mesos", "h:5050"] },
      "master zk:// stands alone: it knows every master",
    ],
    [
      "zk without a path",
      { masters: ["zk://u:hidden@h:2181"] },
      "master must be zk://host:port,host:port/path or zk://user:password@host:port/path, with a path other than /",
    ],
    [
      "a secret with a colon",
      { credential: { principal: "p", secret: "hid:den" } },
      `secret ${colon}`,
    ],
    [
      "a principal with a colon",
      { credential: { principal: "p:q", secret: "hidden" } },
      `principal ${colon}`,
    ],
    [
      "a secret with the end of its file",
      { credential: { principal: "p", secret: "hidden\n" } },
      "secret must not contain a line break",
    ],
    ["no secret", { credential: { principal: "p", secret: "" } }, "secret must not be empty"],
    ["no principal", { credential: { principal: "", secret: "s" } }, "principal must not be empty"],
    ["a CA that is none", { ca: "hello" }, "ca holds no certificate: PEM is wanted"],
    ["a damaged CA", { ca: damagedCa }, "ca cannot be read: certificate 1 is damaged"],
    [
      "everything at once",
      { masters: ["h:0:1"], ca: "x", credential: { principal: "p", secret: "hid:den" } },
      `ca holds no certificate: PEM is wanted; secret ${colon}; master ${masterRule}`,
    ],
  ])("refuses %s", (_name, options, text) => {
    const all = { masters: ["h:5050"], ...options };
    expect(refusal(() => checkMasterAccess(all))).toBe(text);
    expect(text).not.toMatch(/hid:?den/);
  });

  it("calls the parts by the names that it is given", () => {
    const names = { master: "Master", ca: "MesosCAFile", secret: "SecretFile" };
    const options = { masters: ["h:0:1"], ca: "x", credential: { principal: "p", secret: "a:b" } };
    expect(refusal(() => checkMasterAccess(options, names))).toBe(
      `MesosCAFile holds no certificate: PEM is wanted; SecretFile ${colon}; Master ${masterRule}`,
    );
  });

  it("is what the session says too", () => {
    const session = (principal: string | undefined, secret: string) => () =>
      createSchedulerSession({
        masters: ["h:5050"],
        frameworkInfo: { user: "u", name: "n", ...(principal === undefined ? {} : { principal }) },
        credential: { principal: "p", secret },
        clock: new VirtualClock(),
        random: () => 0,
        onEvent: () => {},
        onState: () => {},
      });
    expect(refusal(session(undefined, "a:b"))).toBe(`secret ${colon}`);
    expect(refusal(session("q", "s"))).toBe("principal of the framework is q, of the credential p");
    expect(session("p", "s")).not.toThrow();
  });

  it("says how to get the optional package when it is missing or not built", () => {
    const missing = Object.assign(new Error("Cannot find module 'zookeeper'"), {
      code: "MODULE_NOT_FOUND",
    });
    const load = (error: Error) => () =>
      loadZookeeper(() => {
        throw error;
      });
    expect(refusal(load(missing))).toBe(
      "masters at zk:// need the optional package zookeeper, which is not installed: npm install --include=optional",
    );
    expect(refusal(load(new Error("no native build was found")))).toMatch(
      /which is not built for this Node: apt-get install -y .* npm rebuild zookeeper$/,
    );
  });
});

describe("createMasterAccess", () => {
  const targets = (options: MasterAccessOptions, attempts: number) => {
    const { source } = createMasterAccess(options, new VirtualClock());
    return Array.from({ length: attempts }, () => {
      const url = source.target()?.url.href;
      source.failed();
      return url;
    });
  };

  it("takes turns with every master of the list", () => {
    expect(targets({ masters: ["a:1", "https://b:2", "http://[::1]:3"] }, 4)).toEqual([
      "http://a:1/api/v1/scheduler",
      "https://b:2/api/v1/scheduler",
      "http://[::1]:3/api/v1/scheduler",
      "http://a:1/api/v1/scheduler",
    ]);
  });

  it("takes TLS for masters without a scheme when told so", () => {
    expect(targets({ masters: ["a:1"], scheme: "https" }, 1)).toEqual([
      "https://a:1/api/v1/scheduler",
    ]);
  });

  it.each([
    ["http" as const, "m1.example", "10.0.0.1", "http://10.0.0.1:5050/api/v1/scheduler"],
    ["http" as const, "m1.example", null, "http://m1.example:5050/api/v1/scheduler"],
    ["https" as const, "m1.example", "10.0.0.1", "https://m1.example:5050/api/v1/scheduler"],
    ["https" as const, null, "::1", "https://[::1]:5050/api/v1/scheduler"],
  ])("calls a detected leader with %s by %s or %s", (scheme, hostname, ip, href) => {
    const detector: LeaderDetector = {
      name: "test",
      watch: (listener) => {
        listener({ type: "leader", leader: { id: "1", hostname, ip, port: 5050 } });
        return { close: async () => {} };
      },
    };
    const { source } = createMasterAccess({ masters: [], detector, scheme }, new VirtualClock());
    source.start(() => {});
    expect(source.target()).toEqual({ url: new URL(href), id: "1" });
  });
});
