/**
 * Owns the checks of master and agents as programs of their own: links that break, go half-open and come back, restarts
 * of either side by kill -9, and who may link. SPDX-License-Identifier: Apache-2.0
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Offer, TaskStatus } from "@mr-redis/mesos";
import {
  eventually,
  freePort,
  isAlive,
  killProcess,
  startTcpLink,
  type TcpLink,
  until,
} from "@mr-redis/testing";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import {
  nextNote,
  sandboxOf,
  type TestLocal,
  TestScheduler,
  testFramework,
  testTask,
} from "./harness.js";
import { type Launched, ProgramFolder } from "./program.js";

const programs = new ProgramFolder();
beforeAll(() => programs.build());
afterAll(() => programs.remove());

const deadlineMs = 30_000;

/** Detection within 2 s: a busy machine does not miss four pings. */
const masterFlags = ["--agent_ping_timeout", "500ms", "--max_agent_ping_timeouts", "4"];

let count = 0;
let port = 0;
let folder = "";
const schedulers: TestScheduler[] = [];
const links: TcpLink[] = [];
beforeEach(async () => {
  count += 1;
  folder = `r${count}`;
  port = await freePort();
});
afterEach(async () => {
  for (const one of schedulers.splice(0)) one.close();
  // A clean end: nothing may be left.
  for (const { child } of agents) child.kill("SIGTERM");
  await Promise.all(agents.splice(0).map(({ ended }) => ended));
  for (const link of links.splice(0)) await link.close();
  await programs.end();
});

const ready = async (one: Launched): Promise<Launched> => {
  await until(() => one.said().includes('"msg":"ready"'), { deadlineMs, what: "the ready line" });
  return one;
};

const startMaster = (more: readonly string[] = []): Promise<Launched> =>
  ready(
    programs.launch([
      ...["master", "--port", String(port), "--work_dir", `${folder}-m`],
      ...["--allocation-interval", "50ms", ...masterFlags, ...more],
    ]),
  );

/** Those that were started, also those that have ended. */
const agents: Launched[] = [];

/** An agent with an address and ports of its own; `masterPort` is that of a link in between. */
function launchAgent(number: number, more: readonly string[] = [], masterPort = port): Launched {
  const agent = programs.launch([
    ...["agent", "--master", `127.0.0.1:${masterPort}`, "--ip", `127.0.0.${number + 1}`],
    ...["--port", String(agentPort), "--work_dir", `${folder}-a${number}`, "--close-grace", "0s"],
    ...["--resources", `cpus:4;mem:1024;ports:[${31_000 + 10 * number}-${31_009 + 10 * number}]`],
    ...["--registration_backoff_factor", "20ms", "--hostname", `host-${number}`, ...more],
  ]);
  agents.push(agent);
  return agent;
}

let agentPort = 0;
beforeEach(async () => {
  agentPort = await freePort();
});

async function subscribe(frameworkId = ""): Promise<TestScheduler> {
  const one = new TestScheduler(`http://127.0.0.1:${port}`);
  one.frameworkId = frameworkId;
  schedulers.push(one);
  return one.subscribe();
}

interface Run {
  readonly offer: Offer;
  readonly pid: number;
}

/** Starts an executor with one task that stays. */
async function run(one: TestScheduler, offer: Offer, taskId: string): Promise<Run> {
  const plan = { resubscribeMs: 100 };
  await one.accept(offer, [testTask(offer, taskId, { plan, graceMs: 0 })]);
  await one.update(taskId, "TASK_RUNNING", deadlineMs);
  const number = Number(offer.hostname.replace("host-", ""));
  const workDir = join(programs.folder, `${folder}-a${number}`, "agent-1");
  const agents = [{ id: offer.agent_id.value, workDir }];
  const sandbox = sandboxOf({ agents } as unknown as TestLocal, offer, `ex-${taskId}`);
  const { pid = 0 } = await nextNote(sandbox, ({ type }) => type === "started", "the executor");
  return { offer, pid };
}

/**
 * Asks until the answer is this state: none comes while an agent may yet return, and one that was killed may have an
 * older update on record that is delivered first.
 */
function reconcile(
  one: TestScheduler,
  taskId: string,
  agentId: string,
  state: string,
): Promise<void> {
  const tasks = [{ task_id: { value: taskId }, agent_id: { value: agentId } }];
  return eventually(
    async () => {
      await one.call({ type: "RECONCILE", reconcile: { tasks } });
      const answer = await one.update(taskId, undefined, 500);
      expect([answer.reason, answer.state]).toEqual(["REASON_RECONCILIATION", state]);
    },
    { deadlineMs, what: `the answer ${state}` },
  );
}

const part = (status: TaskStatus) => [status.state, status.reason, status.source];

