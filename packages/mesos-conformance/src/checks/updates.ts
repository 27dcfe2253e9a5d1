/**
 * Owns the checks of updates and their acknowledgement, of reconciliation and of KILL: C47 to C54.
 * Called by checklist.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Offer, TaskStatus } from "@mr-redis/mesos";
import { offerOf } from "../bundles.js";
import type { Check } from "../check.js";
import type { Context } from "../context.js";
import { type Framework, patienceMs, tickMs } from "../framework.js";
import { executorResources, nanoseconds, scalar, taskResources } from "../tasks.js";
import { aText, fail, type Pattern, present } from "../verdict.js";
import { secondsText } from "../wait.js";

/** First pause before an unacknowledged update is repeated. */
const retryMs = 10_000;

/** A framework that acknowledges nothing by itself, with one agent's offer. */
async function withheld(context: Context): Promise<{ framework: Framework; offer: Offer }> {
  const got = await context.withOffer();
  got.framework.acknowledges = false;
  return got;
}

async function oneByOne(context: Context): Promise<void> {
  const { framework, offer } = await withheld(context);
  const taskId = context.id("task");
  const states = ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"];
  await framework.launch(offer, [context.task(offer, taskId, { plan: { states } })]);
  const starting = await framework.update(taskId);
  const startMs = performance.now();
  context.expectStatus(starting, { state: "TASK_STARTING", uuid: aText });
  const count = framework.heard.length;
  if (context.means.quick) {
    context.saw("its repetition is not awaited (--quick)");
  } else {
    const again = await framework.update(taskId, undefined, retryMs + 5_000);
    context.expectStatus(again, { state: "TASK_STARTING", uuid: present(starting.uuid, "uuid") });
    context.saw(`it was repeated after ${secondsText(performance.now() - startMs)}`);
  }
  const early = framework.statusesSince(count).find(({ state }) => state !== "TASK_STARTING");
  if (early !== undefined) fail(`${early.state} came before the acknowledgement`);
  await framework.acknowledge(starting);
  const running = await framework.update(taskId, "TASK_RUNNING");
  await framework.acknowledge(running);
  const finished = await framework.update(taskId, "TASK_FINISHED");
  await framework.acknowledge(finished);
  context.saw("TASK_RUNNING and TASK_FINISHED came, each after the acknowledgement before");
  const uuids = new Set([starting.uuid, running.uuid, finished.uuid]);
  if (uuids.size !== 3) fail("the three updates have not three uuids");
}

async function terminalUnacknowledged(context: Context): Promise<void> {
  const { framework, offer } = await withheld(context);
  const agentId = offer.agent_id.value;
  const taskId = context.id("task");
  const plan = { states: ["TASK_FINISHED"] };
  // A large one, so that its resources are seen in an offer that has others as well.
  const resources = [scalar("cpus", 0.2), ...taskResources.slice(1)];
  await framework.launch(offer, [context.task(offer, taskId, { plan, resources })], 0);
  const finished = await framework.update(taskId, "TASK_FINISHED");
  const startMs = performance.now();
  const cpus = (one: Offer) => Math.round(1000 * (cpusOf(one) ?? 0));
  const expected = cpus(offer) - Math.round(1000 * (executorResources[0]?.scalar?.value ?? 0));
  const free = await offerOf(framework, agentId, {
    fits: (one) => cpus(one) === expected,
    withinMs: tickMs,
    what: "an offer with the task's resources",
  });
  context.saw(
    `not acknowledged, its resources were offered ${secondsText(performance.now() - startMs)} after TASK_FINISHED`,
  );
  const executorId = context.id("second-executor");
  const again = (one: Offer) => context.task(one, taskId, { plan, executorId });
  await framework.launch(free, [again(free)], 0);
  const error = await framework.update(taskId, "TASK_ERROR");
  context.expectStatus(error, { message: /^Task has duplicate ID: /, source: "SOURCE_MASTER" });
  await framework.acknowledge(finished);
  const next = await offerOf(framework, agentId);
  await framework.launch(next, [again(next)], 0);
  const { update } = await framework.next(
    (event) =>
      event.update?.status.task_id.value === taskId && event.update.status.uuid !== finished.uuid,
    "an update of the second task",
  );
  context.expectStatus(present(update, "the update").status, { state: "TASK_FINISHED" });
  context.saw("after the acknowledgement the id was accepted again");
}

