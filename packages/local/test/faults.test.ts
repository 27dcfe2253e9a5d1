/**
 * Owns the checks of the admin API: each fault shows a scheduler what reference/mesos-v1.md and the recordings say.
 * SPDX-License-Identifier: Apache-2.0
 */
import { until } from "@mr-redis/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type Answer,
  notesIn,
  postJson,
  request,
  sandboxOf,
  startTestLocal,
  type TestLocal,
  TestScheduler,
  testFramework,
  testTask,
} from "./harness.js";

let local: TestLocal;
let scheduler: TestScheduler;
let admin: string;

beforeEach(async () => {
  local = await startTestLocal({
    adminPort: 0,
    allocationIntervalMs: 50,
    updateRetryMs: 300,
    reregistrationTimeoutMs: 4_000,
  });
  admin = `http://127.0.0.1:${local.adminPort}`;
  scheduler = await new TestScheduler(local.url).subscribe();
});
afterEach(async () => {
  scheduler.close();
  await local.end();
});

async function inflict(fault: Readonly<Record<string, unknown>>): Promise<unknown> {
  const answer = await postJson(`${admin}/faults`, fault);
  expect([answer.status, answer.text.slice(0, 200)]).toEqual([200, expect.anything()]);
  return JSON.parse(answer.text);
}

interface Seen {
  readonly leader: { readonly id: string; readonly number: number } | null;
  readonly agents: readonly { readonly id: string; readonly state: string }[];
  readonly mesos: {
    readonly agents: readonly {
      readonly id: string;
      readonly state: string;
      readonly drain?: string;
      readonly inverseAnswers?: Readonly<Record<string, string>>;
    }[];
    readonly frameworks: readonly { readonly isConnected: boolean }[];
    readonly offersEnded: Readonly<Record<string, number>>;
  };
}

const look = async (): Promise<Seen> =>
  JSON.parse((await request(`${admin}/state`, { method: "GET" })).text);

/** Subscribes anew with the id that the scheduler has. */
async function resubscribe(url = local.url): Promise<void> {
  const next = new TestScheduler(url);
  next.frameworkId = scheduler.frameworkId;
  scheduler.close();
  scheduler = await next.subscribe();
}

/** A running task whose executor looks for its agent each 100 ms. */
async function run(taskId: string, agentId?: string) {
  const offer = await scheduler.freshOffer(agentId);
  const plan = { resubscribeMs: 100 };
  await scheduler.accept(offer, [testTask(offer, taskId, { plan, graceMs: 200 })], {
    refuse_seconds: 0,
  });
  await scheduler.update(taskId, "TASK_RUNNING");
  return offer;
}

const isRegistered = (agentId: string): Promise<void> =>
  until(
    async () =>
      (await look()).mesos.agents.some(({ id, state }) => id === agentId && state === "registered"),
    { what: "its registration" },
  );

const numberOf = (agentId: string): number =>
  1 + local.agents.findIndex((agent) => agent.id === agentId);

const reconcile = (taskId: string, agentId: string): Promise<Answer> =>
  scheduler.call({
    type: "RECONCILE",
    reconcile: { tasks: [{ task_id: { value: taskId }, agent_id: { value: agentId } }] },
  });

const subscribeOnce = (url: string): Promise<Answer> =>
  postJson(`${url}/api/v1/scheduler`, {
    type: "SUBSCRIBE",
    framework_id: { value: scheduler.frameworkId },
    subscribe: { framework_info: { ...testFramework, id: { value: scheduler.frameworkId } } },
  });

test("it is closed to pages, says everything that is wrong, and is not there by default", async () => {
  const page = await postJson(`${admin}/faults`, {}, { Origin: "http://evil.example" });
  expect(page.status).toBe(403);
  const named = await postJson(`${admin}/faults`, {}, { Host: "evil.example" });
  expect(named.status).toBe(403);
  for (const [body, text] of [
    ["{", "must be a JSON object"],
    [{ type: "explode" }, "must be one of fail-over-master"],
    [{ type: "drain-agent", agent: 1.5, markGone: 3, why: "x" }, "agent"],
    [{ type: "add-rule", place: "event", kind: "SUBSCRIBED", action: "drop" }, "kind"],
    [{ type: "add-rule", place: "event", kind: "OFFERS", action: "drop" }, "kind"],
  ] as const) {
    const answer = await postJson(`${admin}/faults`, body);
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining(text)]);
  }
  const missing = await postJson(`${admin}/faults`, { type: "break-link", agent: 9 });
  expect([missing.status, missing.text]).toEqual([409, "there is no agent 9"]);
  const other = await startTestLocal();
  expect(other.adminPort).toBeNull();
  await other.end();
});

