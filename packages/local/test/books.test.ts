/**
 * Owns the exact timing of offers and filters, sessions and reconciliation, on a virtual clock.
 * SPDX-License-Identifier: Apache-2.0
 */
import { equalResources, formatResources, type Offer, type TaskInfo } from "@mr-redis/mesos";
import { describe, expect, test } from "vitest";
import { BooksWorld, tickMs } from "./books-world.js";
import { scalar, testTask } from "./harness.js";

const day = 24 * 3_600_000;
const task = (offer: Offer, id: string, cpus = 1): TaskInfo =>
  testTask(offer, id, { executorId: "ex", resources: [scalar("cpus", cpus)] });

/** A world with one agent and one framework that has its first offer. */
function world(cpus = 4) {
  const one = new BooksWorld();
  const agentId = one.addAgent([scalar("cpus", cpus), scalar("mem", 1024)]);
  const stream = one.subscribe();
  const [offer] = one.offers(stream);
  if (offer === undefined) throw new Error("no offer");
  return { one, agentId, stream, offer };
}

describe("filters", () => {
  test.each<[number | undefined, number]>([
    [undefined, 5_000],
    [0, tickMs],
    [0.1, tickMs],
    [1, tickMs],
    [1.5, 2 * tickMs],
    [5, 5_000],
    [-1, 5_000],
    [Number.NaN, 5_000],
    [3_600, 3_600_000],
    [1e12, 365 * day],
    [Number.POSITIVE_INFINITY, 365 * day],
  ])("declined with refuse_seconds %s: offered again after %s ms", (seconds, expectedMs) => {
    const { one, stream } = world();
    one.declineAll(stream, seconds);
    if (expectedMs > day) {
      // A tick for each second of a year is too much: the filter itself is looked at.
      const [filter] = [...one.master.books.frameworks.values()][0]?.filters ?? [];
      expect(filter?.expiresAtMs).toBe(one.clock.monotonicMs() + expectedMs);
      return;
    }
    expect(one.waitForOffer(stream, expectedMs + tickMs)).toBe(expectedMs);
  });

  test("expiry is noticed by the next tick", () => {
    const { one, stream } = world();
    one.clock.advanceBy(300);
    one.declineAll(stream);
    expect(one.waitForOffer(stream, 10_000)).toBe(5_700);
  });

  test("nothing is offered within ACCEPT and DECLINE, and the remainder of ACCEPT waits 5 s", () => {
    const { one, stream, offer } = world();
    one.launch(stream, offer, [task(offer, "t")]);
    expect(one.openOffers(stream)).toEqual([]);
    expect(one.waitForOffer(stream, 10_000)).toBe(5_000);
    const rest = one.openOffers(stream)[0];
    expect(formatResources(rest?.resources ?? [])).toBe(
      "cpus(allocated: check):2.9; mem(allocated: check):992",
    );
  });

  test("a bundle that is larger than the refused one passes", () => {
    const { one, agentId, stream, offer } = world();
    one.launch(stream, offer, [task(offer, "t")], 3_600);
    one.clock.advanceBy(3 * tickMs);
    expect(one.openOffers(stream)).toEqual([]);
    const frameworkId = one.frameworkOf(stream);
    const status = {
      task_id: { value: "t" },
      state: "TASK_FINISHED",
      uuid: "u",
      agent_id: { value: agentId },
    } as const;
    one.agentSays(agentId, { type: "update", frameworkId, status, latestState: "TASK_FINISHED" });
    expect(one.openOffers(stream)).toEqual([]);
    expect(one.waitForOffer(stream, 2 * tickMs)).toBe(tickMs);
  });

  test("REVIVE clears filters and suppression and offers within the call", () => {
    const { one, stream } = world();
    one.call(stream, { type: "SUPPRESS" });
    one.declineAll(stream, 3_600);
    one.clock.advanceBy(10 * tickMs);
    expect(one.openOffers(stream)).toEqual([]);
    one.call(stream, { type: "REVIVE", revive: { roles: ["check", "stranger"] } });
    expect(one.openOffers(stream)).toEqual([]);
    one.call(stream, { type: "REVIVE" });
    expect(one.openOffers(stream)).toHaveLength(1);
  });

  test("filters belong to a role; REVIVE of another role leaves them", () => {
    const one = new BooksWorld();
    one.addAgent();
    const stream = one.subscribe({ roles: ["a", "b"] });
    expect(one.openOffers(stream)[0]?.allocation_info?.role).toBe("a");
    one.declineAll(stream, 3_600);
    expect(one.waitForOffer(stream, 2 * tickMs)).toBe(tickMs);
    expect(one.openOffers(stream)[0]?.allocation_info?.role).toBe("b");
    one.declineAll(stream, 3_600);
    one.call(stream, { type: "REVIVE", revive: { roles: ["b"] } });
    expect(one.openOffers(stream).map((offer) => offer.allocation_info?.role)).toEqual(["b"]);
  });

  test("they survive a hot failover, and no offer comes at once; a broken stream clears them", () => {
    const { one, stream } = world();
    const id = one.frameworkOf(stream);
    one.declineAll(stream, 3_600);
    const second = one.subscribe({ id: { value: id } });
    expect(one.events(stream).at(-1)).toEqual({
      type: "ERROR",
      error: { message: "Framework failed over" },
    });
    expect(one.closed).toEqual([stream]);
    one.clock.advanceBy(10 * tickMs);
    expect(one.offers(second)).toEqual([]);
    one.handle({ type: "stream-closed", streamId: stream });
    expect(
      one.master.refusal({ type: "REVIVE", framework_id: { value: id } }, second),
    ).toBeUndefined();
    one.handle({ type: "stream-closed", streamId: second });
    const third = one.subscribe({ id: { value: id } });
    expect(one.openOffers(third)).toHaveLength(1);
  });

  test("leftovers below 0.01 cpus and 32 MB are invisible", () => {
    const { one, stream, offer } = world(1.005);
    const big = testTask(offer, "t", {
      executorId: "ex",
      resources: [scalar("cpus", 0.9), scalar("mem", 1024 - 32 - 31)],
    });
    one.launch(stream, offer, [big], 0);
    expect(one.waitForOffer(stream, 10 * tickMs)).toBeNull();
  });
});

