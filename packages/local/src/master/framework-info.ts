/**
 * Owns what makes a SUBSCRIBE (or UPDATE_FRAMEWORK) unacceptable by its content.
 * Not: the session (session.ts), nor the checks of the endpoint. Called by session.ts.
 * Source of the rules: reference section 4.1; texts as recorded where a recording has them.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { FrameworkInfo } from "@mr-redis/mesos";
import { hasCapability, rolesOf } from "./books.js";

/** Longest id: a component of a path on the agent (NAME_MAX). */
export const idLengthMax = 255;

/** Longest failover timeout that a duration in nanoseconds can hold, in seconds. */
const failoverTimeoutSecondsMax = 2 ** 63 / 1e9;

/** Why an id cannot be used, in the words of Mesos; undefined for a good one. */
export function idProblem(id: string): string | undefined {
  if (id === "") return "ID must not be empty";
  if (id.length > idLengthMax) return `ID must not be greater than ${idLengthMax} characters`;
  if (id === "." || id === "..") return `'${id}' is disallowed`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  return /[\u0000-\u001f\u007f/\\]/.test(id) ? `'${id}' contains invalid characters` : undefined;
}

/** Why a role name cannot be used; undefined for a good one. */
export function roleProblem(role: string): string | undefined {
  if (role === "*") return undefined;
  if (role === "") return "Empty role name is invalid";
  if (role.startsWith("/")) return `Role '${role}' cannot start with a slash`;
  if (role.endsWith("/")) return `Role '${role}' cannot end with a slash`;
  if (role.includes("//")) return `Role '${role}' cannot contain two adjacent slashes`;
  for (const part of role.split("/")) {
    if (part === "." || part === ".." || part === "*") {
      return `Role '${role}' cannot include '${part}' as a component`;
    }
    if (part.startsWith("-"))
      return `Role component '${part}' is invalid because it begins with a dash`;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: backspace is one of the refused characters
    if (/[\s\u0008\u007f\\]/.test(part)) {
      return `Role component '${part}' is invalid because it contains backspace or whitespace`;
    }
  }
  return undefined;
}

function rolesProblem(info: FrameworkInfo): string | undefined {
  const isMultiRole = hasCapability(info, "MULTI_ROLE");
  if (isMultiRole && info.role !== undefined) {
    return "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable";
  }
  if (!isMultiRole && (info.roles ?? []).length > 0) {
    return "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable";
  }
  const field = isMultiRole ? "roles' contains invalid role" : "role' is not a valid role";
  const seen = new Set<string>();
  for (const role of rolesOf(info)) {
    if (seen.has(role)) return `'FrameworkInfo.roles' contains duplicate items: ${role}`;
    seen.add(role);
    const problem = roleProblem(role);
    if (problem !== undefined) return `'FrameworkInfo.${field}: ${problem}`;
  }
  return undefined;
}

/** Why the framework is not taken, as the ERROR event says it; undefined when it is. */
export function frameworkProblem(
  info: FrameworkInfo,
  suppressedRoles: readonly string[],
): string | undefined {
  const roles = rolesProblem(info);
  if (roles !== undefined) return roles;
  const id = info.id?.value ?? "";
  const idText = id === "" ? undefined : idProblem(id);
  if (idText !== undefined) return `'FrameworkInfo.id' is invalid: ${idText}`;
  const timeout = info.failover_timeout ?? 0;
  if (!Number.isFinite(timeout) || Math.abs(timeout) >= failoverTimeoutSecondsMax) {
    return `The framework failover_timeout (${timeout}) is invalid`;
  }
  const own = new Set(rolesOf(info));
  const strangers = suppressedRoles.filter((role) => !own.has(role));
  return strangers.length === 0
    ? undefined
    : `Suppressed roles { ${strangers.join(", ")} } are not contained in the set of roles { ${[...own].join(", ")} }`;
}

/** Why UPDATE_FRAMEWORK may not replace `before` by `after`; undefined when it may. */
export function frameworkChangeProblem(
  before: FrameworkInfo,
  after: FrameworkInfo,
): string | undefined {
  const change = (field: string, from: unknown, to: unknown) =>
    `Updating 'FrameworkInfo.${field}' is unsupported; attempted to update from '${from}' to '${to}'`;
  if (before.principal !== after.principal) {
    return change("principal", before.principal ?? "", after.principal ?? "");
  }
  if (before.user !== after.user) return change("user", before.user, after.user);
  const from = before.checkpoint ?? false;
  const to = after.checkpoint ?? false;
  return from === to ? undefined : change("checkpoint", from, to);
}
