/**
 * Test that package-lock.json names every optional package, so that `npm ci` takes it on any system.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { completeLock } from "../../../tools/complete-lock.mjs";
import { repositoryRoot } from "../src/mrr-up.js";

test("an optional package that npm left out is added with its platform", () => {
  const entry = {
    version: "1.0.0",
    dev: true,
    optionalDependencies: { "@x/cli-linux-x64-musl": "1.0.0" },
  };
  const { lock, added } = completeLock({ packages: { "": {}, "node_modules/z": entry } });
  expect([lock, added]).toEqual([
    {
      packages: {
        "": {},
        "node_modules/@x/cli-linux-x64-musl": {
          version: "1.0.0",
          cpu: ["x64"],
          dev: true,
          libc: ["musl"],
          optional: true,
          os: ["linux"],
        },
        "node_modules/z": entry,
      },
    },
    ["@x/cli-linux-x64-musl@1.0.0"],
  ]);
});

test("package-lock.json is complete (else: npm run lock)", () => {
  const text = readFileSync(join(repositoryRoot(), "package-lock.json"), "utf8");
  expect(completeLock(JSON.parse(text)).added).toEqual([]);
});
