/**
 * Owns the making of bundle/mrr-proxy.js, by which the proxy starts at once and with little memory: one file of what is
 * used. Not: a second program; whatever is newer of it and dist/ is taken. Called by `npm run bundle`.
 * SPDX-License-Identifier: Apache-2.0
 */
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { noteParts } from "../../tools/metafile.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const outdir = process.argv[2] ?? `${here}bundle`;
rmSync(outdir, { recursive: true, force: true });

const parts = await build({
  entryPoints: { "mrr-proxy": `${here}src/main.ts` },
  outdir,
  bundle: true,
  minifySyntax: true,
  platform: "node",
  target: "node20",
  format: "esm",
  conditions: ["mr-redis-source"],
  legalComments: "none",
  logLevel: "warning",
  metafile: true,
});
noteParts(parts);
