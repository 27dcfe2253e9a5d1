/**
 * Test that the Mesos types are what their schema says; `npm run generate` writes them instead.
 * SPDX-License-Identifier: Apache-2.0
 */
import { join } from "node:path";
import { expect, test } from "vitest";
import { renderMessageTypes, renderTypes } from "../../../tools/generate-mesos-types.js";
import { run } from "../src/launch.js";
import { repositoryRoot } from "../src/mrr-up.js";

test.each([
  ["packages/mesos/src/wire/types.ts", renderTypes],
  ["packages/mesos/src/wire/message-types.ts", renderMessageTypes],
])("%s is generated from schema.ts", async (path, render) => {
  const root = repositoryRoot();
  const formatted = await run({
    command: process.execPath,
    args: [
      join(root, "node_modules/@biomejs/biome/bin/biome"),
      "format",
      `--stdin-file-path=${path}`,
    ],
    cwd: root,
    stdin: render(),
  });
  expect(formatted.exitCode, formatted.stderr).toBe(0);
  await expect(formatted.stdout).toMatchFileSnapshot(join(root, path));
});
