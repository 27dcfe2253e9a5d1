/**
 * Owns the rule for names of instances, and how the id of a process is made of one.
 * Not: where ids come from (`uuid` is handed in). Called by the parsers of requests and by control/.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "../assert.js";

/** A name of an instance: safe in paths, Mesos task ids, logs and shells. */
export const instanceNamePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

/** {@link instanceNamePattern} in words, to follow a name. */
export const instanceNameRule =
  "must be 1 to 63 letters, digits, _ . or -, the first a letter or digit";

/** True for a name that an instance may have. */
export const isInstanceName = (value: unknown): value is string =>
  typeof value === "string" && instanceNamePattern.test(value);

const separator = "::";

/** What follows the separator. The ancestor's uuids are not those of RFC 9562, so only the characters count. */
const uuidPattern = /^[0-9A-Za-z-]{1,64}$/;

/** The id of a process, which is also its Mesos task id: `<instance>::<uuid>`, as with the ancestor. */
export function processIdOf(instance: string, uuid: string): string {
  assert(isInstanceName(instance), "a process belongs to an instance with a good name");
  assert(uuidPattern.test(uuid), "the last part of a process id is a uuid");
  return `${instance}${separator}${uuid}`;
}

/** The instance that a process id names; null when it is no process id of ours. */
export function instanceOfProcessId(id: string): string | null {
  const at = id.indexOf(separator);
  if (at < 0) return null;
  const instance = id.slice(0, at);
  return isInstanceName(instance) && uuidPattern.test(id.slice(at + separator.length))
    ? instance
    : null;
}
