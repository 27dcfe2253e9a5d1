/**
 * Owns the reading of MRR_* variables.
 * SPDX-License-Identifier: Apache-2.0
 */
import { superviseDefaults } from "@mr-redis/core";
import { expect, test } from "vitest";
import { parseExecutorSettings } from "./environment.js";

const defaults = {
  redisServer: null,
  limits: superviseDefaults,
  tlsDirectory: null,
  agent: { scheme: null, caFile: null, certificateName: "address" },
  containers: null,
  mesosEncoding: "protobuf",
};

test("nothing set, or empty: the defaults", () => {
  expect(parseExecutorSettings({})).toEqual({ settings: defaults, problems: [] });
  expect(parseExecutorSettings({ MRR_REDIS_SERVER: "", MRR_EXECUTOR_IDLE_MS: "" })).toEqual({
    settings: defaults,
    problems: [],
  });
});

test("a margin below what two readings of the clocks differ by is raised to that", () => {
  const { settings, problems } = parseExecutorSettings({ MRR_FENCING_MARGIN_MS: "0" });
  expect([settings.limits.clockMarginMs, problems]).toEqual([50, []]);
});

test("all set", () => {
  const env = {
    MRR_REDIS_SERVER: "/opt/redis/bin/redis-server",
    MRR_REDIS_TIMEOUT_MS: "2000",
    MRR_REDIS_START_TIMEOUT_MS: "20000",
    MRR_REDIS_STOP_GRACE_MS: "0",
    MRR_EXECUTOR_IDLE_MS: "60000",
    MRR_REPORT_INTERVAL_MS: "500",
    MRR_FENCING_MARGIN_MS: "500",
    MRR_MESOS_ENCODING: "json",
    MRR_REDIS_TLS_DIRECTORY: "/etc/redis-tls",
    MRR_AGENT_SCHEME: "https",
    MRR_AGENT_CA: "mesos-ca.pem",
    MRR_AGENT_CERTIFICATE_NAME: "hostname",
  };
  expect(parseExecutorSettings(env)).toEqual({
    settings: {
      redisServer: "/opt/redis/bin/redis-server",
      limits: {
        redisTimeoutMs: 2000,
        startTimeoutMs: 20_000,
        stopGraceMs: 0,
        executorIdleMs: 60_000,
        reportIntervalMs: 500,
        clockMarginMs: 500,
      },
      tlsDirectory: "/etc/redis-tls",
      agent: { scheme: "https", caFile: "mesos-ca.pem", certificateName: "hostname" },
      containers: null,
      mesosEncoding: "json",
    },
    problems: [],
  });
});

test.each(["-1", "1e3", "ten", "0", "99999999999", " 5"])(
  "a limit of %j keeps the default",
  (text) => {
    expect(parseExecutorSettings({ MRR_REDIS_TIMEOUT_MS: text })).toEqual({
      settings: defaults,
      problems: [
        {
          path: "MRR_REDIS_TIMEOUT_MS",
          rule: "must be an integer from 100 to 86400000; 1000 is used",
        },
      ],
    });
  },
);

test("words that are none are not used", () => {
  const env = { MRR_AGENT_SCHEME: "ftp", MRR_AGENT_CERTIFICATE_NAME: "any" };
  expect(parseExecutorSettings(env)).toEqual({
    settings: defaults,
    problems: [
      { path: "MRR_AGENT_SCHEME", rule: "must be http or https; it is not used" },
      {
        path: "MRR_AGENT_CERTIFICATE_NAME",
        rule: "must be address or hostname; it is not used",
      },
    ],
  });
});

test("an encoding that is none: protobuf", () => {
  expect(parseExecutorSettings({ MRR_MESOS_ENCODING: "xml" })).toEqual({
    settings: defaults,
    problems: [{ path: "MRR_MESOS_ENCODING", rule: "must be protobuf or json; protobuf is used" }],
  });
});

test("containers, where an image is named", () => {
  const image = "registry:5000/redis:7.2";
  expect(parseExecutorSettings({ MRR_REDIS_IMAGE: image }).settings.containers).toEqual({
    image,
    socket: "/var/run/docker.sock",
    pullTimeoutMs: 600_000,
    cpusMilli: 100,
    redisMemoryOverheadMib: 16,
    redisMemoryOverheadPercent: 10,
    program: "redis-server valkey-server",
  });
  const env = {
    MRR_REDIS_IMAGE: image,
    MRR_REDIS_SERVER: "/opt/valkey-server",
    MRR_DOCKER_SOCKET: "/run/engine.sock",
    MRR_IMAGE_PULL_TIMEOUT_MS: "5000",
    MRR_REDIS_CPUS_MILLI: "500",
    MRR_REDIS_MEMORY_OVERHEAD_MB: "32",
    MRR_REDIS_MEMORY_OVERHEAD_PERCENT: "20",
  };
  const { settings, problems } = parseExecutorSettings(env);
  expect([settings.containers, problems]).toEqual([
    {
      image,
      socket: "/run/engine.sock",
      pullTimeoutMs: 5_000,
      cpusMilli: 500,
      redisMemoryOverheadMib: 32,
      redisMemoryOverheadPercent: 20,
      program: "/opt/valkey-server",
    },
    [],
  ]);
});
