/**
 * Owns the making of bundle/mrr-local.js, by which mrr-local starts in half the time and with less memory: one file of
 * what is used, without the clients of packages/mesos.
 * And bundle/stub/main.js, which it starts for `--stub-executors`.
 * Not: another version of these programs; `mrr up` takes dist/ where that is newer. Called by `npm run bundle`.
 * SPDX-License-Identifier: Apache-2.0
 */
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { noteParts } from "../../tools/metafile.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
/** packages/mesos brings `undici` for its sessions, of which this program, being the other side, has none. */
const noUndici = {
  name: "no-undici",
  setup(context) {
    context.onResolve({ filter: /^undici$/ }, ({ path }) => ({ path, namespace: "unused" }));
    context.onLoad({ filter: /.*/, namespace: "unused" }, () => ({
      contents: `
        const refuse = () => { throw new Error("undici is not in the bundle"); };
        export class Client { constructor() { refuse(); } }
        export const buildConnector = refuse;
      `,
    }));
  },
};

const outdir = process.argv[2] ?? `${here}bundle`;
rmSync(outdir, { recursive: true, force: true });

const options = {
  outdir,
  bundle: true,
  minifySyntax: true,
  platform: "node",
  target: "node20",
  format: "esm",
  conditions: ["mr-redis-source"],
  // protobufjs is CommonJS.
  banner: {
    js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
  },
  legalComments: "none",
  logLevel: "warning",
  metafile: true,
};

const parts = await build({
  ...options,
  entryPoints: { "mrr-local": `${here}src/main.ts` },
  plugins: [noUndici],
});
// The program of `--stub-executors` has sessions.
await build({ ...options, entryPoints: { "stub/main": `${here}src/stub/main.ts` } });
noteParts(parts);
