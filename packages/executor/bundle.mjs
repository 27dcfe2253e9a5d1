/**
 * Owns the making of the one file that agents get: bundle/mr-redis-executor.cjs, started with plain node.
 * Not: who serves it (packages/scheduler). Called by `npm run bundle`.
 * Start-up time is part of the first create on an agent, so of undici only its Client is taken (30 ms less).
 * SPDX-License-Identifier: Apache-2.0
 */
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { noteParts } from "../../tools/metafile.mjs";
import { slimDockerode } from "../../tools/slim-dockerode.mjs";
import { slimUndici } from "../../tools/slim-undici.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));

const outfile = process.argv[2] ?? `${here}bundle/mr-redis-executor.cjs`;

const parts = await build({
  entryPoints: [`${here}src/main.ts`],
  outfile,
  bundle: true,
  minify: true,
  keepNames: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  conditions: ["mr-redis-source"],
  banner: { js: "#!/usr/bin/env node" },
  legalComments: "none",
  logLevel: "warning",
  metafile: true,
  // Of the sources that are left out in the end: the search for masters, which an executor does not need.
  logOverride: { "empty-import-meta": "silent" },
  plugins: [slimDockerode, slimUndici],
});
noteParts(parts);
