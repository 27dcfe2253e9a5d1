/**
 * Owns the tests of the reader of server-sent events: however the bytes are cut, the same events; limits hold.
 * SPDX-License-Identifier: Apache-2.0
 */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eventCharactersMax, ServerSentReader } from "./server-sent.js";

const read = (...chunks: readonly (string | Uint8Array)[]) => {
  const reader = new ServerSentReader();
  return chunks.flatMap<unknown>((chunk) => reader.push(Buffer.from(chunk)) ?? ["limit"]);
};

describe("ServerSentReader", () => {
  it("reads types, data of several lines, ids that stay, and passes over the rest", () => {
    const text =
      ": heartbeat\n\nid: 7\nevent: instance\ndata: {\ndata:  1}\nretry: 9\n\nevent: reset\n\ndata\n\n";
    expect(read(text)).toEqual([
      { type: "instance", data: "{\n 1}", id: "7" },
      { type: "message", data: "", id: "7" },
    ]);
  });

  it("gives the same for every way to cut the bytes, with every end of line", () => {
    const event = fc.record({
      type: fc.stringMatching(/^[a-z]{1,9}$/),
      data: fc
        .string({ unit: "grapheme", maxLength: 30 })
        .map((text) => text.replace(/[\r\n\ufeff]/g, "")),
      id: fc.stringMatching(/^[0-9a-z.]{1,9}$/),
    });
    const end = fc.constantFrom("\n", "\r\n", "\r");
    fc.assert(
      fc.property(fc.array(event), end, fc.array(fc.nat({ max: 40 })), (events, newline, cuts) => {
        const lines = events.flatMap(({ type, data, id }) => [
          `id: ${id}`,
          `event: ${type}`,
          `data: ${data}`,
          "",
        ]);
        const bytes = Buffer.from(lines.map((line) => line + newline).join(""));
        const chunks: Uint8Array[] = [];
        let at = 0;
        for (const cut of cuts) {
          chunks.push(bytes.subarray(at, at + cut));
          at += cut;
        }
        expect(read(...chunks, bytes.subarray(at))).toEqual(events);
      }),
    );
  });

  it("takes one line feed with the return before it, and no second one", () => {
    expect(read("data: 1\r", "\n", "\n", "data: 2\n\n")).toEqual(read("data: 1\r\n\ndata: 2\n\n"));
  });

  it("never throws, and ends what passes a limit", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (chunks) => {
        read(...chunks);
      }),
    );
    expect(read("x".repeat(eventCharactersMax + 1))).toEqual(["limit"]);
    const line = `data: ${"x".repeat(1_000)}\n`;
    expect(read(line.repeat(eventCharactersMax / 1_000 + 1))).toEqual(["limit"]);
  });
});
