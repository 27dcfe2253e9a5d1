/**
 * Owns the checks of the executor API and of executor processes: C55 to C59.
 * Called by checklist.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Offer, TaskInfo } from "@mr-redis/mesos";
import { offerOf } from "../bundles.js";
import type { Check } from "../check.js";
import type { Context, ExecutorHandle } from "../context.js";
import type { Framework } from "../framework.js";
import type { Note } from "../station.js";
import type { ExecutorPlan } from "../tasks.js";
import { brief, CheckEnd, fail, type Pattern, present } from "../verdict.js";
import { secondsText } from "../wait.js";

/** A duration as Mesos prints it. */
const aDuration = /^\d+(\.\d+)?(ns|us|ms|secs|mins|hrs|days|weeks)$/;

/** Variables that a shell or the agent sets, beside MESOS_ and LIBPROCESS_. */
const usualVariables = ["PATH", "PWD", "OLDPWD", "SHLVL", "_"];

/** Variables that a clean environment has not. */
const foreignVariables = ["HOME", "USER", "LOGNAME", "MAIL", "LANG", "TERM", "SHELL"];

const eventsOf = (executor: ExecutorHandle, type: string): readonly Note[] =>
  executor.notes().filter(({ event }) => event?.type === type);

/** What the environment of an executor must be; section 12.1 of the reference. */
export function environmentPattern(given: {
  readonly frameworkId: string;
  readonly executorId: string;
  readonly agentId: string;
  readonly grace: string;
}): { readonly [name: string]: Pattern } {
  const { frameworkId, executorId, agentId, grace } = given;
  const end = `/slaves/${agentId}/frameworks/${frameworkId}/executors/${executorId}/runs/`;
  const isSandbox = (value: unknown): boolean =>
    typeof value === "string" && value.startsWith("/") && value.slice(0, -36).endsWith(end);
  return {
    MESOS_FRAMEWORK_ID: frameworkId,
    MESOS_EXECUTOR_ID: executorId,
    MESOS_SLAVE_ID: agentId,
    MESOS_AGENT_ID: undefined,
    MESOS_DIRECTORY: isSandbox,
    MESOS_AGENT_ENDPOINT: /^[^:/]+:\d+$/,
    MESOS_SLAVE_PID: /^slave\(\d+\)@[^:/]+:\d+$/,
    MESOS_CHECKPOINT: "1",
    MESOS_HTTP_COMMAND_EXECUTOR: /^[01]$/,
    MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: grace,
    MESOS_RECOVERY_TIMEOUT: aDuration,
    MESOS_SUBSCRIPTION_BACKOFF_MAX: aDuration,
    PATH: /\//,
  };
}

async function environment(context: Context): Promise<void> {
  const { framework, offer } = await context.withOffer();
  const task = context.task(offer, context.id("task"), { graceMs: 90_000, arguments: "one two" });
  const executor = await launchRunning(context, framework, offer, task);
  const started = await executor.note(({ type }) => type === "started", "its start");
  const env = started.env ?? {};
  const pattern = environmentPattern({
    frameworkId: framework.frameworkId,
    executorId: executorIdOf(task),
    agentId: offer.agent_id.value,
    grace: "1.5mins",
  });
  for (const [name, expected] of Object.entries(pattern)) {
    context.expect(name, env[name], expected);
  }
  context.expect("MESOS_SANDBOX", env.MESOS_SANDBOX, env.MESOS_DIRECTORY);
  const foreign = foreignVariables.filter((name) => env[name] !== undefined);
  if (foreign.length > 0) fail(`the environment is not clean: ${foreign.join(", ")}`);
  const others = Object.keys(env).filter(
    (name) => !/^(MESOS|LIBPROCESS)_/.test(name) && !usualVariables.includes(name),
  );
  context.saw(`other variables: ${others.length === 0 ? "none" : others.join(", ")}`);
  if (started.cwd !== env.MESOS_SANDBOX && env.PWD !== env.MESOS_SANDBOX) {
    fail(`its working directory is ${started.cwd}, not the sandbox`);
  }
  context.saw(`its working directory is ${started.cwd}`);
  context.expect("argv", started.argv, [/node/, /executor\.mjs$/, "one", "two"]);
  await executor.say({ do: "append", path: "stdout", text: "" });
  const file = await executor.note(({ type }) => type === "file", "its stdout");
  context.expect("the file stdout", file.text, /hello on stdout/);
}

const executorIdOf = (task: TaskInfo): string =>
  present(task.executor, "the executor").executor_id.value;

/** The handle of a task's executor. */
const handleOf = (context: Context, framework: Framework, task: TaskInfo): ExecutorHandle =>
  context.executor(framework, task.agent_id.value, executorIdOf(task));

