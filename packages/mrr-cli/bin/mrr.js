#!/usr/bin/env node
/**
 * Owns the link that npm makes at install time: finds the built program, or says how to build it.
 * Not: any command (src/). Committed as plain JavaScript, because npm links it before anything is built
 * (and without the link `npx mrr` would fetch a stranger's package of that name).
 * SPDX-License-Identifier: Apache-2.0
 */
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** EX_UNAVAILABLE of sysexits.h: the program itself is not there. */
const exitCodeNotBuilt = 69;

const home = new URL("../", import.meta.url);

/** When a file of this package was written; 0 when it is not there. */
function writtenAtMs(path) {
  return statSync(fileURLToPath(new URL(path, home)), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

const bundledAtMs = writtenAtMs("bundle/mrr.js");
// The compiler writes this file at each build; one that came after the bundle makes the bundle old.
const builtAtMs = Math.max(writtenAtMs("dist/main.js"), writtenAtMs("dist/.tsbuildinfo"));

if (bundledAtMs > 0 && bundledAtMs >= builtAtMs) {
  await import(new URL("bundle/mrr.js", home).href);
} else if (writtenAtMs("dist/main.js") > 0) {
  await import(new URL("dist/main.js", home).href);
} else {
  const root = fileURLToPath(new URL("../../", home));
  process.stderr.write(
    `mrr is not built yet. In ${root}\n` +
      "  npm start        installs, builds and starts mr-redis on this machine\n" +
      "  npm run build    only builds (after `npm install`)\n",
  );
  process.exitCode = exitCodeNotBuilt;
}
