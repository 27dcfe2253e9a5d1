/**
 * Owns what an executor's id says of its version: two executors of one version differ only in where they were fetched
 * from and in the kind of their resources, and neither has to be moved for that.
 * Not: how the id is made of the ExecutorInfo (packages/scheduler). Called by control/ and by the scheduler.
 * SPDX-License-Identifier: Apache-2.0
 */

/** The id of an executor: `version` for what it is, `form` for the whole of its ExecutorInfo. Neither holds a dash at its end. */
export const executorIdOf = (version: string, form: string): string => `${version}-${form}`;

/** What {@link executorIdOf} was given as the version; an id of another make is a version of its own. */
export function executorVersionOf(executorId: string): string {
  const dash = executorId.lastIndexOf("-");
  return dash <= 0 ? executorId : executorId.slice(0, dash);
}
