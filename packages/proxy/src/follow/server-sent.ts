/**
 * Owns the reading of server-sent events from bytes, with limits. Pure.
 * Not: what they mean (core's parse.ts), nor the connection (request.ts).
 * Source of the form: HTML Living Standard, section "Server-sent events".
 * SPDX-License-Identifier: Apache-2.0
 */

/** One event. */
export interface ServerSent {
  /** `message` where the sender named none. */
  readonly type: string;
  readonly data: string;
  /** What goes into `Last-Event-ID`; null: none was sent yet. */
  readonly id: string | null;
}

/** Characters of one event that is not at its end yet: an instance with a thousand replicas takes a third of it. */
export const eventCharactersMax = 1024 * 1024;

/** Longest id that is remembered: it comes back in a header. */
const idCharactersMax = 200;

/** See the head of this file. */
export class ServerSentReader {
  readonly #decoder = new TextDecoder("utf-8");
  #rest = "";
  #isBehindReturn = false;
  #type = "";
  #data: string[] = [];
  #dataCharacters = 0;
  #id: string | null = null;

  /** The events that end in `chunk`; null: a limit is passed, and the stream is of no use any more. */
  push(chunk: Uint8Array): ServerSent[] | null {
    const events: ServerSent[] = [];
    let text = this.#decoder.decode(chunk, { stream: true });
    // The line feed of a pair whose return was the last of the chunk before.
    if (this.#isBehindReturn && text !== "") {
      if (text.startsWith("\n")) text = text.slice(1);
      this.#isBehindReturn = false;
    }
    const ends = /\r\n|\n|\r/g;
    let begin = 0;
    for (let end = ends.exec(text); end !== null; end = ends.exec(text)) {
      const event = this.#line(this.#rest + text.slice(begin, end.index));
      this.#rest = "";
      begin = ends.lastIndex;
      if (event !== null) events.push(event);
      if (this.#dataCharacters > eventCharactersMax) return null;
      this.#isBehindReturn = end[0] === "\r" && begin === text.length;
    }
    // What was looked at once is not looked at again: a sender of single bytes costs what it sends.
    this.#rest += text.slice(begin);
    return this.#rest.length > eventCharactersMax ? null : events;
  }

  #line(line: string): ServerSent | null {
    if (line === "") return this.#end();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "event") this.#type = value;
    else if (field === "data") {
      this.#data.push(value);
      this.#dataCharacters += value.length + 1;
    } else if (field === "id" && /^[\x20-\x7e]*$/.test(value) && value.length <= idCharactersMax) {
      this.#id = value;
    }
    // Comments (heartbeats) and other fields say nothing here.
    return null;
  }

  #end(): ServerSent | null {
    const type = this.#type === "" ? "message" : this.#type;
    const isEmpty = this.#data.length === 0;
    const data = this.#data.join("\n");
    this.#type = "";
    this.#data = [];
    this.#dataCharacters = 0;
    return isEmpty ? null : { type, data, id: this.#id };
  }
}