test("a master is killed: 503 before the election and the recovery, a new id, silence for agents that are not back", async () => {
  const offer = await run("t");
  const [spare] = await scheduler.offers(1);
  const failing = inflict({
    type: "fail-over-master",
    electionMs: 500,
    // A SUBSCRIBE that is taken has no answer to wait for: the second one must still be refused.
    recoveryMs: 2_000,
  });
  await until(async () => (await look()).leader === null, { intervalMs: 5, what: "the election" });
  const texts = new Set<string>();
  await until(
    async () => {
      const answer = await subscribeOnce(local.url);
      texts.add(`${answer.status} ${answer.text}`);
      return texts.size === 2;
    },
    { intervalMs: 20, what: "both answers" },
  );
  expect([...texts]).toEqual(["503 No leader elected", "503 Master has not finished recovery"]);
  await failing;
  // No final chunk came.
  expect(scheduler.isEnded).toBe(false);
  await resubscribe();
  expect(scheduler.frameworkId).toBe(offer.framework_id.value);
  const { leader } = await look();
  expect(leader?.id).not.toBe(local.masterId);
  await reconcile("t", offer.agent_id.value);
  const known = await scheduler.update("t");
  expect(known).toMatchObject({ state: "TASK_RUNNING", reason: "REASON_RECONCILIATION" });
  // An offer of the former master is void.
  expect(spare).toBeDefined();
  if (spare !== undefined) await scheduler.accept(spare, [testTask(spare, "late")]);
  const dropped = await scheduler.update("late");
  expect(dropped).toMatchObject({ state: "TASK_DROPPED", reason: "REASON_INVALID_OFFERS" });
});

test("until an agent is back nothing is answered for its tasks", async () => {
  const offer = await run("t");
  const number = numberOf(offer.agent_id.value);
  await inflict({ type: "cut-off-agent", agent: number });
  await inflict({ type: "fail-over-master" });
  await resubscribe();
  await reconcile("t", offer.agent_id.value);
  await reconcile("u", "never-there");
  // Answers come in order: this one came, so there is none for the other.
  expect((await scheduler.update("u")).state).toBe("TASK_UNKNOWN");
  expect(
    scheduler.events.filter(({ event }) => event.update?.status.task_id.value === "t"),
  ).toEqual([]);
  await inflict({ type: "return-agent", agent: number });
  await isRegistered(offer.agent_id.value);
  await reconcile("t", offer.agent_id.value);
  expect((await scheduler.update("t")).state).toBe("TASK_RUNNING");
});

test("another master leads: the first one redirects there, and its streams end with the final chunk", async () => {
  const { port } = (await inflict({ type: "add-master" })) as { readonly port: number };
  const before = await subscribeOnce(`http://127.0.0.1:${port}`);
  const first = `//127.0.0.1:${local.port}/master/api/v1/scheduler`;
  expect([before.status, before.headers.location]).toEqual([307, first]);
  await inflict({ type: "fail-over-master", to: 1, end: "finished" });
  await until(() => scheduler.isEnded, { what: "the final chunk" });
  const answer = await scheduler.call({ type: "REVIVE" });
  const second = `//127.0.0.1:${port}/master/api/v1/scheduler`;
  expect([answer.status, answer.headers.location]).toEqual([307, second]);
  await resubscribe(`http://127.0.0.1:${port}`);
  await scheduler.offers(2);
});

test("a stream ends with its connection open, breaks, or says nothing more", async () => {
  await inflict({ type: "end-stream", how: "finished" });
  await until(() => scheduler.isEnded, { what: "the final chunk" });
  const refused = await scheduler.call({ type: "REVIVE" });
  expect([refused.status, refused.text]).toEqual([403, "Framework is not subscribed"]);
  await resubscribe();
  await inflict({ type: "end-stream", how: "cut" });
  const isConnected = async () => (await look()).mesos.frameworks[0]?.isConnected;
  await until(async () => (await isConnected()) === false, { what: "the end of the connection" });
  expect(scheduler.isEnded).toBe(false);
  await resubscribe();
  await scheduler.offers(2);
  await inflict({ type: "end-stream", how: "frozen" });
  const heard = scheduler.events.length;
  await reconcile("t", "never-there");
  // The master still counts it as connected, and believes that it was heard.
  const taken = await scheduler.call({ type: "REVIVE" });
  expect(taken.status).toBe(202);
  const frozen = scheduler;
  await resubscribe();
  await reconcile("t", "never-there");
  await scheduler.update("t");
  expect([frozen.events.length, frozen.isEnded]).toEqual([heard, false]);
});

