/**
 * Owns where the last known topology is kept when nobody says it. Pure. Not: the file (follow/state-file.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { createHash } from "node:crypto";
import { join } from "node:path";

/** Whose program this is. */
export interface Place {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
  readonly isRoot: boolean;
}

/** `/var/lib/mr-redis` of root, else the user's place for state; another file for each set of schedulers and address. */
export function stateFileDefault(
  { env, homeDirectory, isRoot }: Place,
  schedulers: readonly string[],
  bind: string,
): string {
  const base = env.XDG_STATE_HOME;
  // The XDG rules say that a relative path is to be ignored.
  const user = base?.startsWith("/") ? base : join(homeDirectory, ".local", "state");
  const directory = isRoot && base === undefined ? "/var/lib/mr-redis" : join(user, "mr-redis");
  const whom = [...schedulers].sort().join(",");
  const key = createHash("sha256").update(`${whom} ${bind}`).digest("hex").slice(0, 12);
  return join(directory, `proxy-${key}.json`);
}
