/**
 * Owns the replay of the recorded scenarios of scheduler and executors (fixtures json/ and pb/ of packages/mesos).
 * SPDX-License-Identifier: Apache-2.0
 */
import { until } from "@mr-redis/testing";
import { describe, test } from "vitest";
import type { ExecutorScript } from "./replay/executor-script.js";
import { Matching } from "./replay/matching.js";
import { type RecordedCall, readCall } from "./replay/recording.js";
import type { Scenario } from "./replay/scenario.js";
import { dropSession, replay } from "./replay/site.js";

/** The offer that a recorded ACCEPT names. */
const offerIn = ({ request }: RecordedCall): string =>
  Matching.idsIn(request.body.toString("latin1")).find((id) => /-O\d+$/.test(id)) ?? "";

const early = "001-message-before-subscribe";

/** When each executor did what; numbers are events of its stream. */
function executorsOf(scenarioFolder: string, frameworkId: string): readonly ExecutorScript[] {
  const offerOf = (call: string) => offerIn(readCall(`${scenarioFolder}/${call}`));
  const script = (folder: string, executorId: string, steps: ExecutorScript["steps"]) => ({
    folder,
    executorId,
    frameworkId,
    steps,
  });
  const first = "002-subscribe";
  const second = "016-resubscribe";
  const running = ["003-update-TASK_STARTING", "004-update-TASK_RUNNING"];
  return [
    script("executor", "exec-1", [
      { after: "started", send: [early, first] },
      { after: [first, 2], send: running },
      { after: [first, 3], send: ["005-update-TASK_STARTING", "006-update-TASK_RUNNING"] },
      { after: [first, 8], send: ["007-update-TASK_STARTING", "008-update-TASK_RUNNING"] },
      { after: [first, 11], send: ["009-message"] },
      { after: [first, 12], send: ["010-update-TASK_FINISHED"] },
      { after: [first, 14], send: ["011-update-TASK_FAILED"] },
      {
        after: [first, 16],
        send: ["012-update-without-uuid", "013-update-source-missing", "014-update-staging"],
      },
      { after: [first, 16], send: ["015-heartbeat"] },
      { after: [first, 17], drop: first, send: [second] },
      { after: [second, 2], send: ["017-update-TASK_KILLED"] },
      { after: [second, 4], send: ["018-update-TASK_STARTING", "019-update-TASK_RUNNING"] },
      { after: [second, 7], send: ["020-update-TASK_KILLED"] },
      { after: [second, 8], leave: second },
      {
        after: (scenario) => scenario.hasOfferLike(offerOf("074-accept-launch-custom-exit")),
        exit: 0,
      },
    ]),
    script("executor-exit", "exec-2", [
      { after: "started", send: [early, first] },
      { after: [first, 2], send: running },
      { after: [first, 5], leave: first, exit: 9 },
    ]),
    script("executor-slow", "exec-3", [
      { after: "started" },
      { after: (scenario) => scenario.isAnswered("084-ack-TASK_KILLED"), send: [early, first] },
      { after: [first, 1], leave: first },
      { after: (scenario) => scenario.hasOfferLike(offerOf("085-accept-executor-quits")), exit: 0 },
    ]),
    // It speaks to nobody; it ends when the offer that was recorded during its life is out.
    script("none", "exec-4", [
      { after: (scenario) => scenario.hasOfferLike(offerOf("087-accept-executor-stubborn")) },
      { after: "started", exit: 0 },
    ]),
    script("executor-stubborn", "exec-5", [
      { after: "started", send: [early, first] },
      { after: [first, 2], send: running },
      { after: [first, 5], leave: first },
    ]),
  ];
}

/** What the recorder did without a call. */
function deedsOf(scenario: Scenario, frameworkId: string) {
  const second = frameworkId.replace(/0000$/, "0001");
  return {
    "067-kill-custom": () =>
      until(() => scenario.hasSeen("executor/016-resubscribe", 1), { what: "the new stream" }),
    "113-accept-inverse-offers": async () => {
      // Of a reservation by the operator only that it takes offers back.
      await scenario.gatherAll();
      await scenario.inflict({ type: "rescind-offers" });
      await scenario.gatherAll();
      await scenario.inflict({ type: "schedule-maintenance", agent: 1 });
    },
    "116-resubscribe-takeover": async () => {
      await scenario.gatherAll();
      await scenario.inflict({ type: "clear-maintenance", agent: 1 });
      // The status of an operation that nobody acknowledged comes once more.
      await scenario.waitSeen("001-subscribe", scenario.countBeforeError("001-subscribe"));
    },
    "118-err-call-while-disconnected": () =>
      dropSession(scenario, "116-resubscribe-takeover", frameworkId),
    "138-resubscribe-plain-failover-0": () => dropSession(scenario, "130-subscribe-plain", second),
  };
}

describe.concurrent("the recorded scenarios", () => {
  test.each(["json", "pb"])(
    "%s",
    async (folder) => {
      await replay({
        folder,
        executor: "executor",
        executors: (frameworkId) => executorsOf(folder, frameworkId),
        deeds: deedsOf,
      });
    },
    300_000,
  );
});
