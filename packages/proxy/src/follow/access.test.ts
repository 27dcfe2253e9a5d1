/**
 * Tests that tokens and authorities are read anew for each request, and that bad files are named. SPDX-License-Identifier: Apache-2.0
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { accessOf } from "./access.js";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mrr-access-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const write = (name: string, text: string): string => {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
};
const tokenOf = (letter: string): string => `mrr_${letter.repeat(43)}`;
const ca = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----";

test("a new token counts at once, a bad one does not", () => {
  const tokenFile = write("token", `${tokenOf("a")}\n`);
  const { headers, ca: authority } = accessOf({ tokenFile, caFile: write("ca", ca) });
  expect([headers?.(), authority?.()]).toEqual([{ authorization: `Bearer ${tokenOf("a")}` }, ca]);
  write("token", tokenOf("b"));
  expect(headers?.()).toEqual({ authorization: `Bearer ${tokenOf("b")}` });
  write("token", "");
  expect(headers?.()).toEqual({ authorization: `Bearer ${tokenOf("b")}` });
});

test("without files nothing is sent", () => {
  expect(accessOf({ tokenFile: null, caFile: "" })).toEqual({});
});

test.each([
  ["TokenFile", "a secret slip", /^TokenFile .*token: it holds no token/],
  ["TokenFile", null, /^TokenFile .*token: ENOENT/],
  ["CaFile", "a secret slip", /^CaFile .*ca: it holds no certificate/],
])("a bad %s of %j is named and not repeated", (key, text, message) => {
  const name = key === "CaFile" ? "ca" : "token";
  const path = text === null ? join(directory, name) : write(name, text);
  const files = {
    tokenFile: null,
    caFile: null,
    [key === "CaFile" ? "caFile" : "tokenFile"]: path,
  };
  const act = () => accessOf(files);
  expect(act).toThrow(message);
  expect(act).not.toThrow(/slip/);
});
