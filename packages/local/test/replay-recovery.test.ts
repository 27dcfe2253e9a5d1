/**
 * Owns the replay of the recorded losses and returns of agent and master (recovery-json/ and recovery-pb/).
 * SPDX-License-Identifier: Apache-2.0
 */
import { until } from "@mr-redis/testing";
import { describe, test } from "vitest";
import { readAgentRecord } from "../src/shell/agent-file.js";
import type { ExecutorScript } from "./replay/executor-script.js";
import type { Scenario } from "./replay/scenario.js";
import { dropSession, replay, stateOf } from "./replay/site.js";

const agent = 1;
const first = "001-subscribe";
const second = "006-resubscribe";
const third = "034-resubscribe";
const afterRestart = "009-resubscribe-after-master-restart-1";

/** What has happened to the agent, for the executor, which tries until the agent answers. */
type Returns = { count: number };

const executorOf = (frameworkId: string, returns: Returns): ExecutorScript => ({
  folder: "executor",
  executorId: "exec-r",
  frameworkId,
  steps: [
    { after: "started", send: [first] },
    { after: [first, 2], send: ["002-update-TASK_STARTING", "003-update-TASK_RUNNING"] },
    { after: () => returns.count >= 1, leave: first, send: [second] },
    { after: () => returns.count >= 2, leave: second, send: [third] },
    { after: [third, 2], leave: third, send: ["035-update-TASK_KILLED"], exit: 0 },
  ],
});

function openUpdatesOf(scenario: Scenario): number {
  const record = readAgentRecord(scenario.local.agents[0]?.workDir ?? "");
  return record?.updates.flatMap(({ pending }) => pending).length ?? -1;
}

function deedsOf(scenario: Scenario, frameworkId: string, returns: Returns) {
  const isRegistered = () => stateOf(scenario).agents.some(({ state }) => state === "registered");
  const comeBack = async () => {
    await scenario.inflict({ type: "return-agent", agent });
    returns.count += 1;
    await until(isRegistered, { what: "the agent" });
  };
  return {
    "007-reconcile": async () => {
      await scenario.waitSeen(first, 7);
      // The agent has written down that nothing waits for its acknowledgement.
      await until(() => openUpdatesOf(scenario) === 0, { what: "the agent's record" });
      // No offer is out when the agent is lost.
      await until(() => stateOf(scenario).tasks.length === 1, { what: "the end of r-cmd" });
      await scenario.gatherAll();
      await scenario.refuseOffers(2);
      await scenario.inflict({ type: "crash-agent", agent });
      await comeBack();
    },
    [afterRestart]: async () => {
      await scenario.waitSeen(first, 11);
      scenario.leave(first);
      await scenario.inflict({ type: "cut-off-agent", agent });
      await scenario.inflict({ type: "fail-over-master" });
    },
    "011-reconcile-late": async () => {
      await scenario.inflict({ type: "return-agent", agent });
      await until(isRegistered, { what: "the agent" });
      // Its offer is out when the agent is lost.
      await scenario.heldOffer();
    },
    "012-reconcile-unreachable": async () => {
      await scenario.waitSeen(afterRestart, 5);
      await scenario.inflict({ type: "crash-agent", agent });
      await scenario.inflict({ type: "mark-unreachable", agent });
    },
    "013-resubscribe-short-failover": async () => {
      await scenario.waitSeen(afterRestart, 11);
      await comeBack();
      await dropSession(scenario, afterRestart, frameworkId);
    },
    "014-err-subscribe-after-failover-timeout": async () => {
      await dropSession(scenario, "013-resubscribe-short-failover", frameworkId);
      const isGone = () => stateOf(scenario).frameworks.length === 0;
      await until(isGone, { what: "the end of the framework" });
    },
  };
}

describe.concurrent("recorded recoveries", () => {
  test.each(["recovery-json", "recovery-pb"])(
    "%s",
    async (folder) => {
      const returns: Returns = { count: 0 };
      await replay({
        folder,
        executor: "executor",
        options: { reregistrationTimeoutMs: 4_000 },
        executors: (frameworkId) => [executorOf(frameworkId, returns)],
        deeds: (scenario, frameworkId) => deedsOf(scenario, frameworkId, returns),
      });
    },
    300_000,
  );
});