/** Launches the task and waits until it runs. */
async function launchRunning(
  context: Context,
  framework: Framework,
  offer: Offer,
  task: TaskInfo,
): Promise<ExecutorHandle> {
  await framework.launch(offer, [task], 0);
  await framework.update(task.task_id.value, "TASK_RUNNING");
  return handleOf(context, framework, task);
}

/** An UPDATE as the executor would post it; `uuid` is one of version 4. */
const updateOf = (taskId: string, more: object = {}) => ({
  type: "UPDATE",
  update: {
    status: {
      task_id: { value: taskId },
      state: "TASK_RUNNING",
      source: "SOURCE_EXECUTOR",
      uuid: "AAAAAAAAQACAAAAAAAAAAA==",
      ...more,
    },
  },
});

async function refusedCalls(context: Context): Promise<void> {
  const { framework, offer } = await context.withOffer();
  const taskId = context.id("task");
  const plan: ExecutorPlan = { early: [updateOf(taskId)] };
  const task = context.task(offer, taskId, { plan });
  const executor = await launchRunning(context, framework, offer, task);
  const early = await executor.note(({ type }) => type === "early", "the answer before SUBSCRIBE");
  context.expect(
    "UPDATE before SUBSCRIBE",
    [early.status, early.text],
    [403, "Executor is not subscribed"],
  );
  const cases: readonly (readonly [string, object, RegExp])[] = [
    ["without source", updateOf(taskId, { source: undefined }), /expecting 'SOURCE_EXECUTOR'/],
    [
      "with TASK_STAGING",
      updateOf(taskId, { state: "TASK_STAGING" }),
      /^Failed to validate .*TASK_STAGING/,
    ],
    ["without uuid", updateOf(taskId, { uuid: undefined }), /Expecting 'uuid' to be present/],
    [
      "of an unknown executor",
      { ...updateOf(taskId), executor_id: { value: "no-such-executor" } },
      /^Executor cannot be found$/,
    ],
  ];
  for (const [name, body, text] of cases) {
    await executor.say({ do: "post", name, body });
    const posted = await executor.note(
      (note) => note.type === "posted" && note.name === name,
      `the answer to UPDATE ${name}`,
    );
    context.expect(`UPDATE ${name}`, [posted.status, posted.text], [400, text]);
  }
}

async function resubscribes(context: Context): Promise<void> {
  const { framework, offer } = await context.withOffer();
  const plan: ExecutorPlan = { onLaunch: "nothing" };
  const [listed, forgotten] = ["listed", "forgotten"].map((name) =>
    context.task(offer, context.id(name), { plan }),
  );
  const tasks = [present(listed, "a task"), present(forgotten, "a task")];
  await framework.launch(offer, tasks, 0);
  for (const task of tasks) {
    const executor = handleOf(context, framework, task);
    await executor.note(({ event }) => event?.type === "LAUNCH", "LAUNCH");
    await executor.say({ do: "subscribe", forgetTasks: task === forgotten });
    await executor.note(
      ({ event, number }) => event?.type === "SUBSCRIBED" && number === 2,
      "the second SUBSCRIBED",
    );
  }
  context.saw("after LAUNCH both executors closed their streams and subscribed again");
  const [a, b] = tasks.map(({ task_id }) => task_id.value);
  context.expectStatus(await framework.update(present(b, "an id")), {
    state: "TASK_DROPPED",
    reason: "REASON_AGENT_RESTARTED",
  });
  const id = present(a, "an id");
  const heard = framework.statusesSince(0).filter(({ task_id }) => task_id.value === id);
  if (heard.length > 0) fail(`the listed task was updated: ${brief(heard[0])}`);
  await handleOf(context, framework, tasks[0] ?? fail("no task")).say({
    do: "update",
    task: id,
    state: "TASK_RUNNING",
  });
  context.expectStatus(await framework.update(id), {
    state: "TASK_RUNNING",
    source: "SOURCE_EXECUTOR",
  });
}

