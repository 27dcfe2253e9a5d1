/**
 * Owns the arithmetic of the guard: what ends a redis-server in a container when nobody renews its time any more.
 * Not: the guard itself (packages/executor/src/container/guard.ts), nor who waits for it (failover/rules.ts).
 * Why: a container is no child of its executor, so the kernel does not end it with the executor (rule 11).
 * SPDX-License-Identifier: Apache-2.0
 */

/** How long a process in a container may go on after its executor last renewed its time; counted in whole seconds. */
export const guardHoldSeconds = 8;

/** How often the guard looks at the clock. */
export const guardLookSeconds = 2;

/** How often the executor renews: a busy host may delay it by some seconds. */
export const guardRenewMs = 1_000;

/** From the end of an executor until the last of its processes in containers is gone: hold, look, and 2 s to act. */
export const guardOutliveMs = (guardHoldSeconds + guardLookSeconds + 2) * 1_000;
