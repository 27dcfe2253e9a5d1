/**
 * Owns the two files that remember an endpoint: the user's own, and the ancestor's in the shared /tmp.
 * Not: which of them counts (resolve.ts). Called by resolve.ts and init.
 * SPDX-License-Identifier: Apache-2.0
 */
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Io } from "../io.js";

/** The ancestor wrote its endpoint here, for all users of the machine. */
export const ancestorFileDefault = "/tmp/.MrRedis";

/** Longest content that is read: the ancestor read 512 bytes. */
const contentBytesMax = 4096;

/** `$XDG_CONFIG_HOME/mr-redis/endpoint`, by default in `~/.config`. */
export function userFile(io: Io): string {
  const base = io.env.XDG_CONFIG_HOME;
  // The XDG rules say that a relative path is to be ignored.
  const directory = base?.startsWith("/") ? base : join(io.homeDirectory, ".config");
  return join(directory, "mr-redis", "endpoint");
}

/** Path of the ancestor's file; `MRR_ANCESTOR_FILE` names another, or none when empty. */
export function ancestorFile(io: Io): string | null {
  const path = io.env.MRR_ANCESTOR_FILE ?? ancestorFileDefault;
  return path === "" ? null : path;
}

/** What a look at a file gave. `distrusted`: someone else could have written it, so it does not count. */
export type FileLook =
  | { readonly type: "absent" }
  | { readonly type: "content"; readonly text: string }
  | { readonly type: "distrusted"; readonly because: string };

async function readStart(handle: FileHandle): Promise<string> {
  const { buffer, bytesRead } = await handle.read(
    Buffer.alloc(contentBytesMax),
    0,
    contentBytesMax,
    0,
  );
  return buffer.toString("utf8", 0, bytesRead).replaceAll("\0", "").trim();
}

/** Reads the user's own file. An empty one counts as absent: a failed init of the ancestor left it so. */
export async function readUserFile(io: Io): Promise<FileLook> {
  return read(userFile(io), 0, () => null);
}

/**
 * Reads the ancestor's file, with or without a newline at its end. /tmp belongs to everybody: a link, or a file
 * of another user than this one and root, could send this user's calls anywhere, so it does not count.
 */
export async function readAncestorFile(io: Io): Promise<FileLook> {
  const path = ancestorFile(io);
  if (path === null) return { type: "absent" };
  return read(path, constants.O_NOFOLLOW, (owner) =>
    io.userId === null || owner === io.userId || owner === 0 ? null : "it belongs to another user",
  );
}

async function read(
  path: string,
  flags: number,
  distrust: (owner: number) => string | null,
): Promise<FileLook> {
  let handle: FileHandle;
  try {
    // Not blocking: a named pipe must not hold the command.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | flags);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    if (code === "ENOENT" || code === "ENOTDIR") return { type: "absent" };
    return { type: "distrusted", because: code === "ELOOP" ? "it is a link" : code };
  }
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) return { type: "distrusted", because: "it is no regular file" };
    const because = distrust(stat.uid);
    if (because !== null) return { type: "distrusted", because };
    const text = await readStart(handle);
    return text === "" ? { type: "absent" } : { type: "content", text };
  } finally {
    await handle.close();
  }
}

/** Replaces the user's file at once or not at all; its directory is made for the user alone. */
export async function writeUserFile(io: Io, endpoint: string): Promise<void> {
  const path = userFile(io);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  try {
    await writeFile(draft, `${endpoint}\n`, { mode: 0o600, flag: "w" });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/**
 * Writes the ancestor's file in its raw form (no newline), so that old tools of this machine follow: only when it
 * does not exist or is a regular file of this user with one name. Never through a link: in /tmp that would
 * let another user choose which of our files is overwritten. Returns why it was left alone, or null.
 */
export async function writeAncestorFile(io: Io, endpoint: string): Promise<string | null> {
  const path = ancestorFile(io);
  if (path === null) return null;
  try {
    await writeFile(path, endpoint, { flag: "wx", mode: 0o644 });
    return null;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EEXIST") return code ?? "unknown error";
  }
  return overwriteOwn(path, io.userId, endpoint);
}

async function overwriteOwn(
  path: string,
  userId: number | null,
  endpoint: string,
): Promise<string | null> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    return code === "ELOOP" ? "it is a link" : code;
  }
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) return "it is no regular file";
    if (userId !== null && stat.uid !== userId) return "it belongs to another user";
    if (stat.nlink !== 1) return "it has several names";
    await handle.truncate(0);
    await handle.write(endpoint, 0, "utf8");
    return null;
  } finally {
    await handle.close();
  }
}
