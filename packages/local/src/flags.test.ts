/**
 * Owns the tests of the command line. SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import { helpText, parseCommandLine } from "./flags.js";
import { attributesOf, completeOptions, portsOf, resourcesOf } from "./options.js";

test("no flags: the defaults", () => {
  expect(parseCommandLine([])).toEqual({
    ok: true,
    value: {
      type: "run",
      options: { workDir: ".mrr-local" },
      exitWithParent: false,
      stubExecutors: false,
    },
  });
});

test("every flag, in both spellings", () => {
  const args =
    "--work-dir d --port=0 --bind 127.0.0.2 --agents 4 --agent-cpus=1.5 --agent-memory 512 --agent-disk 0 --ports 6380-6480 --agent-port 5051 --agent-addresses distinct --attributes rack:r{agent};size:2 --reserve team/db:50 --launcher posix --heartbeat-interval 500ms --allocation-interval 2 --update-retry 1m --registration-timeout 5s --shutdown-grace 0 --recovery-timeout 7s --close-grace 1s --jitter 20ms --exit-with-parent --stub-executors";
  expect(parseCommandLine(args.split(" "))).toEqual({
    ok: true,
    value: {
      type: "run",
      exitWithParent: true,
      stubExecutors: true,
      options: {
        workDir: "d",
        port: 0,
        bind: "127.0.0.2",
        agentsCount: 4,
        agentCpus: 1.5,
        agentMemoryMb: 512,
        agentDiskMb: 0,
        ports: { begin: 6380, end: 6480 },
        agentPort: 5051,
        agentAddresses: "distinct",
        attributes: { rack: "r{agent}", size: "2" },
        reserve: { role: "team/db", percent: 50 },
        launcher: "posix",
        heartbeatIntervalMs: 500,
        allocationIntervalMs: 2_000,
        updateRetryMs: 60_000,
        registrationTimeoutMs: 5_000,
        shutdownGraceMs: 0,
        recoveryTimeoutMs: 7_000,
        closeGraceMs: 1_000,
        jitter: { minMs: 0, maxMs: 20 },
      },
    },
  });
});

test("all problems at once, each with its flag", () => {
  const args =
    "--port 99999 --agents x --ports 1-2 --jitter soon --attributes rack --what --bind here --agent-cpus";
  const result = parseCommandLine(args.split(" "));
  expect(result.ok ? [] : result.problems.map(({ path }) => path)).toEqual([
    "--port",
    "--agents",
    "--jitter",
    "--attributes",
    "--what",
    "--bind",
    "--agent-cpus",
    "--ports",
  ]);
});

test.each([["--help"], ["-h"]])("%s", (flag) => {
  expect(parseCommandLine(["--port", "x", flag])).toEqual({
    ok: true,
    value: { type: "help", text: helpText() },
  });
});

test("the help names every flag", () => {
  for (const name of ["--work-dir", "--ports", "--launcher", "--exit-with-parent", "--version"]) {
    expect(helpText()).toContain(name);
  }
});

test("ports are shared out in blocks, the last agent has the rest; attributes carry the number", () => {
  const options = completeOptions({
    workDir: "d",
    agentsCount: 3,
    ports: { begin: 100, end: 109 },
    attributes: { rack: "r{agent}", slots: "{agent}" },
  });
  expect([0, 1, 2].map((index) => portsOf(options, index))).toEqual([
    { begin: 100, end: 102 },
    { begin: 103, end: 105 },
    { begin: 106, end: 109 },
  ]);
  expect(attributesOf(options, 1)).toEqual([
    { name: "rack", type: "TEXT", text: { value: "r2" } },
    { name: "slots", type: "SCALAR", scalar: { value: 2 } },
  ]);
});

test("a part of everything can be reserved for a role", () => {
  const options = { workDir: "", agentsCount: 1, agentCpus: 1.5, agentMemoryMb: 1_001 };
  const given = { ...options, agentDiskMb: 0, ports: { begin: 5, end: 8 } };
  const of = (percent: number) =>
    resourcesOf(completeOptions({ ...given, reserve: { role: "db", percent } }), 0).map(
      ({ name, scalar, ranges, reservations }) => [
        name,
        scalar?.value ?? ranges?.range,
        reservations?.map(({ role }) => role),
      ],
    );
  expect(of(50)).toEqual([
    ["cpus", 0.75, ["db"]],
    ["cpus", 0.75, undefined],
    ["mem", 500.5, ["db"]],
    ["mem", 500.5, undefined],
    ["ports", [{ begin: 5, end: 6 }], ["db"]],
    ["ports", [{ begin: 7, end: 8 }], undefined],
  ]);
  expect(of(100)).toEqual([
    ["cpus", 1.5, ["db"]],
    ["mem", 1_001, ["db"]],
    ["ports", [{ begin: 5, end: 8 }], ["db"]],
  ]);
});