describe("sessions", () => {
  test("suppressed roles of a SUBSCRIBE replace the suppression", () => {
    const { one, stream } = world();
    one.call(stream, { type: "SUPPRESS" });
    one.declineAll(stream, 0);
    const id = { value: one.frameworkOf(stream) };
    const second = one.subscribe({ id }, ["check"]);
    one.clock.advanceBy(3 * tickMs);
    expect(one.offers(second)).toEqual([]);
    const third = one.subscribe({ id });
    expect(one.waitForOffer(third, 2 * tickMs)).toBe(tickMs);
  });

  test("user and checkpoint stay as they were; a changed principal is an ERROR", () => {
    const { one, stream } = world();
    const id = { value: one.frameworkOf(stream) };
    one.subscribe({ id, user: "other", checkpoint: false, name: "renamed" });
    expect(one.master.books.frameworks.get(id.value)?.info).toMatchObject({
      user: "root",
      checkpoint: true,
      name: "renamed",
    });
    const last = one.subscribe({ id, principal: "other" });
    expect(one.events(last)).toEqual([
      { type: "ERROR", error: { message: "Changing framework's principal is not allowed." } },
    ]);
  });

  test("only the last 50 removed frameworks are remembered", () => {
    const one = new BooksWorld();
    const removed = Array.from({ length: 51 }, () => {
      const stream = one.subscribe();
      one.call(stream, { type: "TEARDOWN" });
      return one.frameworkOf(stream);
    });
    const again = (index: number) =>
      one.events(one.subscribe({ id: { value: removed[index] ?? "" } }))[0]?.type;
    expect(again(1)).toBe("ERROR");
    expect(again(0)).toBe("SUBSCRIBED");
  });

  test("the failover timer starts at the break, and a resubscription stops it", () => {
    const { one, stream } = world();
    const id = one.frameworkOf(stream);
    one.handle({ type: "stream-closed", streamId: stream });
    one.clock.advanceBy(59_000);
    const second = one.subscribe({ id: { value: id } });
    one.clock.advanceBy(120_000);
    expect(one.master.books.frameworks.has(id)).toBe(true);
    one.handle({ type: "stream-closed", streamId: second });
    one.clock.advanceBy(60_000);
    expect(one.master.books.frameworks.has(id)).toBe(false);
    expect(one.toAgents.at(-1)?.message).toEqual({ type: "shutdown-framework", frameworkId: id });
  });

  test("two frameworks share: who has less is offered first", () => {
    const one = new BooksWorld();
    const first = one.subscribe();
    const second = one.subscribe();
    one.addAgent();
    one.addAgent();
    expect([one.openOffers(first).length, one.openOffers(second).length]).toEqual([1, 1]);
  });
});