const cpusOf = (offer: Offer): number | undefined =>
  offer.resources?.find(({ name }) => name === "cpus")?.scalar?.value;

async function resentAtOnce(context: Context): Promise<void> {
  const { framework, offer } = await withheld(context);
  const taskId = context.id("task");
  await framework.launch(offer, [context.task(offer, taskId)]);
  const starting = await framework.update(taskId);
  const startMs = performance.now();
  await framework.subscribe(context.quietly);
  const again = await framework.update(taskId, undefined, tickMs);
  context.expectStatus(again, { state: starting.state, uuid: present(starting.uuid, "uuid") });
  context.saw(
    `SUBSCRIBE with the same id brought it ${secondsText(performance.now() - startMs)} later`,
  );
}

const reconciled = (status: TaskStatus): boolean => status.reason === "REASON_RECONCILIATION";

const answerOf = (state: string): Pattern => ({
  state,
  source: "SOURCE_MASTER",
  reason: "REASON_RECONCILIATION",
  uuid: undefined,
});

async function implicitReconciliation(context: Context): Promise<void> {
  const { framework, offer } = await withheld(context);
  const finish = { plan: { states: ["TASK_FINISHED"] } };
  const [running, acknowledged, open] = ["running", "acknowledged", "open"].map((name) =>
    context.id(name),
  );
  const ids = [running, acknowledged, open].map((id) => present(id, "an id"));
  const plans = [{ plan: { states: ["TASK_RUNNING"] } }, finish, finish];
  const tasks = ids.map((id, index) => context.task(offer, id, plans[index]));
  await framework.launch(offer, tasks);
  const statuses = [];
  for (const id of ids) statuses.push(await framework.update(id));
  for (const status of statuses) {
    if (status.task_id.value !== open) await framework.acknowledge(status);
  }
  const forgotten = present(statuses[1], "the update");
  // The acknowledgement passes the master on its way to the agent; explicit questions tell when it was there.
  await context.until(async () => {
    const { task_id, agent_id } = forgotten;
    const asked = [{ task_id, ...(agent_id === undefined ? {} : { agent_id }) }];
    await framework.send({ type: "RECONCILE", reconcile: { tasks: asked } });
    const { state } = await framework.update(task_id.value);
    return state === "TASK_FINISHED" ? undefined : state;
  }, "the acknowledged task forgotten by the master");
  const count = framework.heard.length;
  await framework.send({ type: "RECONCILE", reconcile: { tasks: [] } });
  context.saw(
    "sent RECONCILE of all: one running, one finished and acknowledged, one finished and not",
  );
  const answers = () => framework.statusesSince(count).filter(reconciled);
  await framework.until(() => answers().length >= 2 || undefined, "two answers");
  await context.pause(tickMs);
  for (const status of answers()) {
    const isRunning = status.task_id.value === running;
    context.expectStatus(status, answerOf(isRunning ? "TASK_RUNNING" : "TASK_FINISHED"));
  }
  const answered = answers().map(({ task_id }) => task_id.value);
  context.expect("answers", [...answered].sort(), [running, open].sort());
}

async function explicitReconciliation(context: Context): Promise<void> {
  context.needAgents(1);
  const framework = await context.quietFramework();
  const agentId = present(context.agents[0], "an agent").id;
  const cases = [
    { what: "with a live agent", agent: agentId, state: "TASK_GONE" },
    { what: "without an agent", agent: undefined, state: "TASK_UNKNOWN" },
    { what: "with an agent that never was", agent: "no-such-agent", state: "TASK_UNKNOWN" },
  ];
  for (const [index, { what, agent, state }] of cases.entries()) {
    const task_id = { value: context.id(`unknown-${index}`) };
    const task = { task_id, ...(agent === undefined ? {} : { agent_id: { value: agent } }) };
    await framework.send({ type: "RECONCILE", reconcile: { tasks: [task] } });
    context.saw(`sent RECONCILE of an unknown task ${what}`);
    context.expectStatus(await framework.update(task_id.value), answerOf(state));
  }
}

