/**
 * Owns the user that an executor runs as when this process is root. Called by container.ts.
 * Source of the rule: reference section 12.2 (`--switch_user`): the user must exist, an empty name is not filled in.
 * SPDX-License-Identifier: Apache-2.0
 */
import { chown, readdir, readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { MrrError } from "@mr-redis/core";

/** A user of this machine. */
export interface UnixUser {
  readonly uid: number;
  readonly gid: number;
}

/** The user by name; null when it is the one this process runs as. Rejects when there is none. */
export async function findUser(name: string): Promise<UnixUser | null> {
  if (name === userInfo().username) return null;
  const lines = (await readFile("/etc/passwd", "utf8")).split("\n");
  for (const line of lines) {
    const [login, , uid, gid] = line.split(":");
    if (login === name && name !== "" && uid !== undefined && gid !== undefined) {
      return { uid: Number(uid), gid: Number(gid) };
    }
  }
  throw new MrrError("invalid-request", `Failed to get the user '${name}': no such user`);
}

/** Gives a directory and all in it to the user. */
export async function chownAll(directory: string, user: UnixUser): Promise<void> {
  await chown(directory, user.uid, user.gid);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await chownAll(path, user);
    else if (entry.isFile()) await chown(path, user.uid, user.gid);
  }
}
