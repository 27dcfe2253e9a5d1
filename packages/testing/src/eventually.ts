/**
 * Owns waiting for a state with a deadline, so that tests need no sleeps.
 * Not: what is waited for. Called by tests.
 * SPDX-License-Identifier: Apache-2.0
 */

/** Default limit of {@link eventually}: far above what a healthy system needs, so that only defects reach it. */
export const eventuallyDeadlineMs = 10_000;

/** Pause between two looks: short against everything that is measured, long enough to leave the CPU alone. */
export const eventuallyIntervalMs = 20;

/** Resolves after `durationMs`; for pauses between looks, not for waiting on a state. */
export const pause = (durationMs: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, durationMs));

/**
 * Calls `check` until it returns without throwing, and gives its result. At the deadline the last
 * failure is thrown, with how long was waited.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  options: { deadlineMs?: number; intervalMs?: number; what?: string } = {},
): Promise<T> {
  const deadlineMs = options.deadlineMs ?? eventuallyDeadlineMs;
  const startMs = performance.now();
  for (;;) {
    try {
      return await check();
    } catch (error) {
      const waitedMs = Math.round(performance.now() - startMs);
      if (waitedMs >= deadlineMs) {
        const text = error instanceof Error ? error.message : String(error);
        const what = options.what === undefined ? "" : `${options.what}: `;
        throw new Error(`${what}not within ${waitedMs} ms: ${text}`, { cause: error });
      }
    }
    await pause(options.intervalMs ?? eventuallyIntervalMs);
  }
}

/** As {@link eventually}, for a condition: waits until `condition` is true. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  options: { deadlineMs?: number; intervalMs?: number; what: string },
): Promise<void> {
  await eventually(async () => {
    if (!(await condition())) throw new Error("the condition is false");
  }, options);
}
