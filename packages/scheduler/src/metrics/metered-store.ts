/**
 * Owns a store whose calls are counted and timed. Not: the store, nor what the figures mean (meter.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Clock, isMrrError } from "@mr-redis/core";
import type { Store } from "@mr-redis/store";
import type { Meter } from "./meter.js";

/** The same store. */
export function meteredStore(store: Store, meter: Meter, clock: Clock): Store {
  const noted = async <T>(call: Promise<T>): Promise<T> => {
    try {
      const result = await call;
      meter.stored(true);
      return result;
    } catch (error) {
      // What a store says of its documents is an answer.
      meter.stored(isMrrError(error) && error.code !== "store-unavailable");
      throw error;
    }
  };
  return {
    campaign: async (holder, signal) => {
      try {
        const leadership = await store.campaign(holder, signal);
        meter.stored(true);
        return leadership;
      } catch (error) {
        // The end of this scheduler says nothing of the store.
        if (!signal.aborted) meter.stored(false);
        throw error;
      }
    },
    readLeader: () => noted(store.readLeader()),
    readAll: () => noted(store.readAll()),
    read: (key) => noted(store.read(key)),
    commit: async (leadership, changes) => {
      const sinceMs = clock.monotonicMs();
      const outcomes = await store.commit(leadership, changes);
      meter.commits(outcomes, clock.monotonicMs() - sinceMs);
      return outcomes;
    },
    watch: (listener) => store.watch(listener),
    close: () => store.close(),
  };
}
