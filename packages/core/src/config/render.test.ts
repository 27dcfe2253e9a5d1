/**
 * Tests render.ts, and holds docs/reference/configuration.md equal to the table.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import { renderConfigReference, renderEmptyConfig } from "./render.js";

test("-DumpEmptyConfig has the ancestor's form, and its keys first in its order", () => {
  const lines = renderEmptyConfig().split("\n");
  expect(lines.slice(0, 13)).toEqual([
    "{",
    '   "UserName": "ubuntu",',
    '   "FrameworkName": "MrRedis",',
    '   "Master": "127.0.0.1:5050",',
    '   "ExecutorPath": "",',
    '   "RedisImage": "",',
    '   "DBType": "embedded",',
    '   "DBEndPoint": "",',
    '   "LogFile": "stderr",',
    '   "ArtifactIP": "127.0.0.1",',
    '   "ArtifactPort": "5454",',
    '   "HTTPPort": "5656",',
    '   "HTTPBind": "0.0.0.0",',
  ]);
  expect(lines.slice(-2)).toEqual(['   "ReviveIntervalMs": "1000"', " }"]);
});

test("docs/reference/configuration.md is what the table says", async () => {
  // After a change of the table: npx vitest run --project @mr-redis/core -u config/render
  await expect(renderConfigReference()).toMatchFileSnapshot(
    "../../../../docs/reference/configuration.md",
  );
});
