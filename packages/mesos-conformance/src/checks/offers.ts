/**
 * Owns the checks of offers and filters: C21 to C30, C39.
 * Called by checklist.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { equalResources, formatResources, type Offer } from "@mr-redis/mesos";
import { isOf, offerOf, portsFrom, remainderOf, resourcesOf, type SeenAgent } from "../bundles.js";
import type { Check } from "../check.js";
import type { Context } from "../context.js";
import { type Framework, tickMs } from "../framework.js";
import { executorResources, ports, scalar, taskResources } from "../tasks.js";
import { CheckEnd, fail, present } from "../verdict.js";
import { secondsText } from "../wait.js";

/** Filter of a DECLINE or ACCEPT without filters. */
const defaultFilterMs = 5_000;

/** How long there must be silence where an offer would be wrong. */
const silenceMs = 5_000;

/** A filter that outlasts every check. */
const longSeconds = 3_600;

type TimedOffer = ReturnType<Framework["offersSince"]>[number];

/** What is wrong with the first offers to a framework that has the cluster for itself. */
export function coverageProblem(
  offers: readonly Offer[],
  agents: readonly SeenAgent[],
  role: string,
): string | undefined {
  for (const { id } of agents) {
    const [offer, second] = offers.filter(isOf(id));
    if (offer === undefined) return `agent ${id} is not offered`;
    if (second !== undefined) return `agent ${id} is offered more than once`;
    if (offer.allocation_info?.role !== role) return `the offer of ${id} names no role ${role}`;
    const foreign = offer.resources?.find(({ allocation_info }) => allocation_info?.role !== role);
    if (foreign !== undefined) return `${foreign.name} of ${id} is not allocated to ${role}`;
    for (const name of ["cpus", "mem", "disk"]) {
      if (!offer.resources?.some((one) => one.name === name && one.type === "SCALAR")) {
        return `the offer of ${id} has no ${name} as SCALAR`;
      }
    }
    if (!offer.resources?.some((one) => one.name === "ports" && one.type === "RANGES")) {
      return `the offer of ${id} has no ports as RANGES`;
    }
  }
  return undefined;
}

/** Waits until each agent has been offered since a time; the first offer of each. */
function offeredAgain(
  context: Context,
  framework: Framework,
  sinceMs: number,
  withinMs: number,
  agents = context.agents,
): Promise<readonly TimedOffer[]> {
  return framework.until(
    () => {
      const offers = framework.offersSince(sinceMs);
      const firsts = agents.map(({ id }) => offers.find(isOf(id)));
      return firsts.every((offer) => offer !== undefined) ? firsts : undefined;
    },
    `offers of ${agents.length === 1 ? "the agent" : "all agents"}`,
    withinMs,
  );
}

/** No agent may be offered for some time. */
async function expectSilence(context: Context, framework: Framework, ms: number): Promise<void> {
  const sinceMs = performance.now();
  await context.pause(ms);
  const offers = framework.offersSince(sinceMs);
  const wrong = offers.find((offer) => context.agents.some(({ id }) => isOf(id)(offer)));
  if (wrong !== undefined) {
    fail(`agent ${wrong.agent_id.value} was offered after ${secondsText(wrong.atMs - sinceMs)}`);
  }
  context.saw(`no offer for ${secondsText(ms)}`);
}

async function coverage(context: Context): Promise<void> {
  const framework = await context.framework();
  await offeredAgain(context, framework, 0, tickMs);
  await context.pause(tickMs);
  const offers = framework.offersSince(0);
  const problem = coverageProblem(offers, context.agents, context.means.role);
  // What a check before held may come back in parts, once.
  if (problem !== undefined) throw new CheckEnd("late", problem);
  for (const { id } of context.agents) {
    const offer = offers.find(isOf(id));
    context.saw(`agent ${id} once: ${formatResources(offer?.resources ?? [])}`);
  }
}

async function defaultFilter(context: Context): Promise<void> {
  const { framework, offers } = await context.withOffers();
  const startMs = performance.now();
  await framework.decline(offers);
  const again = await offeredAgain(context, framework, startMs, defaultFilterMs + tickMs);
  for (const { agent_id, atMs } of again) {
    const afterMs = atMs - startMs;
    if (afterMs < defaultFilterMs) fail(`offered after ${secondsText(afterMs)} already`);
    context.saw(`agent ${agent_id.value} was offered again after ${secondsText(afterMs)}`);
  }
}

