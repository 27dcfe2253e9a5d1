/**
 * Owns finding the leading master, and the survey before the checks: which agents there are, what each offers whole; and
 * freeing what an earlier run left reserved.
 * Not: the checks. Called by main.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { addResources, type Offer, redirectTarget } from "@mr-redis/mesos";
import { isOf, resourcesOf, type SeenAgent } from "./bundles.js";
import type { Context } from "./context.js";
import { endExecutor, type Framework } from "./framework.js";
import { type Access, sendRequest } from "./http.js";
import { freeLeftovers } from "./leftovers.js";
import { answerText } from "./summary.js";
import { CheckEnd } from "./verdict.js";
import { pause } from "./wait.js";

/** Most redirects from master to master. */
const redirectsMax = 5;

/** Longest wait for an election or a recovery of the master. */
const electionMsMax = 30_000;

/** Between two questions to a master that does not lead yet. */
const electionLookMs = 1_000;

/** Longest wait for the first offer. */
const firstOfferMsMax = 20_000;

/** No agent is offered for the first time for this long: all have been, the allocator runs each second. */
const quietMs = 2_500;

/** Longest wait for a first executor; an agent gives up after a minute. */
const trialMsMax = 65_000;

/** The run cannot be made; the text is for the person who started it. */
export class RunRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = "RunRefused";
  }
}

/** The scheduler endpoint of the leading master, found from any master. */
export async function findLeader(from: URL, access: Access, signal: AbortSignal): Promise<URL> {
  const endMs = performance.now() + electionMsMax;
  let url = from;
  for (let redirects = 0; ; ) {
    const headers = { "Content-Type": "application/json" };
    const answer = await sendRequest(url, access, { headers, body: "{}" }).catch(
      (error: unknown) => {
        throw new RunRefused(`${url.origin} is not reached: ${String(error)}`);
      },
    );
    if (answer.status === 307 && redirects < redirectsMax) {
      redirects += 1;
      const location = answer.headers.location ?? null;
      const target = redirectTarget(url, location);
      if (target === null) throw new RunRefused(`${url.origin} redirects to ${location}`);
      url = target;
    } else if (answer.status === 503 && performance.now() < endMs) {
      await pause(electionLookMs, signal);
    } else if (answer.status === 400) {
      return url;
    } else {
      throw new RunRefused(
        `${url.href} answers ${answerText(answer)}; is it a Mesos master, and are --principal and --secret-file right?`,
      );
    }
  }
}

/** `host:port` of an offer's agent. */
function addressOf(offer: Offer): string {
  const { address } = offer.url ?? {};
  return address === undefined ? "" : `${address.ip ?? address.hostname}:${address.port}`;
}

const namesOf = (offer: Offer): readonly string[] => {
  const port = offer.url?.address.port;
  return [addressOf(offer), `${offer.hostname}:${port}`, `${offer.url?.address.hostname}:${port}`];
};

const firstOffers = (framework: Framework): readonly Offer[] => [
  ...new Map(
    framework.offersSince(0).map((offer) => [offer.agent_id.value, offer] as const),
  ).values(),
];

/** A framework that has heard of all agents, with what an earlier run left reserved freed. */
async function sweptFramework(context: Context): Promise<Framework> {
  const framework = await context.framework();
  await framework
    .until(() => framework.outstanding.size > 0 || undefined, "an offer", firstOfferMsMax)
    .catch(() => {
      throw new RunRefused(
        `no agent was offered within ${(firstOfferMsMax * context.means.slack) / 1_000} s: are there agents, and is another framework holding them?`,
      );
    });
  for (let known = 0; known !== firstOffers(framework).length; ) {
    known = firstOffers(framework).length;
    await context.pause(quietMs);
    // What is freed is offered again.
    if ((await freeLeftovers(framework, context.means.role)) > 0) known = 0;
  }
  return framework;
}

/** Frees what checks left reserved, where it is offered. */
export async function sweep(context: Context): Promise<void> {
  await sweptFramework(context);
}

/** The agents that checks use: those that are offered, or of these the ones in `wanted` (`host:port`). */
export async function survey(
  context: Context,
  wanted: readonly string[],
): Promise<readonly SeenAgent[]> {
  const framework = await sweptFramework(context);
  const offers = [...framework.outstanding.values()];
  const usable = offers.filter(
    (offer) => wanted.length === 0 || namesOf(offer).some((name) => wanted.includes(name)),
  );
  const missing = wanted.filter((one) => !usable.some((offer) => namesOf(offer).includes(one)));
  if (missing.length > 0) throw new RunRefused(`no offer of --agent ${missing.join(", ")}`);
  return [...new Map(usable.map((offer) => [offer.agent_id.value, offer])).values()].map(
    (offer) => ({
      id: offer.agent_id.value,
      hostname: offer.hostname,
      address: addressOf(offer),
      // An agent can be offered in parts, by what was freed when.
      whole: addResources(...usable.filter(isOf(offer.agent_id.value)).map(resourcesOf)),
    }),
  );
}

/** Starts the test executor on each agent; why that is not possible, null when it is. */
export async function executorObstacle(context: Context): Promise<string | null> {
  const { framework, offers } = await context.withOffers();
  try {
    for (const offer of offers) {
      const task = context.task(offer, `trial-${offer.agent_id.value}`);
      await framework.launch(offer, [task]);
      await framework.update(task.task_id.value, "TASK_RUNNING", trialMsMax);
      await endExecutor(framework, task);
    }
    return null;
  } catch (error) {
    if (!(error instanceof CheckEnd) || context.signal.aborted) throw error;
    return `the test executor does not run: ${error.message} (do agents reach ${context.means.station.url}, and have they Node.js? --advertise, --node, --serve-node)`;
  }
}
