/**
 * Owns the rule for names of instances and the ids of their processes.
 * Not: the other fields of a request (create.ts). Called by parsers and by control/.
 * SPDX-License-Identifier: Apache-2.0
 */

/** Names of instances: a letter or digit, then up to 62 letters, digits, `_`, `.`, `-`. They become Mesos ids and file names. */
export const namePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

/** What {@link namePattern} allows, for people. */
export const nameRule =
  "must be 1 to 63 characters: letters, digits, '_', '.', '-', the first a letter or digit";

/** Between instance and uuid in a process id; no name can contain it. */
const separator = "::";

/** The process id (and Mesos task id) `<instance>::<uuid>`. */
export const processIdOf = (instance: string, uuid: string): string =>
  `${instance}${separator}${uuid}`;

/** The instance of a process id, or null when the text is none. */
export function instanceOfProcessId(id: string): string | null {
  const at = id.indexOf(separator);
  if (at <= 0) return null;
  const name = id.slice(0, at);
  return namePattern.test(name) ? name : null;
}
