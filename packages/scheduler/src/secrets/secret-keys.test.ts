/**
 * Owns the proof that what is sealed opens with its key at its place alone, and that no change of it goes unseen.
 * SPDX-License-Identifier: Apache-2.0
 */
import { randomBytes } from "node:crypto";
import { AssertionError } from "@mr-redis/core";
import fc from "fast-check";
import { expect, it } from "vitest";
import { keyBytes, sealingKeyOf } from "./key-file.js";
import { rememberedMax, type Sealing, SecretKeys } from "./secret-keys.js";

const keyOf = (byte: number) => sealingKeyOf(Buffer.alloc(keyBytes, byte));

function at(keys: SecretKeys, place: "framework" | `instance/${string}` = "instance/a"): Sealing {
  const sealing = keys.sealingOf(place);
  if (sealing === null) throw new Error("there is a key");
  return sealing;
}

it("what is sealed opens, and shows nothing of itself", () => {
  const keys = new SecretKeys([keyOf(1)]);
  const check = (plain: string): void => {
    const text = at(keys).seal(plain);
    expect(text).toMatch(/^sealed:1:[0-9a-f]{8}:[A-Za-z0-9_-]+$/);
    if (plain.length > 12) expect(text).not.toContain(plain);
    expect(at(keys).open(text)).toBe(plain);
    // Another program with the same file.
    expect(at(new SecretKeys([keyOf(2), keyOf(1)])).open(text)).toBe(plain);
  };
  fc.assert(fc.property(fc.string({ unit: "grapheme", maxLength: 200 }), check));
});

it("the same secret is sealed in another way each time it is not remembered", () => {
  const seal = (): string => at(new SecretKeys([keyOf(1)])).seal("secret");
  expect(new Set(Array.from({ length: 100 }, seal)).size).toBe(100);
});

it("what is sealed and does not change keeps its text; another place or key has another", () => {
  const keys = new SecretKeys([keyOf(1)]);
  const text = at(keys).seal("secret");
  expect(at(keys).seal("secret")).toBe(text);
  expect(at(keys, "instance/b").seal("secret")).not.toBe(text);
  // Also of a text that was opened: a restart makes no new ones.
  const restarted = new SecretKeys([keyOf(1)]);
  expect(at(restarted).open(text)).toBe("secret");
  expect(at(restarted).seal("secret")).toBe(text);
  restarted.replace([keyOf(2), keyOf(1)]);
  const renewed = at(restarted).seal("secret");
  expect(renewed.split(":")[2]).toBe(keyOf(2).id);
  // An older key's text opens, and is not what is sealed next.
  expect(at(restarted).open(text)).toBe("secret");
  expect(at(restarted).seal("secret")).toBe(renewed);
  expect(restarted.open("instance/a", text)).toEqual({
    type: "opened",
    plain: "secret",
    isCurrent: false,
  });
});

it("no more texts are remembered than the limit", () => {
  const keys = new SecretKeys([keyOf(1)]);
  const first = at(keys).seal("0");
  for (let index = 1; index < rememberedMax; index += 1) at(keys).seal(String(index));
  expect(at(keys).seal("0")).toBe(first);
  const second = at(keys).seal("1");
  at(keys).seal("one more");
  at(keys).seal("and another");
  expect(at(keys).seal("1")).toBe(second);
  // Used longest ago.
  expect(at(keys).open(at(keys).seal("2"))).toBe("2");
});

it("another place, another key, no key", () => {
  const text = at(new SecretKeys([keyOf(1)])).seal("secret");
  expect(new SecretKeys([keyOf(1)]).open("instance/b", text)).toEqual({ type: "broken" });
  expect(new SecretKeys([keyOf(1)]).open("framework", text)).toEqual({ type: "broken" });
  const unknown = { type: "unknown-key", keyId: keyOf(1).id };
  expect(new SecretKeys([keyOf(2)]).open("instance/a", text)).toEqual(unknown);
  const none = new SecretKeys([]);
  expect(none.open("instance/a", text)).toEqual(unknown);
  expect([none.areKept, none.ids, none.sealingOf("instance/a")]).toEqual([false, [], null]);
  const emptied = new SecretKeys([keyOf(1)]);
  const { seal } = at(emptied);
  emptied.replace([]);
  expect(() => seal("secret")).toThrow(AssertionError);
});

it("never opens what was changed anywhere, cut, or made longer", () => {
  const keys = new SecretKeys([keyOf(1)]);
  const text = at(keys).seal("a secret of some length");
  const start = text.lastIndexOf(":") + 1;
  const bytes = Buffer.from(text.slice(start), "base64url");
  const textOf = (payload: Buffer): string => text.slice(0, start) + payload.toString("base64url");
  expect(at(keys).open(textOf(bytes))).toBe("a secret of some length");
  const isRefused = (change: Buffer): void =>
    expect(keys.open("instance/a", textOf(change))).toEqual({ type: "broken" });
  for (const [index, byte] of bytes.entries()) {
    const changed = Buffer.from(bytes);
    changed[index] = byte ^ 1;
    isRefused(changed);
    isRefused(bytes.subarray(0, index));
  }
  isRefused(Buffer.concat([bytes, randomBytes(1)]));
});

it("opens one form of a text only: the last digit's bits that mean nothing are nothing", () => {
  const keys = new SecretKeys([keyOf(1)]);
  // 12 + 6 + 16 bytes: the last of 46 digits has four such bits.
  const text = at(keys).seal("secret");
  const others = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"]
    .map((digit) => text.slice(0, -1) + digit)
    .filter((each) => each !== text);
  expect(others).toHaveLength(63);
  for (const other of others) expect(keys.open("instance/a", other)).toEqual({ type: "broken" });
});

it("never throws, whatever is to be opened", () => {
  const keys = new SecretKeys([keyOf(1)]);
  const { id } = keyOf(1);
  const isNothing = (text: string) => expect(at(keys).open(text)).toBeNull();
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void isNothing(text)));
  const payload = fc.stringMatching(/^[A-Za-z0-9_-]{0,80}$/);
  fc.assert(fc.property(payload, (end) => void isNothing(`sealed:1:${id}:${end}`)));
});