async function killRunning(context: Context): Promise<void> {
  const graceMs = 7_000;
  const { framework, offer } = await context.withOffer();
  const task = context.task(offer, context.id("task"));
  const { task_id, agent_id } = task;
  await framework.launch(offer, [task]);
  await framework.update(task_id.value, "TASK_RUNNING");
  const grace_period = nanoseconds(graceMs);
  await framework.send({
    type: "KILL",
    kill: { task_id, agent_id, kill_policy: { grace_period } },
  });
  const executorId = present(task.executor, "the executor").executor_id.value;
  const executor = context.executor(framework, agent_id.value, executorId);
  const note = await executor.note(({ event }) => event?.type === "KILL", "KILL");
  context.expect("the executor got", note.event, {
    kill: { task_id: { value: task_id.value }, kill_policy: { grace_period } },
  });
  for (const state of ["TASK_KILLING", "TASK_KILLED"]) {
    context.expectStatus(await framework.update(task_id.value), {
      state,
      source: "SOURCE_EXECUTOR",
    });
  }
}

async function killUnknown(context: Context): Promise<void> {
  context.needAgents(1);
  const framework = await context.quietFramework();
  const agent_id = { value: present(context.agents[0], "an agent").id };
  const cases = [
    { kill: { task_id: { value: context.id("gone") }, agent_id }, state: "TASK_GONE" },
    { kill: { task_id: { value: context.id("unknown") } }, state: "TASK_UNKNOWN" },
  ];
  for (const { kill, state } of cases) {
    const count = framework.heard.length;
    await framework.send({ type: "KILL", kill });
    context.expectStatus(await framework.update(kill.task_id.value), answerOf(state));
    await context.pause(500);
    const answers = framework.statusesSince(count).length;
    if (answers !== 1) fail(`KILL ${kill.task_id.value} was answered ${answers} times`);
  }
}

async function killBeforeDelivery(context: Context): Promise<void> {
  const { framework, offer } = await context.withOffer();
  const task = context.task(offer, context.id("task"), { plan: { subscribe: "told" } });
  const { task_id, agent_id } = task;
  await framework.launch(offer, [task]);
  const executorId = present(task.executor, "the executor").executor_id.value;
  const executor = context.executor(framework, agent_id.value, executorId);
  await executor.note(({ type }) => type === "started", "its start", 2 * patienceMs);
  await framework.send({ type: "KILL", kill: { task_id, agent_id } });
  context.saw("sent KILL while the executor runs and has not subscribed");
  context.expectStatus(await framework.update(task_id.value), {
    state: "TASK_KILLED",
    reason: "REASON_TASK_KILLED_DURING_LAUNCH",
    source: "SOURCE_AGENT",
    uuid: aText,
  });
  context.means.station.tell(executor.key);
  const first = await executor.note(({ type }) => type === "event", "its first event");
  context.expect("the executor's first event", first.event?.type, "SHUTDOWN");
}

/** The checks. */
export const updateChecks: readonly Check[] = [
  {
    id: "C47",
    title: "three updates, not acknowledged: the first alone, repeated after 10 s with its uuid",
    tags: ["ce"],
    run: oneByOne,
  },
  {
    id: "C48",
    title:
      "TASK_FINISHED, not acknowledged: the resources are free, the id is not until the acknowledgement",
    tags: ["ce"],
    run: terminalUnacknowledged,
  },
  {
    id: "C49",
    title: "an unacknowledged update is sent again within 2 s of SUBSCRIBED",
    tags: ["ce"],
    run: resentAtOnce,
  },
  {
    id: "C50",
    title: "implicit RECONCILE: the running and the unacknowledged task, not the acknowledged one",
    tags: ["ce"],
    run: implicitReconciliation,
  },
  {
    id: "C51",
    title: "explicit RECONCILE of unknown tasks: TASK_GONE, TASK_UNKNOWN, TASK_UNKNOWN",
    tags: [],
    run: explicitReconciliation,
  },
  {
    id: "C52",
    title: "KILL with a policy: the executor gets it; TASK_KILLING, TASK_KILLED from the executor",
    tags: ["ce"],
    run: killRunning,
  },
  {
    id: "C53",
    title: "KILL of an unknown task: one answer, as to RECONCILE",
    tags: [],
    run: killUnknown,
  },
  {
    id: "C54",
    title:
      "KILL before the executor subscribes: TASK_KILLED by the agent, then SHUTDOWN as first event",
    tags: ["ce"],
    run: killBeforeDelivery,
  },
];
