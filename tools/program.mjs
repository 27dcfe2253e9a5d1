/**
 * Owns the way from a committed `bin/<program>.js` to the program that was built: its bundle, else its compiled
 * sources, else a text that says how to build it.
 * Not: any program. Plain JavaScript without dependencies: npm links the callers before anything is built.
 * Called by packages/{mrr-cli,scheduler,local}/bin.
 * SPDX-License-Identifier: Apache-2.0
 */
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** EX_UNAVAILABLE of sysexits.h: the program itself is not there. */
const exitCodeNotBuilt = 69;

/** When a file was written; 0 when it is not there. */
const writtenAtMs = (url) => statSync(fileURLToPath(url), { throwIfNoEntry: false })?.mtimeMs ?? 0;

/**
 * Runs the program of the package whose `bin/` the caller lies in.
 * @param {string} program its name, which its bundle bears too
 * @param {string} caller the caller's `import.meta.url`
 */
export async function runProgram(program, caller) {
  const home = new URL("../", caller);
  const bundle = new URL(`bundle/${program}.js`, home);
  const main = new URL("dist/main.js", home);
  const bundledAtMs = writtenAtMs(bundle);
  // The compiler writes these at each build; one that came after the bundle makes the bundle old.
  const builtAtMs = Math.max(writtenAtMs(main), writtenAtMs(new URL("dist/.tsbuildinfo", home)));
  if (bundledAtMs > 0 && bundledAtMs >= builtAtMs) {
    await import(bundle.href);
  } else if (writtenAtMs(main) > 0) {
    await import(main.href);
  } else {
    const root = fileURLToPath(new URL("../../", home));
    process.stderr.write(
      `${program} is not built yet. In ${root}\n` +
        "  npm start        installs, builds and starts mr-redis on this machine\n" +
        "  npm run build    only builds (after `npm install`)\n",
    );
    process.exitCode = exitCodeNotBuilt;
  }
}
