/**
 * Owns the proof that the same task is not killed again while the last KILL has no answer, whatever is heard of it.
 * Not: the other effects, which the tests with a whole scheduler show. SPDX-License-Identifier: Apache-2.0
 */
import type { CallOutcome, ExecutorInfo, SchedulerCallBody } from "@mr-redis/mesos";
import { expect, test } from "vitest";
import { Committer } from "./committer.js";
import { noCrash } from "./crash-points.js";
import { EffectRunner } from "./effects.js";
import { createLog } from "./log.js";
import { ExecutorForms } from "./mesos/executor-forms.js";

const nothing = (): void => {};

/** A runner, and its calls with what answers them. */
function start() {
  const calls: { readonly body: SchedulerCallBody; answer(outcome: CallOutcome): void }[] = [];
  const usual: ExecutorInfo = { executor_id: { value: "e" } };
  const runner = new EffectRunner({
    mesos: {
      call: (body) => new Promise((answer) => calls.push({ body, answer })),
    },
    // Nothing is committed here.
    committer: new Committer(undefined as never, undefined as never, nothing, noCrash),
    executors: new ExecutorForms(usual, { cpusMilli: 1, memMilliMib: 1 }, "*"),
    role: "*",
    log: createLog({ program: "test", level: "silent", destination: "stderr" }),
    crash: noCrash,
    post: nothing,
    reply: nothing,
    viewChanged: nothing,
    stop: nothing,
  });
  const kill = (taskId: string): void =>
    runner.run({
      type: "kill-task",
      agentId: "a",
      taskId,
      because: { code: "orphan", text: "no instance has this process" },
    });
  return { calls, kill, killed: () => calls.map(({ body }) => body.kill?.task_id.value) };
}

test.each<[string, CallOutcome]>([
  ["taken", { type: "accepted" }],
  ["refused", { type: "rejected", status: 400, text: "no" }],
  ["lost with the session", { type: "lost", sent: false, because: "gone" }],
])("a KILL is repeated once the last one was %s, and not before", async (_what, outcome) => {
  const { calls, kill, killed } = start();
  for (let heard = 0; heard < 100; heard += 1) kill("stranger");
  kill("another");
  expect(killed()).toEqual(["stranger", "another"]);
  calls[0]?.answer(outcome);
  await Promise.resolve();
  await Promise.resolve();
  for (let heard = 0; heard < 100; heard += 1) kill("stranger");
  expect(killed()).toEqual(["stranger", "another", "stranger"]);
});
