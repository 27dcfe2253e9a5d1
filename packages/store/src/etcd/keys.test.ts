/**
 * Owns the tests of where things lie in etcd (keys.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { isDocumentKey } from "../change.js";
import { decodeLeader, decodeTerm, EtcdKeys, encodeLeader, textOf } from "./keys.js";

const keys = new EtcdKeys("/mr-redis/");

test("a document's key is found again, in the one range that is read and watched", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", minLength: 1, maxLength: 100 }), (name) => {
      const key = `instance/${name}` as const;
      fc.pre(isDocumentKey(key));
      const bytes = keys.of(key);
      expect(keys.documentKey(bytes)).toBe(key);
      expect(bytes.compare(keys.documents.start)).toBeGreaterThan(0);
      expect(bytes.compare(keys.documents.end)).toBeLessThan(0);
    }),
  );
  expect(keys.of("framework")).toEqual(keys.documents.start);
  expect(keys.documentKey(Buffer.from("/mr-redis/framework"))).toBe("framework");
});

test("what is not ours is no document", () => {
  const foreign = [
    "/mr-redis",
    "/mr-redis/",
    "/mr-redis/instance",
    "/mr-redis/instance/",
    "/mr-redis/leader",
    "/mr-redis/term",
    "/mr-redis/frameworks",
    "/mr-redisx/framework",
    "framework",
  ];
  for (const each of foreign) expect(keys.documentKey(Buffer.from(each))).toBe(null);
  const noText = Buffer.concat([Buffer.from("/mr-redis/instance/"), Buffer.of(0xff)]);
  expect(keys.documentKey(noText)).toBe(null);
  expect(textOf(noText)).toBe(null);
});

test("a root that could not be one is refused", () => {
  for (const prefix of ["", "/", "//", "/a b", "/\u00e9", `/${"x".repeat(200)}`]) {
    expect(() => new EtcdKeys(prefix)).toThrow("the root of the keys");
  }
});

test("leader and term are read as they were written, and nothing else", () => {
  const record = { holder: 'http://a:1 "\u00fc"', term: 7 };
  expect(decodeLeader(encodeLeader(record))).toEqual(record);
  for (const text of [
    "",
    "{}",
    "null",
    "[]",
    "7",
    '{"holder":1,"term":1}',
    '{"holder":"a","term":0}',
  ]) {
    expect(decodeLeader(Buffer.from(text))).toBe(null);
  }
  expect(decodeTerm(Buffer.from("9007199254740991"))).toBe(Number.MAX_SAFE_INTEGER);
  for (const text of ["", "0", "-1", "1.5", "1e3", " 1", "9007199254740992", "x"]) {
    expect(decodeTerm(Buffer.from(text))).toBe(null);
  }
});
