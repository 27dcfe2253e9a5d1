/**
 * Owns the proof that key files are read as they are written, and that what is wrong is named by its line, never repeated.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createHash, randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { keyBytes, keysMax, parseKeyFile } from "./key-file.js";

const line = (byte: number): string => Buffer.alloc(keyBytes, byte).toString("base64");

const rulesOf = (text: string): readonly string[] | null => {
  const result = parseKeyFile(text);
  return result.ok ? null : result.problems.map(({ path, rule }) => `${path} ${rule}`);
};

const wrong = (number: number): string =>
  `line ${number} must be 32 bytes in base64, as \`openssl rand -base64 32\` prints`;

it("has keys in their order, comments, empty lines, and lines of either end", () => {
  const text = `\uFEFF# of May\n\n ${line(1)}\t\r\n# older\n${line(2)}`;
  const idOf = (byte: number): string =>
    createHash("sha256").update(Buffer.alloc(keyBytes, byte)).digest("hex").slice(0, 8);
  expect(parseKeyFile(text)).toEqual({
    ok: true,
    value: [
      { id: idOf(1), key: Buffer.alloc(keyBytes, 1) },
      { id: idOf(2), key: Buffer.alloc(keyBytes, 2) },
    ],
  });
});

it.each([
  ["", ["file must hold at least one key"]],
  ["# none\n", ["file must hold at least one key"]],
  ["a passphrase", [wrong(1)]],
  [randomBytes(31).toString("base64"), [wrong(1)]],
  [randomBytes(33).toString("base64"), [wrong(1)]],
  [Buffer.alloc(keyBytes, 0xff).toString("base64url"), [wrong(1)]],
  // The same bytes in another form.
  [`${"A".repeat(42)}B=`, [wrong(1)]],
  [`${line(1)}\n${line(1)}\nx`, ["line 2 holds the key of an earlier line", wrong(3)]],
])("%j is refused by line", (text, rules) => {
  expect(rulesOf(text)).toEqual(rules);
});

it("has limits, and repeats nothing", () => {
  const many = Array.from({ length: keysMax + 1 }, () => randomBytes(keyBytes).toString("base64"));
  expect(rulesOf(many.join("\n"))).toEqual([`file must hold at most ${keysMax} keys`]);
  expect(rulesOf("x\n".repeat(100))).toHaveLength(20);
  const nearly = line(3).slice(0, -1);
  expect(JSON.stringify(rulesOf(nearly))).not.toContain(nearly.slice(0, 8));
});

it("never throws", () => {
  const isJudged = (text: string) => expect(typeof parseKeyFile(text).ok).toBe("boolean");
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void isJudged(text)));
});
