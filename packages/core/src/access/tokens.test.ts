/**
 * Owns the proof that token files are read as they are written, and that what is wrong is named by its line.
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isToken, mayAs, parseTokenFile, roles, type TokenEntry, tokenLine } from "./tokens.js";

const hashOf = (digit: string): string => digit.repeat(64);
const ruleOf = (text: string) => {
  const result = parseTokenFile(text);
  return result.ok ? null : result.problems.map(({ path, rule }) => `${path} ${rule}`);
};

describe("a token file", () => {
  it("has comments, empty lines, lines of either end, and hashes in either case", () => {
    const text = `\uFEFF# who\n\n alice  admin\tsha256:${hashOf("A")}\r\nproxy read sha256:${hashOf("b")}`;
    expect(parseTokenFile(text)).toEqual({
      ok: true,
      value: [
        { name: "alice", role: "admin", sha256: hashOf("a") },
        { name: "proxy", role: "read", sha256: hashOf("b") },
      ],
    });
  });

  it.each([
    ["", ["file must hold at least one token"]],
    ["# nobody", ["file must hold at least one token"]],
    ["alice admin", ["line 1 must be NAME ROLE sha256:HASH, as `mrr token` prints it"]],
    [
      `\nalice root sha256:${hashOf("a")}\nbob read md5:${hashOf("a")}`,
      [
        "line 2 must have the role read or operate or admin",
        "line 3 must end with sha256: and 64 hexadecimal digits",
      ],
    ],
    [
      `a read sha256:${hashOf("a")}\na read sha256:${hashOf("b")}\nb read sha256:${hashOf("a")}`,
      ["line 2 names a a second time", "line 3 holds the hash of an earlier line"],
    ],
  ])("%j is refused by line", (text, rules) => {
    expect(ruleOf(text)).toEqual(rules);
  });

  it("never repeats what may be a token, and has limits", () => {
    const token = "mrr_thisIsATokenInTheWrongPlace0123456789";
    expect(JSON.stringify(ruleOf(`alice admin ${token}`))).not.toContain(token);
    const lines = Array.from(
      { length: 1_001 },
      (_, index) => `n${index} read sha256:${index.toString(16).padStart(64, "0")}`,
    );
    expect(ruleOf(lines.join("\n"))).toEqual(["file must hold at most 1000 tokens"]);
    expect(ruleOf("x\n".repeat(100))).toHaveLength(20);
  });

  const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,20}$/);
  const sha256 = fc.stringMatching(/^[0-9a-f]{64}$/);
  const entry: fc.Arbitrary<TokenEntry> = fc.record({
    name,
    role: fc.constantFrom(...roles),
    sha256,
  });
  const entries = fc.uniqueArray(entry, {
    minLength: 1,
    maxLength: 10,
    comparator: (a, b) => a.name === b.name || a.sha256 === b.sha256,
  });
  it("is read as it is written", () => {
    const isKept = (given: readonly TokenEntry[]) =>
      expect(parseTokenFile(given.map(tokenLine).join("\n"))).toEqual({ ok: true, value: given });
    fc.assert(fc.property(entries, (given) => void isKept(given)));
  });

  it("never throws", () => {
    const isJudged = (text: string) => expect(typeof parseTokenFile(text).ok).toBe("boolean");
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void isJudged(text)));
  });
});

it("each role may do what those before it may", () => {
  expect(roles.map((held) => roles.filter((needed) => mayAs(held, needed)))).toEqual([
    ["read"],
    ["read", "operate"],
    ["read", "operate", "admin"],
  ]);
});

it.each([
  ["mrr_0123456789abcdefghijklmnopqrstuv", true],
  ["short", false],
  ["a".repeat(257), false],
  [`${"a".repeat(40)} b`, false],
  [`${"a".repeat(40)}\n`, false],
  [`${"a".repeat(40)}==`, true],
])("%j can be a token: %s", (text, expected) => {
  expect(isToken(text)).toBe(expected);
});
