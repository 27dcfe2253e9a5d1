/**
 * Owns the proof of how an executor reaches its agent: with TLS when either side says so, trusting only who it is told to.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ExecutorEnvironment } from "@mr-redis/mesos";
import { expect, test } from "vitest";
import { agentAccessOf } from "./agent-access.js";
import type { AgentSettings } from "./environment.js";

const environmentOf = (
  origin: string,
  more: Partial<ExecutorEnvironment> = {},
): ExecutorEnvironment => ({
  frameworkId: "f",
  executorId: "e",
  agentId: "a",
  endpoint: { origin },
  sandbox: "/sandbox",
  checkpoint: true,
  shutdownGraceMs: 1,
  recoveryTimeoutMs: 1,
  subscriptionBackoffMaxMs: 1,
  authenticationToken: undefined,
  ...more,
});
const plain = environmentOf("http://10.0.0.1:5051");
const secure = environmentOf("https://10.0.0.1:5051");
const said: AgentSettings = { scheme: null, caFile: null, certificateName: "address" };
const surroundings = { readFile: (path: string) => `text of ${path}`, hostname: () => "node-1" };

test.each<[string, ExecutorEnvironment, AgentSettings, object]>([
  ["nobody says anything", plain, said, { environment: plain }],
  ["the agent says TLS", secure, said, { environment: secure }],
  ["the scheduler says TLS", plain, { ...said, scheme: "https" }, { environment: secure }],
  [
    "the scheduler says none",
    secure,
    { ...said, scheme: "http", caFile: "ca.pem" },
    { environment: plain },
  ],
  [
    "the scheduler brings a CA and wants the name",
    plain,
    { scheme: "https", caFile: "ca.pem", certificateName: "hostname" },
    { environment: secure, ca: "text of /sandbox/ca.pem", agentName: "node-1" },
  ],
])("%s", (_what, environment, settings, expected) => {
  expect(agentAccessOf(environment, settings, surroundings)).toEqual(expected);
});

test("the agent's CA is used where the scheduler brings none", () => {
  const environment = environmentOf("https://10.0.0.1:5051", { caFile: "/etc/ssl/agents.pem" });
  const caOf = (caFile: string | null) =>
    agentAccessOf(environment, { ...said, caFile }, surroundings).ca;
  expect([caOf(null), caOf("ca.pem")]).toEqual([
    "text of /etc/ssl/agents.pem",
    "text of /sandbox/ca.pem",
  ]);
});

test("a unix socket stays as it is", () => {
  const endpoint = { origin: "http://10.0.0.1:5051", socketPath: "/run/agent.sock" };
  const environment = { ...plain, endpoint };
  const settings: AgentSettings = { ...said, scheme: "https", caFile: "ca.pem" };
  expect(agentAccessOf(environment, settings, surroundings)).toEqual({ environment });
});

test("a CA that cannot be read is no reason to trust others", () => {
  const readFile = (): string => {
    throw new Error("ENOENT");
  };
  const settings: AgentSettings = { ...said, scheme: "https", caFile: "ca.pem" };
  expect(() => agentAccessOf(plain, settings, { ...surroundings, readFile })).toThrow("ENOENT");
});
