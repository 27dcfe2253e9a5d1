/**
 * Owns the proof that scheduler and executors speak TLS with masters and agents that a CA file vouches for, and with
 * nobody else; and that masters which authenticate frameworks get the principal and its secret.
 * SPDX-License-Identifier: Apache-2.0
 */
import { writeFileSync } from "node:fs";
import { get } from "node:https";
import { hostname } from "node:os";
import { join } from "node:path";
import {
  Authority,
  callApi,
  eventually,
  findProcesses,
  type Site,
  startSite,
  until,
} from "@mr-redis/testing";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { ShownInstance } from "./look.js";
import { type MasterFront, startMasterFront } from "./master-front.js";
import { environmentOf } from "./programs.js";

let authority: Authority;
let stranger: Authority;
let identity: string;
let site: Site;
let front: MasterFront | null = null;

beforeAll(() => {
  authority = new Authority();
  stranger = new Authority();
  identity = authority.certificateFile(`IP:127.0.0.1,DNS:${hostname()}`);
});

afterAll(() => {
  authority.remove();
  stranger.remove();
});

afterEach(async () => {
  await site.destroy();
  await front?.close();
  front = null;
});

const limit = { deadlineMs: 30_000 };

const startTls = async (config: Readonly<Record<string, string>>): Promise<void> => {
  site = await startSite({
    agents: 2,
    redisPorts: 20,
    localArgs: ["--tls-file", identity],
    config,
  });
};

const create = async (name: string): Promise<void> => {
  const wish = { name, memory: 100, slaves: 1 };
  const answer = await callApi(site.endpoint, "POST", "/v2/instances?wait=20", wish);
  const { status, reason } = answer.json as ShownInstance;
  expect([answer.status, status, reason]).toEqual([201, "RUNNING", null]);
};

/** As the master says, which has TLS. */
const frameworksCount = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const url = `${site.mesosEndpoint.replace("http:", "https:")}/state`;
    const request = get(url, { ca: authority.ca, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => {
        resolve((JSON.parse(text) as { frameworks: unknown[] }).frameworks.length);
      });
    });
    request.on("error", reject);
  });

test.each(["address", "hostname"])("TLS everywhere, agents known by their %s", async (name) => {
  await startTls({ MesosCAFile: authority.caFile, AgentCertificateName: name });
  const first = await site.startScheduler();
  await create("one");
  const executors = findProcesses(site.directory).filter(
    ({ name: program, commandLine }) =>
      !program.startsWith("redis") && /mr-redis-executor/.test(commandLine),
  );
  expect(await frameworksCount()).toBe(1);
  expect(executors.map((seen) => environmentOf(seen, "MRR_AGENT_SCHEME"))).toEqual([
    "https",
    "https",
  ]);
  first.signal("SIGKILL");
  await first.exited;
  await site.startScheduler();
  await create("two");
  expect(site.redisServers()).toHaveLength(4);
});

test("a master that another authority vouches for hears nothing, and it is said why", async () => {
  await startTls({ MesosCAFile: stranger.caFile });
  await site.startScheduler({}, { untilReady: false });
  await eventually(async () => {
    const { status, json } = await callApi(site.endpoint, "GET", "/readyz");
    expect([status, (json as { reason: string }).reason]).toEqual([
      503,
      expect.stringContaining("the certificate is not trusted"),
    ]);
  }, limit);
  expect(await frameworksCount()).toBe(0);
});

test("a principal and its secret; a wrong one ends with what is wrong, one with a colon never starts", async () => {
  const authorization = `Basic ${Buffer.from("kv:right secret").toString("base64")}`;
  front = await startMasterFront({ type: "no-leader" });
  site = await startSite({ agents: 1, redisPorts: 10, config: { Master: front.address } });
  const secretFile = join(site.directory, "secret");
  const configFile = join(site.directory, "config-0.json");
  const { default: config } = await import(configFile, { with: { type: "json" } });
  const given = { ...config, Principal: "kv", SecretFile: secretFile };
  writeFileSync(configFile, JSON.stringify(given));
  front.mode = { type: "forward", to: new URL(site.mesosEndpoint).host, authorization };

  for (const [secret, code, text] of [
    ["with:colon\n", 2, "SecretFile must not contain a colon: Mesos can never authenticate it"],
    ["wrong secret", 5, 'The master does not know the principal "kv", or its secret is another'],
  ] as const) {
    writeFileSync(secretFile, secret);
    const refused = await site.startScheduler({}, { untilReady: false });
    await until(() => refused.exit !== null, { ...limit, what: "it ends" });
    expect([refused.exit?.code, refused.stderr]).toEqual([code, expect.stringContaining(text)]);
    expect(refused.log).not.toContain(secret.trim());
  }
  writeFileSync(secretFile, "right secret\n");
  await site.startScheduler();
  await create("one");
});
