/**
 * Owns the check of an agent that is killed and starts again: C60.
 * Called by checklist.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawn } from "node:child_process";
import type { Offer } from "@mr-redis/mesos";
import type { Check } from "../check.js";
import type { Context } from "../context.js";
import type { Framework } from "../framework.js";
import type { ExecutorPlan } from "../tasks.js";
import { brief, fail, notApplicable, present } from "../verdict.js";

/** Limit for the command that restarts the agent. */
const commandMsMax = 60_000;

/** Pause between two looks for the agent, by the executor that comes back. */
const returnMs = 300;

/** Text of the update that is made while the agent is away. */
const awayText = "made while the agent was away";

/** Runs the operator's command; ends when it has ended. */
function runCommand(command: string, context: Context, offer: Offer): Promise<void> {
  const agent = context.agents.find(({ id }) => id === offer.agent_id.value);
  const child = spawn("/bin/sh", ["-c", command], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      ...process.env,
      MESOS_AGENT_ID: offer.agent_id.value,
      MESOS_AGENT_HOSTNAME: offer.hostname,
      MESOS_AGENT_ENDPOINT: agent?.address ?? "",
    },
    timeout: commandMsMax,
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`the restart command ended with ${code ?? signal}`));
    });
  });
}

/** The master may have gone with the agent, as when both are one process. */
async function subscribed(context: Context, framework: Framework): Promise<void> {
  await context.pause(500);
  if (!framework.isEnded) return;
  context.saw("the scheduler's stream ended too; it subscribes again");
  await context.until(async () => {
    const isThere = await framework.subscribe().then(
      () => true,
      () => false,
    );
    return isThere || undefined;
  }, "a new session");
}

/** Asks for the task until there is an answer: there is none while its agent recovers. */
const reconciledState = (context: Context, framework: Framework, taskId: string, agentId: string) =>
  context.until(async () => {
    const count = framework.heard.length;
    const tasks = [{ task_id: { value: taskId }, agent_id: { value: agentId } }];
    const answer = await framework.call({ type: "RECONCILE", reconcile: { tasks } });
    if (answer.status !== 202) await subscribed(context, framework);
    await context.pause(500);
    return framework
      .statusesSince(count)
      .find((one) => one.task_id.value === taskId && one.reason === "REASON_RECONCILIATION");
  }, `an answer about ${taskId}`);

async function agentRestart(context: Context): Promise<void> {
  const command = context.means.agentRestartCommand;
  if (command === null) notApplicable("needs --agent-restart-command");
  const { framework, offer } = await context.withOffer();
  const [stays, goes] = [context.id("returns"), context.id("stays-away")];
  const whileAway = [{ task: stays, state: "TASK_RUNNING", more: { message: awayText } }];
  const returning: ExecutorPlan = { resubscribeMs: returnMs, whileAway };
  const tasks = [
    context.task(offer, stays, { plan: returning }),
    context.task(offer, goes, { plan: { onStreamEnd: "stay" } }),
  ];
  await framework.launch(offer, tasks, 3_600);
  for (const id of [stays, goes]) await framework.update(id, "TASK_RUNNING");
  // What the agent has on record is what it comes back with.
  await context.pause(1_000);
  const count = framework.heard.length;
  await runCommand(command, context, offer);
  context.saw(`ran ${brief(command)}`);
  await subscribed(context, framework);
  const executor = context.executor(framework, offer.agent_id.value, `ex-${stays}`);
  await executor.note(
    ({ event, number }) => event?.type === "SUBSCRIBED" && number === 2,
    "the second SUBSCRIBED",
  );
  const refused = executor.notes().filter(({ type }) => type === "refused");
  context.saw(
    `its executor was refused ${refused.length} times (${statuses(refused)}), then SUBSCRIBED`,
  );
  const away = await framework.until(
    () => framework.statusesSince(count).find(({ message }) => message === awayText),
    "the update that was made meanwhile",
  );
  context.expectStatus(away, { state: "TASK_RUNNING", agent_id: { value: offer.agent_id.value } });
  const gone = await framework.until(
    () => framework.statusesSince(count).find((one) => one.task_id.value === goes),
    "an update of the task whose executor stays away",
  );
  context.expectStatus(gone, {
    state: "TASK_GONE",
    reason: "REASON_EXECUTOR_REREGISTRATION_TIMEOUT",
  });
  const answer = await reconciledState(context, framework, stays, offer.agent_id.value);
  context.expectStatus(answer, { state: "TASK_RUNNING" });
  const left = framework
    .statusesSince(count)
    .find((one) => one.task_id.value === stays && one.state !== "TASK_RUNNING");
  if (left !== undefined) fail(`the returning task was ${left.state}`);
  context.expect("the agent's id", present(away.agent_id, "agent_id").value, offer.agent_id.value);
}

const statuses = (notes: readonly { readonly status?: number }[]): string =>
  [...new Set(notes.map(({ status }) => (status === 0 ? "no connection" : String(status))))].join(
    ", ",
  );

/** The check. */
export const agentRestartChecks: readonly Check[] = [
  {
    id: "C60",
    title: "an agent is killed and started: its executors return, or end as TASK_GONE",
    tags: ["op", "ce"],
    limitMs: 150_000,
    run: agentRestart,
  },
];
