/**
 * Owns persistent volumes on disk: their directories, and their links in sandboxes.
 * Not: who may use them (master/). Called by shell/agent-shell.ts. Synchronous: a volume must stand before the
 * LAUNCH that uses it is delivered.
 * Source of the rules: reference section 8.5 (posix isolator): a link at a relative path without slashes.
 * SPDX-License-Identifier: Apache-2.0
 */
import { chownSync, lstatSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Resource, reservationsOf } from "@mr-redis/mesos";
import { volumeDirOf } from "./sandbox.js";
import type { UnixUser } from "./user.js";

/** The directory of a volume; a PATH disk has its own root. */
function directoryOf(workDir: string, volume: Resource): string {
  const root = volume.disk?.source?.path?.root;
  const role = reservationsOf(volume).at(-1)?.role ?? "*";
  const id = volume.disk?.persistence?.id ?? "";
  return volumeDirOf(root === undefined ? workDir : resolve(workDir, root), role, id);
}

/** CREATE makes the directories (data of before stays), DESTROY removes them with all in them. */
export function changeVolumes(
  workDir: string,
  kind: "create" | "destroy",
  volumes: readonly Resource[],
): void {
  for (const volume of volumes) {
    const directory = directoryOf(workDir, volume);
    if (kind === "create") mkdirSync(directory, { recursive: true });
    else rmSync(directory, { recursive: true, force: true });
  }
}

/** Makes the links of the volumes in the sandbox; those in `before` that are not wanted any more go. The paths linked now. */
export function linkVolumes(
  workDir: string,
  sandbox: string,
  volumes: readonly Resource[],
  before: ReadonlySet<string>,
  user: UnixUser | null,
): ReadonlySet<string> {
  const wanted = new Map(
    volumes.flatMap((volume) => {
      const path = volume.disk?.volume?.container_path ?? "";
      const isName = path !== "" && path !== "." && path !== ".." && !path.includes("/");
      return isName ? [[path, directoryOf(workDir, volume)] as const] : [];
    }),
  );
  for (const path of before) if (!wanted.has(path)) rmSync(join(sandbox, path), { force: true });
  for (const [path, directory] of wanted) {
    mkdirSync(directory, { recursive: true });
    if (user !== null) chownSync(directory, user.uid, user.gid);
    if (!exists(join(sandbox, path))) symlinkSync(directory, join(sandbox, path));
  }
  return new Set(wanted.keys());
}

function exists(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
