/**
 * Owns the checks of an ACCEPT with an offer that is not valid: C31 to C33.
 * Called by checklist.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Offer } from "@mr-redis/mesos";
import { offerOf } from "../bundles.js";
import type { Check } from "../check.js";
import type { Context } from "../context.js";
import { type Framework, tickMs } from "../framework.js";
import { fail, present } from "../verdict.js";

/** Would keep what comes back away, if it were obeyed. */
const longSeconds = 3_600;

/** Two tasks in one ACCEPT of these offers: both must be dropped by the master. */
async function expectDropped(
  context: Context,
  framework: Framework,
  offers: readonly Pick<Offer, "id" | "agent_id">[],
): Promise<void> {
  const first = present(offers[0], "an offer");
  const ids = ["one", "two"].map((name) => context.id(name));
  await framework.send({
    type: "ACCEPT",
    accept: {
      offer_ids: offers.map(({ id }) => id),
      operations: [
        { type: "LAUNCH", launch: { task_infos: ids.map((id) => context.task(first, id)) } },
      ],
      filters: { refuse_seconds: longSeconds },
    },
  });
  for (const id of ids) {
    const status = await framework.update(id);
    context.expectStatus(status, {
      state: "TASK_DROPPED",
      reason: "REASON_INVALID_OFFERS",
      source: "SOURCE_MASTER",
      uuid: undefined,
      message: /^Task launched with invalid offers: /,
    });
  }
}

/** What was valid comes back without the filter, under another id. */
async function expectReturned(
  context: Context,
  framework: Framework,
  offers: readonly Offer[],
): Promise<void> {
  for (const { id, agent_id } of offers) {
    framework.outstanding.delete(id.value);
    const again = await offerOf(framework, agent_id.value, { withinMs: tickMs });
    if (again.id.value === id.value) fail(`offer id ${id.value} was used again`);
    context.saw(`${id.value} came back as ${again.id.value}`);
  }
}

/** The checks. */
export const spoiledAcceptChecks: readonly Check[] = [
  {
    id: "C31",
    title: "LAUNCH on a used offer: TASK_DROPPED, REASON_INVALID_OFFERS, by the master, no uuid",
    tags: [],
    async run(context) {
      const { framework, offer } = await context.withOffer();
      await framework.decline([offer], 0);
      await expectDropped(context, framework, [offer]);
    },
  },
  {
    id: "C32",
    title:
      "LAUNCH on a valid and an unknown offer: all dropped, the valid one comes back within 2 s",
    tags: [],
    async run(context) {
      const { framework, offer } = await context.withOffer();
      const unknown = { id: { value: "no-such-offer" }, agent_id: offer.agent_id };
      await expectDropped(context, framework, [offer, unknown]);
      await expectReturned(context, framework, [offer]);
    },
  },
  {
    id: "C33",
    title: "LAUNCH on offers of two agents: all dropped, both come back within 2 s",
    tags: [],
    async run(context) {
      const { framework, offers } = await context.withOffers(2);
      const two = offers.slice(0, 2);
      await expectDropped(context, framework, two);
      await expectReturned(context, framework, two);
    },
  },
];