async function noFilter(context: Context): Promise<void> {
  const { framework, offers } = await context.withOffers();
  const startMs = performance.now();
  await framework.decline(offers, 0);
  const again = await offeredAgain(context, framework, startMs, tickMs);
  const old = new Set(offers.map(({ id }) => id.value));
  for (const { id, atMs } of again) {
    if (old.has(id.value)) fail(`offer id ${id.value} was used again`);
    context.saw(`offered again as ${id.value} after ${secondsText(atMs - startMs)}`);
  }
}

/** REVIVE, and offers of all agents within a second. */
async function expectRevived(context: Context, framework: Framework): Promise<void> {
  const startMs = performance.now();
  await framework.send({ type: "REVIVE" });
  const again = await offeredAgain(context, framework, startMs, 1_000);
  const lastMs = Math.max(...again.map(({ atMs }) => atMs - startMs));
  context.saw(`REVIVE brought ${again.length} offers within ${secondsText(lastMs)}`);
}

async function suppressed(context: Context): Promise<Framework> {
  const { framework, offers } = await context.withOffers();
  await framework.send({ type: "SUPPRESS" });
  await framework.decline(offers, 0);
  return framework;
}

async function largerBundle(context: Context): Promise<void> {
  const { framework, offer } = await context.withOffer();
  const agentId = offer.agent_id.value;
  const taskId = context.id("task");
  await framework.launch(offer, [context.task(offer, taskId)], 0);
  await framework.update(taskId, "TASK_RUNNING");
  await framework.decline([await offerOf(framework, agentId)], longSeconds);
  await expectSilence(context, framework, tickMs);
  await framework.send({ type: "KILL", kill: { task_id: { value: taskId } } });
  const startMs = performance.now();
  await framework.update(taskId, "TASK_KILLED");
  const only = context.agents.filter(({ id }) => id === agentId);
  const [again] = await offeredAgain(context, framework, startMs, tickMs, only);
  context.saw(
    `declined for an hour, offered again with the killed task's resources: ${formatResources(resourcesOf(present(again, "the offer")))}`,
  );
}

async function unknownOffer(context: Context): Promise<void> {
  const { framework } = await context.withOffers();
  const count = framework.heard.length;
  const answer = await framework.call({
    type: "DECLINE",
    decline: { offer_ids: [{ value: "no-such-offer" }] },
  });
  context.expectAnswer("DECLINE of no-such-offer", answer, 202, "");
  await context.pause(tickMs);
  const types = framework.heard.slice(count).map(({ event }) => event.type);
  if (types.some((type) => type !== "HEARTBEAT")) fail(`it was followed by ${types.join(", ")}`);
  context.saw("no event followed");
}

async function filteredRemainder(context: Context): Promise<void> {
  const { framework, offers } = await context.withOffers(2);
  const [a, ...others] = offers;
  const offer = present(a, "an offer");
  const agentId = offer.agent_id.value;
  const startMs = performance.now();
  await framework.launch(offer, [context.task(offer, context.id("task"))]);
  await framework.decline(others, 0);
  const rest = context.agents.filter(({ id }) => id !== agentId);
  await offeredAgain(context, framework, startMs, tickMs, rest);
  context.saw(`the other ${rest.length} agents were offered again within the tick`);
  const only = context.agents.filter(({ id }) => id === agentId);
  const [again] = await offeredAgain(context, framework, startMs, defaultFilterMs + tickMs, only);
  const afterMs = present(again, "the offer").atMs - startMs;
  if (afterMs < defaultFilterMs) fail(`the remainder was offered after ${secondsText(afterMs)}`);
  context.saw(`the remainder was offered after ${secondsText(afterMs)}`);
}

