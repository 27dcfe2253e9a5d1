/**
 * Owns the tests of the stored authority of the framework. Not: the other versions of that document (codec.test.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import {
  changedFramework,
  decodeFramework,
  encodeFramework,
  type FrameworkDocument,
} from "./framework.js";

const second: FrameworkDocument = {
  version: 2,
  frameworkId: "f",
  frameworkName: "n",
  user: "",
  createdAtMs: 1,
  removedAtMs: null,
};
const certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const authority = { certificate, key: "sealed:1:k:AAAA" };
const upgrade = { version: "mr-redis-1", paused: true, atMs: 5 };

test("an authority makes it version 4, an upgrade 3; neither is lost by the other", () => {
  const withAuthority = changedFramework(second, { authority });
  const withBoth = changedFramework(withAuthority, { upgrade });
  const withUpgrade = changedFramework(second, { upgrade });
  expect([withAuthority, withBoth, withUpgrade]).toEqual([
    { ...second, version: 4, authority },
    { ...second, version: 4, authority, upgrade },
    { ...second, version: 3, upgrade },
  ]);
  expect(changedFramework(withUpgrade, { authority })).toEqual(withBoth);
  for (const document of [withAuthority, withBoth]) {
    expect(decodeFramework(encodeFramework(document))).toEqual({ ok: true, value: document });
  }
});

test("a private key that is not sealed is refused, and is never written", () => {
  const plain = { ...authority, key: "-----BEGIN PRIVATE KEY-----" };
  const document = { ...second, version: 4, authority: plain } as const;
  expect(decodeFramework(JSON.stringify(document))).toEqual({
    ok: false,
    problems: [{ path: "authority.key", rule: "must begin with sealed:" }],
  });
  expect(() => encodeFramework(document)).toThrow("authority.key must begin with sealed:");
});
