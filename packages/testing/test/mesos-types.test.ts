/**
 * Test that the Mesos types are what their schema says; `npm run generate` writes them instead.
 * SPDX-License-Identifier: Apache-2.0
 */
import { join } from "node:path";
import { expect, test } from "vitest";
import { renderTypes } from "../../../tools/generate-mesos-types.js";
import { run } from "../src/launch.js";
import { repositoryRoot } from "../src/mrr-up.js";

test("packages/mesos/src/wire/types.ts is generated from schema.ts", async () => {
  const root = repositoryRoot();
  const target = join(root, "packages/mesos/src/wire/types.ts");
  const formatted = await run({
    command: process.execPath,
    args: [
      join(root, "node_modules/@biomejs/biome/bin/biome"),
      "format",
      "--stdin-file-path=packages/mesos/src/wire/types.ts",
    ],
    cwd: root,
    stdin: renderTypes(),
  });
  expect(formatted.exitCode, formatted.stderr).toBe(0);
  await expect(formatted.stdout).toMatchFileSnapshot(target);
});
