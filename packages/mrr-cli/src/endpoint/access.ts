/**
 * Owns what a call carries and trusts: the token, and who vouches for https. From flags, variables, or what `mrr init`
 * remembered together with the endpoint. Never from the command line itself: everybody on a machine reads those.
 * Not: which scheduler is called (resolve.ts). Called by context.ts, init and `mrr up`.
 * SPDX-License-Identifier: Apache-2.0
 */
import { constants } from "node:fs";
import { mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { isLoopback, isToken, MrrError } from "@mr-redis/core";
import type { Io } from "../io.js";
import { userFile } from "./files.js";
import type { Endpoint } from "./resolve.js";

/** What a client carries and trusts. */
export interface Access {
  /** Never shown, never logged. */
  readonly token: string | null;
  /** Certificates (PEM) of the authorities that count for https; null: those that Node knows. */
  readonly ca: string | null;
}

/** Of a scheduler that asks for nothing. */
export const noAccess: Access = { token: null, ca: null };

/** Files that were named; undefined: none. */
export interface AccessFiles {
  readonly tokenFile?: string | undefined;
  readonly caFile?: string | undefined;
}

/** A token, and a line or two around it. */
const tokenFileBytesMax = 4_096;

/** The system's whole list of authorities has 0.2 MB. */
const caFileBytesMax = 4 * 1024 * 1024;

/** What `mrr init` remembers, beside the endpoint and for that alone. */
const rememberedFile = (io: Io): string => join(dirname(userFile(io)), "access.json");

/**
 * Reads what counts: the flag, then the variables, then what was remembered for this endpoint. A token that was remembered
 * for one endpoint never goes to another. Throws MrrError `invalid-request` for a file that cannot be used.
 */
export async function resolveAccess(
  io: Io,
  flags: AccessFiles,
  endpoint: Endpoint,
): Promise<Access> {
  const { MRR_TOKEN: variable = "", MRR_TOKEN_FILE, MRR_CA_FILE } = io.env;
  const remembered = await readRemembered(io, endpoint);
  const caFile = given(flags.caFile) ?? given(MRR_CA_FILE) ?? remembered.caFile;
  const ca = caFile === undefined ? null : await readText(io, "CA", caFile, caFileBytesMax);
  const flag = given(flags.tokenFile);
  if (flag === undefined && variable !== "") {
    return { token: checked(variable.trim(), "MRR_TOKEN"), ca };
  }
  const tokenFile = flag ?? given(MRR_TOKEN_FILE) ?? remembered.tokenFile;
  return { token: tokenFile === undefined ? null : await readToken(io, tokenFile), ca };
}

const given = (path: string | undefined): string | undefined => (path === "" ? undefined : path);

/** Says on stderr when the token can be read on its way. */
export function tellExposure(io: Io, { token }: Access, { urls }: Endpoint): void {
  if (token === null) return;
  const plain = urls.find((url) => {
    const { protocol, hostname } = new URL(url);
    return protocol === "http:" && !isLoopback(hostname);
  });
  if (plain === undefined) return;
  io.stderr.write(`Note: the token goes to ${plain} without TLS; who listens on the way has it.\n`);
}

/** Remembers the files for these endpoints, or that there are none. Paths are made absolute. */
export async function remember(io: Io, endpoint: string, files: AccessFiles): Promise<void> {
  const path = rememberedFile(io);
  const { tokenFile, caFile } = files;
  if (given(tokenFile) === undefined && given(caFile) === undefined) {
    await rm(path, { force: true });
    return;
  }
  const absolute = (file: string | undefined): string | undefined =>
    given(file) === undefined ? undefined : resolve(io.cwd, file ?? "");
  const content = { endpoint, tokenFile: absolute(tokenFile), caFile: absolute(caFile) };
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, `${JSON.stringify(content)}\n`, { mode: 0o600 });
  await rename(draft, path);
}

async function readRemembered(io: Io, endpoint: Endpoint): Promise<AccessFiles> {
  if (endpoint.source !== `from ${userFile(io)}`) return {};
  try {
    const text = await readText(io, "remembered", rememberedFile(io), tokenFileBytesMax);
    const raw: unknown = JSON.parse(text);
    const fields = (typeof raw === "object" && raw !== null ? raw : {}) as Record<string, unknown>;
    if (fields.endpoint !== endpoint.urls.join(",")) return {};
    const path = (value: unknown): string | undefined =>
      typeof value === "string" ? value : undefined;
    return { tokenFile: path(fields.tokenFile), caFile: path(fields.caFile) };
  } catch {
    // None, or none of ours: then nothing is remembered.
    return {};
  }
}

async function readToken(io: Io, path: string): Promise<string> {
  const text = await readText(io, "token", path, tokenFileBytesMax, (mode) => {
    if (io.userId === null || (mode & 0o077) === 0) return;
    io.stderr.write(`Note: ${path} can be read by others on this machine; chmod 600 ends that.\n`);
  });
  return checked(text.trim(), path);
}

/** What is no token is not repeated either: it may be one with a slip. */
function checked(token: string, source: string): string {
  if (isToken(token)) return token;
  throw new MrrError("invalid-request", `${source} holds no token: one line of 32 or more letters`);
}

async function readText(
  io: Io,
  what: string,
  path: string,
  bytesMax: number,
  look: (mode: number) => void = () => {},
): Promise<string> {
  try {
    // Not blocking: a named pipe must not hold the command.
    const file = resolve(io.cwd, path);
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) throw new Error("it is no regular file");
      if (stat.size > bytesMax) throw new Error(`it is larger than ${bytesMax} bytes`);
      look(stat.mode);
      return await handle.readFile("utf8");
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const text = `The ${what} file ${path} cannot be read: ${code ?? message}`;
    throw new MrrError("invalid-request", text, { cause: error });
  }
}
