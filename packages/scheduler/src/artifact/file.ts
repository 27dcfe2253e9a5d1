/**
 * Owns one file that agents fetch: its hash, and the notice when it changes on disk.
 * Not: HTTP (server.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { MrrError } from "@mr-redis/core";

/** A file to be served: `name` is its place in the URL, `path` where it lies. */
export interface ArtifactFile {
  /** Letters, digits, dots, dashes and underscores. */
  readonly name: string;
  readonly path: string;
}

/** What is known of the file as it was last hashed. */
export interface ArtifactState {
  readonly bytes: number;
  /** In hex. */
  readonly sha256: string;
  readonly modifiedAtMs: number;
}

/** One content of the file: what `stat` says of it, and its hash (shared by all who open it meanwhile). */
interface Content {
  readonly size: number;
  readonly mtimeMs: number;
  readonly ino: number;
  readonly hashed: Promise<string>;
}

/** One file, hashed when it is first opened and again when it was replaced (a new build under a running scheduler). */
export class Artifact {
  readonly file: ArtifactFile;
  #content: Content | null = null;
  #state: ArtifactState | null = null;

  constructor(file: ArtifactFile) {
    this.file = file;
  }

  /** As of the last {@link open}; null before the first. */
  get state(): ArtifactState | null {
    return this.#state;
  }

  /** Opens the file for one answer; the caller closes the handle. Rejects with `config-invalid` when it cannot be read. */
  async open(): Promise<{ handle: FileHandle; state: ArtifactState }> {
    const handle = await this.#openHandle();
    try {
      const { size, mtimeMs, ino } = await handle.stat();
      let content = this.#content;
      if (content?.size !== size || content.mtimeMs !== mtimeMs || content.ino !== ino) {
        content = { size, mtimeMs, ino, hashed: hash(handle) };
        this.#content = content;
      }
      const state = await this.#stateOf(content);
      return { handle, state };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async #stateOf(content: Content): Promise<ArtifactState> {
    try {
      const sha256 = await content.hashed;
      const state = { bytes: content.size, sha256, modifiedAtMs: content.mtimeMs };
      if (this.#content === content) this.#state = state;
      return state;
    } catch (error) {
      // Not remembered: the next one tries again.
      if (this.#content === content) this.#content = null;
      throw error;
    }
  }

  async #openHandle(): Promise<FileHandle> {
    const { path } = this.file;
    try {
      const handle = await open(path, "r");
      if ((await handle.stat()).isFile()) return handle;
      await handle.close();
    } catch (cause) {
      throw new MrrError(
        "config-invalid",
        `${path} cannot be read, so agents could not fetch it.`,
        {
          cause,
          details: { path },
        },
      );
    }
    throw new MrrError("config-invalid", `${path} is no file, so agents could not fetch it.`, {
      details: { path },
    });
  }
}

/** Bytes read at once while hashing. */
const chunkBytes = 256 * 1024;

async function hash(handle: FileHandle): Promise<string> {
  const sum = createHash("sha256");
  const buffer = Buffer.allocUnsafe(chunkBytes);
  let position = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, 0, chunkBytes, position);
    if (bytesRead === 0) return sum.digest("hex");
    sum.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
}
