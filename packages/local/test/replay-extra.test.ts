/**
 * Owns the replay of the recorded rare cases: offers timed out, inverse offers, an executor that never registers, doubled
 * ids, updates over a restart of the agent, with and without checkpoint (extra-json/ and extra-pb/).
 * SPDX-License-Identifier: Apache-2.0
 */
import { until } from "@mr-redis/testing";
import { describe, test } from "vitest";
import type { ExecutorScript } from "./replay/executor-script.js";
import type { Scenario } from "./replay/scenario.js";
import { replay, stateOf } from "./replay/site.js";

const agent = 1;
const stream = "002-subscribe-offer-timeout";
const second = "023-subscribe-nocheckpoint";
const first = "001-subscribe";
const starting = "002-update-TASK_STARTING";
const running = "003-update-TASK_RUNNING";

/** What has happened to the agent. */
type Agent = { crashes: number; returns: number };

function executorsOf(folder: string, id: string, seen: Agent): readonly ExecutorScript[] {
  const again = ["006-resubscribe", "011-resubscribe"] as const;
  return [
    {
      folder: "executor-unacked",
      executorId: "exec-u",
      frameworkId: id,
      steps: [
        { after: "started", send: [first] },
        { after: [first, 2], send: [starting] },
        { after: () => seen.crashes >= 1, leave: first, send: [running] },
        { after: () => seen.returns >= 1, send: [again[0]] },
        { after: () => seen.returns >= 2, leave: again[0], send: [again[1]] },
        { after: [again[1], 2], leave: again[1], send: ["012-update-TASK_KILLED"], exit: 0 },
      ],
    },
    {
      folder: "executor-nocheckpoint",
      executorId: "exec-n",
      frameworkId: id.replace(/0000$/, "0001"),
      steps: [
        { after: "started", send: [first] },
        { after: [first, 2], send: [starting, running] },
        {
          after: () => seen.returns >= 2,
          leave: first,
          send: folder === "extra-json" ? ["008-resubscribe", again[1]] : ["008-resubscribe"],
        },
      ],
    },
  ];
}

function deedsOf(scenario: Scenario, seen: Agent) {
  const isRegistered = () => stateOf(scenario).agents.some(({ state }) => state === "registered");
  /** No offer is out when the agent is lost. */
  const withoutOffers = async () => {
    await scenario.gatherAll();
    await scenario.refuseOffers(2);
  };
  const crash = async () => {
    await scenario.inflict({ type: "crash-agent", agent });
    seen.crashes += 1;
  };
  const comeBack = async () => {
    await scenario.inflict({ type: "return-agent", agent });
    seen.returns += 1;
    await until(isRegistered, { what: "the agent" });
  };
  const timeout = (ms: number | null) => scenario.inflict({ type: "set-offer-timeout", ms });
  return {
    [stream]: () => timeout(2_000),
    "003-accept-after-rescind-maybe-stale": async () => {
      await scenario.waitSeen(stream, 4);
      await timeout(null);
    },
    "009-accept-never": async () => {
      await scenario.gatherAll();
      await scenario.refuseOffers(2);
      await scenario.inflict({ type: "schedule-maintenance", agent });
      await scenario.waitSeen(stream, 10);
      await scenario.heldOffer();
      await scenario.inflict({ type: "clear-maintenance", agent });
    },
    "018-ack-after-restart": async () => {
      const isAcknowledged = () => scenario.hasSeen(`executor-unacked/${first}`, 3);
      await until(isAcknowledged, { what: "the agent's word for the first update" });
      await scenario.waitSeen(stream, scenario.countTo(stream, "UPDATE u-1"));
      await withoutOffers();
      await crash();
      await until(() => scenario.isAnswered(`executor-unacked/${running}`), { what: "its update" });
      await comeBack();
    },
    "028-teardown": async () => {
      await scenario.waitSeen(second, 5);
      const isAcknowledged = () => scenario.hasSeen(`executor-nocheckpoint/${first}`, 4);
      await until(isAcknowledged, { what: "the agent's word for the last update" });
      await withoutOffers();
      await crash();
      await scenario.waitSeen(second, 6);
      await comeBack();
      await scenario.heldOffer();
      await timeout(2_000);
      await scenario.waitSeen(second, 9);
      await timeout(null);
    },
  };
}

describe.concurrent("recorded rare cases", () => {
  test.each(["extra-json", "extra-pb"])(
    "%s",
    async (folder) => {
      const seen: Agent = { crashes: 0, returns: 0 };
      await replay({
        folder,
        executor: "executor-unacked",
        options: { reregistrationTimeoutMs: 4_000, registrationTimeoutMs: 4_000 },
        executors: (frameworkId) => executorsOf(folder, frameworkId, seen),
        deeds: (scenario) => deedsOf(scenario, seen),
      });
    },
    300_000,
  );
});
