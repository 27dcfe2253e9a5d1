/**
 * Owns the checks of what a master takes for a task, and of executors that do not come up: C40 to C46.
 * Called by checklist.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Offer, TaskInfo } from "@mr-redis/mesos";
import { offerOf, resourcesOf } from "../bundles.js";
import type { Check } from "../check.js";
import type { Context } from "../context.js";
import type { Framework } from "../framework.js";
import { scalar } from "../tasks.js";
import { aText, fail, oneOf, type Pattern, present } from "../verdict.js";

/** TASK_ERROR of a task that the master refuses. */
const invalid = (message: RegExp): Pattern => ({
  state: "TASK_ERROR",
  reason: "REASON_TASK_INVALID",
  source: "SOURCE_MASTER",
  uuid: undefined,
  message,
});

async function tooMuch(context: Context): Promise<void> {
  const { framework, offer } = await context.withOffer();
  const offered = resourcesOf(offer).find(({ name }) => name === "cpus")?.scalar?.value ?? 0;
  const big = context.task(offer, context.id("big"), {
    resources: [scalar("cpus", offered + 1), scalar("mem", 16)],
  });
  const good = context.task(offer, context.id("good"));
  await framework.launch(offer, [big, good]);
  context.saw(
    `sent LAUNCH of a task with ${offered + 1} cpus (${offered} are offered) and a good one`,
  );
  context.expectStatus(await framework.update(big.task_id.value), invalid(/more than available/));
  const running = await framework.update(good.task_id.value, "TASK_RUNNING");
  context.expectStatus(running, { source: "SOURCE_EXECUTOR" });
}

async function duplicateId(context: Context): Promise<void> {
  const { framework, offer } = await context.withOffer();
  const agentId = offer.agent_id.value;
  const taskId = context.id("twice");
  await framework.launch(offer, [context.task(offer, taskId)], 0);
  await framework.update(taskId, "TASK_RUNNING");
  const rest = await offerOf(framework, agentId);
  const again = context.task(rest, taskId, { executorId: context.id("other-executor") });
  await framework.launch(rest, [again], 0);
  const error = await framework.update(taskId, "TASK_ERROR");
  context.expectStatus(error, invalid(/^Task has duplicate ID: /));
  const tasks = [{ task_id: { value: taskId }, agent_id: { value: agentId } }];
  await framework.send({ type: "RECONCILE", reconcile: { tasks } });
  const answer = await framework.update(taskId);
  context.expectStatus(answer, { state: "TASK_RUNNING", reason: "REASON_RECONCILIATION" });
}

/** Each task must be refused with its text; they are launched one by one, on what the former left. */
async function expectRefused(
  context: Context,
  framework: Framework,
  first: Offer,
  tasks: readonly (readonly [TaskInfo, RegExp])[],
): Promise<void> {
  let offer = first;
  for (const [task, message] of tasks) {
    await framework.launch(offer, [task], 0);
    context.expectStatus(await framework.update(task.task_id.value), invalid(message));
    offer = await offerOf(framework, first.agent_id.value);
  }
}

async function commandOrExecutor(context: Context): Promise<void> {
  const { framework, offer } = await context.withOffer();
  const both = context.task(offer, context.id("both"), { task: { command: { value: "true" } } });
  const { executor: _executor, ...neither } = context.task(offer, context.id("neither"));
  const text = /^Task should have at least one \(but not both\) of CommandInfo or ExecutorInfo/;
  await expectRefused(context, framework, offer, [
    [both, text],
    [neither, text],
  ]);
}

async function nothingOrForeign(context: Context): Promise<void> {
  const { framework, offer } = await context.withOffer();
  const other = context.agents.find(({ id }) => id !== offer.agent_id.value);
  const agent_id = { value: other?.id ?? "no-such-agent" };
  const foreign = context.task(offer, context.id("foreign"), { task: { agent_id } });
  const nothing = context.task(offer, context.id("nothing"), { resources: [] });
  await expectRefused(context, framework, offer, [
    [nothing, /^Task uses no resources/],
    [foreign, /^Task uses invalid agent .* while agent .* is expected/],
  ]);
}

