/**
 * Owns the two forms of resources inside the master: as frameworks write them (allocated to a role, either form
 * of reservations), and as the books keep them (no role, reservation stack). Called by master/ only.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  addResources,
  type OfferOperation,
  type Resource,
  type TaskInfo,
  unallocateResources,
  withReservationStack,
} from "@mr-redis/mesos";

/** What a task or an executor takes out of an agent's books. */
export const charged = (resources: readonly Resource[] | undefined): readonly Resource[] =>
  addResources(unallocateResources((resources ?? []).map(withReservationStack)));

/** The resources as written, in stack form, allocated to `role` where they do not say a role. */
export const allocatedTo = (
  resources: readonly Resource[] | undefined,
  role: string,
): readonly Resource[] =>
  (resources ?? []).map((resource) => ({
    ...withReservationStack(resource),
    allocation_info:
      resource.allocation_info?.role === undefined ? { role } : resource.allocation_info,
  }));

/** A task with the allocation role and the framework id filled in, as the master sends it on. */
export function completedTask(task: TaskInfo, role: string, frameworkId: string): TaskInfo {
  const { executor } = task;
  return {
    ...task,
    resources: allocatedTo(task.resources, role),
    ...(executor === undefined
      ? {}
      : {
          executor: {
            ...executor,
            framework_id: executor.framework_id ?? { value: frameworkId },
            resources: allocatedTo(executor.resources, role),
          },
        }),
  };
}

/** The tasks that an operation would launch. */
export const tasksOf = (operation: OfferOperation): readonly TaskInfo[] => {
  switch (operation.type) {
    case "LAUNCH":
      return operation.launch?.task_infos ?? [];
    case "LAUNCH_GROUP":
      return operation.launch_group?.task_group.tasks ?? [];
    default:
      return [];
  }
};
