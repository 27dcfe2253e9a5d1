/**
 * Owns the proof that the environment of a real agent is read, and that a wrong one is refused by name.
 * SPDX-License-Identifier: Apache-2.0
 */
import { describe, expect, it } from "vitest";
import { recordingPaths, recordingText } from "../../test/recordings.js";
import { parseExecutorEnvironment, parseMesosDuration } from "./executor-environment.js";

function recordedEnvironment(path: string): Record<string, string> {
  const lines = recordingText(path)
    .split("\n")
    .filter((line) => line !== "");
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}

describe("parseExecutorEnvironment", () => {
  it("reads what a real agent gives", () => {
    const env = recordedEnvironment("json/executor/env.txt");
    expect(parseExecutorEnvironment(env)).toEqual({
      ok: true,
      value: {
        frameworkId: "4eae1024-2bc6-49a5-9ff0-efa636562a25-0000",
        executorId: "exec-1",
        agentId: "4eae1024-2bc6-49a5-9ff0-efa636562a25-S0",
        endpoint: { origin: "http://127.0.0.1:5051" },
        sandbox: env.MESOS_SANDBOX,
        checkpoint: true,
        shutdownGraceMs: 3000,
        recoveryTimeoutMs: 900_000,
        subscriptionBackoffMaxMs: 2000,
        authenticationToken: undefined,
      },
    });
  });

  it("reads all recorded ones; without checkpointing nothing is waited for", () => {
    const paths = ["json", "pb", "recovery-json", "extra-json"].flatMap((folder) =>
      recordingPaths(folder, "/env.txt"),
    );
    expect(paths.length).toBeGreaterThan(8);
    for (const path of paths) {
      const environment = parseExecutorEnvironment(recordedEnvironment(path));
      expect([path, environment.ok]).toEqual([path, true]);
      const isCheckpointing = !path.includes("nocheckpoint");
      if (!environment.ok) continue;
      const { checkpoint, recoveryTimeoutMs } = environment.value;
      expect([path, checkpoint, recoveryTimeoutMs > 0]).toEqual([
        path,
        isCheckpointing,
        isCheckpointing,
      ]);
    }
  });

  it("names everything that is missing or wrong at once", () => {
    const env = {
      MESOS_AGENT_ENDPOINT: "http://h:1/x",
      MESOS_CHECKPOINT: "1",
      MESOS_RECOVERY_TIMEOUT: "soon",
      MESOS_FRAMEWORK_ID: "",
    };
    const parsed = parseExecutorEnvironment(env);
    expect(parsed.ok ? [] : parsed.problems.map(({ path, rule }) => `${path} ${rule}`)).toEqual([
      "MESOS_AGENT_ENDPOINT must be host:port",
      "MESOS_FRAMEWORK_ID is missing: was this started by an agent?",
      "MESOS_EXECUTOR_ID is missing: was this started by an agent?",
      "MESOS_SLAVE_ID is missing: was this started by an agent?",
      "MESOS_DIRECTORY is missing: was this started by an agent?",
      "MESOS_RECOVERY_TIMEOUT must be a duration like 5secs or 1.5mins",
    ]);
  });

  it.each<[string, Record<string, string>, object, string | undefined]>([
    ["TLS", { LIBPROCESS_SSL_ENABLED: "1" }, { origin: "https://127.0.0.1:5051" }, undefined],
    [
      "TLS by its old name, and the CA",
      { SSL_ENABLED: "true", LIBPROCESS_SSL_CA_FILE: "/etc/ca.pem" },
      { origin: "https://127.0.0.1:5051" },
      "/etc/ca.pem",
    ],
    [
      "TLS switched off",
      { LIBPROCESS_SSL_ENABLED: "0" },
      { origin: "http://127.0.0.1:5051" },
      undefined,
    ],
    [
      "the socket, which is without TLS",
      { LIBPROCESS_SSL_ENABLED: "1", MESOS_DOMAIN_SOCKET: "/run/agent.sock" },
      { origin: "http://127.0.0.1:5051", socketPath: "/run/agent.sock" },
      undefined,
    ],
  ])("takes %s", (_name, variables, endpoint, caFile) => {
    const env = { ...recordedEnvironment("json/executor/env.txt"), ...variables };
    const parsed = parseExecutorEnvironment(env);
    expect(parsed.ok && [parsed.value.endpoint, parsed.value.caFile]).toEqual([endpoint, caFile]);
  });

  it("takes the token", () => {
    const env = {
      ...recordedEnvironment("json/executor/env.txt"),
      MESOS_EXECUTOR_AUTHENTICATION_TOKEN: "jwt",
    };
    const parsed = parseExecutorEnvironment(env);
    expect(parsed.ok && parsed.value.authenticationToken).toBe("jwt");
  });
});

describe("parseMesosDuration", () => {
  it.each([
    ["5secs", 5000],
    ["1.5mins", 90_000],
    ["15mins", 900_000],
    ["100ms", 100],
    ["2hrs", 7_200_000],
    ["1weeks", 604_800_000],
    ["500ns", 0.0005],
    ["0ns", 0],
  ])("%s", (text, ms) => {
    expect(parseMesosDuration(text)).toEqual({ ok: true, value: ms });
  });

  it.each(["", "5", "secs", "5 secs", "-5secs", "1e3secs", "5secsx", "5min"])(
    "refuses %j",
    (text) => {
      expect(parseMesosDuration(text).ok).toBe(false);
    },
  );
});
