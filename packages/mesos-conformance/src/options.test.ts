/**
 * Tests of the command line.
 * SPDX-License-Identifier: Apache-2.0
 */
import { problemsText } from "@mr-redis/core";
import { expect, test } from "vitest";
import { helpText, parseCommandLine } from "./options.js";

const optionsOf = (...args: string[]) => {
  const command = parseCommandLine(args);
  if (!command.ok || command.value.type !== "run") throw new Error("not a run");
  return command.value.options;
};

const problemsOf = (...args: string[]): string => {
  const command = parseCommandLine(args);
  return command.ok ? "" : problemsText(command.problems);
};

test("a master alone: every check on every agent, in text", () => {
  expect(optionsOf("--master", "10.0.0.1:5050")).toMatchObject({
    master: new URL("http://10.0.0.1:5050/api/v1/scheduler"),
    agents: [],
    only: [],
    output: "text",
    quick: false,
    role: "mesos-conformance",
    principal: "mesos-conformance",
    secretFile: null,
    advertise: null,
    agentRestartCommand: null,
    slack: 2,
  });
});

test("values follow after = or a space; agents add up; checks are single, lists and ranges", () => {
  const options = optionsOf(
    ...["--master=https://m:1", "--agent", "http://a:5051", "--agent=b:5051"],
    ...["--only", "c3, C21-C23", "--only=60", "--output=json", "--slack", "1.5", "--quick"],
  );
  expect(options).toMatchObject({
    master: new URL("https://m:1/api/v1/scheduler"),
    agents: ["a:5051", "b:5051"],
    only: ["C03", "C21", "C22", "C23", "C60"],
    output: "json",
    slack: 1.5,
    quick: true,
  });
});

test("all problems at once, with the flag", () => {
  const text = problemsOf(
    "--master",
    "ftp://x",
    "--only",
    "C61",
    "--output",
    "xml",
    "--slack=0",
    "-v",
  );
  for (const flag of ["--master", "--only", "--output", "--slack", "-v"]) {
    expect(text).toContain(flag);
  }
  expect(problemsOf()).toContain("--master");
  expect(problemsOf("--master")).toContain("needs a value");
});

test("help and the list need no master, and help names every flag", () => {
  expect(parseCommandLine(["--help"])).toEqual({ ok: true, value: { type: "help" } });
  expect(parseCommandLine(["--list"])).toEqual({ ok: true, value: { type: "list" } });
  for (const flag of [
    "--master",
    "--agent",
    "--only",
    "--secret-file",
    "--agent-restart-command",
  ]) {
    expect(helpText()).toContain(flag);
  }
});