async function otherExecutorInfo(context: Context): Promise<void> {
  const { framework, offer } = await context.withOffer();
  const executorId = context.id("executor");
  const first = context.task(offer, context.id("first"), { executorId });
  await framework.launch(offer, [first], 0);
  await framework.update(first.task_id.value, "TASK_RUNNING");
  const rest = await offerOf(framework, offer.agent_id.value);
  const plan = { states: ["TASK_RUNNING"] };
  const changed = context.task(rest, context.id("changed"), { executorId, plan });
  const labels = { labels: [{ key: "colour", value: "red" }] };
  const labelled = context.task(rest, context.id("labelled"), {
    executorId,
    executor: { labels },
  });
  await framework.launch(rest, [changed, labelled]);
  const text = /^ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID/;
  context.expectStatus(await framework.update(changed.task_id.value), invalid(text));
  const running = await framework.update(labelled.task_id.value, "TASK_RUNNING");
  context.expectStatus(running, { source: "SOURCE_EXECUTOR" });
}

async function exitsAtOnce(context: Context): Promise<void> {
  const { framework, offer } = await context.withOffer();
  const task = context.task(offer, context.id("exits"), { shell: "exit 3" });
  const executorId = present(task.executor, "the executor").executor_id.value;
  await framework.launch(offer, [task]);
  const status = await framework.update(task.task_id.value);
  context.expectStatus(status, {
    state: "TASK_FAILED",
    source: "SOURCE_AGENT",
    uuid: aText,
    reason: oneOf("REASON_EXECUTOR_TERMINATED", "REASON_CONTAINER_LAUNCH_FAILED"),
  });
  const { failure } = await framework.next(({ type }) => type === "FAILURE", "FAILURE");
  context.expect("FAILURE", failure, { executor_id: { value: executorId } });
  if (failure?.status !== 3 * 256) fail(`its status is ${failure?.status}, expected 768 (exit 3)`);
}

async function missingUri(context: Context): Promise<void> {
  const { framework, offer } = await context.withOffer();
  const value = `${context.means.station.url}/nowhere`;
  const task = context.task(offer, context.id("missing"), { uris: [{ value }] });
  await framework.launch(offer, [task]);
  context.expectStatus(await framework.update(task.task_id.value), {
    state: "TASK_FAILED",
    source: "SOURCE_AGENT",
    reason: "REASON_CONTAINER_LAUNCH_FAILED",
    uuid: aText,
  });
}

/** The checks. */
export const launchChecks: readonly Check[] = [
  {
    id: "C40",
    title: "a task that asks more than is offered: TASK_ERROR; the next in the same LAUNCH runs",
    tags: ["ce"],
    run: tooMuch,
  },
  {
    id: "C41",
    title: "the id of a running task: TASK_ERROR; the running one is unaffected",
    tags: ["ce"],
    run: duplicateId,
  },
  {
    id: "C42",
    title: "a task with both command and executor, with neither: TASK_ERROR",
    tags: [],
    run: commandOrExecutor,
  },
  {
    id: "C43",
    title: "a task without resources, with another agent's id: TASK_ERROR",
    tags: [],
    run: nothingOrForeign,
  },
  {
    id: "C44",
    title: "a live executor with another environment: TASK_ERROR; with other labels: runs",
    tags: ["ce"],
    run: otherExecutorInfo,
  },
  {
    id: "C45",
    title: "an executor that exits at once: TASK_FAILED by the agent, FAILURE with its id",
    tags: [],
    run: exitsAtOnce,
  },
  {
    id: "C46",
    title: "an executor whose URI is not there: TASK_FAILED, REASON_CONTAINER_LAUNCH_FAILED",
    tags: [],
    run: missingUri,
  },
];
