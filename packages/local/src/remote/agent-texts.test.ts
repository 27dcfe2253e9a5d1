/**
 * Owns the tests of the command lines of master and agent. SPDX-License-Identifier: Apache-2.0
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseCommandLine } from "../flags.js";
import { agentHelpText } from "./agent-flags.js";
import { readAttributes, readDomain, readMaster, readResources } from "./agent-texts.js";
import { masterHelpText } from "./master-flags.js";

const scalar = (name: string, value: number) => ({ name, type: "SCALAR", scalar: { value } });

test("resources in the words of Mesos", () => {
  expect(readResources("cpus:4; mem:2048.5;ports:[1-2, 5-6]")).toEqual({
    ok: true,
    value: [
      scalar("cpus", 4),
      scalar("mem", 2048.5),
      {
        name: "ports",
        type: "RANGES",
        ranges: {
          range: [
            { begin: 1, end: 2 },
            { begin: 5, end: 6 },
          ],
        },
      },
    ],
  });
  const wrong = ["cpus", "cpus:x", "cpus:1;cpus:2", "ports:5", "cpus:[1-2]", "cpus(role):1"];
  for (const text of [...wrong, "ports:[2-1]", "ports:[1-2,2-3]", "mem:-1"]) {
    expect([text, readResources(text).ok]).toEqual([text, false]);
  }
});

test("attributes, fault domain, master", () => {
  expect(readAttributes("rack:r1;slots:2;ports:[1-2];url:http://x")).toEqual({
    ok: true,
    value: [
      { name: "rack", type: "TEXT", text: { value: "r1" } },
      scalar("slots", 2),
      { name: "ports", type: "RANGES", ranges: { range: [{ begin: 1, end: 2 }] } },
      { name: "url", type: "TEXT", text: { value: "http://x" } },
    ],
  });
  const domain = { fault_domain: { region: { name: "w" }, zone: { name: "z" } } };
  for (const text of ["w/z", JSON.stringify(domain)]) {
    expect(readDomain(text)).toEqual({ ok: true, value: domain });
  }
  for (const text of ["w", "/z", "a/b/c", "{}", '{"fault_domain":{"region":{"name":"w"}}}']) {
    expect([text, readDomain(text).ok]).toEqual([text, false]);
  }
  expect([readMaster("10.0.0.1"), readMaster("m.example:6000")]).toEqual([
    { ok: true, value: { host: "10.0.0.1", port: 5050 } },
    { ok: true, value: { host: "m.example", port: 6000 } },
  ]);
  for (const text of ["", "x:0", "x:70000", "zk://x:2181/mesos"]) {
    expect([text, readMaster(text).ok]).toEqual([text, false]);
  }
});

const secret = "a-secret-of-many-letters";

/** The problems of a command line by their paths. */
function pathsOf(line: string, environment: Readonly<Record<string, string>> = {}): string[] {
  const outcome = parseCommandLine(line.split(" "), environment);
  return outcome.ok ? [] : outcome.problems.map(({ path }) => path);
}

test("a master beyond loopback needs a secret, from a file or the environment, and a long one", () => {
  const directory = mkdtempSync(join(tmpdir(), "mrr-flags-"));
  const [good, short] = [join(directory, "good"), join(directory, "short")];
  writeFileSync(good, `${secret}\n`);
  writeFileSync(short, "short\n");
  expect(pathsOf("master --ip 10.0.0.1")).toEqual(["--secret-file"]);
  expect(pathsOf("master --ip 10.0.0.1", { MRR_LOCAL_SECRET: secret })).toEqual([]);
  expect(pathsOf("master", { MRR_LOCAL_SECRET: "short" })).toEqual(["MRR_LOCAL_SECRET"]);
  expect(pathsOf(`agent --secret-file ${short}`)).toEqual(["--secret-file"]);
  expect(pathsOf(`agent --secret-file ${directory}/none`)).toEqual(["--secret-file"]);
  const outcome = parseCommandLine(["master", "--ip=10.0.0.1", "--secret-file", good]);
  expect(outcome).toMatchObject({ ok: true, value: { type: "master", options: { secret } } });
  rmSync(directory, { recursive: true });
});

test("flags of a master in Mesos' spelling; all problems at once", () => {
  const line =
    "master --port 0 --agent_ping_timeout=15secs --max_agent_ping_timeouts 3 --hostname m";
  expect(parseCommandLine(line.split(" "))).toMatchObject({
    ok: true,
    value: {
      options: { port: 0, agentPingTimeoutMs: 15_000, agentPingTimeoutsMax: 3, hostname: "m" },
    },
  });
  expect(pathsOf("master --ip 0.0.0.0 --port x --agents 3")).toEqual([
    "--ip",
    "--port",
    "--agents",
    "3",
    "--secret-file",
  ]);
});

test("flags of an agent; all problems at once", () => {
  const line =
    "agent --master m:1 --ip 127.0.0.9 --work_dir w --resources cpus:1 --recovery_timeout 1mins --exit-with-parent";
  expect(parseCommandLine(line.split(" "))).toMatchObject({
    ok: true,
    value: {
      type: "agent",
      exitWithParent: true,
      options: {
        master: { host: "m", port: 1 },
        ip: "127.0.0.9",
        workDir: "w",
        resources: [scalar("cpus", 1)],
        recoveryTimeoutMs: 60_000,
      },
    },
  });
  expect(pathsOf("agent --resources x --domain y --attributes z --launcher w")).toEqual([
    "--resources",
    "--domain",
    "--attributes",
    "--launcher",
  ]);
});

test("the helps teach", () => {
  expect(parseCommandLine(["master", "--help"])).toEqual({
    ok: true,
    value: { type: "help", text: masterHelpText() },
  });
  expect(parseCommandLine(["agent", "-h"])).toEqual({
    ok: true,
    value: { type: "help", text: agentHelpText() },
  });
});