test("offers are taken back in time or too late, and expire", async () => {
  const [offer] = await scheduler.offers(2);
  await inflict({ type: "hold-stream", ms: 300 });
  await inflict({ type: "rescind-offers" });
  if (offer === undefined) throw new Error("no offer");
  await scheduler.accept(offer, [testTask(offer, "late")]);
  const rescind = await scheduler.next(({ type }) => type === "RESCIND", "RESCIND");
  expect(rescind.rescind?.offer_id.value).toBeDefined();
  expect(await scheduler.update("late")).toMatchObject({
    state: "TASK_DROPPED",
    reason: "REASON_INVALID_OFFERS",
  });
  await scheduler.offers(2);
  await inflict({ type: "set-offer-timeout", ms: 100 });
  const [next] = await scheduler.offers(1);
  await scheduler.next(
    (event) => event.rescind?.offer_id.value === next?.id.value,
    "RESCIND of what nobody answered",
  );
});

test("updates are lost, come twice or late; what is lost is repeated by the agent", async () => {
  const rule = { type: "add-rule", place: "from-agent", kind: "update" };
  await inflict({ ...rule, action: "drop", count: 1 });
  await inflict({ ...rule, action: "duplicate", count: 1 });
  await inflict({ ...rule, action: "delay", delayMs: 50, count: 1 });
  scheduler.acknowledges = false;
  const offer = await scheduler.freshOffer();
  await scheduler.accept(offer, [testTask(offer, "t")]);
  const states = () =>
    scheduler.events.flatMap(({ event }) =>
      event.update?.status.task_id.value === "t" ? [event.update.status.uuid] : [],
    );
  await until(() => states().length >= 3, { what: "the same update three times" });
  expect(new Set(states()).size).toBe(1);
  const { done } = JSON.parse((await request(`${admin}/faults`, { method: "GET" })).text);
  expect(done).toEqual({
    "drop from-agent update": 1,
    "duplicate from-agent update": 1,
    "delay from-agent update": 1,
  });
});

test("an ACCEPT is lost inside: its offers are spent, its launches were never there", async () => {
  await inflict({ type: "add-rule", place: "call", kind: "ACCEPT", action: "drop", count: 1 });
  const [offer] = await scheduler.offers(2);
  if (offer === undefined) throw new Error("no offer");
  await scheduler.accept(offer, [testTask(offer, "t")], { refuse_seconds: 0 });
  await scheduler.offers(1);
  await reconcile("t", offer.agent_id.value);
  expect((await scheduler.update("t")).state).toBe("TASK_GONE");
});

test("an agent that cannot be reached comes back with its task", async () => {
  const offer = await run("t");
  const agent = numberOf(offer.agent_id.value);
  await inflict({ type: "mark-unreachable", agent });
  const lost = await scheduler.update("t", "TASK_UNREACHABLE");
  expect(lost).toMatchObject({ reason: "REASON_AGENT_REMOVED", source: "SOURCE_MASTER" });
  expect(lost.unreachable_time).toBeDefined();
  await scheduler.next(
    ({ failure }) => failure?.agent_id?.value === offer.agent_id.value,
    "FAILURE of the agent",
  );
  await inflict({ type: "return-agent", agent });
  const back = await scheduler.update("t", "TASK_RUNNING");
  expect(back).toMatchObject({ reason: "REASON_AGENT_REREGISTERED" });
});

test("an agent is restarted under its running executor, which goes on", async () => {
  const offer = await run("t");
  const agent = numberOf(offer.agent_id.value);
  const sandbox = sandboxOf(local, offer, "ex-t");
  await inflict({ type: "restart-agent", agent, downMs: 100 });
  await until(() => notesIn(sandbox).some((note) => note.type === "stream" && note.number === 2), {
    what: "the executor came back",
  });
  await isRegistered(offer.agent_id.value);
  await scheduler.message(offer.agent_id.value, "ex-t", {
    do: "update",
    task: "t",
    state: "TASK_FINISHED",
  });
  await scheduler.update("t", "TASK_FINISHED");
  expect((await look()).agents.map(({ state }) => state)).toEqual(["up", "up"]);
});

test("an agent is gone: its task too, it ends, and a new one takes its place", async () => {
  const offer = await run("t");
  const agent = numberOf(offer.agent_id.value);
  await inflict({ type: "mark-gone", agent });
  expect((await scheduler.update("t", "TASK_GONE_BY_OPERATOR")).reason).toBe(
    "REASON_AGENT_REMOVED_BY_OPERATOR",
  );
  await until(async () => (await look()).agents[agent - 1]?.state === "ended", { what: "its end" });
  const { agentId } = (await inflict({ type: "renew-agent", agent })) as {
    readonly agentId: string;
  };
  expect(agentId).not.toBe(offer.agent_id.value);
  expect((await scheduler.freshOffer(agentId)).agent_id.value).toBe(agentId);
});

