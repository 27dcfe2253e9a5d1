/**
 * Owns getting at offers: a fitting one of an agent, or all agents whole. Parts are given back until they come together.
 * Not: how long a check may take. Called by cluster.ts and checks.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  containsResources,
  formatResources,
  type Offer,
  type Resource,
  subtractResources,
  takeFromRanges,
  unallocateResources,
} from "@mr-redis/mesos";
import { type Framework, patienceMs } from "./framework.js";
import { freeingOperations } from "./leftovers.js";
import { fail, present } from "./verdict.js";

/** An agent as the survey saw it. */
export interface SeenAgent {
  readonly id: string;
  readonly hostname: string;
  /** `host:port` of its HTTP API. */
  readonly address: string;
  /** All that it offers when nothing runs, without the allocation. */
  readonly whole: readonly Resource[];
}

/** Waits for an outstanding offer of the agent that fits; what does not fit is declined without a filter. */
export function offerOf(
  framework: Framework,
  agentId: string,
  options: {
    readonly fits?: (offer: Offer) => boolean;
    readonly withinMs?: number;
    readonly what?: string;
    /** What checks left reserved for this role is freed where it is in the way. */
    readonly freeRole?: string;
  } = {},
): Promise<Offer> {
  const fits = options.fits ?? (() => true);
  let seen: Offer | undefined;
  return framework
    .until(
      () => {
        const offers = [...framework.outstanding.values()];
        const ofAgent = offers.filter((offer) => offer.agent_id.value === agentId);
        const [only] = ofAgent;
        if (only !== undefined && ofAgent.length === 1 && fits(only)) return only;
        seen = only ?? seen;
        if (only !== undefined) giveBack(framework, ofAgent, options.freeRole);
        return undefined;
      },
      options.what ?? `an offer of agent ${agentId}`,
      options.withinMs ?? patienceMs,
    )
    .catch((error: unknown) => {
      if (seen !== undefined && error instanceof Error) {
        error.message += `; the last was ${formatResources(seen.resources ?? [])}`;
      }
      throw error;
    });
}

/** Declines offers without a filter; what is reserved of them for a role is freed. */
function giveBack(framework: Framework, offers: readonly Offer[], role: string | undefined): void {
  for (const offer of offers) {
    const operations = role === undefined ? [] : freeingOperations(offer, role);
    const given =
      operations.length > 0
        ? framework.accept([offer], operations, 0)
        : framework.decline([offer], 0);
    // When the session has ended there is nothing to give back.
    given.catch(() => undefined);
  }
}

/** Waits until all agents are offered whole; the order is that of `agents`. */
export function wholeOffers(
  framework: Framework,
  agents: readonly SeenAgent[],
  freeRole: string,
): Promise<readonly Offer[]> {
  return Promise.all(
    agents.map((agent) =>
      offerOf(framework, agent.id, {
        fits: (offer) => containsResources(resourcesOf(offer), agent.whole),
        freeRole,
        what: `agent ${agent.id} offered whole (is another framework active?)`,
      }),
    ),
  );
}

/** What is offered, without the allocation. */
export const resourcesOf = (offer: Offer): readonly Resource[] =>
  unallocateResources(offer.resources ?? []);

/** Of one agent. */
export const isOf = (agentId: string) => (offer: Offer) => offer.agent_id.value === agentId;

/** What is left of an offer. */
export function remainderOf(offer: Offer, used: readonly Resource[]): readonly Resource[] {
  const rest = subtractResources(resourcesOf(offer), used);
  return rest ?? fail(`${formatResources(used)} is not in ${formatResources(resourcesOf(offer))}`);
}

/** Unreserved ports of an offer: `count` of them, one by one with a gap after each where there is room. */
export function portsFrom(offer: Offer, count: number): readonly number[] {
  const ports = resourcesOf(offer).filter(
    (resource) => resource.name === "ports" && (resource.reservations ?? []).length === 0,
  );
  const ranges = ports.flatMap((resource) => resource.ranges?.range ?? []);
  const twice = takeFromRanges(ranges, 2 * count);
  const spread = twice?.filter((_port, index) => index % 2 === 1);
  return present(spread ?? takeFromRanges(ranges, count), `${count} offered ports`);
}