async function subscribesTwice(context: Context): Promise<void> {
  const { framework, offer } = await context.withOffer();
  const task = context.task(offer, context.id("task"));
  const executor = await launchRunning(context, framework, offer, task);
  const acknowledged = () => eventsOf(executor, "ACKNOWLEDGED");
  await context.until(() => acknowledged().length >= 2 || undefined, "two ACKNOWLEDGED");
  const count = framework.heard.length;
  await executor.say({ do: "subscribe", keep: true, repeatUpdates: true });
  await executor.note(({ type, number }) => type === "closed" && number === 1, "the first's end");
  await executor.note(
    ({ event, number }) => event?.type === "SUBSCRIBED" && number === 2,
    "SUBSCRIBED on the second stream",
  );
  context.saw("a second SUBSCRIBE got SUBSCRIBED, the first stream ended");
  await context.until(
    () => acknowledged().filter(({ number }) => number === 2).length >= 2 || undefined,
    "ACKNOWLEDGED of both repeated updates",
  );
  const ids = new Set(acknowledged().map(({ event }) => event?.acknowledged?.uuid));
  context.saw(`${acknowledged().length} ACKNOWLEDGED for ${ids.size} updates`);
  await executor.say({
    do: "update",
    task: task.task_id.value,
    state: "TASK_RUNNING",
    more: { message: "third" },
  });
  const third = await framework.update(task.task_id.value);
  context.expectStatus(third, { state: "TASK_RUNNING", message: "third" });
  const again = framework.statusesSince(count).filter(({ message }) => message !== "third");
  // An acknowledgement that took longer than the agent waits would bring one too, now and then.
  if (again.length > 0) {
    throw new CheckEnd("late", `the scheduler heard a repeated update: ${brief(again[0])}`);
  }
  context.saw("the repeated updates did not reach the scheduler again");
}

/** The child reports each 100 ms; silence for this long means that it is gone. */
const beatSilenceMs = 2_000;

async function shutDown(context: Context): Promise<void> {
  const graceMs = 2_000;
  const { framework, offer } = await context.withOffer();
  const executorId = context.id("executor");
  const plan: ExecutorPlan = { stubborn: true };
  const tasks = ["one", "two"].map((name) =>
    context.task(offer, context.id(name), { executorId, plan, graceMs }),
  );
  await framework.launch(offer, tasks, 0);
  for (const { task_id } of tasks) await framework.update(task_id.value, "TASK_RUNNING");
  const executor = handleOf(context, framework, tasks[0] ?? fail("no task"));
  const { station } = context.means;
  await executor.say({ do: "beat" });
  await context.until(() => station.beatAtMs(executor.key) > 0 || undefined, "the child's report");
  const startMs = performance.now();
  const executor_id = { value: executorId };
  await framework.send({ type: "SHUTDOWN", shutdown: { executor_id, agent_id: offer.agent_id } });
  const { failure } = await framework.next(({ type }) => type === "FAILURE", "FAILURE");
  const tookMs = performance.now() - startMs;
  if (tookMs < graceMs - 100) fail(`it was ended after ${secondsText(tookMs)} already`);
  context.saw(`SHUTDOWN was ignored, FAILURE came after ${secondsText(tookMs)}: ${brief(failure)}`);
  context.expect("its id", failure?.executor_id?.value, executorId);
  for (const { task_id } of tasks) {
    context.expectStatus(await framework.update(task_id.value, "TASK_FAILED"), {
      reason: "REASON_EXECUTOR_TERMINATED",
    });
  }
  context.expect("SHUTDOWN events", eventsOf(executor, "SHUTDOWN").length, 1);
  await context.until(
    () => performance.now() - station.beatAtMs(executor.key) > beatSilenceMs || undefined,
    "the silence of the child with a session of its own",
  );
  context.saw("its child with a session of its own is silent");
  await offerOf(framework, offer.agent_id.value, {
    fits: (one) => JSON.stringify(cpusOf(one)) === JSON.stringify(cpusOf(offer)),
    what: "an offer with all its resources",
  });
  context.saw("its resources were offered again");
}

const cpusOf = (offer: Offer): number | undefined =>
  offer.resources?.find(({ name }) => name === "cpus")?.scalar?.value;

/** The checks. */
export const executorChecks: readonly Check[] = [
  {
    id: "C55",
    title: "the executor's environment, working directory, arguments and stdout",
    tags: ["ce"],
    run: environment,
  },
  {
    id: "C56",
    title: "UPDATE before SUBSCRIBE: 403; without source or uuid, STAGING, unknown executor: 400",
    tags: ["ce"],
    run: refusedCalls,
  },
  {
    id: "C57",
    title: "subscribing again with the STAGING task listed: it goes on; not listed: TASK_DROPPED",
    tags: ["ce"],
    run: resubscribes,
  },
  {
    id: "C58",
    title: "a second SUBSCRIBE ends the first stream; repeated updates reach the scheduler once",
    tags: ["ce"],
    run: subscribesTwice,
  },
  {
    id: "C59",
    title: "SHUTDOWN, ignored: after the grace all is killed, TASK_FAILED twice, FAILURE, offers",
    tags: ["ce"],
    run: shutDown,
  },
];
