/**
 * Owns running checks: the quiet ones beside the others, each with a limit, again when it was only too late, and the
 * clean-up after each.
 * Not: what they check, nor how it is printed (report.ts). Called by main.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { SeenAgent } from "./bundles.js";
import type { Check } from "./check.js";
import { Context, type Means } from "./context.js";
import { CheckEnd, type EndKind } from "./verdict.js";
import { secondsText } from "./wait.js";

/** Attempts of a check that is too late: a busy machine is late now and then, a wrong one each time. */
const attemptsMax = 3;

/** How many quiet checks run at a time. */
const quietMax = 6;

/** Limits of one attempt, before slack. */
const limitMs = { usual: 60_000, slow: 150_000 } as const;

/** How a check ended. */
export interface Result {
  readonly id: string;
  readonly title: string;
  readonly tags: readonly string[];
  readonly outcome: "pass" | "fail" | "not-applicable";
  /** Why it did not pass; null when it did. */
  readonly reason: string | null;
  /** What was observed. */
  readonly evidence: readonly string[];
  /** What was sent and heard, with seconds since its beginning. */
  readonly trace: readonly string[];
  readonly attempts: number;
  readonly tookMs: number;
}

/** Who hears of the progress. */
export interface Progress {
  readonly started: (check: Check) => void;
  readonly ended: (result: Result) => void;
}

interface Attempt {
  readonly kind: "pass" | EndKind;
  readonly reason: string | null;
  readonly context: Context;
}

/** One attempt, cleaned up after. */
async function attempt(
  check: Check,
  means: Means,
  agents: readonly SeenAgent[],
  signal: AbortSignal,
): Promise<Attempt> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  const usual = check.tags.includes("slow") ? limitMs.slow : limitMs.usual;
  const withinMs = (check.limitMs ?? usual) * means.slack;
  const timer = setTimeout(stop, withinMs);
  const context = new Context(means, agents, check.id, controller.signal);
  try {
    await check.run(context);
    return { kind: "pass", reason: null, context };
  } catch (error) {
    if (controller.signal.aborted && !signal.aborted) {
      return { kind: "fail", reason: `not done within ${secondsText(withinMs)}`, context };
    }
    const reason = error instanceof Error ? error.message : String(error);
    return { kind: error instanceof CheckEnd ? error.kind : "fail", reason, context };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
    await context.end();
  }
}

async function runCheck(
  check: Check,
  means: Means,
  agents: readonly SeenAgent[],
  signal: AbortSignal,
): Promise<Result> {
  const startMs = performance.now();
  const { id, title, tags } = check;
  const ended = (attempts: number, { kind, reason, context }: Attempt): Result => ({
    id,
    title,
    tags,
    outcome: kind === "late" ? "fail" : kind,
    reason,
    evidence: context.evidence,
    trace: context.trace,
    attempts,
    tookMs: Math.round(performance.now() - startMs),
  });
  for (let attempts = 1; ; attempts += 1) {
    const one = await attempt(check, means, agents, signal);
    if (one.kind !== "late" || attempts >= attemptsMax || signal.aborted)
      return ended(attempts, one);
  }
}

/** Runs the checks; `signal` ends them early, after a clean-up. The results are in the order of the checks. */
export async function runChecks(
  checks: readonly Check[],
  means: Means,
  agents: readonly SeenAgent[],
  signal: AbortSignal,
  progress: Progress,
): Promise<readonly Result[]> {
  const results = new Map<string, Result>();
  const lane = async (queue: Check[]): Promise<void> => {
    for (let check = queue.shift(); check !== undefined; check = queue.shift()) {
      if (signal.aborted) return;
      progress.started(check);
      const result = await runCheck(check, means, agents, signal);
      if (signal.aborted && result.outcome !== "pass") return;
      results.set(check.id, result);
      progress.ended(result);
    }
  };
  const isQuiet = (check: Check) => check.tags.includes("quiet");
  // The slow ones first: they take as long as all others together.
  const quiet = checks.filter(isQuiet);
  const quietQueue = [
    ...quiet.filter((check) => check.tags.includes("slow")),
    ...quiet.filter((check) => !check.tags.includes("slow")),
  ];
  const others = checks.filter((check) => !isQuiet(check));
  await Promise.all([lane(others), ...Array.from({ length: quietMax }, () => lane(quietQueue))]);
  return checks.flatMap((check) => results.get(check.id) ?? []);
}