test("offers say what the agents are: address, attributes, fault domain, resources", async () => {
  await startMaster(["--domain", "west/z0"]);
  const more = ["--attributes", "rack:r1;slots:2", "--domain", "west/z1"];
  await ready(launchAgent(1, more));
  await ready(launchAgent(2));
  const one = await subscribe();
  const offers = [...(await one.offers(2))].sort((a, b) => (a.hostname < b.hostname ? -1 : 1));
  expect(offers.map(({ hostname, url }) => [hostname, url?.address])).toEqual([
    ["host-1", { hostname: "host-1", ip: "127.0.0.2", port: agentPort }],
    ["host-2", { hostname: "host-2", ip: "127.0.0.3", port: agentPort }],
  ]);
  expect(offers.map(({ attributes, domain }) => ({ attributes, domain }))).toEqual([
    {
      attributes: [
        { name: "rack", type: "TEXT", text: { value: "r1" } },
        { name: "slots", type: "SCALAR", scalar: { value: 2 } },
      ],
      domain: { fault_domain: { region: { name: "west" }, zone: { name: "z1" } } },
    },
    { attributes: undefined, domain: undefined },
  ]);
  const ports = offers[1]?.resources?.find(({ name }) => name === "ports")?.ranges?.range;
  expect(ports).toEqual([{ begin: 31_020, end: 31_029 }]);
});

test("a half-open link: unreachable after the pings, back with the same task and executor", async () => {
  await startMaster();
  const link = await startTcpLink({ port });
  links.push(link);
  await ready(launchAgent(1, [], link.port));
  const one = await subscribe();
  const { offer, pid } = await run(one, await one.offer(), "t");
  link.hold();
  const lost = await one.update("t", "TASK_UNREACHABLE", deadlineMs);
  expect(part(lost)).toEqual(["TASK_UNREACHABLE", "REASON_AGENT_REMOVED", "SOURCE_MASTER"]);
  expect(lost.unreachable_time).toBeDefined();
  const failure = await one.next((event) => event.type === "FAILURE", "FAILURE");
  expect(failure.failure).toEqual({ agent_id: offer.agent_id });
  await reconcile(one, "t", offer.agent_id.value, "TASK_UNREACHABLE");
  expect(isAlive(pid)).toBe(true);
  link.release();
  const back = await one.update("t", "TASK_RUNNING", deadlineMs);
  expect(part(back)).toEqual(["TASK_RUNNING", "REASON_AGENT_REREGISTERED", "SOURCE_MASTER"]);
  expect(back.agent_id).toEqual(offer.agent_id);
  // The link works in both directions: a kill arrives, its outcome too.
  await one.call({ type: "KILL", kill: { task_id: { value: "t" }, agent_id: offer.agent_id } });
  await one.update("t", "TASK_KILLED", deadlineMs);
});

test("a link that breaks and is back before the pings are missed: offers go, no task does", async () => {
  await startMaster(["--agent_ping_timeout", "20s"]);
  const link = await startTcpLink({ port });
  links.push(link);
  await ready(launchAgent(1, [], link.port));
  const one = await subscribe();
  const { offer } = await run(one, await one.offer(), "t");
  await one.freshOffer(offer.agent_id.value);
  link.cut();
  await one.next((event) => event.type === "RESCIND", "RESCIND", deadlineMs);
  link.release();
  await one.offer(deadlineMs);
  await reconcile(one, "t", offer.agent_id.value, "TASK_RUNNING");
  const states = one.events.map(({ event }) => event.update?.status.state);
  expect(states).not.toContain("TASK_UNREACHABLE");
});

test("kill -9 of the master: agents and executors go on, the next master learns of them", async () => {
  const first = await startMaster();
  await ready(launchAgent(1));
  const one = await subscribe();
  const { offer, pid } = await run(one, await one.offer(), "t");
  await killProcess(first.child.pid ?? 0);
  one.close();
  await startMaster();
  const again = await subscribe(one.frameworkId);
  await reconcile(again, "t", offer.agent_id.value, "TASK_RUNNING");
  expect(isAlive(pid)).toBe(true);
  const next = await again.offer(deadlineMs);
  expect(next.agent_id).toEqual(offer.agent_id);
});

test("an agent that does not come back to a restarted master: silence first, then unreachable", async () => {
  const first = await startMaster();
  const agent = await ready(launchAgent(1));
  const one = await subscribe();
  const { offer } = await run(one, await one.offer(), "t");
  await killProcess(first.child.pid ?? 0);
  await killProcess(agent.child.pid ?? 0);
  one.close();
  await startMaster(["--agent_reregister_timeout", "1500ms"]);
  const again = await subscribe(one.frameworkId);
  await reconcile(again, "t", offer.agent_id.value, "TASK_UNREACHABLE");
  expect(again.events.flatMap(({ event }) => event.update?.status.state ?? [])).not.toContain(
    "TASK_GONE",
  );
  await ready(launchAgent(1, ["--executor-reregistration-timeout", "4s"]));
  expect((await again.offer(deadlineMs)).agent_id).toEqual(offer.agent_id);
  await reconcile(again, "t", offer.agent_id.value, "TASK_RUNNING");
});

