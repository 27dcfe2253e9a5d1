/**
 * Owns the programs that are one file: `MrRedisExecutor` and `mrr`, each a copy of this node with its script in it.
 * Not: how a node takes a script in (elf.mjs). Called by tools/release.mjs.
 * SPDX-License-Identifier: Apache-2.0
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { singleExecutable } from "./elf.mjs";

/** A copy of this node that runs `script`, which is CommonJS without modules beside it. */
export function singleOf(name, script, scratch) {
  const paths = { main: `${name}.cjs`, output: `${name}.blob` };
  writeFileSync(join(scratch, paths.main), script);
  const options = { disableExperimentalSEAWarning: true, useCodeCache: false, useSnapshot: false };
  writeFileSync(join(scratch, `${name}.json`), JSON.stringify({ ...paths, ...options }));
  // Relative paths: the blob remembers the name of its script.
  const words = ["--experimental-sea-config", `${name}.json`];
  execFileSync(process.execPath, words, { cwd: scratch, stdio: "pipe" });
  return singleExecutable(
    readFileSync(process.execPath),
    readFileSync(join(scratch, paths.output)),
  );
}

/** `mrr up` starts programs that one file does not have. */
const withoutUp = {
  name: "without-up",
  setup(context) {
    context.onResolve({ filter: /\/up\/run\.js$/ }, ({ path }) => ({ path, namespace: "refused" }));
    context.onLoad({ filter: /.*/, namespace: "refused" }, () => ({
      contents: `
        import { MrrError } from "@mr-redis/core";
        export const runUp = async () => {
          throw new MrrError(
            "config-invalid",
            "this mrr has no scheduler with it: \`mrr up\` is in the archive mr-redis-VERSION-linux.tar.gz",
          );
        };
      `,
      resolveDir: context.initialOptions.absWorkingDir,
    }));
  },
};

/** The command line as one script, and esbuild's list of its parts. */
export async function mrrScript(root, version) {
  const home = join(root, "packages/mrr-cli");
  const { outputFiles, metafile } = await build({
    entryPoints: [join(home, "src/single-main.ts")],
    absWorkingDir: home,
    outfile: "mrr.cjs",
    write: false,
    bundle: true,
    minifySyntax: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    conditions: ["mr-redis-source"],
    define: { mrrVersion: JSON.stringify(version) },
    legalComments: "none",
    logLevel: "warning",
    metafile: true,
    plugins: [withoutUp],
  });
  const script = Buffer.from(outputFiles[0].contents);
  return { script, metafile };
}
