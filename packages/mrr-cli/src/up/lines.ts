/**
 * Owns cutting a stream of bytes into lines, with limits. Pure.
 * Not: what a line means. Called by child.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { StringDecoder } from "node:string_decoder";

/** A longer line is cut there: no line that matters here is longer. */
const lineCharsMax = 64 * 1024;

/** Collects chunks and gives whole lines. */
export class LineCutter {
  readonly #decoder = new StringDecoder("utf8");
  #rest = "";

  /** The lines that `chunk` completes, without their newlines. */
  add(chunk: Buffer): string[] {
    const parts = (this.#rest + this.#decoder.write(chunk)).split("\n");
    this.#rest = (parts.pop() ?? "").slice(0, lineCharsMax);
    return parts.map((line) => line.slice(0, lineCharsMax));
  }

  /** What is left without a newline at the end of the stream. */
  end(): string[] {
    const rest = this.#rest + this.#decoder.end();
    this.#rest = "";
    return rest === "" ? [] : [rest];
  }
}

/** True for the line by which our programs say that they are ready: JSON with `"msg":"ready"`. */
export function isReadyLine(line: string): boolean {
  // Cheap, before anything is parsed: every line of a log passes here until the program is ready.
  if (!line.startsWith("{") || !line.includes('"ready"')) return false;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "msg" in value && value.msg === "ready";
  } catch {
    return false;
  }
}