async function exactRemainder(context: Context): Promise<void> {
  const { framework, offer } = await context.withOffer();
  const used = [...taskResources, ports(...portsFrom(offer, 2))];
  const task = context.task(offer, context.id("task"), { resources: used });
  await framework.launch(offer, [task], 0);
  const rest = await offerOf(framework, offer.agent_id.value, { withinMs: tickMs });
  const expected = remainderOf(offer, [...used, ...executorResources]);
  if (!equalResources(resourcesOf(rest), expected)) {
    fail(
      `the remainder is ${formatResources(resourcesOf(rest))}, expected ${formatResources(expected)}`,
    );
  }
  context.saw(`used ${formatResources([...used, ...executorResources])}`);
  context.saw(`of ${formatResources(resourcesOf(offer))}`);
  context.saw(`offered again ${formatResources(resourcesOf(rest))}`);
}

async function manyTasks(context: Context): Promise<void> {
  const count = 20;
  const { framework, offer } = await context.withOffer();
  const small = [scalar("cpus", 0.01), scalar("mem", 4)];
  const tasks = portsFrom(offer, count).map((port, index) =>
    context.task(offer, context.id(`task-${index}`), {
      executorId: context.id("executor"),
      resources: [...small, ports(port)],
    }),
  );
  await framework.launch(offer, tasks, 0);
  for (const task of tasks) await framework.update(task.task_id.value, "TASK_RUNNING");
  context.saw(`${count} times TASK_RUNNING`);
  const used = tasks.flatMap((task) => task.resources ?? []);
  const expected = remainderOf(offer, [...used, ...executorResources]);
  const rest = await offerOf(framework, offer.agent_id.value);
  if (!equalResources(resourcesOf(rest), expected)) {
    fail(
      `the next offer is ${formatResources(resourcesOf(rest))}, expected ${formatResources(expected)}`,
    );
  }
  context.saw(`next offer: ${formatResources(resourcesOf(rest))}`);
}

/** The checks. */
export const offerChecks: readonly Check[] = [
  {
    id: "C21",
    title:
      "a new framework: each agent offered once within 2 s, with cpus, mem, disk, ports, the role",
    tags: [],
    run: coverage,
  },
  {
    id: "C22",
    title: "DECLINE without filters: offered again after 5 s to 7 s, not before",
    tags: [],
    run: defaultFilter,
  },
  {
    id: "C23",
    title: "DECLINE with refuse_seconds 0: offered again within 2 s under new ids",
    tags: [],
    run: noFilter,
  },
  {
    id: "C24",
    title: "DECLINE for an hour, then REVIVE: offered within 1 s",
    tags: [],
    async run(context) {
      const { framework, offers } = await context.withOffers();
      await framework.decline(offers, longSeconds);
      await expectSilence(context, framework, tickMs);
      await expectRevived(context, framework);
    },
  },
  {
    id: "C25",
    title: "SUPPRESS: no offers for 5 s; REVIVE brings them back",
    tags: [],
    async run(context) {
      const framework = await suppressed(context);
      await expectSilence(context, framework, silenceMs);
      await expectRevived(context, framework);
    },
  },
  {
    id: "C26",
    title: "REVIVE with a role that is not the framework's, while suppressed: 202 and no offers",
    tags: [],
    async run(context) {
      const framework = await suppressed(context);
      const roles = [context.means.role, `${context.means.role}-not-mine`];
      const answer = await framework.call({ type: "REVIVE", revive: { roles } });
      context.expectAnswer(`REVIVE of ${roles.join(", ")}`, answer, 202, "");
      await expectSilence(context, framework, tickMs);
    },
  },
  {
    id: "C27",
    title: "a task ends on an agent declined for an hour: offered within 2 s, the bundle is larger",
    tags: ["ce"],
    run: largerBundle,
  },
  {
    id: "C28",
    title: "DECLINE of an unknown offer: 202, no event",
    tags: [],
    run: unknownOffer,
  },
  {
    id: "C29",
    title: "LAUNCH without filters: the remainder is not offered for 5 s, other agents are",
    tags: ["ce"],
    run: filteredRemainder,
  },
  {
    id: "C30",
    title: "LAUNCH with refuse_seconds 0: the remainder within 2 s, exact, ports split",
    tags: ["ce"],
    run: exactRemainder,
  },
  {
    id: "C39",
    title: "20 tasks in one LAUNCH, a port for each: all run, the next offer lacks exactly these",
    tags: ["ce"],
    run: manyTasks,
  },
];
