/**
 * Owns the proof that no KILL is sent in vain: not while the last one has no answer, whatever is heard of the task, and not
 * for a launch that Mesos has not answered yet.
 * Not: the other effects, which the tests with a whole scheduler show. SPDX-License-Identifier: Apache-2.0
 */
import { Control, type ControlHappening, type Effect, parseConfig } from "@mr-redis/core";
import type { CallOutcome, ExecutorInfo, Offer, SchedulerCallBody } from "@mr-redis/mesos";
import { expect, test } from "vitest";
import { Committer } from "./committer.js";
import { controlSettings } from "./control-settings.js";
import { noCrash } from "./crash-points.js";
import { EffectRunner } from "./effects.js";
import { createLog } from "./log.js";
import { ExecutorForms } from "./mesos/executor-forms.js";
import { agentOfferOf } from "./mesos/offer.js";

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
    committer: new Committer(undefined as never, nothing, noCrash),
    executors: new ExecutorForms(usual, { cpusMilli: 1, memMilliMib: 1 }, "*"),
    role: "*",
    log: createLog({ program: "test", level: "silent", destination: "stderr" }),
    crash: noCrash,
    post: nothing,
    reply: nothing,
    viewChanged: nothing,
    stop: nothing,
  });
  const kill = (taskId: string, code = "orphan"): void =>
    runner.run({ type: "kill-task", agentId: "a", taskId, because: { code, text: "" } });
  return { runner, calls, kill, killed: () => calls.map(({ body }) => body.kill?.task_id.value) };
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

/** An agent with room for one process. */
const offer: Offer = {
  id: { value: "o" },
  framework_id: { value: "f" },
  agent_id: { value: "a" },
  hostname: "h",
  resources: [
    { name: "cpus", type: "SCALAR", scalar: { value: 1_000 } },
    { name: "mem", type: "SCALAR", scalar: { value: 10_000 } },
    { name: "ports", type: "RANGES", ranges: { range: [{ begin: 7_000, end: 7_001 }] } },
  ],
};

/** The ACCEPT with which the core launches a first instance on it. */
function firstAccept(): Extract<Effect, { type: "accept-offers" }> {
  const parsed = parseConfig({}, {});
  if (!parsed.ok) throw new Error("the defaults are wrong");
  const settings = controlSettings(parsed.value.config, 1, "e", false);
  const control = new Control(settings, { documents: [], atMs: 0, monotonicMs: 0 });
  const spec = {
    memoryMib: 100,
    masters: 1,
    slaves: 0,
    distribution: null,
    config: {},
    fencing: "on",
    onUnreachable: "replace",
  } as const;
  const waiting: ControlHappening[] = [
    { type: "subscribed" },
    { type: "create-requested", requestId: "r", name: "i", spec },
    { type: "offers-received", offers: [agentOfferOf(offer, { isPresent: true })] },
  ];
  for (let atMs = 0; atMs < 60_000; atMs += 10) {
    const happening = waiting.shift() ?? { type: "woken" };
    for (const effect of control.handle({ ...happening, atMs, monotonicMs: atMs })) {
      if (effect.type === "accept-offers") return effect;
      if (effect.type !== "commit-document") continue;
      const result = { type: "done", revision: String(atMs) } as const;
      waiting.push({ type: "commit-finished", commitId: effect.commitId, result });
    }
  }
  throw new Error("nothing was launched");
}

test("a launch is overdue only when its ACCEPT has its answer; whoever deletes it does not wait", async () => {
  const { calls, runner, kill, killed } = start();
  const accept = firstAccept();
  const taskId = accept.launches[0]?.order.processId ?? "";
  runner.offerReceived({ ...offer, executor_ids: [{ value: "e" }] });
  runner.run(accept);
  kill(taskId, "launch-overdue");
  expect(calls.map(({ body }) => body.type)).toEqual(["ACCEPT"]);
  kill(taskId, "delete-requested");
  expect(killed()).toEqual([undefined, taskId]);
  calls[1]?.answer({ type: "accepted" });
  calls[0]?.answer({ type: "accepted" });
  await Promise.resolve();
  await Promise.resolve();
  kill(taskId, "launch-overdue");
  expect(killed()).toEqual([undefined, taskId, taskId]);
});