test("an agent that unregisters loses its task at once, and is unknown then", async () => {
  const offer = await run("t");
  await inflict({ type: "remove-agent", agent: numberOf(offer.agent_id.value) });
  const lost = await scheduler.update("t", "TASK_LOST");
  expect(lost).toMatchObject({
    reason: "REASON_AGENT_REMOVED",
    message: `Agent ${offer.hostname} removed: the agent unregistered`,
  });
  await reconcile("t", offer.agent_id.value);
  expect((await scheduler.update("t", "TASK_UNKNOWN")).reason).toBe("REASON_RECONCILIATION");
});

test.each([false, true])("an agent drains, to be gone afterwards: %s", async (markGone) => {
  const offer = await run("t");
  const agent = numberOf(offer.agent_id.value);
  await inflict({ type: "drain-agent", agent, markGone });
  const ended = await scheduler.update("t", markGone ? "TASK_GONE_BY_OPERATOR" : "TASK_KILLED");
  expect(ended).toMatchObject({ reason: "REASON_AGENT_DRAINING" });
  if (markGone) {
    await until(async () => (await look()).mesos.agents[agent - 1]?.state === "gone", {
      what: "it is gone",
    });
    return;
  }
  await until(async () => (await look()).mesos.agents[agent - 1]?.drain === "DRAINED", {
    what: "it is drained",
  });
  await inflict({ type: "reactivate-agent", agent });
  const again = await scheduler.freshOffer(offer.agent_id.value);
  expect(again.agent_id).toEqual(offer.agent_id);
});

test("maintenance: offers say when, and the framework is asked with inverse offers", async () => {
  const offer = await run("t");
  const agent = numberOf(offer.agent_id.value);
  await inflict({ type: "schedule-maintenance", agent, startInMs: 60_000, durationMs: 1_000 });
  const event = await scheduler.next(({ type }) => type === "INVERSE_OFFERS", "an inverse offer");
  const [inverse] = event.inverse_offers?.inverse_offers ?? [];
  expect(inverse).toMatchObject({
    agent_id: offer.agent_id,
    framework_id: offer.framework_id,
    unavailability: { duration: { nanoseconds: 1e9 } },
  });
  const again = await scheduler.freshOffer(offer.agent_id.value);
  expect(again.unavailability).toEqual(inverse?.unavailability);
  await scheduler.call({
    type: "DECLINE_INVERSE_OFFERS",
    decline_inverse_offers: {
      inverse_offer_ids: inverse === undefined ? [] : [inverse.id],
      filters: { refuse_seconds: 0 },
    },
  });
  // Refused without a filter, it comes again; that one is accepted.
  const second = await scheduler.next(({ type }) => type === "INVERSE_OFFERS", "another one");
  const ids = (second.inverse_offers?.inverse_offers ?? []).map(({ id }) => id);
  await scheduler.call({
    type: "ACCEPT_INVERSE_OFFERS",
    accept_inverse_offers: { inverse_offer_ids: ids, filters: { refuse_seconds: 3600 } },
  });
  await until(
    async () =>
      Object.values((await look()).mesos.agents[agent - 1]?.inverseAnswers ?? {})[0] === "accepted",
    { what: "the answer" },
  );
  await inflict({ type: "clear-maintenance", agent });
  await inflict({ type: "schedule-maintenance", agent });
  await scheduler.next(({ type }) => type === "INVERSE_OFFERS", "of the next schedule");
  await inflict({ type: "clear-maintenance", agent });
  await scheduler.next(({ type }) => type === "RESCIND_INVERSE_OFFER", "it is taken back");
});

test("a framework is taken over: the old stream hears it; torn down: its id is dead", async () => {
  await inflict({ type: "take-over-framework", holdMs: 50 });
  const error = await scheduler.next(({ type }) => type === "ERROR", "ERROR");
  expect(error.error?.message).toBe("Framework failed over");
  await until(() => scheduler.isEnded, { what: "the final chunk" });
  await resubscribe();
  await inflict({ type: "tear-down-framework" });
  await until(() => scheduler.isEnded, { what: "the final chunk" });
  expect(scheduler.events.some(({ event }) => event.type === "ERROR")).toBe(false);
  await resubscribe();
  const removed = await scheduler.next(({ type }) => type === "ERROR", "ERROR");
  expect(removed.error?.message).toBe("Framework has been removed");
});
