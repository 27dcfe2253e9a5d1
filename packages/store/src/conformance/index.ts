/**
 * Owns the conformance suite: what every driver of the Store port must do. Exported as `@mr-redis/store/conformance`.
 * Not: the drivers. Called by the test of each driver; needs vitest, so nothing but tests may import it.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "@mr-redis/core";
import { describe, test } from "vitest";
import type { Store } from "../port.js";
import { documentCases } from "./documents.js";
import { faultCases } from "./faults.js";
import type { CaseContext, ConformanceCase, StoreHarness } from "./harness.js";
import { leadershipCases } from "./leadership.js";
import { serverDocumentCases } from "./server-documents.js";
import { serverLeadershipCases } from "./server-leadership.js";
import { watchCases } from "./watch.js";

export type { StoreHarness } from "./harness.js";

/** How a driver takes part. */
export interface StoreConformanceOptions {
  /** Of the driver, for reports. */
  readonly name: string;
  /** Called for each case. Those with ids `server-...` wait for leases to end; the others may have long ones. */
  readonly create: (caseId: string) => Promise<StoreHarness>;
  /** Cases that this driver cannot have, each with its reason. */
  readonly skip?: readonly { readonly id: string; readonly reason: string }[];
  /** Limit of one case; default {@link caseMsDefault}. */
  readonly caseMs?: number;
}

/** Default limit of one case: the largest writes 20 MB. */
export const caseMsDefault = 30_000;

/** Limit of a case that stops or kills the server: several limits of calls and leases, on a busy machine. */
export const serverCaseMs = 120_000;

const cases: readonly ConformanceCase[] = [
  ...documentCases,
  ...leadershipCases,
  ...watchCases,
  ...faultCases,
  ...serverDocumentCases,
  ...serverLeadershipCases,
];

/** Ids of all cases. */
export const storeCaseIds: readonly string[] = cases.map((each) => each.id);

const isServerCase = (id: string): boolean => id.startsWith("server-");

async function runCase(each: ConformanceCase, harness: StoreHarness): Promise<void> {
  const stores: Store[] = [];
  const kept = (store: Store): Store => {
    stores.push(store);
    return store;
  };
  const { server } = harness;
  const context: CaseContext = {
    harness,
    get server() {
      assert(server !== undefined && isServerCase(each.id), "a case with a server says so");
      return server;
    },
    open: async () => kept(await harness.open()),
    openThrough: async () => {
      const { store, link } = await context.server.openThrough();
      return { store: kept(store), link };
    },
  };
  try {
    await each.run(context);
  } finally {
    for (const store of stores) await store.close();
    await harness.remove();
  }
}

/** Runs the suite as tests of the calling file. */
export function storeConformance(options: StoreConformanceOptions): void {
  const skip = new Map(options.skip?.map((each) => [each.id, each.reason]));
  for (const id of skip.keys()) assert(storeCaseIds.includes(id), `there is no case ${id} to skip`);
  assert(new Set(storeCaseIds).size === cases.length, "ids of cases are unique");
  describe(`store ${options.name}`, () => {
    for (const each of cases) {
      const reason = skip.get(each.id);
      if (reason !== undefined) {
        test.skip(`${each.id} (skipped: ${reason})`, () => {});
        continue;
      }
      const caseMs = isServerCase(each.id) ? serverCaseMs : caseMsDefault;
      test(each.id, { timeout: options.caseMs ?? caseMs }, async (context) => {
        const harness = await options.create(each.id);
        if (isServerCase(each.id) && harness.server === undefined) {
          await harness.remove();
          context.skip("there is no server");
        }
        if (each.id.startsWith("deposed-")) assert(!!harness.depose, "depose, or a skip");
        if (each.id.startsWith("unknown-")) assert(!!harness.unknownNext, "unknownNext, or a skip");
        await runCase(each, harness);
      });
    }
  });
}