describe("reconciliation and kill", () => {
  /** A framework with a task that runs on an agent. */
  function running() {
    const { one, agentId, stream, offer } = world();
    one.launch(stream, offer, [task(offer, "t")]);
    const frameworkId = one.frameworkOf(stream);
    const say = (state: "TASK_RUNNING" | "TASK_FAILED", latestState = state) =>
      one.agentSays(agentId, {
        type: "update",
        frameworkId,
        status: {
          task_id: { value: "t" },
          state,
          uuid: state,
          agent_id: { value: agentId },
          healthy: true,
        },
        latestState,
      });
    const ask = (taskId: string, agent?: string) => {
      const count = one.events(stream).length;
      const agent_id = agent === undefined ? {} : { agent_id: { value: agent } };
      one.call(stream, {
        type: "RECONCILE",
        reconcile: { tasks: [{ task_id: { value: taskId }, ...agent_id }] },
      });
      return one
        .events(stream)
        .slice(count)
        .map((event) => event.update?.status.state);
    };
    return { one, agentId, stream, say, ask };
  }

  test("a known task is answered with its last forwarded state, not its latest", () => {
    const { ask, say } = running();
    expect(ask("t")).toEqual(["TASK_STAGING"]);
    say("TASK_RUNNING", "TASK_FAILED" as "TASK_RUNNING");
    expect(ask("t")).toEqual(["TASK_RUNNING"]);
    say("TASK_FAILED");
    expect(ask("t")).toEqual(["TASK_FAILED"]);
  });

  test("no answer while an agent is recovered", () => {
    const { one, agentId, ask } = running();
    one.handle({ type: "agent-recovered", agentId: "old-S0" });
    expect(ask("x", "old-S0")).toEqual([]);
    expect(ask("x")).toEqual([]);
    expect(ask("x", agentId)).toEqual(["TASK_GONE"]);
    expect(ask("t")).toEqual(["TASK_STAGING"]);
    one.addAgent([], { id: "old-S0" });
    expect(ask("x", "old-S0")).toEqual(["TASK_GONE"]);
    expect(ask("x")).toEqual(["TASK_UNKNOWN"]);
  });

  test("unreachable: remembered with its agent's name only; back: told so; KILL is not remembered", () => {
    const { one, agentId, stream, say, ask } = running();
    say("TASK_RUNNING");
    one.handle({ type: "agent-unreachable", agentId });
    const [update, failure] = one.events(stream).slice(-2);
    expect(update?.update?.status).toMatchObject({
      state: "TASK_UNREACHABLE",
      reason: "REASON_AGENT_REMOVED",
      unreachable_time: { nanoseconds: expect.any(Number) },
    });
    expect(update?.update?.status.uuid).toBeUndefined();
    expect(failure).toEqual({ type: "FAILURE", failure: { agent_id: { value: agentId } } });
    expect(ask("t", agentId)).toEqual(["TASK_UNREACHABLE"]);
    expect(ask("t")).toEqual(["TASK_UNKNOWN"]);
    one.call(stream, { type: "KILL", kill: { task_id: { value: "t" } } });
    const info = one.master.books.frameworks
      .get(one.frameworkOf(stream))
      ?.unreachableTasks.get("t")?.info;
    if (info === undefined) throw new Error("the task is not remembered");
    const count = one.toAgents.length;
    one.addAgent([scalar("cpus", 4), scalar("mem", 1024)], {
      id: agentId,
      tasks: [
        { frameworkId: one.frameworkOf(stream), info, executorId: "ex", state: "TASK_RUNNING" },
      ],
    });
    expect(ask("t")).toEqual(["TASK_RUNNING"]);
    const back = one
      .events(stream)
      .find((event) => event.update?.status.reason === "REASON_AGENT_REREGISTERED");
    expect(back?.update?.status).toMatchObject({ state: "TASK_RUNNING", source: "SOURCE_MASTER" });
    expect(one.toAgents.slice(count).map(({ message }) => message.type)).toEqual([
      "registered",
      "update-framework",
    ]);
  });

  test("disconnected: offers are rescinded, a KILL waits without its policy", () => {
    const { one, agentId, stream, ask } = running();
    one.clock.advanceBy(6_000);
    const [offer] = one.openOffers(stream);
    one.handle({ type: "agent-disconnected", agentId });
    expect(one.events(stream).at(-1)).toEqual({
      type: "RESCIND",
      rescind: { offer_id: offer?.id },
    });
    expect(ask("x", agentId)).toEqual(["TASK_GONE"]);
    one.call(stream, {
      type: "KILL",
      kill: { task_id: { value: "t" }, kill_policy: { grace_period: { nanoseconds: 1 } } },
    });
    const info = one.master.books.frameworks.get(one.frameworkOf(stream))?.tasks.get("t")?.info;
    if (info === undefined) throw new Error("the task is gone");
    const count = one.toAgents.length;
    one.addAgent([scalar("cpus", 4), scalar("mem", 1024)], {
      id: agentId,
      tasks: [
        { frameworkId: one.frameworkOf(stream), info, executorId: "ex", state: "TASK_RUNNING" },
      ],
    });
    expect(one.toAgents.slice(count).map(({ message }) => message)).toContainEqual({
      type: "kill-task",
      frameworkId: one.frameworkOf(stream),
      taskId: "t",
    });
  });

  test("a framework that does not checkpoint loses its tasks with the connection, as TASK_LOST", () => {
    const one = new BooksWorld();
    const agentId = one.addAgent();
    const stream = one.subscribe({ checkpoint: false });
    const [offer] = one.offers(stream);
    if (offer === undefined) throw new Error("no offer");
    one.launch(stream, offer, [task(offer, "t")]);
    one.handle({ type: "agent-disconnected", agentId });
    // No FAILURE for its executor: the recordings have none.
    expect(one.events(stream).slice(-1)).toEqual([
      {
        type: "UPDATE",
        update: {
          status: expect.objectContaining({
            state: "TASK_LOST",
            reason: "REASON_AGENT_DISCONNECTED",
            message: "Agent h disconnected",
          }),
        },
      },
    ]);
  });

  test("gone: the tasks end, the agent may not come back", () => {
    const { one, agentId, ask } = running();
    one.handle({ type: "agent-gone", agentId });
    expect(ask("t", agentId)).toEqual(["TASK_GONE_BY_OPERATOR"]);
    one.addAgent([], { id: agentId });
    expect(one.master.books.agents.get(agentId)?.state).toBe("gone");
  });

  test("an agent that comes back too small for a launch that never arrived: nothing is charged for it", () => {
    const { one, agentId } = running();
    one.handle({ type: "agent-disconnected", agentId });
    one.addAgent([scalar("cpus", 0.01), scalar("mem", 32)], { id: agentId });
    const agent = one.master.books.agents.get(agentId);
    expect(agent?.state).toBe("registered");
    const offered = [...one.master.books.offers.values()].flatMap(({ resources }) => resources);
    expect([...(agent?.free ?? []), ...offered]).toEqual(agent?.total);
    expect(one.toAgents.map(({ message }) => message.type)).toContain("reconcile-tasks");
  });

  test("an agent that registers again and does not report a task is asked, and says that it was dropped", () => {
    const { one, agentId, stream } = running();
    one.handle({ type: "agent-disconnected", agentId });
    one.addAgent([scalar("cpus", 4), scalar("mem", 1024)], { id: agentId });
    const asked = one.toAgents.filter(({ message }) => message.type === "reconcile-tasks");
    expect(asked).toEqual([
      {
        agentId,
        message: {
          type: "reconcile-tasks",
          framework: expect.objectContaining({ id: { value: one.frameworkOf(stream) } }),
          tasks: [{ taskId: "t", executorId: "ex" }],
        },
      },
    ]);
    // Until then it holds what was given to it.
    expect(one.master.books.frameworks.get(one.frameworkOf(stream))?.tasks.size).toBe(1);
    const status = {
      task_id: { value: "t" },
      agent_id: { value: agentId },
      state: "TASK_DROPPED",
      reason: "REASON_RECONCILIATION",
      uuid: "AAAAAAAAQACAAAAAAAAAAA==",
    } as const;
    const frameworkId = one.frameworkOf(stream);
    const latestState = "TASK_DROPPED";
    one.agentSays(agentId, { type: "update", frameworkId, status, latestState });
    expect(one.events(stream).at(-1)?.update?.status).toEqual(status);
    const agent = one.master.books.agents.get(agentId);
    const offered = [...one.master.books.offers.values()].flatMap(({ resources }) => resources);
    expect(equalResources(agent?.total ?? [], [...(agent?.free ?? []), ...offered])).toBe(true);
  });
});
