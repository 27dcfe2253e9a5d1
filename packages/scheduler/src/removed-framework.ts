/**
 * Owns what the removal of a framework means for its processes: Mesos has ended every one of them, and tells nobody so.
 * Not: when that is said (reign.ts), nor what follows (core). Pure.
 * Source of the rule: a removed framework gets no updates; its executors are shut down by their agents.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ControlHappening, FrameworkDocument, InstanceDocument } from "@mr-redis/core";

/**
 * The end of each process, as Mesos would have told it. Replicas first: nobody is to be promoted among those that have
 * ended, too.
 */
export function endedTasks(
  { processes, masterId }: InstanceDocument,
  { frameworkId }: Pick<FrameworkDocument, "frameworkId">,
): readonly ControlHappening[] {
  const masterLast = [...processes].sort(
    (a, b) => Number(a.id === masterId) - Number(b.id === masterId),
  );
  return masterLast.map(({ id, agentId }) => ({
    type: "task-updated",
    update: {
      taskId: id,
      agentId,
      state: "TASK_GONE_BY_OPERATOR",
      source: "SOURCE_MASTER",
      reason: "REASON_FRAMEWORK_REMOVED",
      message: `framework ${frameworkId} was removed from Mesos with all its data; the instance is created again, new and empty`,
      uuid: null,
    },
  }));
}