test("kill -9 of an agent: its executor goes on, and the next agent on the directory takes it over", async () => {
  await startMaster(["--agent_ping_timeout", "20s"]);
  const first = await ready(launchAgent(1));
  const one = await subscribe();
  const { offer, pid } = await run(one, await one.offer(), "t");
  await killProcess(first.child.pid ?? 0);
  await ready(launchAgent(1, ["--executor-reregistration-timeout", "4s"]));
  await reconcile(one, "t", offer.agent_id.value, "TASK_RUNNING");
  expect(isAlive(pid)).toBe(true);
  await one.call({ type: "KILL", kill: { task_id: { value: "t" }, agent_id: offer.agent_id } });
  await one.update("t", "TASK_KILLED", deadlineMs);
});

test("SIGTERM of an agent: no more offers of it, and the scheduler hears the end of every task", async () => {
  await startMaster(["--agent_ping_timeout", "20s"]);
  const agent = await ready(launchAgent(1));
  await ready(launchAgent(2));
  const one = await subscribe();
  const offer = (await one.offers(2)).find(({ hostname }) => hostname === "host-1");
  if (offer === undefined) throw new Error("no offer of the first agent");
  const { pid } = await run(one, offer, "t");
  agent.child.kill("SIGTERM");
  const end = await one.update("t", undefined, deadlineMs);
  expect([end.state, end.source]).toEqual(["TASK_FAILED", "SOURCE_AGENT"]);
  expect(await agent.ended).toBe(0);
  expect(isAlive(pid)).toBe(false);
  one.forget();
  const next = await one.freshOffer();
  expect(next.hostname).toBe("host-2");
});

test("SIGTERM of an agent ends its executors, of a master nothing but itself", async () => {
  const master = await startMaster();
  const agent = await ready(launchAgent(1));
  const one = await subscribe();
  const { pid } = await run(one, await one.offer(), "t");
  master.child.kill("SIGTERM");
  expect(await master.ended).toBe(0);
  expect(isAlive(pid)).toBe(true);
  agent.child.kill("SIGTERM");
  expect(await agent.ended).toBe(0);
  expect(isAlive(pid)).toBe(false);
});

test("a framework that ended while its agent was away: its executors end when the agent is back", async () => {
  await startMaster();
  const link = await startTcpLink({ port });
  links.push(link);
  await ready(launchAgent(1, [], link.port));
  const one = await subscribe();
  const { pid } = await run(one, await one.offer(), "t");
  link.hold();
  await one.update("t", "TASK_UNREACHABLE", deadlineMs);
  await one.call({ type: "TEARDOWN" });
  link.release();
  await until(() => !isAlive(pid), { deadlineMs, what: "the end of the executor" });
});

test("a framework without checkpoint loses its tasks with the link", async () => {
  await startMaster();
  const link = await startTcpLink({ port });
  links.push(link);
  await ready(launchAgent(1, [], link.port));
  const one = new TestScheduler(`http://127.0.0.1:${port}`, {
    ...testFramework,
    checkpoint: false,
  });
  schedulers.push(one);
  await one.subscribe();
  await run(one, await one.offer(), "t");
  link.cut();
  const lost = await one.update("t", undefined, deadlineMs);
  expect(part(lost)).toEqual(["TASK_LOST", "REASON_AGENT_DISCONNECTED", "SOURCE_MASTER"]);
});

test("an agent with another secret does not link; with the same it does", async () => {
  for (const name of ["right", "wrong"]) {
    writeFileSync(join(programs.folder, name), `${name}-secret-of-a-test\nsecond line\n`);
  }
  await startMaster(["--secret-file", "right"]);
  const stranger = launchAgent(1, ["--secret-file", "wrong"]);
  await until(() => stranger.said().includes("does not know the secret"), {
    deadlineMs,
    what: "the refusal",
  });
  const nameless = launchAgent(2);
  await until(() => nameless.said().includes("does not know the secret"), {
    deadlineMs,
    what: "the refusal",
  });
  await ready(launchAgent(3, ["--secret-file", "right"]));
  const one = await subscribe();
  expect((await one.offer()).hostname).toBe("host-3");
  for (const { said } of [stranger, nameless]) expect(said()).not.toContain('"msg":"ready"');
});

test("an agent that was marked gone is told to end, with all that runs on it", async () => {
  const master = await startMaster();
  const agent = await ready(launchAgent(1));
  const one = await subscribe();
  const { offer, pid } = await run(one, await one.offer(), "t");
  await killProcess(master.child.pid ?? 0);
  const list = { version: 1, agents: [{ id: offer.agent_id.value, state: "gone" }] };
  writeFileSync(join(programs.folder, `${folder}-m`, "agents.json"), JSON.stringify(list));
  await startMaster();
  expect(await agent.ended).toBe(0);
  expect(isAlive(pid)).toBe(false);
});

test("a master without a fault domain refuses agents that have one", async () => {
  const master = await startMaster();
  const agent = launchAgent(1, ["--domain", "west/z1"]);
  const isSaid = () => [master, agent].every(({ said }) => said().includes("this master has none"));
  await until(isSaid, { deadlineMs, what: "the refusal, on both sides" });
  expect(agent.said()).not.toContain('"msg":"ready"');
});
