/**
 * Owns when an agent forgets an executor and a framework. Called by agent/ only.
 * Rule: an ended executor stays until the scheduler acknowledged the end of all its tasks; a framework stays
 * while it has an executor.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { AgentBooks, AgentFramework, Executor } from "./books.js";

/** Forgets the executor when it has ended and nothing of it is unacknowledged, then the framework if it was the last. */
export function removeIfDone(
  books: AgentBooks,
  framework: AgentFramework,
  executor: Executor,
): void {
  const open = executor.queued.size + executor.launched.size + executor.ended.size;
  if (executor.state !== "terminated" || (open > 0 && !framework.isTerminating)) return;
  framework.executors.delete(executor.id);
  removeFrameworkIfIdle(books, framework);
  books.out.push({ type: "save" });
}

/** Forgets a framework without executors. */
export function removeFrameworkIfIdle(books: AgentBooks, framework: AgentFramework): void {
  if (framework.executors.size === 0) books.frameworks.delete(framework.id);
}
